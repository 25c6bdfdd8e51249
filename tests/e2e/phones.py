"""Scripted SIP phones: they ring, and answer, decline, hold, transfer or hang up exactly when the test says so."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from typing import Any, Self

from typing_extensions import override

from tests.e2e import sip
from tests.e2e.dialogs import ANSWER_SECONDS, Dialog, IncomingCall, OutgoingCall, SipError


class Phone(asyncio.DatagramProtocol):
    """A SIP phone, or the provider's side of the trunk (which does not register)."""

    def __init__(self, extension: str, password: str, registrar: tuple[str, int]) -> None:
        self.extension = extension
        self.rings = True
        """Whether it says 180 to each call by itself; else a test does, or nobody."""
        self.registrar = registrar
        self.calls: asyncio.Queue[IncomingCall] = asyncio.Queue(100)
        self._password = password
        self._dialogs: dict[str, Dialog] = {}
        self._responses: dict[tuple[str, str], asyncio.Queue[sip.Message]] = {}
        self._replies: dict[tuple[str, str], sip.Message] = {}
        self._following: set[asyncio.Task[None]] = set()
        self._sequence = 1
        self._transport: asyncio.DatagramTransport | None = None
        self._address = ("", 0)

    @classmethod
    @contextlib.asynccontextmanager
    async def at(
        cls, extension: str, password: str, registrar: tuple[str, int], *, host: str = "127.0.0.1", port: int = 0
    ) -> AsyncIterator[Self]:
        """Plug a phone in; unplug it at the end (its calls are hung up)."""
        phone = cls(extension, password, registrar)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: phone, local_addr=(host, port))
        phone._transport, phone._address = transport, transport.get_extra_info("sockname")
        try:
            yield phone
        finally:
            await phone.hang_up_all()
            transport.close()

    @override
    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if not data.strip():
            return
        message = sip.parse(data)
        if message.status:
            if (waiting := self._responses.get((message.branch, message.sequence[1]))) is not None:
                waiting.put_nowait(message)
            return
        self._receive(message)

    @property
    def host(self) -> str:
        """The phone's own address."""
        return str(self._address[0])

    @property
    def contact(self) -> str:
        """The address where the PBX reaches this phone."""
        return f"<sip:{self.extension}@{self._address[0]}:{self._address[1]}>"

    def session(self, direction: str = "sendrecv") -> str:
        """Describe media that nobody sends: the tests look at signalling."""
        return sip.session(self._address[0], 9, direction)

    async def register(self, seconds: int = 3600) -> None:
        """Tell the PBX where this phone is; 0 seconds: that it is gone."""
        uri = f"sip:{self.registrar[0]}:{self.registrar[1]}"
        own = f"<sip:{self.extension}@{self.registrar[0]}>"
        headers: list[tuple[str, str]] = [("Expires", str(seconds)), ("Contact", self.contact)]
        call_id = secrets.token_hex(8)
        while True:
            self._sequence += 1
            sequence = ("CSeq", f"{self._sequence} REGISTER")
            identity = (("From", f"{own};tag={call_id}"), ("To", own), ("Call-ID", call_id), sequence)
            answer = await self.transact(self.compose("REGISTER", uri, identity, *headers))
            if answer.status != 401 or any(key == "Authorization" for key, _ in headers):
                break
            headers.append(("Authorization", self._credentials(answer, "REGISTER", uri)))
        if answer.status >= 300:
            raise SipError(answer)

    async def dial(
        self, number: str, *, caller: str | None = None, name: str = "", privacy: bool = False
    ) -> OutgoingCall:
        """Call a number and return at once; the trunk says who calls with `caller`, a phone is who it is."""
        uri = f"sip:{number}@{self.registrar[0]}:{self.registrar[1]}"
        user = caller or self.extension
        display = f'"{name}" ' if name else ""
        own = f"{display}<sip:{user}@{self._address[0]}>;tag={secrets.token_hex(6)}"
        headers: list[tuple[str, str]] = [("Contact", self.contact), ("Content-Type", "application/sdp")]
        if privacy:
            own = f'"Anonymous" <sip:anonymous@anonymous.invalid>;tag={secrets.token_hex(6)}'
            headers += [("P-Asserted-Identity", f"<sip:{user}@{self._address[0]}>"), ("Privacy", "id")]
        call_id = secrets.token_hex(8)
        while True:
            self._sequence += 1
            identity = (("From", own), ("To", f"<{uri}>"), ("Call-ID", call_id), ("CSeq", f"{self._sequence} INVITE"))
            invite = self.compose("INVITE", uri, identity, *headers, body=self.session())
            responses = self._open(invite)
            async with asyncio.timeout(ANSWER_SECONDS):
                first = await responses.get()
            if first.status not in {401, 407} or any(key == "Authorization" for key, _ in headers):
                break
            sequence = ("CSeq", f"{invite.sequence[0]} ACK")
            kept = tuple(pair for pair in invite.headers if pair[0] in {"Via", "From", "Call-ID"})
            self.send(sip.Message(f"ACK {uri} SIP/2.0", (*kept, ("To", first.header("To")), sequence)))
            headers.append(("Authorization", self._credentials(first, "INVITE", uri)))
        call = OutgoingCall(self, invite)
        self._dialogs[call_id] = call
        responses.put_nowait(first)
        task = asyncio.create_task(call.progress(responses))
        self._following.add(task)
        task.add_done_callback(self._following.discard)
        return call

    async def next_call(self, seconds: float = ANSWER_SECONDS) -> IncomingCall:
        """Return the next call that rings here."""
        async with asyncio.timeout(seconds):
            return await self.calls.get()

    async def hang_up_all(self) -> None:
        """End what is still going on, quietly."""
        for dialog in list(self._dialogs.values()):
            if dialog.ended.is_set():
                continue
            with contextlib.suppress(SipError, TimeoutError):
                async with asyncio.timeout(2):
                    await self._end(dialog)
        for task in list(self._following):
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)

    async def _end(self, dialog: Dialog) -> None:
        if isinstance(dialog, IncomingCall) and not dialog.acknowledged.is_set():
            dialog.decline(603)
        elif isinstance(dialog, OutgoingCall) and not dialog.status.done():
            await dialog.cancel()
        else:
            await dialog.hang_up()

    def compose(
        self, method: str, uri: str, identity: tuple[tuple[str, str], ...], *headers: tuple[str, str], body: str = ""
    ) -> sip.Message:
        """Write a request of this phone."""
        via = f"SIP/2.0/UDP {self._address[0]}:{self._address[1]};rport;branch=z9hG4bK{secrets.token_hex(8)}"
        fixed = (("Via", via), ("Max-Forwards", "70"), *identity)
        own = () if any(name == "Contact" for name, _ in headers) else (("Contact", self.contact),)
        return sip.Message(f"{method} {uri} SIP/2.0", (*fixed, *own, *headers), body)

    def send(self, message: sip.Message) -> None:
        """Put a message on the wire; a reply is remembered for repeated requests."""
        if message.status:
            self._replies[(message.branch, message.sequence[1])] = message
        assert self._transport is not None
        self._transport.sendto(message.encode(), self.registrar)

    async def transact(self, request: sip.Message) -> sip.Message:
        """Send a request and return its final answer."""
        responses = self._open(request)
        async with asyncio.timeout(ANSWER_SECONDS):
            while (answer := await responses.get()).status < 200:
                pass
        return answer

    def _open(self, request: sip.Message) -> "asyncio.Queue[sip.Message]":
        responses: asyncio.Queue[sip.Message] = asyncio.Queue(100)
        self._responses[request.branch, request.method] = responses
        self.send(request)
        return responses

    def _credentials(self, challenge: sip.Message, method: str, uri: str) -> str:
        asked = challenge.header("WWW-Authenticate") or challenge.header("Proxy-Authenticate")
        return sip.credentials(asked, method, uri, self.extension, self._password)

    def _receive(self, request: sip.Message) -> None:
        method = request.method
        if (reply := self._replies.get((request.branch, method))) is not None and method != "ACK":
            self.send(reply)
            return
        dialog = self._dialogs.get(request.header("Call-ID"))
        match method:
            case "INVITE":
                self._invited(request, dialog)
            case "ACK":
                if isinstance(dialog, IncomingCall):
                    dialog.acknowledged.set()
            case "CANCEL":
                self.send(sip.response(request, 200, "OK"))
                if isinstance(dialog, IncomingCall) and not dialog.acknowledged.is_set():
                    dialog.cancel()
            case "BYE":
                self.send(sip.response(request, 200, "OK"))
                if dialog is not None:
                    dialog.ended.set()
            case _:
                self.send(sip.response(request, 200, "OK"))

    def _invited(self, invite: sip.Message, dialog: Dialog | None) -> None:
        if dialog is None:
            self._ring(invite)
        elif (
            not isinstance(dialog, IncomingCall) or dialog.branch != invite.branch
        ):  # else said again to a silent phone
            self.send(sip.response(invite, 200, "OK", contact=self.contact, sdp=self.session()))

    def _ring(self, invite: sip.Message) -> None:
        call = IncomingCall(self, invite)
        self._dialogs[call.call_id] = call
        if self.rings:
            call.ring()
        self.calls.put_nowait(call)

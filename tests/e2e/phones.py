"""Scripted SIP phones: they ring, and answer, decline, hold, transfer or hang up exactly when the test says so."""

import asyncio
import contextlib
import secrets
import struct
from collections.abc import AsyncIterator
from typing import Any, Self

from typing_extensions import override

from tests.e2e import sip

PACKETS_PER_SECOND = 50
PCMA = 8
"""RTP payload type of A-law."""
ANSWER_SECONDS = 10.0
"""How long a phone waits for the other side's answer to a request."""


class SipError(Exception):
    """The other side answered a request with an error."""

    def __init__(self, message: sip.Message) -> None:
        super().__init__(message.start)
        self.status = message.status


class Dialog:
    """One call as one phone sees it."""

    def __init__(self, phone: "Phone", call_id: str, local: str, remote: str, target: str) -> None:
        self.phone = phone
        self.call_id = call_id
        self.local = local
        self.remote = remote
        self.target = target
        self.ended = asyncio.Event()
        self.held = False
        self.session = ""
        """What the other side said of its media."""
        self._sequence = 100

    async def wait_ended(self, seconds: float = ANSWER_SECONDS) -> None:
        """Return when the other side has hung up, or never began to talk."""
        async with asyncio.timeout(seconds):
            await self.ended.wait()

    async def speak(self, seconds: float) -> None:
        """Send voice (a tone of silence, 20 ms a packet) for a while: voicemail keeps no message without."""
        host, port = sip.media_address(self.session)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, local_addr=(self.phone.host, 0), remote_addr=(host, port)
        )
        try:
            for number in range(round(seconds * PACKETS_PER_SECOND)):
                header = struct.pack("!BBHII", 0x80, PCMA, number, number * 160, 4711)
                transport.sendto(header + b"\xd5" * 160)
                await asyncio.sleep(1 / PACKETS_PER_SECOND)  # a phone's pace is what is played here
        finally:
            transport.close()

    async def hang_up(self) -> None:
        """Put the phone down."""
        self.ended.set()
        await self.request("BYE")

    async def hold(self) -> None:
        """Press hold: the other side hears music."""
        await self._offer("sendonly")
        self.held = True

    async def resume(self) -> None:
        """Take the held call back."""
        await self._offer("sendrecv")
        self.held = False

    async def transfer(self, number: str) -> None:
        """Transfer blindly: the other side is sent to `number`; our leg is ours to hang up."""
        await self.request("REFER", ("Refer-To", f"<sip:{number}@{self.phone.registrar[0]}>"))

    async def transfer_to(self, consultation: "Dialog", number: str) -> None:
        """Complete an attended transfer: connect this call with the one of `consultation`."""
        tags = f"to-tag%3D{sip.tag_of(consultation.remote)}%3Bfrom-tag%3D{sip.tag_of(consultation.local)}"
        replaces = f"{consultation.call_id}%3B{tags}"
        target = f"<sip:{number}@{self.phone.registrar[0]}?Replaces={replaces}>"
        await self.request("REFER", ("Refer-To", target))

    async def request(self, method: str, *headers: tuple[str, str], body: str = "") -> sip.Message:
        """Send a request inside this dialog and return its final answer; raise SipError when it is refused."""
        self._sequence += 1
        message = self.phone.compose(method, self.target, self._identity(method), *headers, body=body)
        answer = await self.phone.transact(message)
        if method == "INVITE":
            self.phone.send(self.phone.compose("ACK", self.target, self._identity("ACK")))
        if answer.status >= 300:
            raise SipError(answer)
        return answer

    def _identity(self, method: str) -> tuple[tuple[str, str], ...]:
        sequence = ("CSeq", f"{self._sequence} {method}")
        return (("From", self.local), ("To", self.remote), ("Call-ID", self.call_id), sequence)

    async def _offer(self, direction: str) -> None:
        await self.request("INVITE", ("Content-Type", "application/sdp"), body=self.phone.session(direction))


class IncomingCall(Dialog):
    """A call that rings at this phone."""

    def __init__(self, phone: "Phone", invite: sip.Message) -> None:
        tag = secrets.token_hex(6)
        local = f"{invite.header('To')};tag={tag}"
        contact = sip.uri_of(invite.header("Contact"))
        super().__init__(phone, invite.header("Call-ID"), local, invite.header("From"), contact)
        self.session = invite.body
        self._invite = invite
        self._tag = tag
        self.caller_number = sip.user_of(invite.header("From"))
        self.caller_name = sip.display_name_of(invite.header("From"))
        self.cancelled = asyncio.Event()
        self.acknowledged = asyncio.Event()

    @property
    def branch(self) -> str:
        """The transaction of the INVITE."""
        return self._invite.branch

    def ring(self) -> None:
        """Say 180: the bell rings."""
        self._reply(180, "Ringing")

    async def answer(self) -> None:
        """Pick up and return when the PBX has confirmed it."""
        self._reply(200, "OK", sdp=self.phone.session())
        async with asyncio.timeout(ANSWER_SECONDS):
            await self.acknowledged.wait()

    def decline(self, code: int = 486) -> None:
        """Refuse the call: 486 busy here, 603 declined."""
        self._reply(code, {486: "Busy Here", 603: "Decline"}.get(code, "Refused"))
        self.ended.set()

    def cancel(self) -> None:
        """Stop ringing: the caller gave up, or a colleague answered."""
        self._reply(487, "Request Terminated")
        self.cancelled.set()
        self.ended.set()

    async def wait_cancelled(self, seconds: float = ANSWER_SECONDS) -> None:
        """Return when this phone has stopped ringing without having answered."""
        async with asyncio.timeout(seconds):
            await self.cancelled.wait()

    def _reply(self, code: int, reason: str, sdp: str = "") -> None:
        self.phone.send(sip.response(self._invite, code, reason, tag=self._tag, contact=self.phone.contact, sdp=sdp))


class OutgoingCall(Dialog):
    """A call this phone dialled."""

    def __init__(self, phone: "Phone", invite: sip.Message) -> None:
        to, target = invite.header("To"), invite.start.split(" ")[1]
        super().__init__(phone, invite.header("Call-ID"), invite.header("From"), to, target)
        self._invite = invite
        self.ringing = asyncio.Event()
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def wait_answered(self, seconds: float = ANSWER_SECONDS) -> None:
        """Return when the other side talks; raise SipError when it refuses."""
        async with asyncio.timeout(seconds):
            status = await asyncio.shield(self.status)
        if status >= 300:
            raise SipError(sip.Message(f"SIP/2.0 {status} refused", ()))

    @override
    async def hang_up(self) -> None:
        """Put the phone down, once the other side has taken the call."""
        await self.wait_answered()
        await super().hang_up()

    async def wait_ringing(self, seconds: float = ANSWER_SECONDS) -> None:
        """Return when the other side's bell rings."""
        async with asyncio.timeout(seconds):
            await self.ringing.wait()

    async def cancel(self) -> None:
        """Give up before anybody answered."""
        via = [
            header for header in self._invite.headers if header[0] in {"Via", "From", "To", "Call-ID", "Max-Forwards"}
        ]
        sequence = ("CSeq", f"{self._invite.sequence[0]} CANCEL")
        self.phone.send(sip.Message(f"CANCEL {self.target} SIP/2.0", (*via, sequence)))
        await self.wait_ended()

    async def progress(self, responses: "asyncio.Queue[sip.Message]") -> None:
        """Follow the INVITE to its final answer."""
        while True:
            answer = await responses.get()
            if answer.status < 200:
                if answer.status in {180, 183}:
                    self.ringing.set()
                continue
            self.remote = answer.header("To")
            self._acknowledge(answer)
            self.session = answer.body
            if not self.status.done():
                self.status.set_result(answer.status)
            if answer.status >= 300:
                self.ended.set()
            return

    def _acknowledge(self, answer: sip.Message) -> None:
        number = self._invite.sequence[0]
        dialog = (("From", self.local), ("To", self.remote), ("Call-ID", self.call_id), ("CSeq", f"{number} ACK"))
        if answer.status >= 300:
            self.phone.send(sip.Message(f"ACK {self.target} SIP/2.0", (*self._invite.all("Via"), *dialog)))
            return
        self.target = sip.uri_of(answer.header("Contact")) or self.target
        self.phone.send(self.phone.compose("ACK", self.target, dialog))


class Phone(asyncio.DatagramProtocol):
    """A SIP phone, or the provider's side of the trunk (which does not register)."""

    def __init__(self, extension: str, password: str, registrar: tuple[str, int], *, rings: bool = True) -> None:
        self.extension = extension
        self.registrar = registrar
        self.calls: asyncio.Queue[IncomingCall] = asyncio.Queue(100)
        self._password = password
        self._rings = rings
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
            case "INVITE" if dialog is None:
                self._ring(request)
            case "INVITE":
                self.send(sip.response(request, 200, "OK", contact=self.contact, sdp=self.session()))
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

    def _ring(self, invite: sip.Message) -> None:
        call = IncomingCall(self, invite)
        self._dialogs[call.call_id] = call
        if self._rings:
            call.ring()
        self.calls.put_nowait(call)

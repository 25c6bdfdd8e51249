"""Calls as a scripted phone lives them: ringing, answered, held, transferred, ended."""

import asyncio
import secrets
import struct
from typing import TYPE_CHECKING

from typing_extensions import override

from tests.e2e import sip

if TYPE_CHECKING:
    from tests.e2e.phones import Phone

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

    def announce(self) -> None:
        """Say 183 with media: the caller hears an announcement, no bell."""
        self._reply(183, "Session Progress", sdp=self.phone.session())

    async def answer(self) -> None:
        """Pick up and return when the PBX has confirmed it."""
        self._reply(200, "OK", sdp=self.phone.session())
        async with asyncio.timeout(ANSWER_SECONDS):
            await self.acknowledged.wait()

    def decline(self, code: int = 486) -> None:
        """Refuse the call: 486 busy here, 603 declined."""
        self._reply(code, {486: "Busy Here", 603: "Decline"}.get(code, "Refused"))
        self.ended.set()

    def forward(self, number: str) -> None:
        """Send the caller to another number (302)."""
        contact = f"<sip:{number}@{self.phone.registrar[0]}>"
        moved = sip.response(self._invite, 302, "Moved Temporarily", tag=self._tag, contact=contact)
        self.phone.send(moved)
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

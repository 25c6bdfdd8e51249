"""The link to one PBX: panoramisk's AMI protocol, hardened. The only importer of panoramisk.

As released (1.4) it loses letters split between reads, drops the connection when a callback raises, reorders events,
never gives up on an action, never notices a dead peer, repeats unanswered actions after a reconnect and hammers a PBX
that refused the login. What is kept of it: how an action is written, and how its answers find their way back.
Everything between the socket and that, and everything about time, is here.
"""

import asyncio
import hashlib
import logging
import random
import secrets
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.message import Message

from telephony.actions import checked
from telephony.addresses import AmiAddress
from telephony.events import WANTED
from telephony.framing import Framer
from telephony.headers import headers
from telephony.links import (
    ActionRefused,
    ActionTimeout,
    AmiError,
    Delivery,
    Fields,
    LinkDown,
    LinkUp,
    LoginRefused,
    NotConnected,
    Received,
    Response,
)

log = logging.getLogger(__name__)

WAITING_DELIVERIES = 20_000
"""About 20 s of a PBX at its limit; a reader further behind does better with a fresh snapshot."""
MOST_ITEMS = 50_000
MOST_UNANSWERED = 1_000
MOST_HELD = 5_000
MOST_UNSENT = 1_048_576
LINK_EVENTS = frozenset({b"FullyBooted", b"Shutdown"})
_LIST_MARK, _PLAIN_MARK = "L", "A"
"""Mark ActionIDs whose events are items of a list; events of other actions are live events like any other."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How patient a link is, in seconds."""

    connect: float = 5.0
    """Connecting, TLS and login together."""
    challenge: float = 1.5
    """A peer that knows only the plain login may not answer a Challenge at all."""
    silence: float = 8.0
    """After this much silence the PBX is asked for a sign of life."""
    answer: float = 7.0
    """How long that sign may take: a dead PBX is noticed within 15 s, a stalled one has time to recover."""
    first_back_off: float = 0.5
    longest_back_off: float = 10.0
    refused: float = 30.0
    """Between two logins with an account the PBX does not take."""
    steady: float = 5.0
    """A link that lived longer starts its back-off anew."""


class _ListAction(Action):  # type: ignore[misc] # the library carries no types
    """A question that is answered by a list of events: complete at its `...Complete` event, or when refused."""

    @property
    def multi(self) -> bool:
        return bool(self.responses[0].success)

    @property
    def completed(self) -> bool:
        return len(self.responses) > 1 or not self.multi


class _Question(NamedTuple):
    """An action under way, and the list items that came for it."""

    action: Action
    items: list[dict[str, str]]


class _Protocol(AMIProtocol):  # type: ignore[misc] # the library carries no types
    """One connection: frames bytes, hands answers to their actions and everything else to `deliver`."""

    def __init__(self, framer: Framer, clock: Callable[[], float], deliver: Callable[[Received], bool]) -> None:
        self.transport: asyncio.Transport | None = None
        self.responses: dict[str, Action] = {}
        self.encoding = "utf-8"
        self.framer = framer
        self._loop = asyncio.get_running_loop()
        self.heard_at = self._loop.time()
        self.lost: asyncio.Future[str] = self._loop.create_future()
        self._signing_in = ""
        """The login step under way: simple peers answer it without its ActionID."""
        self._clock = clock
        self._deliver = deliver
        self._held: list[Received] | None = []
        self._questions: dict[str, _Question] = {}
        self._token = secrets.token_hex(4)
        self._mine = f"\r\nActionID: {self._token}-".encode()
        self._count = 0
        self._stray = 0

    def data_received(self, data: bytes) -> None:
        """Take the next bytes from the loop. Never raises: one bad message costs one message."""
        self.heard_at = self._loop.time()
        at = self._clock()
        for block in self.framer.feed(data):
            if self.lost.done():
                return
            if self._mine in block or block.startswith(b"Response"):
                self._answer(at, block)
            else:
                self._pass_on(Received(at, block))

    @property
    def malformed(self) -> int:
        """Messages dropped because they were oversize or no AMI at all."""
        return self.framer.malformed + self.framer.oversize

    def open(self) -> None:
        """Let events through, those that came together with the login's answer first."""
        self._signing_in = ""
        held, self._held = self._held or [], None
        for received in held:
            self._pass_on(received)

    def ask(self, name: str, fields: Fields, *, as_list: bool = False, login: bool = False) -> _Question:
        """Write one action.

        Raises:
            BadField: it holds what must not be sent.
            NotConnected: the connection is over, or the PBX does not read.

        """
        lines = checked(name, fields)
        if self.lost.done() or self.transport is None:
            raise NotConnected("the link to the PBX is down")
        if self.transport.get_write_buffer_size() > MOST_UNSENT or len(self._questions) >= MOST_UNANSWERED:
            raise NotConnected("the PBX does not read what it is sent")
        self._count += 1
        action_id = f"{self._token}-{_LIST_MARK if as_list else _PLAIN_MARK}{self._count}"
        action = (_ListAction if as_list else Action)({**lines, "Action": name, "ActionID": action_id})
        question = self._questions[action_id] = _Question(action, [])
        self._signing_in = action_id if login else ""
        self.send(action, as_list=None if as_list else False)
        return question

    async def answer_to(self, question: _Question, seconds: float) -> Any:  # noqa: ANN401 - untyped in the library
        """Wait for a question's Message, or for the list of them that closes a list.

        Raises:
            ActionTimeout: not answered in time.
            NotConnected: the connection broke.

        """
        try:
            async with asyncio.timeout(seconds):
                return await question.action.future
        except TimeoutError:
            raise ActionTimeout(f"the PBX did not answer {question.action['Action']} within {seconds:g} s") from None
        finally:
            self.forget(question)

    def forget(self, question: _Question) -> None:
        """Stop waiting; a late answer is dropped."""
        self.responses.pop(question.action.id, None)
        self._questions.pop(question.action.id, None)

    def drop(self, reason: str) -> None:
        """Break the connection at once; the first reason is kept."""
        if not self.lost.done():
            self.lost.set_result(reason)
        for question in self._questions.values():
            if not question.action.future.done():
                question.action.future.set_exception(NotConnected(self.lost.result()))
                question.action.future.exception()  # marks it as seen: nobody may be waiting any more
        self.responses.clear()
        self._questions.clear()
        if self.transport is not None:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.drop(f"the connection broke: {exc}" if exc else "the PBX closed the connection")

    def close(self) -> None:
        self.drop("closed")

    def _pass_on(self, received: Received) -> None:
        if received.block.startswith(b"Event: Shutdown\r"):
            log.info("PBX says that it is shutting down")
        if self._held is not None and len(self._held) < MOST_HELD:
            self._held.append(received)
        elif not self.lost.done() and (self._held is not None or not self._deliver(received)):
            self.drop("too many events wait to be worked on: starting again from a snapshot")

    def _answer(self, at: float, block: bytes) -> None:
        try:
            self._route(at, block)
        except Exception:
            log.exception("one AMI message could not be read and is skipped")

    def _route(self, at: float, block: bytes) -> None:
        fields = headers(block)
        action_id = fields.get("ActionID", "")
        event = fields.get("Event")
        if event is None:
            if self._signing_in and not action_id.startswith(self._token):
                action_id = self._signing_in
            self._resolve(action_id, block)
        elif not action_id.startswith(f"{self._token}-{_LIST_MARK}"):
            self._pass_on(Received(at, block))
        elif event.endswith("Complete") or fields.get("EventList", "").lower() in {"complete", "cancelled"}:
            self._resolve(action_id, block)
        elif (question := self._questions.get(action_id)) is not None and len(question.items) < MOST_ITEMS:
            question.items.append(fields)

    def _resolve(self, action_id: str, block: bytes) -> None:
        message = Message.from_line(block.decode("utf-8", "replace"))
        if message is None or action_id not in self._questions:
            self._stray += 1
            if self._stray & (self._stray - 1) == 0:
                log.warning(
                    "answer nobody waits for (%d so far): %s", self._stray, block[:200].decode("ascii", "replace")
                )
            return
        message["ActionID"] = action_id
        self.handle_message(message)


class AmiLink:
    """Keeps one PBX connected: signs in, delivers its events in order, asks it for things, comes back by itself.

    `run` is the link; whoever owns it puts it into a TaskGroup. Everything else may be used at any time.
    """

    def __init__(
        self,
        address: AmiAddress,
        *,
        clock: Callable[[], float] = time.time,
        timing: Timing | None = None,
        wanted: frozenset[bytes] | None = WANTED,
        waiting: int = WAITING_DELIVERIES,
    ) -> None:
        """Prepare a link; `wanted` None delivers every event, `waiting` bounds the deliveries."""
        self.address = address
        self.deliveries: asyncio.Queue[Delivery] = asyncio.Queue(waiting)
        self.reason = "not connected yet"
        """Why the link is down, in plain words; empty while it is up."""
        self._clock = clock
        self._timing = timing or Timing()
        self._wanted = wanted if wanted is None else wanted | LINK_EVENTS
        self._protocol: _Protocol | None = None
        self._skipped = 0
        self._malformed = 0

    @property
    def connected(self) -> bool:
        """Signed in, as far as we know."""
        return self._protocol is not None

    @property
    def skipped(self) -> int:
        """Events dropped by name before they were parsed."""
        return self._skipped + (self._protocol.framer.skipped if self._protocol else 0)

    @property
    def malformed(self) -> int:
        """Messages dropped because they were oversize or no AMI at all."""
        return self._malformed + (self._protocol.malformed if self._protocol else 0)

    async def run(self) -> None:
        """Connect, deliver, come back, for ever."""
        attempt = 0
        told = False
        while True:
            pause = None
            try:
                protocol = await self._signed_in()
            except LoginRefused as refusal:
                self._report(f"login as {self.address.user} refused: {refusal}")
                pause = self._timing.refused
            except NotConnected as failure:
                self._report(str(failure))
            else:
                began = asyncio.get_running_loop().time()
                self._report(await self._stay(protocol))
                told = False
                if asyncio.get_running_loop().time() - began > self._timing.steady:
                    attempt = 0
            if not told:
                await self.deliveries.put(LinkDown(self._clock(), self.reason))
                told = True
            await asyncio.sleep(self._back_off(attempt) if pause is None else pause)
            attempt += 1

    async def action(
        self,
        name: str,
        fields: Fields | None = None,
        *,
        timeout: float = 5.0,  # noqa: ASYNC109 - belongs to the question: a PBX may carry out what it did not answer
    ) -> Response:
        """See `links.Link.action`."""
        protocol = self._online()
        message = await protocol.answer_to(protocol.ask(name, fields or {}), timeout)
        _refuse_failure(message)
        return Response(str(message.message), {str(key): _text(value) for key, value in message.items()})

    async def action_list(
        self,
        name: str,
        fields: Fields | None = None,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109 - see action()
    ) -> list[dict[str, str]]:
        """See `links.Link.action_list`."""
        protocol = self._online()
        question = protocol.ask(name, fields or {}, as_list=True)
        answer = await protocol.answer_to(question, timeout)
        _refuse_failure(answer[0] if isinstance(answer, list) else answer)
        return question.items

    def _online(self) -> _Protocol:
        if self._protocol is None:
            raise NotConnected(f"PBX {self.address.name} is away: {self.reason}")
        return self._protocol

    def _report(self, reason: str) -> None:
        if reason != self.reason:
            log.warning("PBX %s is away: %s", self.address.name, reason)
        self.reason = reason

    def _back_off(self, attempt: int) -> float:
        longest = min(self._timing.longest_back_off, self._timing.first_back_off * 2.0 ** min(attempt, 16))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads the load of many links, guards no secret

    async def _signed_in(self) -> _Protocol:
        """Connect and sign in.

        Raises:
            LoginRefused: the PBX does not take the account.
            NotConnected: anything else.

        """
        protocol = _Protocol(Framer(self._wanted), self._clock, self._deliver)
        try:
            async with asyncio.timeout(self._timing.connect):
                await self._connect(protocol)
                await self._sign_in(protocol)
        except TimeoutError:
            protocol.drop("no login in time")
            raise NotConnected(f"no connection and login within {self._timing.connect:g} s") from None
        except LoginRefused:
            protocol.drop("login refused")
            raise
        except (OSError, ValueError, AmiError) as error:
            protocol.drop("no login")
            raise NotConnected(str(error) or type(error).__name__) from error
        except asyncio.CancelledError:
            protocol.drop("Callcard closed the connection")
            raise
        return protocol

    async def _connect(self, protocol: _Protocol) -> None:
        context = await asyncio.to_thread(_tls, self.address) if self.address.tls else None
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: protocol, self.address.host, self.address.port, ssl=context)

    async def _sign_in(self, protocol: _Protocol) -> None:
        account = {"Username": self.address.user, "Events": "on"}
        challenge = await self._challenge(protocol)
        if challenge:
            # Asterisk knows MD5 and nothing better; it keeps the secret itself off the wire.
            key = hashlib.md5(f"{challenge}{self.address.secret}".encode(), usedforsecurity=False).hexdigest()
            account |= {"AuthType": "MD5", "Key": key}
        else:
            account |= {"Secret": self.address.secret}
        question = protocol.ask("Login", account, login=True)
        message = await protocol.answer_to(question, self._timing.connect)
        if not message.success:
            raise LoginRefused(str(message.message) or "no reason given")

    async def _challenge(self, protocol: _Protocol) -> str:
        """Ask for a challenge; nothing where there is none (disabled, or a peer that knows only Login)."""
        question = protocol.ask("Challenge", {"AuthType": "MD5"}, login=True)
        try:
            message = await protocol.answer_to(question, self._timing.challenge)
        except ActionTimeout:
            return ""
        return str(message.challenge) if message.success else ""

    async def _stay(self, protocol: _Protocol) -> str:
        """Deliver until the connection is over; gives the reason."""
        try:
            self.reason = ""
            self._protocol = protocol
            await self.deliveries.put(LinkUp(self._clock(), protocol.framer.version))
            log.info("PBX %s is connected (AMI %s)", self.address.name, protocol.framer.version or "without banner")
            protocol.open()
            return await self._watch(protocol)
        finally:
            self._protocol = None
            self._skipped += protocol.framer.skipped
            self._malformed += protocol.malformed
            protocol.drop("Callcard closed the connection")

    async def _watch(self, protocol: _Protocol) -> str:
        """Wait for the end of the connection, and make an end of it when the PBX gives no sign of life."""
        loop = asyncio.get_running_loop()
        while not protocol.lost.done():
            patience = protocol.heard_at + self._timing.silence - loop.time()
            if patience > 0:
                await asyncio.wait({protocol.lost}, timeout=patience)
                continue
            asked = loop.time()
            try:
                ping = protocol.ask("Ping", {})
            except NotConnected as failure:
                return str(failure)
            await asyncio.wait(
                {protocol.lost, ping.action.future}, timeout=self._timing.answer, return_when=asyncio.FIRST_COMPLETED
            )
            protocol.forget(ping)
            if protocol.heard_at < asked and not protocol.lost.done():
                return f"the PBX has been silent for {loop.time() - protocol.heard_at:.0f} s"
        return protocol.lost.result()

    def _deliver(self, received: Received) -> bool:
        try:
            self.deliveries.put_nowait(received)
        except asyncio.QueueFull:
            return False
        return True


def _refuse_failure(message: Message) -> None:
    if not message.success:
        raise ActionRefused(str(message.message) or "refused without a reason")


def _text(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "\n".join(value)


def _tls(address: AmiAddress) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=address.ca)
    if not address.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context

"""One connection to a manager interface: panoramisk's AMI protocol, hardened. The only importer of panoramisk.

As released (1.4) it loses letters split between reads, drops the connection when a callback raises, reorders events,
never gives up on an action and repeats unanswered ones after a reconnect. What is kept of it: how an action is written,
and how its answers find their way back. Everything between the socket and that is here.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import NamedTuple

from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.message import Message

from telephony.actions import checked
from telephony.framing import Framer
from telephony.headers import headers
from telephony.links import ActionRefused, ActionTimeout, Fields, NotConnected, Received, Response

log = logging.getLogger(__name__)

MOST_ITEMS = 50_000
MOST_UNANSWERED = 1_000
MOST_HELD = 5_000
MOST_UNSENT = 1_048_576
_LIST_MARK, _PLAIN_MARK = "L", "A"
"""Mark ActionIDs whose events are items of a list; events of other actions are live events like any other."""


class _ListAction(Action):  # type: ignore[misc] # the library carries no types
    """A question that is answered by a list of events: complete at its `...Complete` event, or when refused."""

    @property
    def multi(self) -> bool:
        return bool(self.responses[0].success)

    @property
    def completed(self) -> bool:
        return len(self.responses) > 1 or not self.multi


class Question(NamedTuple):
    """An action under way, and the list items that came for it."""

    action: Action
    items: list[dict[str, str]]

    @property
    def answered(self) -> "asyncio.Future[object]":
        """Done as soon as the answer is there, or cannot come any more."""
        future: asyncio.Future[object] = self.action.future
        return future


class Connection(AMIProtocol):  # type: ignore[misc] # the library carries no types
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
        self._questions: dict[str, Question] = {}
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

    def ask(self, name: str, fields: Fields, *, as_list: bool = False, login: bool = False) -> Question:
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
        question = self._questions[action_id] = Question(action, [])
        self._signing_in = action_id if login else ""
        self.send(action, as_list=None if as_list else False)
        return question

    async def answer_to(self, question: Question, seconds: float) -> Response:
        """Wait for the answer; that of a list is there when its last item is.

        Raises:
            ActionTimeout: not answered in time.
            ActionRefused: answered with an error.
            NotConnected: the connection broke.

        """
        try:
            async with asyncio.timeout(seconds):
                answer = await question.action.future
        except TimeoutError:
            raise ActionTimeout(f"the PBX did not answer {question.action['Action']} within {seconds:g} s") from None
        finally:
            self.forget(question)
        message = answer[0] if isinstance(answer, list) else answer
        if not message.success:
            raise ActionRefused(str(message.message) or "refused without a reason")
        return Response(str(message.message), {str(key): _text(value) for key, value in message.items()})

    def forget(self, question: Question) -> None:
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
        """Take note of the end, whoever made it."""
        self.drop(f"the connection broke: {exc}" if exc else "the PBX closed the connection")

    def close(self) -> None:
        """End the connection (the library's word for `drop`)."""
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


def _text(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "\n".join(value)

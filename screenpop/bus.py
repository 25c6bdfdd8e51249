"""Carries encoded frames from the service to the sockets: here within one process, in `bus_nats` between nodes.

The bus carries, it keeps nothing: whoever missed something asks for the snapshot again. A subscriber that does not
keep up is cut off instead of slowing down the others.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final, Protocol

SUBSCRIPTION_SIZE: Final = 512
"""Frames that may wait for one subscriber; a reader this far behind takes the snapshot again."""

REQUEST_TIMEOUT: Final = 2.0
"""Seconds to wait for the owner's answer."""

logger = logging.getLogger(__name__)


class BusError(Exception):
    """The bus could not do what was asked."""


class LaggingError(BusError):
    """The subscriber read too slowly and missed frames: close it (4408), it comes back and takes the snapshot."""


class NoAnswerError(BusError):
    """Nobody owns the service at the moment, or the owner cannot be reached."""


class Subscription:
    """The frames of one subject for one reader, in order and bounded; one task at a time waits in `get`."""

    __slots__ = ("_forget", "_frames", "_interrupted", "_size", "_waiting", "lagging", "subject")

    def __init__(self, subject: str, forget: Callable[["Subscription"], None], size: int = SUBSCRIPTION_SIZE) -> None:
        self.subject = subject
        self.lagging = False
        self._forget = forget
        self._size = size
        # A list and a future: a deque and an Event weigh two kilobytes more per agent, and mostly one frame waits.
        self._frames: list[bytes] = []
        self._interrupted = False
        self._waiting: asyncio.Future[None] | None = None

    def deliver(self, frame: bytes) -> None:
        """Take a frame from the bus; when the reader is too far behind, drop everything and say so to it."""
        if self.lagging:
            return
        if len(self._frames) >= self._size:
            self.lagging = True
            self._frames.clear()
        else:
            self._frames.append(frame)
        self._wake()

    def interrupt(self) -> None:
        """Drop what waits and have the reader start over: frames were missed, or it asked for the snapshot."""
        self._frames.clear()
        self._interrupted = True
        self._wake()

    async def get(self) -> bytes | None:
        """Wait for the next frame; None: start over with the snapshot. Raises LaggingError."""
        while not (self._frames or self.lagging or self._interrupted):
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        if self.lagging:
            raise LaggingError
        if self._interrupted:
            self._interrupted = False
            return None
        return self._frames.pop(0)

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def close(self) -> None:
        """Get no more frames."""
        self._forget(self)


class LateAnswerError(NoAnswerError):
    """Somebody owns the service and did not answer in time: what was asked may have been done all the same."""


Carrier = Callable[[bytes], Awaitable[bytes]]
"""Carries out an order and reports; it never raises."""
Answer = Callable[[str], bytes | None]
"""Gets the subject that was asked; None: not mine."""


class Bus(Protocol):
    """What the service and the sockets need of a bus."""

    @property
    def connected(self) -> bool:
        """Whether other nodes can be reached."""

    async def run(self) -> None:
        """Keep the bus going until cancelled."""

    def publish(self, subject: str, frame: bytes) -> None:
        """Send a frame to whoever subscribes now; never blocks, never raises."""

    def subscribe(self, subject: str) -> Subscription:
        """Get the frames of a subject from now on."""

    async def request(self, subject: str, timeout: float = REQUEST_TIMEOUT) -> bytes:  # noqa: ASYNC109 - the port names it
        """Ask the owner of the service. Raises NoAnswerError."""

    def answer(self, handler: Answer | None) -> None:
        """Become the owner that answers requests, or (None) stop being it."""

    async def order(self, frame: bytes, timeout: float) -> bytes:  # noqa: ASYNC109 - the port names it
        """Have the owner of the service do something, and get its report. Raises NoAnswerError, LateAnswerError."""

    def carry(self, carrier: Carrier | None) -> None:
        """Carry out orders from now on, or (None) no more."""


class LocalBus:
    """The bus of a single process."""

    def __init__(self, size: int = SUBSCRIPTION_SIZE) -> None:
        self._size = size
        self._subscriptions: dict[str, set[Subscription]] = {}
        self._answer: Answer | None = None
        self._carrier: Carrier | None = None

    @property
    def connected(self) -> bool:
        """Whether other nodes can be reached: there are none."""
        return True

    async def run(self) -> None:
        """Nothing to keep going."""

    def publish(self, subject: str, frame: bytes) -> None:
        """Send a frame to whoever subscribes now."""
        for subscription in self._subscriptions.get(subject, ()):
            subscription.deliver(frame)

    def subscribe(self, subject: str) -> Subscription:
        """Get the frames of a subject from now on."""
        subscription = Subscription(subject, self._forget, self._size)
        self._subscriptions.setdefault(subject, set()).add(subscription)
        return subscription

    async def request(self, subject: str, timeout: float = REQUEST_TIMEOUT) -> bytes:  # noqa: ARG002, ASYNC109
        """Ask the owner of the service. Raises NoAnswerError."""
        answer = self._answer(subject) if self._answer else None
        if answer is None:
            raise NoAnswerError(subject)
        return answer

    def answer(self, handler: Answer | None) -> None:
        """Become the owner that answers requests, or (None) stop being it."""
        self._answer = handler

    async def order(self, frame: bytes, timeout: float) -> bytes:  # noqa: ASYNC109 - the port names it
        """Have the owner of the service do something, and get its report. Raises NoAnswerError, LateAnswerError."""
        if self._carrier is None:
            raise NoAnswerError("orders")
        try:
            async with asyncio.timeout(timeout):
                return await self._carrier(frame)
        except TimeoutError as error:
            raise LateAnswerError("orders") from error

    def carry(self, carrier: Carrier | None) -> None:
        """Carry out orders from now on, or (None) no more."""
        self._carrier = carrier

    def subjects(self) -> set[str]:
        """Return what anyone here listens to."""
        return set(self._subscriptions)

    def interrupt(self) -> None:
        """Have every reader start over: frames from other nodes may have been missed."""
        for readers in self._subscriptions.values():
            for subscription in readers:
                subscription.interrupt()

    def _forget(self, subscription: Subscription) -> None:
        readers = self._subscriptions.get(subscription.subject)
        if readers is None:
            return
        readers.discard(subscription)
        if not readers:
            del self._subscriptions[subscription.subject]


async def frames(bus: Bus, subject: str) -> AsyncGenerator[bytes, None]:
    """Go through the frames of a subject whose loss does little harm, until the reader stops."""
    while True:
        subscription = bus.subscribe(subject)
        try:
            while True:
                frame = await subscription.get()
                if frame is not None:
                    yield frame
        except LaggingError:
            logger.warning("frames on %s come faster than they can be read: some were skipped", subject)
        finally:
            subscription.close()

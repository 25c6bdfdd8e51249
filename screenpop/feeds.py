"""One topic for one socket: the snapshot first, then exactly the deltas that follow it.

Subscribe first, take the snapshot second, drop what the snapshot already holds: so no frame is missed and none comes
twice, whichever node the socket is on. A gap is healed with a new snapshot without the client asking for it.
"""

import asyncio
from typing import Final, Self

from screenpop.bus import Bus, NoAnswerError
from screenpop.messages import sequence, snapshot_subject

RETRY_SECONDS: Final = 0.5
"""Pause between two askings for a snapshot while nobody owns the service."""


class Feed:
    """Frames of `subject`, ready to be sent: `async for frame in feed`. Raises LaggingError when read too slowly."""

    __slots__ = ("_bus", "_seq", "_subject", "_subscription")

    def __init__(self, bus: Bus, subject: str) -> None:
        self._bus = bus
        self._subject = subject
        self._subscription = bus.subscribe(subject)
        self._seq: int | None = None

    def __aiter__(self) -> Self:
        """Iterate over the frames, for ever."""
        return self

    async def __anext__(self) -> bytes:
        """Wait for the next frame."""
        while True:
            if self._seq is None:
                return await self._snapshot()
            frame = await self._subscription.get()
            seq = None if frame is None else sequence(frame)
            if frame is not None and seq == self._seq + 1:
                self._seq = seq
                return frame
            if seq is None or seq > self._seq:
                self._seq = None

    def resync(self) -> None:
        """Send the snapshot again: the client saw a gap."""
        self._subscription.interrupt()

    def close(self) -> None:
        """Stop listening."""
        self._subscription.close()

    async def _snapshot(self) -> bytes:
        while True:
            try:
                frame = await self._bus.request(snapshot_subject(self._subject))
            except NoAnswerError:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            self._seq = sequence(frame)
            return frame

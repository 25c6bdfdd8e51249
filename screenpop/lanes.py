"""Fixed lanes for the changes of calls: one call keeps its order, different calls do not wait for each other.

A lane that is full keeps the newest change of each further call instead of the ones between: what a call has become is
never lost, what it was on the way may be.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from telephony.records import CallChange, CallRecord, ChangeKind

LANES: Final = 64
LANE_SIZE: Final = 2_000
BARRIER_SECONDS: Final = 2.0
"""Longest wait for another lane: past it a merge goes on without what that lane still holds."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Adopted:
    """A call that was running before the service started."""

    call: CallRecord


@dataclass(frozen=True, slots=True)
class _Passed:
    """Tells another lane that everything before it is done."""

    event: asyncio.Event


@dataclass(frozen=True, slots=True)
class _Wait:
    """Waits until another lane has passed."""

    event: asyncio.Event


Item = CallChange | Adopted
Handler = Callable[[Item], Awaitable[None]]


class _Lane:
    def __init__(self, size: int) -> None:
        self.size = size
        self.items: deque[Item | _Passed | _Wait] = deque()
        self.late: dict[str, Item] = {}
        self.filled = asyncio.Event()
        self.busy = False
        """Whether an item is being handled."""

    def put(self, item: Item | _Passed | _Wait, call_id: str) -> bool:
        """Take an item; False when the lane was full and only the call's newest state is kept."""
        self.filled.set()
        if isinstance(item, _Passed | _Wait) or (len(self.items) < self.size and call_id not in self.late):
            self.items.append(item)
            return True
        self.late[call_id] = item
        return False

    def take(self) -> Item | _Passed | _Wait | None:
        """Hand out what comes next; what came late comes when the lane is empty."""
        if self.items:
            return self.items.popleft()
        if self.late:
            return self.late.pop(next(iter(self.late)))
        self.filled.clear()
        return None


class Lanes:
    """Takes items without ever blocking and handles them in order per call."""

    def __init__(self, handle: Handler, *, count: int = LANES, size: int = LANE_SIZE) -> None:
        self._handle = handle
        self._lanes = tuple(_Lane(size) for _ in range(count))
        self._running = False
        self.overflows = 0

    def put(self, item: Item) -> None:
        """Queue an item behind the earlier ones of its call."""
        lane = self._lane(item.call.id)
        if isinstance(item, CallChange) and item.kind is ChangeKind.ABSORBED and item.absorbed is not None:
            other = self._lane(item.absorbed)
            if other is not lane:
                event = asyncio.Event()
                other.put(_Passed(event), item.absorbed)
                lane.put(_Wait(event), item.call.id)
        if not lane.put(item, item.call.id):
            self.overflows += 1
            if self.overflows & (self.overflows - 1) == 0:  # 1, 2, 4, 8...: a flood must not flood the log
                logger.error("calls change faster than they can be handled: %d changes were merged", self.overflows)

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for number, lane in enumerate(self._lanes):
                    group.create_task(self._work(lane), name=f"lane {number}")
                self._running = True
        finally:
            self._running = False

    def idle(self, call_id: str) -> bool:
        """Tell whether the call's lane works and has nothing to do, so that what comes now need not go through it."""
        lane = self._lane(call_id)
        return self._running and not (lane.busy or lane.items or lane.late)

    def followed(self, call_id: str) -> bool:
        """Tell whether the next item of the call's lane is another change of the same call."""
        waiting = self._lane(call_id).items
        return bool(waiting) and isinstance(waiting[0], CallChange) and waiting[0].call.id == call_id

    def remaining(self) -> Iterator[Item]:
        """Hand out what no lane has handled yet."""
        for lane in self._lanes:
            while (item := lane.take()) is not None:
                if not isinstance(item, _Passed | _Wait):
                    yield item

    @property
    def depth(self) -> int:
        """How many items wait."""
        return sum(len(lane.items) + len(lane.late) for lane in self._lanes)

    def _lane(self, call_id: str) -> _Lane:
        return self._lanes[crc32(call_id.encode()) % len(self._lanes)]

    async def _work(self, lane: _Lane) -> None:
        while True:
            item = lane.take()
            if item is None:
                await lane.filled.wait()
            elif isinstance(item, _Passed):
                item.event.set()
            elif isinstance(item, _Wait):
                await _meet(item.event)
            else:
                await self._finish(lane, item)

    async def _finish(self, lane: _Lane, item: Item) -> None:
        lane.busy = True
        try:
            await self._handle(item)
        except asyncio.CancelledError:
            lane.items.appendleft(item)  # the stop handles it from the start
            raise
        finally:
            lane.busy = False


async def _meet(event: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(BARRIER_SECONDS):
            await event.wait()
    except TimeoutError:
        logger.warning("merging a call without the last changes of its consultation")

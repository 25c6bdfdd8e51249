"""Brings every call into the database, whatever happens to it meanwhile.

The newest state of each call wins: a call that changes while its row is being written is written once more, a database
that is away for a while costs delay and nothing else. Rows are idempotent, so writing one twice does no harm.
"""

import asyncio
import logging
from typing import Final

from crm_core.calls.rules import CallToSave, TraceEntry
from crm_core.calls.store import Calls

SAVE_SECONDS: Final = 10.0
"""A write that takes longer has failed."""
FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 5.0
"""Pauses in seconds between attempts while the database is away."""
MAX_CALLS: Final = 20_000
"""Calls that may wait for the database; past that the journal is what is left."""
MAX_TRACE: Final = 200
"""Steps kept of one call's trace."""
TOGETHER: Final = 100
"""Traces written in one transaction."""
PROBES: Final = 3
"""Rows tried before the database is taken to be still away."""
MAX_ATTEMPTS: Final = 10
"""A row that fails this often while others are written is at fault itself."""

logger = logging.getLogger(__name__)


class Writer:
    """Owner of all rows on their way to the database."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._dirty: dict[str, CallToSave] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._traces: dict[str, list[TraceEntry]] = {}
        self._attempts: dict[str, int] = {}
        self._absorbed: dict[str, str] = {}
        self._failed = asyncio.Event()
        self._slow = False
        self._group: asyncio.TaskGroup | None = None
        self.failures = 0
        self.lost = 0

    @property
    def pending(self) -> int:
        """How many calls are not in the database as they are now."""
        return len(self._dirty.keys() | self._tasks.keys())

    def holds(self, call_id: str) -> bool:
        """Whether a call is not in the database as it is now."""
        return call_id in self._dirty or call_id in self._tasks

    def writes(self, call_id: str) -> bool:
        """Whether `written` would wait for a call."""
        return call_id in self._tasks and not self.failing and not self._slow

    @property
    def failing(self) -> bool:
        """Whether the last write failed and has not been made up for."""
        return self._failed.is_set()

    def put(self, row: CallToSave) -> None:
        """Issue the write of a call as it is now; never blocks."""
        call_id = row.call.id
        if len(self._dirty) >= MAX_CALLS and call_id not in self._dirty:
            self.lost += 1
            logger.error("call %s is not written: %d calls wait for the database already", call_id, MAX_CALLS)
            return
        self._dirty[call_id] = row
        if not self.failing and call_id not in self._tasks and self._group is not None:
            self._tasks[call_id] = self._group.create_task(self._write(call_id), name=f"write {call_id}")

    def trace(self, call_id: str, *entries: TraceEntry) -> None:
        """Remember why a call did or did not pop; it is written some time later."""
        if len(self._traces) >= MAX_CALLS and call_id not in self._traces:
            return
        steps = self._traces.setdefault(call_id, [])
        steps.extend(entries[: MAX_TRACE - len(steps)])

    def absorb(self, absorbed: str, into: str) -> None:
        """Let a call's row become part of another one's, with the next write of that one."""
        self._dirty.pop(absorbed, None)
        self.trace(into, *self._traces.pop(absorbed, []))
        for earlier in [one for one, other in self._absorbed.items() if other == absorbed]:
            self._absorbed[earlier] = into
        self._absorbed[absorbed] = into

    async def written(self, call_id: str, seconds: float) -> None:
        """Wait until what was put of a call is written; at most `seconds`, not at all while writes hang or fail."""
        if self.writes(call_id):
            task = self._tasks[call_id]
            _, hanging = await asyncio.wait({task}, timeout=seconds)
            self._slow = bool(hanging)

    async def caught_up(self, seconds: float) -> None:
        """Wait until the writes under way now are done; at most `seconds`, not at all while writes hang or fail."""
        under_way = set(self._tasks.values())
        if under_way and not self.failing and not self._slow:
            await asyncio.wait(under_way, timeout=seconds)

    async def run(self) -> None:
        """Write until cancelled; what is left then is for `flush`."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for call_id in list(self._dirty):
                    self.put(self._dirty[call_id])
                group.create_task(self._retry(), name="write again")
        finally:
            self._group = None

    async def flush(self, seconds: float) -> None:
        """Write what is left, at the stop; what cannot be written within `seconds` is named in the log."""
        try:
            async with asyncio.timeout(seconds):
                refused = 0
                while self._dirty and refused < PROBES:
                    refused += not await self._try(next(iter(self._dirty)))
                await self.write_traces()
        except TimeoutError:
            pass
        for call_id in self._dirty:
            logger.error("call %s could not be written before the stop", call_id)

    async def write_traces(self) -> None:
        """Write the traces of the calls whose rows are in the database."""
        while not self.failing:
            ready = [call for call in self._traces if call not in self._dirty and call not in self._tasks][:TOGETHER]
            if not ready:
                return
            traces = {call_id: self._traces.pop(call_id) for call_id in ready}
            try:
                async with asyncio.timeout(SAVE_SECONDS):
                    await self._calls.add_traces(traces)
            except Exception as error:  # noqa: BLE001 - a trace is worth no call
                logger.warning("the traces of %d calls are not written: %r", len(traces), error)

    async def _write(self, call_id: str) -> None:
        try:
            while call_id in self._dirty and await self._try(call_id):
                pass
        finally:
            self._tasks.pop(call_id, None)

    async def _try(self, call_id: str) -> bool:
        """Write a call as it is now; False when the database refused."""
        row = self._dirty.pop(call_id, None)
        if row is None:
            return True
        try:
            async with asyncio.timeout(SAVE_SECONDS):
                await self._calls.save(row.call, row.number, row.contact_id, row.candidates, row.users)
                await self._absorb_into(call_id)
        except asyncio.CancelledError:
            self._dirty.setdefault(call_id, row)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the row must not be lost
            self._dirty.setdefault(call_id, row)
            self.failures += 1
            self._failed.set()
            logger.warning("call %s is not written yet: %s: %s", call_id, type(error).__name__, error)
            return False
        self._attempts.pop(call_id, None)
        self._slow = False
        return True

    async def _absorb_into(self, call_id: str) -> None:
        for absorbed in [one for one, into in self._absorbed.items() if into == call_id]:
            under_way = self._tasks.get(absorbed)
            if under_way is not None:
                await asyncio.wait({under_way})
            await self._calls.absorb(absorbed, call_id)
            self._absorbed.pop(absorbed, None)

    async def _retry(self) -> None:
        """Probe with growing pauses after a refusal; once a row gets through, issue all the others again."""
        pause = FIRST_PAUSE
        while True:
            await self._failed.wait()
            await asyncio.sleep(pause)
            if await self._probe():
                pause = FIRST_PAUSE
                self._failed.clear()
                for row in list(self._dirty.values()):
                    self.put(row)
            else:
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _probe(self) -> bool:
        """Try a few rows; True once one gets through or none is left. A refused row goes to the end of the line."""
        refused: list[str] = []
        for call_id in list(self._dirty)[:PROBES]:
            if await self._try(call_id):
                self._blame(refused)
                return True
            refused.append(call_id)
        return not self._dirty

    def _blame(self, refused: list[str]) -> None:
        """Give up rows that are refused again and again while others get through."""
        for call_id in refused:
            self._attempts[call_id] = self._attempts.get(call_id, 0) + 1
            if self._attempts[call_id] >= MAX_ATTEMPTS:
                row = self._dirty.pop(call_id, None)
                self._attempts.pop(call_id, None)
                self.lost += 1
                logger.critical("call %s cannot be written and is given up: %r", call_id, row)

"""After every outage: the calls nobody followed, from the PBX's own log.

While a PBX is heard, the moment up to which all is known is written down every few seconds. Once it is heard again and
its snapshot is taken in, the log is read from that moment on. What is told twice is told alike, so what fails is simply
done again; the moment moves on only when everything is in the database.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from crm_core.calls.history import HistoryWriter
from crm_core.calls.store import Calls
from crm_core.errors import CrmError
from screenpop.writer import Writer
from telephony.cel import Finished, History
from telephony.records import Source
from telephony.sources import LogSource, LogUnavailable
from telephony.tracker import Tracker

LOOK_SECONDS: Final = 1.0
NOTE_SECONDS: Final = 10.0
"""How often the moment is written down while the PBX is heard."""
OVERLAP_SECONDS: Final = 60.0
"""A dead link may look alive for half a minute, a row may wait for the database."""
LONGEST_CALL_SECONDS: Final = 24 * 3600.0
"""A call that seems to run longer than this does not hold the moment back."""
SETTLE_SECONDS: Final = 2.0
"""The log may be written a little later than the events are sent."""
FIRST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 300.0
ROWS_AT_A_TIME: Final = 50
"""Some 2 ms of work; then whoever waits on the event loop gets a turn."""
CALLS_TOGETHER: Final = 200
WRITER_SECONDS: Final = 30.0

logger = logging.getLogger(__name__)


class CatchUp:
    """Keeps the call log of one PBX without gaps. `run` never ends by itself."""

    def __init__(
        self,
        tracker: Tracker,
        source: LogSource | None,
        calls: Calls,
        history: HistoryWriter,
        writer: Writer,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; without a `source` the gaps are only told of in the log."""
        self.calls = 0
        """Calls taken from the PBX's log since the start, those among them that were known already."""
        self.cut_off = 0
        self.failures = 0
        self.behind = False
        """Whether there is a gap that is not filled yet."""
        self.problem = ""
        """Why not, in one line."""
        self._tracker = tracker
        self._source = source
        self._calls = calls
        self._history = history
        self._writer = writer
        self._clock = clock
        self._heard: float | None = None

    @property
    def refused(self) -> int:
        """Rows of the PBX's log that could not be understood."""
        return self._source.refused if self._source is not None else 0

    async def run(self) -> None:
        """Fill the gap of every outage, the one before the start first."""
        await self._persist(self._recall)
        while True:
            await self._until(lambda: self._tracker.settled)
            if self._heard is not None:
                self.behind = self._source is not None
                await asyncio.sleep(SETTLE_SECONDS)
                await self._persist(self._fill)
                self.behind, self.problem = False, ""
            await self._follow()

    async def _recall(self) -> None:
        self._heard = await self._calls.heard(self._tracker.pbx)

    async def _follow(self) -> None:
        """Move the moment on for as long as nothing is missed."""
        links, noted = self._tracker.links, 0.0
        while self._tracker.connected and self._tracker.links == links:
            self._heard = self._known_until()
            if self._clock() - noted >= NOTE_SECONDS and not self._writer.failing:
                try:
                    await self._calls.note_heard(self._tracker.pbx, self._heard)
                    noted = self._clock()
                except CrmError as error:
                    logger.debug("%s: not noted until when it was heard: %s", self._tracker.pbx, error)
            await asyncio.sleep(LOOK_SECONDS)

    def _known_until(self) -> float:
        """Return since when there may be something left to learn: now, or the beginning of the oldest running call."""
        now = self._clock()
        begun = self._tracker.oldest_call()
        return now if begun is None else max(min(now, begun), now - LONGEST_CALL_SECONDS)

    async def _fill(self) -> None:
        """Read the log and write its calls. Raises LogUnavailable or CrmError."""
        since, until = self._heard, self._clock()
        if since is None:
            return
        if self._source is None:
            if until - since > OVERLAP_SECONDS:
                logger.warning(
                    "%s: calls since %s may be missing: set CALLCARD_CEL_URL, or use `callcard calls rebuild`",
                    self._tracker.pbx,
                    _moment(since),
                )
            return
        # What ended unseen is being written with what little is known: the better row comes after it.
        async with asyncio.timeout(WRITER_SECONDS):
            await self._until(lambda: self._writer.pending == 0)
        told = await self._read(self._source, since - OVERLAP_SECONDS)
        self._heard = until
        logger.info("%s: %d calls since %s are in the PBX's log", self._tracker.pbx, told, _moment(since))

    async def _read(self, source: LogSource, since: float) -> int:
        history = History(self._tracker.book.line, Source.RECOVERED)
        waiting: list[Finished] = []
        told = 0
        async for rows in source.rows(since):
            for first in range(0, len(rows), ROWS_AT_A_TIME):
                for row in rows[first : first + ROWS_AT_A_TIME]:
                    waiting.extend(history.take(row))
                await asyncio.sleep(0)
            if len(waiting) >= CALLS_TOGETHER:
                told += await self._write(waiting)
        told += await self._write(waiting)
        self.cut_off += history.cut_off
        return told

    async def _write(self, waiting: list[Finished]) -> int:
        await self._history.write(waiting)
        written = len(waiting)
        self.calls += written
        waiting.clear()
        return written

    async def _persist(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do it until it is done, with growing pauses."""
        pause = FIRST_PAUSE
        while True:
            try:
                await work()
            except (LogUnavailable, CrmError, TimeoutError) as error:
                self.failures += 1
                self.problem = str(error) or "the database does not take the calls"
                logger.warning("%s: missed calls are not filled in yet: %s", self._tracker.pbx, self.problem)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                return

    async def _until(self, true: Callable[[], bool]) -> None:
        while not true():  # noqa: ASYNC110 - tracker and writer tell no event
            await asyncio.sleep(LOOK_SECONDS / 5)


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")

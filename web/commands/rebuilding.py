"""The work of `calls rebuild`: a log's rows become calls in the database, in steps that a kill cannot undo."""

import asyncio
from collections.abc import Iterator
from itertools import islice
from typing import Final

import msgspec
from sqlalchemy import make_url

from crm_core.calls.history import HistoryWriter
from crm_core.calls.store import Calls
from crm_core.db import Database
from crm_core.numbers import Numbering
from crm_core.staff.store import Staff
from telephony.calls import Line
from telephony.cel import Finished, History
from telephony.phones import dialled, locals_of
from telephony.records import Source
from telephony.resuming import Beginnings, Place
from telephony.sources.exports import CelExport, Record
from web.commands.checkpoints import Checkpoint, Checkpoints, Counts
from web.commands.progress import Progress
from web.commands.refused import RefusedRows
from web.settings import Settings

BATCH: Final = 1000
"""Calls written together."""
MOST_ROWS: Final = 50_000
"""Rows after which a step is closed, however few calls they gave."""
TOGETHER: Final = 500
"""Rows read between two looks at the terminal, and at whether Ctrl-C was pressed."""
FORMAT: Final = 2
"""Raised whenever rows are read otherwise than before: a checkpoint of old is no use then."""


class Rebuild:
    """One run over one file. Threads do the reading, one after the other; `refused` is closed by whoever opened it."""

    def __init__(self, export: CelExport, refused: RefusedRows, pbx: str, zone: str = "") -> None:
        self.counts = Counts()
        self.resumed_at = 0
        """The line an earlier run came to; 0 when this one began at the beginning."""
        self._export = export
        self._refused = refused
        self._pbx = pbx
        self._zone = zone
        self._beginnings = Beginnings()
        self._waiting: list[Finished] = []
        self._last_call: str | None = None
        self._here = self._done = Place()
        self._at = 0.0
        self._cut_before = 0
        """Calls cut off in what is read again: an earlier run counted them."""

    async def run(self, chosen: Settings, db: Database) -> None:
        """Write the calls. Raises CrmError, LogUnavailable or OSError; what was written stays."""
        staff = Staff(db)
        known = await staff.extensions()
        numbering = Numbering(chosen.region, chosen.own_numbers, chosen.extensions, lambda: dialled(known))
        calls = Calls(db, numbering)
        self._writer = HistoryWriter(calls, staff, numbering)
        self._history = History(Line(self._pbx, chosen.extensions, locals_of(known, self._pbx)), Source.RECOVERED)
        made_with = await asyncio.to_thread(_made_with, chosen, known, self._pbx, self._zone)
        self._checkpoints = Checkpoints(chosen.var_dir / "rebuild", self._export.path, made_with)
        await self._read(await self._earlier(calls))

    async def _earlier(self, calls: Calls) -> Checkpoint | None:
        """Take over how far an earlier run came, when the database still holds what it wrote."""
        found = await asyncio.to_thread(self._checkpoints.load)
        if found is not None and found.last_call is not None and await calls.get(found.last_call) is None:
            found = None
        await asyncio.to_thread(self._refused.begin, found.errors_size if found is not None else 0)
        if found is not None:
            self.counts, self.resumed_at, self._last_call = found.counts, found.done.line, found.last_call
            self._done, self._cut_before = found.done, -found.counts.cut_off
        return found

    async def _read(self, earlier: Checkpoint | None) -> None:
        again = earlier.again if earlier is not None else Place()
        progress = Progress(again.offset / max(1, self._export.size), "calls")
        try:
            await self._read_on(again, progress)
        finally:
            progress.end()  # what ends the run gets a line of its own
        await asyncio.to_thread(self._checkpoints.clear)

    async def _read_on(self, again: Place, progress: Progress) -> None:
        records, size = self._export.records(again), max(1, self._export.size)
        rows = closed_at = 0
        while taken := await asyncio.to_thread(self._take_some, records):
            rows += taken
            if len(self._waiting) >= BATCH or rows - closed_at >= MOST_ROWS:
                await self._close_step()
                closed_at = rows
            progress.show(self._here.offset / size, rows, self.counts.calls)
        await self._write()
        progress.show(1.0, rows, self.counts.calls, last=True)

    def _take_some(self, records: Iterator[Record]) -> int:
        """Take the next records into the calls; return how many there were."""
        taken = 0
        for record in islice(records, TOGETHER):
            taken += 1
            finished = self._take(record)
            if record.end <= self._done:  # of an earlier run: only to know the calls that ran when it ended
                self._cut_before = self._history.cut_off - self.counts.cut_off
                continue
            self._waiting.extend(finished)
            self.counts.cut_off = self._history.cut_off - self._cut_before
            self.counts.rows += 1
            if record.row is None:
                self.counts.refused += 1
                self._refused.add(record.start.line, record.reason, record.text)
        return taken

    def _take(self, record: Record) -> list[Finished]:
        self._here = record.end
        if record.row is None:
            return []
        self._at = record.row.at
        self._beginnings.note(record.row.uniqueid, record.start, record.row.at)
        return list(self._history.take(record.row))

    async def _write(self) -> None:
        await self._writer.write(self._waiting)
        self.counts.calls += len(self._waiting)
        if self._waiting:
            self._last_call = self._waiting[-1].call.id
        self._waiting.clear()

    async def _close_step(self) -> None:
        """Write the calls told so far, then where to go on."""
        await self._write()
        await asyncio.to_thread(self._save)

    def _save(self) -> None:
        again = self._beginnings.oldest(self._history.needed(), self._here, self._at)
        self._checkpoints.save(again, self._here, self.counts, self._refused.size(), self._last_call)


def _made_with(chosen: Settings, known: frozenset[str], pbx: str, zone: str) -> str:
    """Name everything besides the file that the calls depend on; no secret is in it."""
    database = make_url(chosen.database_url).render_as_string()
    if chosen.database_file is not None:
        database = str(chosen.database_file.resolve())
    parts = (FORMAT, pbx, zone, database, chosen.region, chosen.own_numbers, chosen.extensions.pattern, sorted(known))
    return msgspec.json.encode(parts).decode()

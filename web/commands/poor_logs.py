"""The work of `calls rebuild --cdr` and `--queue-log`: what the poorer logs of a PBX add to the call log.

A call that is known is never made anew from them: CDR adds the calls that nobody else told, `queue_log` adds to both
what they lack. So it may be done again, and in any order with `--cel`.
"""

import asyncio
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, TextIO

import msgspec

from crm_core.calls.history import HistoryWriter
from crm_core.calls.store import Calls
from crm_core.db import Database
from crm_core.numbers import Numbering
from crm_core.staff.store import Staff
from telephony import cdr, queue_log
from telephony.calls import Line
from telephony.cel import Finished
from telephony.conversations import call_id
from telephony.records import CallRecord, Source
from telephony.sources.clocks import Clock
from web.settings import Settings

TOGETHER: Final = 200
"""Calls looked up and written together."""


@dataclass(slots=True)
class Added:
    """What came of it."""

    rows: int = 0
    refused: int = 0
    calls: int = 0
    known: int = 0
    """Calls of the log that were there already, and stay as they are."""
    enriched: int = 0
    """Calls that were there, and got a queue or an outcome from queue_log."""


class PoorLogs:
    """One run over a CDR file, a queue_log, or both."""

    def __init__(self, cdr_file: Path | None, queue_file: Path | None, pbx: str, clock: Clock) -> None:
        self.added = Added()
        self._cdr_file = cdr_file
        self._queue_file = queue_file
        self._pbx = pbx
        self._clock = clock
        self._stays: dict[str, list[queue_log.Visit]] = {}

    async def run(self, chosen: Settings, db: Database) -> None:
        """Write the calls. Raises CrmError or OSError; what was written stays."""
        staff = Staff(db)
        known = await staff.extensions()
        numbering = Numbering(chosen.region, chosen.own_numbers, chosen.extensions, lambda: known)
        self._calls = Calls(db, numbering)
        self._writer = HistoryWriter(self._calls, staff, numbering)
        self._line = Line(self._pbx, chosen.extensions, known)
        if self._queue_file is not None:
            self._stays = await asyncio.to_thread(self._read_visits, self._queue_file)
        if self._cdr_file is not None:
            with self._cdr_file.open(encoding="utf-8", errors="replace", newline="") as file:
                found = self._records(file)
                while some := await asyncio.to_thread(lambda: list(islice(found, TOGETHER))):
                    await self._add(some)
        left = iter(list(self._stays.values()))
        while stays := list(islice(left, TOGETHER)):
            await self._add_visits(stays)

    def _read_visits(self, path: Path) -> dict[str, list[queue_log.Visit]]:
        with path.open(encoding="utf-8", errors="replace") as file:
            return queue_log.visits(self._entries(file))

    def _entries(self, file: TextIO) -> Iterator[queue_log.Entry]:
        for line in file:
            entry = queue_log.read_line(line)
            if line.strip():
                self._count(entry is not None)
            if entry is not None:
                yield entry

    def _records(self, file: TextIO) -> Iterator[CallRecord]:
        history = cdr.CdrHistory(self._line, Source.RECOVERED)
        for row in self._rows(file):
            for finished in history.take(row):
                yield self._enriched(finished.call)
        for finished in history.close():
            yield self._enriched(finished.call)

    def _rows(self, file: TextIO) -> Iterator[cdr.Row]:
        columns: Sequence[str] = cdr.CSV_COLUMNS
        for number, values in enumerate(csv.reader(line.replace("\0", "") for line in file)):
            if number == 0 and {value.strip().lower() for value in values} >= {"channel", "uniqueid", "disposition"}:
                columns = values
                continue
            if not values:
                continue
            row = cdr.read(dict(zip(columns, values, strict=False)))
            self._count(row is not None)
            if row is not None:
                yield self._right(row)

    def _right(self, row: cdr.Row) -> cdr.Row:
        """Put local times right: a first record begins when its channel did, which the channel's id tells."""
        if row.zoned:
            return row
        if row.uniqueid == row.linkedid:
            self._clock.learn(row.start, row.uniqueid)
        answer = None if row.answer is None else self._clock.moment(row.answer)
        start, end = self._clock.moment(row.start), self._clock.moment(row.end)
        return msgspec.structs.replace(row, start=start, end=end, answer=answer)

    def _enriched(self, call: CallRecord) -> CallRecord:
        stays = self._stays.pop(call.caller or "", None)
        return call if stays is None else queue_log.enrich(call, stays, exact=False)

    def _count(self, understood: bool) -> None:  # noqa: FBT001 - what is counted
        self.added.rows += 1
        self.added.refused += not understood

    async def _add(self, calls: Sequence[CallRecord]) -> None:
        """Write the calls that nobody told yet."""
        linkedids = [linkedid for call in calls for linkedid in call.linkedids]
        known = await self._calls.finished([call.id for call in calls], linkedids)
        new = [call for call in calls if call.id not in known and not known.keys() & set(call.linkedids)]
        await self._writer.write([Finished(call) for call in new])
        self.added.calls += len(new)
        self.added.known += len(calls) - len(new)

    async def _add_visits(self, visits: Sequence[list[queue_log.Visit]]) -> None:
        """Add to known calls what they lack; a caller of whom nobody told is a call."""
        ids = {stays[0].caller: call_id(self._pbx, stays[0].caller) for stays in visits}
        known = await self._calls.finished(list(ids.values()), list(ids))
        changed: list[CallRecord] = []
        for stays in visits:
            caller = stays[0].caller
            call = known.get(ids[caller]) or known.get(caller)
            if call is None:
                changed.append(queue_log.told(stays, self._line, Source.RECOVERED))
                self.added.calls += 1
                continue
            better = call if call.source is Source.LIVE else queue_log.enrich(call, stays, exact=True)
            self.added.known += better == call
            if better != call:
                changed.append(better)
                self.added.enriched += 1
        await self._writer.write([Finished(call) for call in changed])

"""Looks for the files of calls: as the PBX tells of them, once they ended, and when somebody opens an older call.

Only the node that follows a PBX runs one. What is not there at once is looked for again with growing pauses: Asterisk
closes the file after the hang-up, and some PBXs move or convert it later.
"""

import asyncio
import heapq
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from crm_core.calls.store import Calls
from crm_core.errors import CrmError
from crm_core.recordings.paths import below
from crm_core.recordings.places import PlaceUnavailable, Source, Sources
from crm_core.recordings.rules import EMPTY_BYTES, FileFacts, Found, RecordingState
from crm_core.recordings.store import Recordings
from telephony.records import CallChange, CallRecord, Change, ChangeKind, Recording, RecordingKind

PAUSES: Final = (0.5, 1.0, 3.0, 15.0, 60.0, 600.0)
"""Seconds until the next look; after the last one the file is missing."""
MOST_WAITING: Final = 5000
"""Calls looked for at a time; of more, the rest is found when somebody opens them."""
logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Work:
    call: CallRecord
    looks: int = 0


class Collector:
    """Owner of the search for files; `run` it on the node that owns the PBXs, `look` anywhere."""

    def __init__(
        self, store: Recordings, calls: Calls, sources: Sources, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._calls = calls
        self._sources = sources
        self._clock = clock
        self._work: dict[str, _Work] = {}
        self._due: list[tuple[float, str]] = []
        self._wake = asyncio.Event()

    def submit(self, changes: Sequence[Change]) -> None:
        """Take the changes of a PBX; never blocks, never raises."""
        for change in changes:
            if not isinstance(change, CallChange) or self._sources.of(change.call.pbx) is None:
                continue
            if change.absorbed is not None:
                self._work.pop(change.absorbed, None)
            if change.kind is ChangeKind.ENDED or change.call.recordings:
                self._put(change.call, 0.0 if change.kind is not ChangeKind.ENDED else PAUSES[0])

    def _put(self, call: CallRecord, pause: float) -> None:
        if call.id in self._work:
            self._work[call.id].call = call
            self._work[call.id].looks = 0
        elif len(self._work) < MOST_WAITING:
            self._work[call.id] = _Work(call)
        else:
            return
        heapq.heappush(self._due, (self._clock() + pause, call.id))
        self._wake.set()

    async def run(self) -> None:
        """Look for files until cancelled; first for those the process before this one did not find."""
        for pbx in self._sources.by_pbx:
            for call_id in await self._store.unfinished(pbx):
                row = await self._calls.get(call_id)
                if row is not None:
                    self._put(row.record, 0.0)
        while True:
            self._wake.clear()
            pause = self._due[0][0] - self._clock() if self._due else None
            if pause is not None and pause <= 0:
                await self._next(heapq.heappop(self._due)[1])
                continue
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _next(self, call_id: str) -> None:
        work = self._work.get(call_id)
        if work is None:
            return
        call, last = work.call, work.looks >= len(PAUSES) - 1
        try:
            found = await self._search(call, last=last)
            await self._store.write(call.id, call.pbx, found)
        except (PlaceUnavailable, CrmError) as error:
            logger.warning("recordings of call %s are looked for later: %s", call.id, error)
            found = []
        if work.call is not call:
            return  # it changed meanwhile, and is in the line again
        done = bool(found) and all(one.state is not RecordingState.RECORDING for one in found)
        if call.ended_at is None or done or last:
            self._work.pop(call_id, None)
        else:
            work.looks += 1
            heapq.heappush(self._due, (self._clock() + PAUSES[work.looks], call_id))

    async def look(self, call: CallRecord) -> None:
        """Look once for the files of an ended call that has none yet: its history was imported, or we were away.

        Raises PlaceUnavailable, CrmError.
        """
        if call.ended_at is not None and call.id not in self._work:
            found = await self._search(call, last=True)
            if found:
                await self._store.write(call.id, call.pbx, found)

    async def _search(self, call: CallRecord, *, last: bool) -> list[Found]:
        source = self._sources.of(call.pbx)
        if source is None:
            return []
        told = [one for one in call.recordings if one.kind is RecordingKind.CALL]
        found = [await _told(source, call, one, last=last) for one in told if one.file]
        if call.ended_at is not None and source.pattern is not None and not found:
            candidates = source.pattern.candidates(call.channels, call.linkedids, call.started_at)
            found = [_by_name(call, facts) for facts in await source.place.search(candidates) if _holds(facts)]
        if not found and told:
            state = RecordingState.MISSING if last and call.ended_at is not None else RecordingState.RECORDING
            first = told[0]
            found = [Found(first.kind, "", first.channel, first.started_at, first.ended_at or call.ended_at, state)]
        return found


async def _told(source: Source, call: CallRecord, recording: Recording, *, last: bool) -> Found:
    """Look for a file the PBX named."""
    ended_at = recording.ended_at if recording.ended_at is not None else call.ended_at
    path = below(recording.file, source.prefix)
    facts = None
    state = RecordingState.RECORDING
    if ended_at is not None and path is not None:
        facts = await source.place.find(path)
    if facts is not None and _holds(facts):
        state = RecordingState.READY
    elif ended_at is not None and (path is None or last):
        state = RecordingState.MISSING
    return Found(
        RecordingKind.CALL, path or "", recording.channel, recording.started_at, ended_at, state,
        facts.size if facts else None, facts.seconds if facts else None,
    )  # fmt: skip


def _by_name(call: CallRecord, facts: FileFacts) -> Found:
    began = call.answered_at if call.answered_at is not None else call.started_at
    return Found(
        RecordingKind.CALL, facts.path, "", began, call.ended_at, RecordingState.READY, facts.size, facts.seconds,
        told=False,
    )  # fmt: skip


def _holds(facts: FileFacts) -> bool:
    return facts.size > EMPTY_BYTES

"""Recordings and voicemail are kept for so many days, then deleted; what somebody marked is kept for longer.

What is deleted is only what has a row: a file that Callcard never listed is the PBX's own business.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from crm_core.recordings.places import PlaceUnavailable, Sources
from crm_core.recordings.rules import DAY_SECONDS, Retention
from crm_core.recordings.store import Recordings
from crm_core.voicemail.spool import Spool
from crm_core.voicemail.store import Voicemails

BATCH: Final = 200
BY: Final = ""
"""Whom the book of hearings names: nobody, the rule did it."""


@dataclass(slots=True)
class Swept:
    """What a sweep did, or would do."""

    recordings: int = 0
    voicemails: int = 0
    files: int = 0
    """Deleted from the disk."""
    left: int = 0
    """Files that could not be deleted: the folder is not ours to write."""
    unreachable: int = 0
    """Put off until the next sweep: the place did not answer."""


class Sweeper:
    """Ends what was kept for long enough; safe to run twice, and at the same time as another."""

    def __init__(
        self, rule: Retention, recordings: Recordings, sources: Sources, voicemails: Voicemails,
        spools: Mapping[str, Spool], *, clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._rule = rule
        self._recordings = recordings
        self._sources = sources
        self._voicemails = voicemails
        self._spools = spools
        self._clock = clock

    async def sweep(self, *, dry_run: bool = False) -> Swept:
        """Delete what is too old; `dry_run` only counts. Raises CrmError."""
        swept = Swept()
        if self._rule.recordings_days is not None:
            await self._sweep_recordings(self._clock() - self._rule.recordings_days * DAY_SECONDS, swept, dry_run)
        if self._rule.voicemail_days is not None:
            await self._sweep_voicemails(self._clock() - self._rule.voicemail_days * DAY_SECONDS, swept, dry_run)
        return swept

    async def _sweep_recordings(self, before: float, swept: Swept, dry_run: bool) -> None:  # noqa: FBT001 - handed on
        after = 0
        while batch := await self._recordings.older_than(before, after, BATCH):
            after = batch[-1].id
            for one in batch:
                source = self._sources.of(one.pbx)
                deletes = self._rule.deletes and source is not None and bool(one.path)
                if not dry_run:
                    try:
                        _count(swept, deletes, source is not None and deletes and await source.place.remove(one.path))
                    except PlaceUnavailable:
                        swept.unreachable += 1
                        continue
                    await self._recordings.deleted(one.id, BY, expired=True)
                swept.recordings += 1

    async def _sweep_voicemails(self, before: float, swept: Swept, dry_run: bool) -> None:  # noqa: FBT001 - handed on
        after = 0
        while batch := await self._voicemails.older_than(before, after, BATCH):
            after = batch[-1].id
            for one in batch:
                spool = self._spools.get(one.pbx)
                deletes = self._rule.deletes and spool is not None
                if not dry_run:
                    try:
                        _count(swept, deletes, spool is not None and deletes and await spool.remove(one.key, one.path))
                    except PlaceUnavailable:
                        swept.unreachable += 1
                        continue
                    await self._voicemails.deleted(one.id, BY, expired=True)
                swept.voicemails += 1


def _count(swept: Swept, deletes: bool, removed: bool) -> None:  # noqa: FBT001 - two facts of one file
    swept.files += deletes and removed
    swept.left += deletes and not removed

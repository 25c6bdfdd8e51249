"""Looks into the PBXs' mailboxes every few seconds, and at once when a call left a message.

Only the node that follows the PBXs runs it. A look that fails changes nothing: what cannot be seen is not gone.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Final

from crm_core.errors import CrmError
from crm_core.recordings.places import PlaceUnavailable
from crm_core.voicemail.rules import Key, Message
from crm_core.voicemail.spool import Spool
from crm_core.voicemail.store import Voicemails
from telephony.records import CallChange, Change, ChangeKind, RecordingKind

LOOK_SECONDS: Final = 5.0
SOON_SECONDS: Final = 0.5
"""While a message waits for the row of its call."""
PLACE_EVERY: Final = 12
"""Looks after which the calls of messages without one are looked for again."""
logger = logging.getLogger(__name__)


class SpoolWatcher:
    """Owner of the looks; `run` it on the node that owns the PBXs."""

    def __init__(self, store: Voicemails, spools: Mapping[str, Spool]) -> None:
        self._store = store
        self._spools = spools
        self._wake = asyncio.Event()
        self._written: dict[str, tuple[Message, ...]] = {}
        self._absent: dict[str, frozenset[Key]] = {}
        self._failing: set[str] = set()
        self._looks = 0

    def submit(self, changes: Sequence[Change]) -> None:
        """Take the changes of a PBX; never blocks, never raises."""
        if self._spools and any(_left_message(change) for change in changes):
            self._wake.set()

    async def run(self) -> None:
        """Look until cancelled."""
        self._written.clear()
        while self._spools:
            self._wake.clear()
            waiting = sum([await self.look(pbx) for pbx in self._spools])
            try:
                async with asyncio.timeout(SOON_SECONDS if waiting else LOOK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def look(self, pbx: str) -> int:
        """Look once; return how many new messages wait for the row of their call."""
        try:
            seen = await self._spools[pbx].scan()
            self._looks += 1
            if self._looks % PLACE_EVERY == 0:
                await self._store.place(pbx)
            if seen == self._written.get(pbx) and not self._absent.get(pbx):
                return 0
            absent = await self._missing(pbx, seen)
            waiting = await self._store.keep_step(pbx, seen, tuple(absent & self._absent.get(pbx, frozenset())))
        except (PlaceUnavailable, CrmError) as error:
            if pbx not in self._failing:
                logger.warning("voicemail of %s cannot be read: %s", pbx or "the PBX", error)
            self._failing.add(pbx)
            return 0
        self._failing.discard(pbx)
        self._absent[pbx] = absent
        self._written[pbx] = () if waiting else seen
        return waiting

    async def _missing(self, pbx: str, seen: Sequence[Message]) -> frozenset[Key]:
        return await self._store.present(pbx) - {message.key for message in seen}


def _left_message(change: Change) -> bool:
    return (
        isinstance(change, CallChange)
        and change.kind is ChangeKind.ENDED
        and any(one.kind is RecordingKind.VOICEMAIL for one in change.call.recordings)
    )

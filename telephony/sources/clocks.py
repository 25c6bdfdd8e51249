"""The PBX's local time in logs that name no zone. Pure.

A uniqueid holds the epoch second in which its channel began, and the log tells the same moment in local time: the
difference is the zone, summer time included.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from telephony.cel import Row

_BEGAN = re.compile(r"(?:.*-)?([0-9]{9,10})\.[0-9]+")
QUARTER: Final = 900.0
"""Zones differ by quarters of an hour."""
FURTHEST: Final = 15 * 3600.0
SLOW: Final = 30.0
"""Seconds from a channel's beginning to its row, at most."""


@dataclass(slots=True)
class Clock:
    """Turns times that were read as if they were UTC into the moments they mean."""

    zone: ZoneInfo | None = None
    offset: float = field(default=0.0)
    """Seconds that local time is ahead of UTC, as last seen; unused with a zone."""

    def right(self, row: Row) -> Row:
        """Return the row with its time put right. Rows whose time named its zone, or was epoch seconds, stay."""
        if row.zoned:
            return row
        if row.kind == "CHAN_START":
            self.learn(row.at, row.uniqueid)
        return msgspec.structs.replace(row, at=self.moment(row.at))

    def moment(self, local: float) -> float:
        """Return the moment of a local time (both as epoch seconds)."""
        if self.zone is None:
            return local - self.offset
        return datetime.fromtimestamp(local, UTC).replace(tzinfo=self.zone).timestamp()

    def local(self, at: float) -> float:
        """Return the local time of a moment (both as epoch seconds)."""
        if self.zone is None:
            return at + self.offset
        return datetime.fromtimestamp(at, self.zone).replace(tzinfo=UTC).timestamp()

    def learn(self, local: float, uniqueid: str) -> None:
        """Take the zone from the beginning of a channel, when its name tells when that was."""
        began = _BEGAN.fullmatch(uniqueid)
        if began is None:
            return
        ahead = local - float(began[1])
        offset = round(ahead / QUARTER) * QUARTER
        if abs(offset) <= FURTHEST and abs(ahead - offset) <= SLOW:
            self.offset = offset

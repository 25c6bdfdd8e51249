"""Where reading a log may begin again so that nothing is told otherwise than in one go. Pure.

Calls overlap, so no row of a busy PBX's log has all calls before it and none across it. The place to begin again is the
first row of the oldest call that still runs: every call before it has ended, every call that runs is read anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

LONGEST_CALL_SECONDS: Final = 24 * 3600.0
"""A call older than this has lost its end (a crash of the PBX); it holds the place back no longer."""


class Place(NamedTuple):
    """Where a line begins or ends: bytes before it, and the number of the line after it."""

    offset: int = 0
    line: int = 1


@dataclass(slots=True)
class Beginnings:
    """Where each channel that matters was first seen."""

    first: dict[str, tuple[Place, float]] = field(default_factory=dict)

    def note(self, uniqueid: str, place: Place, at: float) -> None:
        """Take note of a row of a channel: where it begins, and its time (epoch seconds)."""
        if uniqueid not in self.first:
            self.first[uniqueid] = (place, at)

    def oldest(self, needed: Iterable[str], here: Place, at: float) -> Place:
        """Return where to begin again after `here`, given the channels of the calls that run; forget the others."""
        self.first = {uniqueid: self.first[uniqueid] for uniqueid in needed if uniqueid in self.first}
        living = (place for place, began in self.first.values() if at - began <= LONGEST_CALL_SECONDS)
        return min(living, default=here)

"""The board's strip: how the link to each PBX does, and how soon its calls' cards come up. Pure.

Figures are rounded to what a reader can tell apart, so that a PBX at rest changes nothing on the board.
"""

from collections import deque
from dataclasses import dataclass, field
from math import ceil
from typing import Final

from msgspec.structs import replace

from screenpop.messages import BoardLink, BoardPops, optional_timestamp, timestamp
from telephony.lag import LinkHealth
from telephony.records import LinkChange

RECENT_SECONDS: Final = 300.0
"""Cards of so many last seconds are counted."""
MOST_POPS: Final = 2_000
"""Cards remembered per PBX."""
CROWD: Final = 10.0
"""Events a second; tenths of them are told below."""
QUANTILES: Final = (0.5, 0.95, 0.99)


class RecentPops:
    """How long the cards of the last minutes took."""

    def __init__(self) -> None:
        self._times: deque[tuple[float, float]] = deque(maxlen=MOST_POPS)
        self._told: BoardPops | None = None

    def note(self, at: float, seconds: float) -> None:
        """Count a card that was published at `at`, `seconds` after its event arrived."""
        self._times.append((at, seconds))
        self._told = None

    def figures(self, at: float) -> BoardPops:
        """Return the quantiles of the last minutes; all None where no card came up."""
        while self._times and self._times[0][0] < at - RECENT_SECONDS:
            self._times.popleft()
            self._told = None
        if self._told is None:
            ordered = sorted(seconds for _, seconds in self._times)
            self._told = BoardPops(len(ordered), *(_quantile(ordered, share) for share in QUANTILES))
        return self._told


def _quantile(ordered: list[float], share: float) -> float | None:
    """Return the smallest value that `share` of all do not exceed, in milliseconds."""
    if not ordered:
        return None
    return round(ordered[ceil(share * len(ordered)) - 1] * 1000, 1)


@dataclass(slots=True)
class _Link:
    entry: BoardLink
    pops: RecentPops = field(default_factory=RecentPops)


class Strip:
    """The links by the name of their PBX."""

    def __init__(self) -> None:
        self._links: dict[str, _Link] = {}

    def apply(self, change: LinkChange) -> None:
        """Take in that a link came up or went down."""
        link = self._link(change.pbx, change.at)
        link.entry = replace(
            link.entry, up=change.up, since=timestamp(change.at), reason=change.reason, late_since=None, lag_seconds=0.0
        )

    def look(self, pbx: str, health: LinkHealth, at: float) -> bool:
        """Take in how a link does; True when the board shows it otherwise than before."""
        link = self._link(pbx, at)
        before, lag, rate = link.entry, health.lag_seconds, health.events_per_second
        link.entry = replace(
            before,
            late_since=optional_timestamp(health.late_since if before.up else None),
            lag_seconds=round(lag, 1 if lag >= 1 else 2) if before.up else 0.0,
            events_per_second=round(rate, 0 if rate >= CROWD else 1),
            bad=health.bad,
            reconnects=health.reconnects,
            pops=link.pops.figures(at),
        )
        return link.entry != before

    def popped(self, pbx: str, at: float, seconds: float) -> None:
        """Count a card; the board shows it at the next look."""
        self._link(pbx, at).pops.note(at, seconds)

    def entry(self, pbx: str) -> BoardLink | None:
        """Return what the board shows of a link."""
        link = self._links.get(pbx)
        return link.entry if link else None

    def entries(self) -> dict[str, BoardLink]:
        """Return what the board shows of all of them."""
        return {pbx: link.entry for pbx, link in self._links.items()}

    def _link(self, pbx: str, at: float) -> _Link:
        if pbx not in self._links:
            self._links[pbx] = _Link(BoardLink(up=False, since=timestamp(at)))
        return self._links[pbx]

"""How late a PBX's events are: at the PBX's clock, on the way, and in our own queue. Pure.

An event carries the PBX's time (timestampevents) and gets ours when it arrives. The two clocks need not agree: their
difference is taken to be the smallest seen lately, so a clock that is wrong is no lag. It costs two subtractions an
event.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

LATE_SECONDS: Final = 1.0
"""More lag than this, for `ALARM_SECONDS` on end, is an alarm; less than half of it as long ends it."""
ALARM_SECONDS: Final = 5.0
BUCKET_SECONDS: Final = 60.0
BUCKETS: Final = 10
"""So many minutes the smallest difference is remembered: a clock that was set is believed after that long."""
FRESH_SECONDS: Final = 10.0
"""A measurement older than this says nothing about now."""


@dataclass(frozen=True, slots=True)
class LinkHealth:
    """How the link to one PBX does; rates per second since the last look, counters since the start."""

    up: bool = False
    lag_seconds: float = 0.0
    stamped: bool = False
    """Whether the PBX tells its time; without, our own queue and its answers to questions are measured."""
    events_per_second: float = 0.0
    events: int = 0
    skipped: int = 0
    bad: int = 0
    waiting: int = 0
    """Messages that arrived and are not worked on yet."""
    reconnects: int = 0
    late_since: float | None = None
    """When the alarm was raised (epoch seconds); None: no alarm."""


class LagMeter:
    """The clocks' difference, the lag of the newest event, and the alarm."""

    def __init__(self) -> None:
        self.lag = 0.0
        self.stamped = False
        self.late_since: float | None = None
        self._least: deque[tuple[float, float]] = deque(maxlen=BUCKETS)
        self._delay = 0.0
        self._arrived = 0.0
        self._turned: float | None = None
        """Since when the lag is on the other side of the alarm's limit."""

    def note(self, arrived_at: float, stamp: float) -> None:
        """Take the times of one event, in epoch seconds; equal ones mean that it carried none of its own."""
        self._arrived = arrived_at
        self._delay = arrived_at - stamp
        if self._delay:
            self.stamped = True
            if not self._least or arrived_at - self._least[-1][0] >= BUCKET_SECONDS:
                self._least.append((arrived_at, self._delay))
            elif self._delay < self._least[-1][1]:
                self._least[-1] = (self._least[-1][0], self._delay)

    def handled(self, at: float) -> None:
        """Measure: what was noted last has been worked on by now."""
        if self._arrived:
            offset = min((delay for _, delay in self._least), default=0.0) if self._delay else 0.0
            self.lag = max(0.0, self._delay - offset) + max(0.0, at - self._arrived)

    def look(self, at: float, owed: float = 0.0) -> float:
        """Return the lag now and let the alarm follow it; what was measured long ago counts as none.

        `owed`: how long the PBX has not answered when it was asked for a sign of life, in seconds.
        """
        lag = max(owed, self.lag if at - self._arrived < FRESH_SECONDS else 0.0)
        limit = LATE_SECONDS if self.late_since is None else LATE_SECONDS / 2
        if (lag > limit) is (self.late_since is None):
            self._turned = at if self._turned is None else self._turned
            if at - self._turned >= ALARM_SECONDS:
                self.late_since = at if self.late_since is None else None
                self._turned = None
        else:
            self._turned = None
        return lag

    def lose(self) -> None:
        """Forget lag and alarm, not the clocks: a link that is gone is not late."""
        self.lag = 0.0
        self.late_since = self._turned = None

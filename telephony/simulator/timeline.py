"""The simulator's clock: time passes only when somebody says so, so that a day runs in a blink or in real time."""

import heapq
import itertools
from collections.abc import Callable


class Timer:
    """Something that will happen at `at` (epoch seconds) unless it is cancelled."""

    __slots__ = ("_callback", "at")

    def __init__(self, at: float, callback: Callable[[], None]) -> None:
        self.at = at
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Let it not happen; harmless when it has happened already."""
        self._callback = None

    def fire(self) -> None:
        """Let it happen now, once."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class Timeline:
    """Virtual time with an agenda. Same agenda, same order: ties are settled by who was there first."""

    def __init__(self, start: float) -> None:
        self.now = start
        self.started = start
        self._agenda: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()

    def after(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Plan `callback` in `seconds` of virtual time (never before now)."""
        timer = Timer(self.now + max(0.0, seconds), callback)
        heapq.heappush(self._agenda, (timer.at, next(self._order), timer))
        return timer

    def next_at(self) -> float | None:
        """When the next planned thing is due; None when nothing is planned."""
        return self._agenda[0][0] if self._agenda else None

    def run_until(self, at: float) -> None:
        """Let time pass to `at`, doing on the way everything that falls due, in order."""
        while self._agenda and self._agenda[0][0] <= at:
            due, _, timer = heapq.heappop(self._agenda)
            self.now = max(self.now, due)
            timer.fire()
        self.now = max(self.now, at)

    def run_for(self, seconds: float) -> None:
        """Let `seconds` of virtual time pass."""
        self.run_until(self.now + seconds)

"""How far a long command is, on a terminal."""

import sys
import time
from typing import Final

EVERY_SECONDS: Final = 0.2


def progress_line(share: float, seconds: float, rows: int, made: str, begun_at: float = 0.0) -> str:
    """Say how far it is: share of the file (0 to 1), rows per second, and how long the rest takes at this rate.

    `rows` were read in these seconds, from the share `begun_at` on; `made` is what became of them.
    """
    came = share - begun_at
    left = f"{_clock(seconds / came * (1.0 - share))} left" if came > 0 and seconds > 0 else "beginning"
    return f"{share:4.0%}  {rows:,} rows  {made}  {rows / max(seconds, 0.001):,.0f} rows/s  {left}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Progress:
    """One line on stderr, drawn anew; nothing where stderr is no terminal."""

    def __init__(self, begun_at: float, noun: str) -> None:
        self._noun = noun
        self._begun_at = begun_at
        self._since = time.monotonic()
        self._drawn_at = 0.0
        self._shown = sys.stderr.isatty()

    def show(self, share: float, rows: int, made: int, *, last: bool = False) -> None:
        """Draw the line, not more often than eyes need."""
        now = time.monotonic()
        if not self._shown or (now - self._drawn_at < EVERY_SECONDS and not last):
            return
        self._drawn_at = now
        text = progress_line(min(share, 1.0), now - self._since, rows, f"{made:,} {self._noun}", self._begun_at)
        sys.stderr.write(f"\r{text:<78}")
        sys.stderr.flush()

    def end(self) -> None:
        """Leave the line standing."""
        if self._shown and self._drawn_at:
            sys.stderr.write("\n")
            sys.stderr.flush()

"""A day of a busy PBX in simulated time, and what memory says to it: `python -m bench.day [CALLS]`, its own process.

All recorded kinds of calls, each copy with channels of its own, some 300 at once: unfiltered bytes -> call book.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import msgspec

from telephony.calls import CallBook, Line, apply
from telephony.framing import Framer
from telephony.pipeline import SETTLED_SECONDS, SWEEP_SECONDS
from telephony.reading import read
from telephony.records import CallChange, ChangeKind, Step
from telephony.recovery import sweep
from tests.telephony.traffic import Trace, day, traces

RATE: Final = 10.0
WHOLE_DAY: Final = 864_000
HALF_HOUR: Final = WHOLE_DAY // 48
TICK: Final = 0.1
"""Simulated seconds of which one read of the socket brings everything."""
STRETCH: Final = 10.0
"""The recorded calls last some seconds, those of a day a minute or more."""
QUARTERS: Final = 4
FLAT: Final = 1.1
"""How many times what it took after the first quarter memory may take at the end."""


class Day(msgspec.Struct):
    """What became of it; memory is resident bytes at the start and after each quarter."""

    calls: int = 0
    ended: int = 0
    surprises: int = 0
    events: int = 0
    most_at_once: int = 0
    seconds: float = 0.0
    """CPU time, the making of the traffic included."""
    memory: list[int] = []


def measure() -> Day:
    """Live through half an hour of it in a fresh process, whose memory nothing else has filled."""
    done = subprocess.run([sys.executable, "-m", "bench.day", str(HALF_HOUR)], check=True, capture_output=True)  # noqa: S603 - ourselves
    return msgspec.json.decode(done.stdout, type=Day)


def live(calls: int) -> Day:
    """Take in that many calls, rounded up to whole rounds of all kinds, as fast as it goes."""
    kinds = [Trace(path, TICK, STRETCH) for path in traces()]
    each = sum(kind.calls for kind in kinds)
    told = Day(calls=-(-calls // each) * each)
    book, framer = CallBook(Line("main", re.compile("[0-9]{2,5}"))), Framer()
    told.memory.append(_resident())
    began, at, swept = time.process_time(), 0.0, 0.0
    for at, raw in day(kinds, told.calls, RATE, TICK):
        told.events += raw.count(b"\nEvent: ") + raw.startswith(b"Event: ")
        for block in framer.feed(raw):
            event = read(block, at)
            if event is not None:
                _count(told, apply(book, event))
        if at - swept >= SWEEP_SECONDS:
            _count(told, sweep(book, at))
            swept = at
        told.most_at_once = max(told.most_at_once, len(book.calls))
        if len(told.memory) < QUARTERS and told.ended >= told.calls * len(told.memory) / QUARTERS:
            told.memory.append(_resident())
            sys.stderr.write(f"bench: {told.ended:,} of {told.calls:,} calls, {told.memory[-1] >> 20} MB\n")
    _count(told, sweep(book, at + SETTLED_SECONDS))
    told.seconds = time.process_time() - began
    told.memory.append(_resident())
    return told


def _count(told: Day, step: Step) -> None:
    told.surprises += len(step.surprises)
    told.ended += sum(isinstance(one, CallChange) and one.kind is ChangeKind.ENDED for one in step.changes)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Print the day as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.day", description="A day of calls in simulated time.")
    parser.add_argument("calls", nargs="?", type=int, default=WHOLE_DAY, help="864,000 is 24 h at 10 calls a second")
    sys.stdout.write(msgspec.json.encode(live(parser.parse_args().calls)).decode() + "\n")


if __name__ == "__main__":
    main()

"""AMI events per second and core: framing + reducer beside panoramisk and Node's clients, same bytes, interleaved."""

import asyncio
import gc
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager

from bench import day, peers, resync
from bench.day import Day
from bench.figures import middle
from bench.recordings import chunks, mixed_events
from bench.resync import Resync
from telephony.calls import CallBook, Line
from telephony.framing import Framer
from telephony.pipeline import fold
from telephony.reading import read

EVENTS: Final = 30_000
CHUNK: Final = 16 * 1024
ROUNDS: Final = 5
NAMES: Final = (
    "Newchannel", "Newstate", "NewCallerid", "Hangup", "HangupRequest", "DialBegin", "DialState", "DialEnd",
    "BridgeEnter", "BridgeLeave", "Hold", "Unhold", "QueueCallerJoin", "QueueCallerLeave", "QueueCallerAbandon",
    "BlindTransfer", "AttendedTransfer",
)  # fmt: skip
"""The 17 events that a plain consumer would register for."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """Median CPU seconds of a pass over the same `events`, and how the stream fares when it is long or begins anew."""

    events: int
    picked: int
    passes: dict[str, float]
    resync: Resync
    half_hour: Day

    def rate(self, name: str) -> float:
        """Return events per second of CPU time."""
        return self.events / self.passes[name]

    def per_event(self, name: str) -> float:
        """Return microseconds of CPU time per event."""
        return self.passes[name] / self.events * 1e6


OURS, FRAMING, EVENTS_READ = "framing + reducer", "framing", "framing + typed event"
ALL, NAMED = "panoramisk, '*'", "panoramisk, 17 names"


def measure() -> Throughput:
    """Run every way over the same stream, in turns."""
    stream, events = mixed_events(EVENTS)
    cut = list(chunks(stream, CHUNK))
    ways: dict[str, Callable[[], float]] = {
        OURS: lambda: _timed(lambda: fold(CallBook(Line("main", re.compile("[0-9]{2,5}"))), Framer(), cut, 0.0)),
        FRAMING: lambda: _timed(lambda: _blocks(cut)),
        EVENTS_READ: lambda: _timed(lambda: (read(block, 0.0) for block in _blocks(cut))),
        ALL: lambda: _timed(lambda: _plain(cut, ("*",))),
        NAMED: lambda: _timed(lambda: _plain(cut, NAMES)),
        **{name: partial(peers.seconds, name, cut, events) for name in peers.installed()},
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name in list(taken):
            try:
                taken[name].append(ways[name]())
            except peers.PeerFailedError as error:
                sys.stderr.write(f"bench: not measured: {error}\n")
                del taken[name]
    picked = sum(1 for block in _blocks(cut) if read(block, 0.0) is not None)
    passes = {name: middle(seconds) for name, seconds in taken.items()}
    return Throughput(events, picked, passes, resync.measure(), day.measure())


def _timed(way: Callable[[], Iterable[object]]) -> float:
    gc.collect()
    began = time.process_time()
    for _ in way():
        pass
    return time.process_time() - began


def _blocks(cut: list[bytes]) -> Iterator[bytes]:
    framer = Framer()
    return (block for chunk in cut for block in framer.feed(chunk))


def _plain(cut: list[bytes], names: tuple[str, ...]) -> Iterator[None]:
    """Feed panoramisk's own protocol, as its manager would, with a callback for the names."""
    manager = Manager()
    seen: list[Any] = []
    for name in names:
        manager.register_event(name, lambda _, message: seen.append(message) if len(seen) < 1 else None)
    protocol = AMIProtocol()
    protocol.connection_made(asyncio.Transport())
    protocol.factory = manager
    protocol.encoding = "utf8"
    return (protocol.data_received(chunk) for chunk in cut)

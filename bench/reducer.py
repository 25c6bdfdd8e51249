"""AMI events per second and core: framing + reducer beside plain panoramisk on the same bytes, interleaved."""

import asyncio
import gc
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager

from bench.figures import middle
from bench.recordings import chunks, mixed_events
from telephony.calls import CallBook, Line
from telephony.events import parse
from telephony.framing import Framer
from telephony.headers import headers
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
    """Median CPU seconds of one pass over the same `events`."""

    events: int
    picked: int
    passes: dict[str, float]

    def rate(self, name: str) -> float:
        """Return events per second of CPU time."""
        return self.events / self.passes[name]

    def per_event(self, name: str) -> float:
        """Return microseconds of CPU time per event."""
        return self.passes[name] / self.events * 1e6


OURS, FRAMING, HEADERS, PARSE = "framing + reducer", "framing", "framing + headers", "framing + headers + parse"
ALL, NAMED = "panoramisk, '*'", "panoramisk, 17 names"


def measure() -> Throughput:
    """Run every way over the same stream, in turns."""
    stream, events = mixed_events(EVENTS)
    cut = list(chunks(stream, CHUNK))
    ways: dict[str, Callable[[], None]] = {
        OURS: lambda: _drain(fold(CallBook(Line("main", re.compile("[0-9]{2,5}"))), Framer(), cut, 0.0)),
        FRAMING: lambda: _drain(block for chunk, framer in _framed(cut) for block in framer.feed(chunk)),
        HEADERS: lambda: _drain(headers(block) for chunk, framer in _framed(cut) for block in framer.feed(chunk)),
        PARSE: lambda: _drain(read(block, 0.0) for chunk, framer in _framed(cut) for block in framer.feed(chunk)),
        ALL: lambda: _plain(cut, ("*",)),
        NAMED: lambda: _plain(cut, NAMES),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, run in ways.items():
            gc.collect()
            began = time.process_time()
            run()
            taken[name].append(time.process_time() - began)
    framer = Framer()
    picked = sum(1 for chunk in cut for block in framer.feed(chunk) if parse(headers(block), 0.0) is not None)
    return Throughput(events, picked, {name: middle(seconds) for name, seconds in taken.items()})


def _framed(cut: list[bytes]) -> Iterable[tuple[bytes, Framer]]:
    framer = Framer()
    return ((chunk, framer) for chunk in cut)


def _drain(steps: Iterable[object]) -> None:
    for _ in steps:
        pass


def _plain(cut: list[bytes], names: tuple[str, ...]) -> None:
    """Feed panoramisk's own protocol, as its manager would, with a callback for the names."""
    manager = Manager()
    seen: list[Any] = []
    for name in names:
        manager.register_event(name, lambda _, message: seen.append(message) if len(seen) < 1 else None)
    protocol = AMIProtocol()
    protocol.connection_made(asyncio.Transport())
    protocol.factory = manager
    protocol.encoding = "utf8"
    for chunk in cut:
        protocol.data_received(chunk)

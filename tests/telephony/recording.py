"""Reads recordings and plays them into the reducer, as the tracker does."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from telephony.calls import CallBook, Line, apply
from telephony.events import parse
from telephony.headers import headers
from telephony.records import CallChange, CallRecord, Change, ChangeKind, Surprise
from telephony.recovery import link_up, sweep

RECORDINGS = Path(__file__).parent.parent / "recordings"
ASTERISK22 = RECORDINGS / "asterisk22"
CACOFONISK = RECORDINGS / "cacofonisk"
OWN = RECORDINGS / "own"

Block = tuple[float, bytes]


def blocks_of(path: Path) -> list[Block]:
    """Read a recording's AMI blocks with their arrival, seconds; cacofonisk's have no times and get one each 10 ms."""
    if path.suffix == ".jsonl":
        lines = (json.loads(line) for line in path.read_text("utf-8").splitlines())
        return [(line["t"], line["raw"].encode("utf-8", "surrogateescape")) for line in lines]
    events = json.loads(path.read_text("utf-8"))
    return [
        (number / 100, "".join(f"{key}: {value}\r\n" for key, value in event.items()).encode())
        for number, event in enumerate(events)
    ]


def truth_of(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(
        path.with_name(path.name.removesuffix(".jsonl") + ".truth.json").read_text("utf-8")
    )
    return told


@dataclass
class Outcome:
    """What a recording gave."""

    book: CallBook
    rows: dict[str, CallRecord] = field(default_factory=dict)
    changes: list[CallChange] = field(default_factory=list)
    surprises: list[Surprise] = field(default_factory=list)

    def take(self, changes: Iterable[Change]) -> None:
        for change in changes:
            if isinstance(change, CallChange):
                self.changes.append(change)
                self.rows[change.call.id] = change.call
                if change.kind is ChangeKind.ABSORBED and change.absorbed is not None:
                    self.rows.pop(change.absorbed, None)

    def in_order(self) -> list[CallRecord]:
        return sorted(self.rows.values(), key=lambda row: row.started_at)


def new_book(extensions: str = "[0-9]{2,5}") -> CallBook:
    book = CallBook(Line("main", re.compile(extensions)))
    link_up(book, 0.0)
    return book


def play(blocks: Iterable[Block], book: CallBook) -> Outcome:
    """Apply the blocks in order, sweeping twice a second as the tracker does, and once more when all is quiet."""
    outcome = Outcome(book)
    at = swept = 0.0
    for at, block in blocks:
        if at - swept >= 0.5:
            outcome.take(sweep(book, at).changes)
            swept = at
        event = parse(headers(block), at)
        if event is not None:
            step = apply(book, event)
            outcome.take(step.changes)
            outcome.surprises.extend(step.surprises)
    outcome.take(sweep(book, at + 5.0).changes)
    return outcome


def all_recordings() -> Iterator[Path]:
    yield from sorted(ASTERISK22.rglob("*.jsonl"))
    yield from sorted(CACOFONISK.rglob("traces/*/*.json"))
    yield from sorted(OWN.glob("*.events.jsonl"))

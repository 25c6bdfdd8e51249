"""255 recorded traces at once, on the same phones and queues, in one stream and one book: every call as if alone.

255 PBXs would have a book each, and nothing to mix up.
"""

import heapq
from collections import defaultdict
from typing import Any

from telephony.framing import Framer
from telephony.records import CallRecord
from tests.telephony.recording import new_book, play
from tests.telephony.test_traces import NUMBERS_ON_THE_WIRE, check_row, name_of
from tests.telephony.traffic import Trace, traces, truth_of_calls

COPIES = 255
SECONDS_APART = 0.01


def test_every_row_of_255_traces_at_once_is_what_really_happened() -> None:
    kinds = [Trace(path) for path in traces()]
    running = [(number, kinds[number % len(kinds)], number * SECONDS_APART) for number in range(COPIES)]
    stream = heapq.merge(*(kind.copy(number, start) for number, kind, start in running), key=lambda told: told[0])
    framer = Framer()
    outcome = play([(at, block) for at, raw in stream for block in framer.feed(raw)], new_book())
    rows = rows_of(outcome.in_order(), running)
    for number, kind, start in running:
        told = NUMBERS_ON_THE_WIRE.get(name_of(kind.path), {})
        for place, (row, call) in enumerate(zip(rows[number], truth_of_calls(kind.path), strict=True)):
            check_row(row, later(call, start), told.get(place, call["external_number"]))
    assert outcome.surprises == []
    assert outcome.book.calls == {}


def rows_of(rows: list[CallRecord], running: list[tuple[int, Trace, float]]) -> dict[int, list[CallRecord]]:
    """Tell the rows of each copy apart, by their channels; an attempt that never had one by its only event's time."""
    of_channel = {name: number for number, kind, _ in running for name in kind.uniqueids(number)}
    of_attempt = {
        at: number
        for number, kind, start in running
        for at, raw in kind.copy(number, start)
        if raw.startswith(b"Event: OriginateResponse")
    }
    told: dict[int, list[CallRecord]] = defaultdict(list)
    for row in rows:
        told[of_channel[row.channels[0]] if row.channels else of_attempt[row.started_at]].append(row)
    return told


def later(call: dict[str, Any], by: float) -> dict[str, Any]:
    times = {key: value + by for key, value in call.items() if key.startswith("t_") and value is not None}
    return {**call, **times}

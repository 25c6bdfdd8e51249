"""However many calls go through it, of whatever kind: the book holds what it held before."""

from collections import deque
from collections.abc import Iterable

import msgspec
import pytest

from telephony import channels
from telephony.calls import CallBook, apply
from telephony.framing import Framer
from telephony.reading import read
from telephony.recovery import sweep
from tests.telephony.recording import Block, new_book
from tests.telephony.traffic import Trace, day, traces

TICK = 0.1
RATE = 50.0
FEW = 20


@pytest.fixture(scope="module")
def kinds() -> list[Trace]:
    return [Trace(path, TICK) for path in traces()]


def held(thing: object) -> int:
    """Count what is reachable from a structure of the book, itself included."""
    match thing:
        case msgspec.Struct():
            return 1 + sum(held(getattr(thing, name)) for name in thing.__struct_fields__)
        case dict():
            return 1 + sum(held(key) + held(value) for key, value in thing.items())
        case list() | tuple() | set() | frozenset() | deque():
            return 1 + sum(map(held, thing))
        case _:
            return 1


def follow(book: CallBook, framer: Framer, traffic: Iterable[Block]) -> int:
    """Take traffic in as the tracker does; tells how many calls there were at most at once."""
    most = 0
    for at, raw in traffic:
        for block in framer.feed(raw):
            event = read(block, at)
            if event is not None:
                apply(book, event)
        most = max(most, len(book.calls))
        sweep(book, at)
        sweep(book, at + 2.0)
    return most


def test_after_many_calls_of_every_kind_the_book_holds_what_it_held_before(
    kinds: list[Trace], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "REMEMBERED_HANGUPS", FEW)
    book, framer = new_book(), Framer()
    book.recent_originates = deque(maxlen=FEW)
    rounds = 10
    calls = rounds * sum(kind.calls for kind in kinds)
    assert follow(book, framer, day(kinds, calls, RATE, TICK)) > FEW
    once = held(book)
    follow(book, framer, day(kinds, calls, RATE, TICK, first=rounds * len(kinds)))
    assert held(book) == once


def test_an_idle_book_holds_queues_phones_and_what_is_bounded(kinds: list[Trace]) -> None:
    book = new_book()
    follow(book, Framer(), day(kinds, 100, RATE, TICK))
    assert (book.calls, book.by_channel, book.adopted, book.failed_originates) == ({}, {}, set(), [])
    assert (book.graph.channels, book.graph.bridges, book.graph.names) == ({}, {}, {})
    assert not any(queue.waiting for queue in book.queues.queues.values())

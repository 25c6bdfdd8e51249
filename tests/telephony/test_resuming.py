"""A log read in two goes tells the same calls as in one, wherever it was broken off."""

import re
from functools import cache

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.calls import Line
from telephony.cel import Finished, History, Row
from telephony.resuming import LONGEST_CALL_SECONDS, Beginnings, Place
from tests.telephony.test_cel import TRACES, rows_of

LINE = Line("main", re.compile("[0-9]{2,5}"))
STEP = 67
"""Rows between two places where reading is broken off: no divisor of how calls repeat."""


@cache
def busy() -> tuple[Row, ...]:
    """All traces at the same time, their calls across each other, the first of them without its first rows."""
    rows: list[Row] = []
    seen: set[str] = set()
    for number, path in enumerate(TRACES):
        told = rows_of(path)
        if seen & {row.uniqueid for row in told}:
            continue  # the same id given to two Originates
        seen |= {row.uniqueid for row in told}
        earlier = told[0].at - number * 3.0 if told else 0.0
        rows += [msgspec.structs.replace(row, at=row.at - earlier) for row in told]
    return tuple(sorted(rows, key=lambda row: row.at)[3:])


def read_until(stop: int, history: History, beginnings: Beginnings, start: int = 0) -> list[Finished]:
    """Read rows from one to another; a row's number is its place."""
    told: list[Finished] = []
    for number, row in enumerate(busy()[start:stop], start=start):
        beginnings.note(row.uniqueid, Place(number, number), row.at)
        told += history.take(row)
    return told


@cache
def in_one_go() -> tuple[list[Finished], int]:
    history = History(LINE)
    return read_until(len(busy()), history, Beginnings()), history.cut_off


def check(stop: int) -> Place:
    """Break off before a row, begin again, and compare with the whole; return where it began again."""
    history, beginnings = History(LINE), Beginnings()
    told = read_until(stop, history, beginnings)
    again = beginnings.oldest(history.needed(), Place(stop, stop), busy()[stop - 1].at)
    cut_off = history.cut_off

    history, beginnings = History(LINE), Beginnings()
    read_until(stop, history, beginnings, again.offset)
    repeated = history.cut_off
    told += read_until(len(busy()), history, beginnings, stop)
    assert (told, cut_off + history.cut_off - repeated) == in_one_go()
    return again


def test_broken_off_anywhere_in_a_busy_log_the_rest_is_told_as_in_one_go() -> None:
    assert len(in_one_go()[0]) > 80
    places = [check(stop) for stop in range(1, len(busy()), STEP)]
    assert places == sorted(places)
    assert sum(0 < place.offset < stop for place, stop in zip(places, range(1, len(busy()), STEP), strict=True)) > 10


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_broken_off_at_any_row_it_is_the_same(data: st.DataObject) -> None:
    check(data.draw(st.integers(1, len(busy()) - 1)))


def test_a_call_that_lost_its_end_holds_nothing_back_after_a_day() -> None:
    beginnings = Beginnings()
    beginnings.note("1.1", Place(10, 2), 1000.0)
    beginnings.note("1.1", Place(30, 4), 1001.0)
    beginnings.note("2.1", Place(50, 6), 2000.0)
    beginnings.note("3.1", Place(70, 8), 3000.0)
    here = Place(90, 10)
    assert beginnings.oldest(["2.1", "1.1", "unseen"], here, 3000.0) == Place(10, 2)
    assert beginnings.oldest(["1.1", "2.1"], here, 1500.0 + LONGEST_CALL_SECONDS) == Place(50, 6)
    assert set(beginnings.first) == {"1.1", "2.1"}, "what is needed no more is forgotten"
    assert beginnings.oldest([], here, 3000.0) == here

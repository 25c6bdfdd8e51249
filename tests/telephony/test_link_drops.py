"""The link drops anywhere and comes back, with what the PBX lists then: nothing false that does not say so."""

from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telephony.calls import CallBook, apply, open_calls
from telephony.events import parse
from telephony.headers import headers
from telephony.records import CallRecord, Direction, Source
from telephony.recovery import link_down, link_up, resync, sweep
from tests.telephony.listing import lists_of
from tests.telephony.recording import Block, Outcome, all_recordings, blocks_of, new_book, play

PATHS = [path for path in all_recordings() if path.suffix == ".jsonl"]
NEAR = 1.0
"""Seconds: the lists tell the age of a channel in whole ones."""

quick = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def stream(path: Path) -> tuple[Block, ...]:
    blocks = ((at, raw, parse(headers(raw), at)) for at, raw in blocks_of(path))
    return tuple((event.at, raw) for _, raw, event in blocks if event is not None)


@cache
def undisturbed(path: Path) -> dict[str, CallRecord]:
    return {row.id: row for row in play(stream(path), new_book()).rows.values() if row.channels}


def take(outcome: Outcome, book: CallBook, blocks: tuple[Block, ...]) -> None:
    for at, raw in blocks:
        event = parse(headers(raw), at)
        assert event is not None
        step = apply(book, event)
        outcome.take(step.changes)
        outcome.surprises.extend(step.surprises)


def dropped(path: Path, cut: int, back: float) -> tuple[Outcome, set[str]]:
    """Follow a recording but for what happens from that place until `back`; the calls that must not be lost."""
    blocks = stream(path)
    before, after = blocks[:cut], tuple(block for block in blocks[cut:] if block[0] > back)
    pbx, book = new_book(), new_book()
    take(Outcome(pbx), pbx, blocks[: len(blocks) - len(after)])
    outcome = Outcome(book)
    take(outcome, book, before)
    due = {*outcome.rows, *(call.id for call in open_calls(pbx))}
    link_down(book, before[-1][0], "cut")
    link_up(book, back)
    outcome.take(resync(book, lists_of(pbx, back), back).changes)
    take(outcome, book, after)
    for waited in (2.0, 15.0, 90.0):
        outcome.take(sweep(book, max(back, blocks[-1][0]) + waited).changes)
    return outcome, due


def false(row: CallRecord, truth: CallRecord | None) -> bool:
    """Whether a row claims what did not happen."""
    if truth is None:
        return True
    told = (row.outcome, row.direction, row.answered_by, row.answered_at is None)
    return told != (truth.outcome, truth.direction, truth.answered_by, truth.answered_at is None) or (
        abs(row.talk_seconds - truth.talk_seconds) > NEAR
    )


@quick
@given(path=st.sampled_from(PATHS), data=st.data(), away=st.sampled_from([0.2, 5.0, 3600.0]))
def test_a_dropped_link_loses_doubles_and_invents_no_call(path: Path, data: st.DataObject, away: float) -> None:
    cut = data.draw(st.integers(1, len(stream(path)) - 1))
    outcome, due = dropped(path, cut, stream(path)[cut - 1][0] + away)
    assert outcome.surprises == []
    assert (outcome.book.calls, outcome.book.graph.channels) == ({}, {}), "nothing stays open"
    told = {row.id: row for row in outcome.rows.values() if row.channels}
    assert told.keys() >= {one for one in due if one in undisturbed(path)}
    for row in told.values():
        assert row.ended_at is not None
        # A consultation by keys whose beginning was missed may stand beside its call.
        fragment = row.id not in undisturbed(path) and row.direction is Direction.INTERNAL
        assert row.source is Source.RECOVERED or fragment or not false(row, undisturbed(path).get(row.id))

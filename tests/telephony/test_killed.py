"""Killed in mid-call and started again while the PBX gives no lists: the row goes on as if nothing had been."""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telephony.calls import apply, open_calls
from telephony.events import parse
from telephony.headers import headers
from telephony.records import CallChange, CallRecord, ChangeKind
from telephony.recovery import ADOPTED_GRACE_SECONDS, adopt, link_up, sweep
from telephony.standing import restore
from tests.telephony.recording import Block, all_recordings, blocks_of, new_book, play

PATHS = [path for path in all_recordings() if path.suffix == ".jsonl"]
SWEEP_SECONDS = 0.5
"""Asterisk tells one act in several events, a millisecond apart: until the next sweep a kill may lose half of it."""
NEAR = 1.0
"""A phone's going Up is told with the talk it leads to, at most a second later (`PROMPT_ANSWER_SECONDS`)."""

Facts = dict[str, tuple[object, ...]]


@cache
def stream(path: Path) -> tuple[Block, ...]:
    return tuple(block for block in blocks_of(path) if parse(headers(block[1]), block[0]) is not None)


def quiet(blocks: tuple[Block, ...]) -> list[int]:
    """Give the places after which nothing happens for longer than until the next sweep."""
    return [n for n in range(1, len(blocks)) if blocks[n][0] - blocks[n - 1][0] > SWEEP_SECONDS]


def killed(path: Path, cut: int) -> dict[str, CallRecord]:
    """Follow a recording, with a kill at that place: the rows as the database has them in the end."""
    blocks = stream(path)
    rows: dict[str, CallRecord] = {}

    def write(changes: list[CallChange]) -> None:
        for change in changes:
            rows[change.call.id] = change.call
            if change.kind is ChangeKind.ABSORBED and change.absorbed is not None:
                rows.pop(change.absorbed, None)

    book = new_book()
    for at, raw in blocks[:cut]:
        event = parse(headers(raw), at)
        assert event is not None
        write([change for change in apply(book, event).changes if isinstance(change, CallChange)])
    if cut in quiet(blocks):
        swept = sweep(book, blocks[cut - 1][0] + SWEEP_SECONDS)
        write([change for change in swept.changes if isinstance(change, CallChange)])
    second = new_book()
    adopt(second, [row for row in rows.values() if row.ended_at is None])
    link_up(second, blocks[min(cut, len(blocks) - 1)][0])
    outcome = play(blocks[cut:], second)
    for waited in (15.0, ADOPTED_GRACE_SECONDS + 20.0):
        outcome.take(sweep(second, blocks[-1][0] + waited).changes)
    write(outcome.changes)
    assert second.calls == {}, "no row is open for ever"
    return {row.id: row for row in rows.values() if row.channels}


def facts(row: CallRecord) -> tuple[object, ...]:
    return (
        row.direction, row.outcome, row.number, row.did, row.queue, row.answered_by, row.extension, row.holds,
        {part.extension: part.result for part in row.participants},
        [(moved.kind, moved.source, moved.target) for moved in row.transfers],
    )  # fmt: skip


@cache
def undisturbed(path: Path) -> dict[str, CallRecord]:
    return {row.id: row for row in play(stream(path), new_book()).rows.values() if row.channels}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(path=st.sampled_from([path for path in PATHS if quiet(stream(path))]), data=st.data())
def test_between_two_acts_a_kill_costs_no_fact(path: Path, data: st.DataObject) -> None:
    cut = data.draw(st.sampled_from(quiet(stream(path))))
    rows, alone = killed(path, cut), undisturbed(path)
    assert rows.keys() == alone.keys()
    for name, row in rows.items():
        assert facts(row) == facts(alone[name])
        assert row.talk_seconds == pytest.approx(alone[name].talk_seconds, abs=NEAR)
        assert row.wait_seconds == pytest.approx(alone[name].wait_seconds, abs=NEAR)
        assert row.hold_seconds == pytest.approx(alone[name].hold_seconds, abs=NEAR)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(path=st.sampled_from(PATHS), data=st.data())
def test_a_kill_in_the_middle_of_an_act_loses_no_row(path: Path, data: st.DataObject) -> None:
    """A consultation of which half was heard may stand beside its call; no call is gone or open."""
    cut = data.draw(st.integers(1, len(stream(path))))
    assert killed(path, cut).keys() >= undisturbed(path).keys()


def test_what_another_release_wrote_is_passed_over() -> None:
    book = new_book()
    for at, raw in stream(PATHS[0])[:12]:
        event = parse(headers(raw), at)
        assert event is not None
        apply(book, event)
    (row,) = open_calls(book)
    assert restore(row.standing) is not None
    assert restore(b"") is None
    assert restore(b"\x81\xa1x\x01") is None
    assert restore(row.standing[:-5]) is None

"""Every recording of a real Asterisk gives exactly the rows that really happened, told by the phones themselves."""

from pathlib import Path
from typing import Any

import pytest

from telephony.records import CallPhase, CallRecord, ChangeKind, Direction, LegResult
from tests.telephony.recording import ASTERISK22, all_recordings, blocks_of, new_book, play, truth_of

TRACES = sorted(path for path in ASTERISK22.rglob("*.jsonl") if path.with_name(path.stem + ".truth.json").exists())

NUMBERS_ON_THE_WIRE: dict[str, dict[int, str | None]] = {
    # The truth tells what the caller's From said; with trust_id_inbound Asterisk goes by P-Asserted-Identity,
    # and a user part is read as a telephone number where it is one (asterisk22/README, scenario callerid_variants).
    "callerid_variants": {11: "+79261112233", 12: "+74959998877", 15: "+12025550143"},
    "channelvars/callerid_variants": {11: None, 12: "+74959998877", 15: "+12025550143"},
}
"""Trace -> call -> the number AMI shows where it is not the one the caller gave; None = known to be withheld."""


def name_of(path: Path) -> str:
    return path.relative_to(ASTERISK22).with_suffix("").as_posix()


def outcomes_allowed(call: dict[str, Any]) -> set[str]:
    """Tell the truth's word in the contract's finer ones: an outgoing "missed" is `no_answer`, or `canceled`."""
    if call["direction"] != "inbound" and call["outcome"] == "missed":
        return {"canceled"} if call["hangup_by"] in {"agent", "caller"} else {"no_answer"}
    return {call["outcome"]}


@pytest.mark.parametrize("path", TRACES, ids=name_of)
def test_rows_are_what_really_happened(path: Path) -> None:
    outcome = play(blocks_of(path), new_book())
    calls = truth_of(path).get("calls", [])
    rows = outcome.in_order()
    if not calls and path.stem == "behave_resync":
        return
    assert len(rows) == len(calls)
    for place, (row, call) in enumerate(zip(rows, calls, strict=True)):
        check_row(row, call, NUMBERS_ON_THE_WIRE.get(name_of(path), {}).get(place, call["external_number"]))


def check_row(row: CallRecord, call: dict[str, Any], number: str | None) -> None:
    assert row.direction.value == call["direction"]
    assert row.outcome is not None
    assert row.outcome.value in outcomes_allowed(call)
    if row.direction is Direction.INTERNAL:
        assert row.number == call["originator"]
    else:
        assert (row.number or None) == (number or None)
    assert row.queue == call.get("queue")
    if row.direction is Direction.INBOUND:
        assert row.did == call["dialled"]
    check_people(row, call)
    check_times(row, call)
    assert row.holds == call.get("holds", 0)
    transfers = [t for t in call.get("transfers", []) if t["kind"] != "park"]  # parking is in the timeline
    told = [(t.kind.value, t.source, t.target) for t in row.transfers]
    kinds = {"blonde": "attended"}
    assert told == [(kinds.get(t["kind"], t["kind"]), t["by"].removesuffix(" (AMI)"), t["to"]) for t in transfers]


def check_people(row: CallRecord, call: dict[str, Any]) -> None:
    answered_by = call["answered_by"] if (call["answered_by"] or "").isdecimal() else None
    assert row.answered_by == answered_by
    phones = {p.extension for p in row.participants}
    rung = {phone for phone in call["rung"] if phone != "trunk"}
    took_it = {phone for phone in (answered_by, call.get("last_agent")) if phone is not None}
    assert phones == rung | took_it  # who picks up or unparks was never rung
    legs = {leg["phone"]: leg for leg in call.get("legs", []) if leg["phone"] != "trunk"}
    for participant in row.participants:
        leg = legs.get(participant.extension)
        if leg is None or participant.extension not in rung:
            continue
        assert (participant.rang_at is not None) == (leg["t_ringing"] is not None)
        assert (participant.result is LegResult.ANSWERED) == (leg["t_answered"] is not None)
        if leg["final"] == 486:
            assert participant.result is LegResult.BUSY
        if leg["final"] == 603:
            assert participant.result is LegResult.REJECTED


def check_times(row: CallRecord, call: dict[str, Any]) -> None:
    assert row.ended_at is not None
    near = 0.5
    if call.get("t_ended") is not None:
        assert row.ended_at == pytest.approx(call["t_ended"], abs=near)
    if call.get("t_answered") is not None:
        assert row.answered_at == pytest.approx(call["t_answered"], abs=near)
    assert (row.answered_at is None) == (call["outcome"] != "answered")
    assert row.talk_seconds == pytest.approx(call["talk_s"] or 0.0, abs=near)
    if call.get("queue_wait_s") is not None and row.answered_at is not None:
        # The truth counts from the INVITE (an IVR included), the contract from the queue's door.
        assert call["t_answered"] - call["t_first_ring"] - near <= row.wait_seconds <= call["queue_wait_s"] + near


def test_a_caller_in_voicemail_no_longer_rings_anywhere() -> None:
    outcome = play(blocks_of(ASTERISK22 / "did_noanswer_voicemail.jsonl"), new_book())
    phases = [change.call.phase for change in outcome.changes]
    assert phases[-2:] == [CallPhase.VOICEMAIL, CallPhase.ENDED]


@pytest.mark.parametrize("path", list(all_recordings()), ids=lambda path: path.stem)
def test_nothing_is_left_over_and_nothing_surprises(path: Path) -> None:
    outcome = play(blocks_of(path), new_book(r"(1500100|2600100)\d\d" if path.suffix == ".json" else "[0-9]{2,5}"))
    assert outcome.surprises == []
    assert outcome.book.calls == {}
    assert outcome.book.by_channel == {}
    assert outcome.book.graph.channels == {}
    assert outcome.book.graph.bridges == {}
    assert outcome.book.graph.names == {}


@pytest.mark.parametrize("path", TRACES, ids=name_of)
def test_a_phone_is_told_to_ring_before_it_is_told_anything_else(path: Path) -> None:
    """The pop of a phone opens with RINGING (or, for who picks up, ANSWERED) and the row exists before it."""
    outcome = play(blocks_of(path), new_book())
    started: set[str] = set()
    rang: set[tuple[str, str | None]] = set()
    for change in outcome.changes:
        if change.kind is ChangeKind.STARTED:
            assert change.call.id not in started
            started.add(change.call.id)
        assert change.call.id in started
        if change.kind in {ChangeKind.RINGING, ChangeKind.DIALING}:
            rang.add((change.call.id, change.extension))
        if change.kind is ChangeKind.STOPPED:
            assert (change.call.id, change.extension) in rang
    ends = [change.call.id for change in outcome.changes if change.kind is ChangeKind.ENDED]
    assert len(ends) == len(set(ends))
    assert set(ends) == set(outcome.rows)

"""Traces others recorded (Asterisk 11 and 13, chan_sip, Local channels everywhere) give the calls their tests assert.

Where we deviate from their words, with the reason:
- A consultation that was merged is part of the row it merged into (one row or two are both right).
- Their `rang` leaves out a phone that was called and refused at once (busy, do not disturb, forwarded); it is a
  participant of ours with `rang_at` None, because the agent was called.
- A click-to-call's own phone rings as well; it is a participant of ours, they name it as the caller only.
- `no-answer` of an inbound call is `missed` in the contract's words; a "blonde" transfer is `attended` there.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from telephony.records import CallRecord, Direction, LegResult
from tests.telephony.recording import CACOFONISK, blocks_of, new_book, play

PHONES = r"(1500100|2600100)\d\d"
TRACES = sorted(CACOFONISK.rglob("traces/*/*.json"))
WORDS = {
    "answered": {"answered"},
    "no-answer": {"no_answer", "missed", "canceled"},
    "busy": {"busy"},
    "rejected": {"rejected"},
    "abandoned": {"abandoned", "missed"},
    "other": {"missed"},
}


def is_phone(endpoint: str) -> bool:
    return endpoint.startswith(("1500100", "2600100"))


def expected_of(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(
        (CACOFONISK / "expected" / f"{path.parent.name}__{path.stem}.json").read_text("utf-8")
    )
    return told


def with_consultations(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Their calls with each consultation's phones put into the call it merged into."""
    for call in calls:
        if call.get("merged_into") is not None:
            calls[call["merged_into"]]["rang"] = calls[call["merged_into"]]["rang"] + call["rang"]
    return [call for call in calls if call.get("merged_into") is None]


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_calls_are_those_their_tests_assert(path: Path) -> None:
    expected = expected_of(path)
    rows = play(blocks_of(path), new_book(PHONES)).in_order()
    calls = with_consultations(expected["calls"])
    if "failed-attempt-row" in expected.get("tolerate", ()):
        assert all(row.answered_at is None for row in rows)
        return
    assert len(rows) == len(calls)
    for row, call in zip(rows, calls, strict=True):
        check(row, call, tolerate=expected.get("tolerate", ()))


def check(row: CallRecord, call: dict[str, Any], tolerate: tuple[str, ...]) -> None:
    caller = call["caller"]["endpoint"]
    assert (row.direction is Direction.INBOUND) == (not is_phone(caller) and not row.called)
    if is_phone(caller):
        assert row.extension == caller
    assert row.outcome is not None
    allowed = set().union(*(WORDS.get(word, set()) for word in [call["outcome"], *call.get("outcome_also", [])]))
    assert row.outcome.value in allowed
    rang = {endpoint for endpoint in call["rang"] if is_phone(endpoint)}
    took_it = {t["endpoint"] for t in call.get("talked_to") or [] if is_phone(t["endpoint"])}
    refused = {p.extension for p in row.participants if p.rang_at is None and p.result is not LegResult.ANSWERED}
    assert {p.extension for p in row.participants} - refused - {caller} == (rang | took_it) - refused
    first = call.get("answered_by")
    if first is not None and is_phone(first):
        assert row.answered_by == first
    if first is None:
        assert row.answered_at is None
    if call["caller"].get("presentation") == "prohibited":
        assert row.withheld
        assert row.number is None
    if "failed-transfer-shown" not in tolerate:
        check_transfers(row, call)
    if call.get("to_number") and row.direction is Direction.INBOUND:
        assert row.did == call["to_number"]


def check_transfers(row: CallRecord, call: dict[str, Any]) -> None:
    told = call.get("transfers") or []
    assert len(row.transfers) == len(told)
    for ours, theirs in zip(row.transfers, told, strict=True):
        assert ours.kind.value == {"blonde": "attended"}.get(theirs["kind"], theirs["kind"])
        assert ours.source == theirs["from"]
        assert ours.target in theirs["to"]

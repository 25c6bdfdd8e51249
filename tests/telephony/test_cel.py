"""The calls that Asterisk's own event log tells of are those that were followed live."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.calls import Line, call_id
from telephony.cel import History, Row, apply_row, finished_calls, new_book, read, read_line
from telephony.records import CallRecord, Outcome, Source
from tests.telephony.recording import ASTERISK22, blocks_of, play, truth_of
from tests.telephony.recording import new_book as new_live_book

LINE = Line("main", re.compile("[0-9]{2,5}"))
TRACES = sorted(path for path in ASTERISK22.rglob("*.jsonl") if path.with_name(path.stem + ".truth.json").exists())

NOT_IN_CEL = {
    "clicktocall_failures": "a phone that is not registered makes no channel, so CEL has no row of that attempt",
}
"""Traces whose log lacks a call, with the reason."""


def rows_of(path: Path) -> list[Row]:
    """Read the CEL rows beside a trace; those the PBX wrote as broken JSON are kept as text."""
    told: list[dict[str, Any]] = truth_of(path).get("cel") or []
    read_ones = (read_line(one["unparsed"]) if "unparsed" in one else read(one) for one in told)
    return [row for row in read_ones if row is not None]


def facts(call: CallRecord) -> tuple[object, ...]:
    return (
        call.id,
        call.direction,
        call.outcome,
        call.queue,
        call.did,
        call.answered_by,
        call.extension,
        {(p.extension, p.result) for p in call.participants},
        [(t.kind, t.source, t.target) for t in call.transfers],
    )


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.relative_to(ASTERISK22).with_suffix("").as_posix())
def test_cel_tells_the_calls_that_were_followed_live(path: Path) -> None:
    rows = rows_of(path)
    if not rows:
        return
    live = play(blocks_of(path), new_live_book()).in_order()
    if path.stem in NOT_IN_CEL:
        live = [call for call in live if call.channels]
    recovered = sorted(finished_calls(rows, LINE, Source.RECOVERED), key=lambda call: call.started_at)
    assert [facts(call) for call in recovered] == [facts(call) for call in live]
    for ours, theirs in zip(recovered, live, strict=True):
        assert ours.source is Source.RECOVERED
        assert theirs.withheld or ours.number == theirs.number  # CEL does not tell that a number is withheld
        assert ours.talk_seconds == pytest.approx(theirs.talk_seconds, abs=0.5)
        assert ours.wait_seconds == pytest.approx(theirs.wait_seconds, abs=0.5)


LONG = {"EventType": "CHAN_START", "EventTime": "2026-11-21 20:01:34.136325", "CIDNum": "+7916", "CIDName": "Ana"}
SHORT = {"eventtype": "CHAN_START", "eventtime": 1795291294.136325, "num": "+7916", "name": "Ana"}
REST = {"ChanName": "PJSIP/trunk-1", "UniqueID": "1.1", "LinkedID": "1.1", "Exten": "100"}


def test_both_families_of_keys_and_times_are_read() -> None:
    one, other = read(LONG | REST), read(SHORT | REST)
    assert one is not None
    assert not one.zoned
    assert msgspec.structs.replace(one, zoned=True) == other
    assert (one.number, one.name, one.at) == ("+7916", "Ana", 1795291294.136325)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"EventType": "HANGUP"},
        LONG | REST | {"EventTime": "yesterday"},
        LONG | REST | {"EventTime": "nan"},
        LONG | REST | {"UniqueID": None},
    ],
)
def test_a_row_that_names_no_event_time_or_channel_is_none(fields: dict[str, Any]) -> None:
    assert read(fields) is None


@pytest.mark.parametrize("line", ["", "{", "[]", "null", '{"eventtype": 3', "\0"])
def test_a_broken_line_is_none(line: str) -> None:
    assert read_line(line) is None


def test_a_name_with_quotes_that_the_writer_breaks_is_mended() -> None:
    broken = (
        '{"eventtype":"CHAN_START","eventtime":1,"name":"says \\\\"hi\\\\"","channame":"PJSIP/t-1","uniqueid":"1.1"}'
    )
    row = read_line(broken)
    assert row is not None
    assert row.name == 'says \\"hi\\"'


def test_a_log_read_twice_gives_the_same_calls() -> None:
    rows = rows_of(next(path for path in TRACES if path.stem == "queue_ringall_answered"))
    assert list(finished_calls(rows, LINE)) == list(finished_calls(rows, LINE))


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.relative_to(ASTERISK22).with_suffix("").as_posix())
def test_a_log_that_begins_in_mid_call_tells_whole_calls_only(path: Path) -> None:
    rows = rows_of(path)
    whole = {call.id: facts(call) for call in finished_calls(rows, LINE)}
    for first in range(0, len(rows), 3):
        told = list(finished_calls(rows[first:], LINE))
        assert all(whole.get(call.id) == facts(call) for call in told)


def test_a_consultation_is_named_as_part_of_the_call_it_was_about() -> None:
    history = History(LINE, Source.RECOVERED)
    rows = rows_of(next(path for path in TRACES if path.stem == "attended_transfer_refer"))
    finished = [one for row in rows for one in history.take(row)]
    begun = [row.uniqueid for row in rows if row.kind == "CHAN_START" and row.uniqueid == row.linkedid]
    call, consultation = begun
    assert [(one.call.id, one.absorbed) for one in finished] == [
        (call_id("main", call), (call_id("main", consultation),))
    ]


@given(path=st.sampled_from(TRACES), data=st.data())
def test_any_missing_and_shuffled_rows_are_taken_and_no_answer_is_invented(path: Path, data: st.DataObject) -> None:
    rows = rows_of(path)
    if not rows:
        return
    some = data.draw(st.lists(st.sampled_from(rows), max_size=len(rows)))
    cel = new_book(LINE)
    for row in some:
        apply_row(cel, row)
    if not any(row.kind == "BRIDGE_ENTER" for row in some):
        calls = finished_calls(some, LINE)
        assert all(call.outcome is not Outcome.ANSWERED for call in calls)

"""CDR and queue_log of every recording: the calls are those that were followed live, but for what these logs lack."""

import csv
import re
from pathlib import Path
from typing import Any

import pytest

from telephony import cdr, queue_log
from telephony.calls import Line
from telephony.conversations import call_id
from telephony.records import CallRecord, Outcome, Source
from tests.telephony.recording import ASTERISK22, blocks_of, new_book, play, truth_of

LINE = Line("main", re.compile("[0-9]{2,5}"))
TRACES = sorted(
    path
    for path in ASTERISK22.rglob("*.jsonl")
    if path.with_name(path.stem + ".truth.json").exists()
    and truth_of(path).get("calls")
    and path.stem != "behave_resync"
)
LACKING: dict[str, set[str]] = {
    "ami_blindtransfer": {"did"},  # the record names the transfer's target
    "attended_transfer_refer": {"extra"},  # the consultation is a call of its own
    "callerid_variants": {"number"},  # a withheld number is not marked
    "clicktocall_answered": {"talk"},  # counted since the agent's own phone was up
    "clicktocall_failures": {"absent"},  # a phone that was never up leaves no record
    "conference": {"talk"},  # a pair of parties each, as the bridge came to know them
    "did_busy_voicemail": {"outcome"},  # that no message was left is not told
    "did_phone_offline": {"outcome"},
    "internal_busy_noanswer": {"outcome"},  # nor who gave up
    "ivr_to_queue": {"did"},  # the record names the key that was pressed
    "outbound_failures": {"outcome"},  # 404 and a call given up are both NO ANSWER
    "pickup_group": {"answered_by"},
    "queue_blind_transfer": {"did"},
    "queue_joinempty": {"queue"},  # refused by the queue: neither log has a line
}
"""What cannot be known from these logs, by recording; everything else must be told as it was followed live."""


def calls_of(truth: dict[str, Any]) -> dict[str, CallRecord]:
    rows = [cdr.read(dict(zip(cdr.CSV_COLUMNS, next(csv.reader([line])), strict=False))) for line in truth["cdr_csv"]]
    history = cdr.CdrHistory(LINE)
    finished = [one for row in rows if row is not None for one in history.take(row)]
    stays = queue_log.visits(filter(None, map(queue_log.read_line, truth["queue_log"])))
    calls = [one.call for one in (*finished, *history.close())]
    return {
        call.id: queue_log.enrich(call, stays[call.caller], exact=False) if call.caller in stays else call
        for call in calls
    }


def wrong(told: CallRecord, live: CallRecord) -> set[str]:
    facts = ("direction", "outcome", "number", "did", "queue", "answered_by")
    different = {fact for fact in facts if getattr(told, fact) != getattr(live, fact)}
    return different | ({"talk"} if abs(told.talk_seconds - live.talk_seconds) > 1.6 else set())


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.relative_to(ASTERISK22).with_suffix("").as_posix())
def test_what_they_hold_is_told_as_it_was(path: Path) -> None:
    """Their times are whole seconds, at both ends of a talk."""
    told = calls_of(truth_of(path))
    live = {row.id: row for row in play(blocks_of(path), new_book()).rows.values()}
    lacking: set[str] = {"extra"} if told.keys() - live.keys() else set()
    for name, row in live.items():
        lacking |= wrong(told[name], row) if name in told else {"absent"}
    assert lacking <= LACKING.get(path.stem, set())
    assert {call.source for call in told.values()} <= {Source.RECOVERED}


def test_a_queue_log_alone_tells_who_waited_and_who_gave_up() -> None:
    lines = [
        "1795291315|NONE|NONE|NONE|QUEUESTART|",
        "1795291316|1795291315.131|support|NONE|ENTERQUEUE||+79161230002|1",
        "1795291320|1795291315.131|support|PJSIP/2001|RINGNOANSWER|5000",
        "1795291326|1795291315.131|support|NONE|ABANDON|1|1|10",
        "1795291330|1795291330.140|support|NONE|ENTERQUEUE||+79161230003|1",
        "1795291335|1795291330.140|support|PJSIP/2001|CONNECT|5|1795291331.141|4",
        "1795291355|1795291330.140|support|PJSIP/2001|COMPLETECALLER|5|20|1",
        "cut|off",
        "",
    ]
    stays = queue_log.visits(filter(None, map(queue_log.read_line, lines)))
    given_up, taken = (queue_log.told(visits, LINE, Source.RECOVERED) for visits in stays.values())
    assert (given_up.id, given_up.number) == (call_id("main", "1795291315.131"), "+79161230002")
    assert (given_up.outcome, given_up.wait_seconds, given_up.answered_at) == (Outcome.ABANDONED, 10.0, None)
    assert (taken.outcome, taken.answered_by, taken.wait_seconds) == (Outcome.ANSWERED, "2001", 5.0)
    assert (taken.talk_seconds, taken.ended_at) == (20.0, 1795291355.0)


def test_the_realtime_table_says_the_same() -> None:
    row = {"time": "1795291316", "callid": "1.1", "queuename": "support", "agent": "NONE", "event": "ENTERQUEUE"}
    by_column = queue_log.read(row | {"data1": "", "data2": "+7916", "data3": "1", "data4": None, "data5": None})
    in_one = queue_log.read(row | {"data": "|+7916|1"})
    assert by_column is not None
    assert in_one is not None
    assert by_column.data[:3] == in_one.data == ("", "+7916", "1")
    assert queue_log.read({}) is None


def test_a_caller_who_left_unseen_is_told_as_far_as_he_was_seen() -> None:
    stays = queue_log.visits(iter([queue_log.Entry(10.0, "1.1", "support", "NONE", "ENTERQUEUE", ())]))
    call = queue_log.told(stays["1.1"], LINE, Source.RECOVERED)
    assert (call.outcome, call.started_at, call.ended_at, call.number) == (Outcome.MISSED, 10.0, 10.0, None)


def test_what_cel_told_exactly_only_gets_what_it_lacks() -> None:
    path = ASTERISK22 / "queue_abandoned_ringing.jsonl"
    (live,) = play(blocks_of(path), new_book()).in_order()
    stays = queue_log.visits(filter(None, map(queue_log.read_line, truth_of(path)["queue_log"])))
    visits = stays[live.caller or ""]
    assert queue_log.enrich(live, visits, exact=True) == live


@pytest.mark.parametrize(
    "fields", [{}, {"start": "soon", "channel": "PJSIP/2001-1", "uniqueid": "1.1"}, {"start": "1"}]
)
def test_a_record_without_time_or_channel_is_none(fields: dict[str, str]) -> None:
    assert cdr.read(fields) is None


def test_a_table_without_answer_and_end_tells_them_by_its_durations() -> None:
    times = {"calldate": "2026-11-21 20:01:55", "duration": 12, "billsec": 7, "disposition": "ANSWERED"}
    channels = {"channel": "SIP/t-1", "dstchannel": "SIP/2001-2", "uniqueid": "1795291315.1", "linkedid": None}
    row = cdr.read(times | channels | {"src": "5", "dst": "2001", "clid": '"Ann" <5>', "lastdata": "SIP/2001,20"})
    assert row is not None
    assert (row.end - row.start, row.end - (row.answer or 0), row.name, row.linkedid) == (12, 7, "Ann", "1795291315.1")


def test_calls_are_told_once_nothing_of_them_can_follow() -> None:
    def record(number: int, at: float) -> cdr.Row:
        row = cdr.read({"start": at, "end": at + 5, "channel": f"PJSIP/trunk-{number}", "uniqueid": f"{number}.1"})
        assert row is not None
        return row

    history = cdr.CdrHistory(LINE)
    assert list(history.take(record(1, 0.0))) == []
    told = list(history.take(record(2, cdr.LATEST_SECONDS + 10.0)))
    assert [one.call.started_at for one in told] == [0.0]
    assert len(list(history.close())) == 1

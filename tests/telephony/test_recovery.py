"""What a snapshot, a new link and the passing of time make of the book."""

import re

import pytest

from telephony.calls import Line, apply, call_id, open_calls
from telephony.events import parse
from telephony.headers import headers
from telephony.records import CallChange, CallPhase, CallRecord, ChangeKind, Direction, Outcome, Source
from telephony.recovery import (
    ADOPTED_GRACE_SECONDS,
    LAST_WORD_SECONDS,
    adopt,
    link_down,
    link_up,
    queues,
    resync,
    snapshot,
    sweep,
)
from tests.telephony.recording import ASTERISK22, Block, blocks_of, new_book, play

Item = dict[str, str]


def items_of(*names: str) -> list[Item]:
    """Pick the list items of these names from the recording of a login in mid-day."""
    blocks = (headers(raw) for _, raw in blocks_of(ASTERISK22 / "behave_resync.jsonl"))
    return [fields for fields in blocks if fields.get("Event") in names and "ActionID" in fields]


def channels() -> list[Item]:
    return items_of("CoreShowChannel")


def queue_items() -> list[Item]:
    return items_of("QueueParams", "QueueMember", "QueueEntry")


def by_number(calls: tuple[CallRecord, ...]) -> dict[str | None, CallRecord]:
    return {call.number: call for call in calls}


def test_a_login_in_mid_day_finds_the_calls_that_are_up() -> None:
    book = new_book()
    resync(book, snapshot(channels(), queue_items(), items_of("DeviceStateChange")), 1795291132.0)
    calls = by_number(open_calls(book))
    assert set(calls) == {"+79160000001", "+79160000002", "+79160000003", "+79160000006", "2003"}
    assert calls["+79160000001"].phase is CallPhase.TALKING
    assert calls["+79160000001"].answered_by == "2001"
    assert calls["+79160000001"].talk_seconds == pytest.approx(0.0, abs=3.1)
    assert calls["+79160000001"].answered_at == pytest.approx(1795291129.0)  # three seconds old, as the list says
    assert calls["+79160000002"].answered_by == "2002"
    assert calls["+79160000003"].phase is CallPhase.QUEUED
    assert calls["+79160000003"].queue == "support"
    assert calls["2003"].direction is Direction.INTERNAL
    assert [p.extension for p in calls["2003"].participants] == ["2004"]
    support = next(queue for queue in queues(book) if queue.name == "support")
    assert [w.number for w in support.waiting] == ["+79160000003", "+79160000006"]
    assert {m.extension for m in support.members} == {"2001", "2002"}


def test_the_same_snapshot_again_changes_no_call() -> None:
    book = new_book()
    facts = snapshot(channels(), queue_items())
    resync(book, facts, 1795291132.0)
    before = open_calls(book)
    link_down(book, 1795291133.0, "cut")
    link_up(book, 1795291134.0)
    step = resync(book, facts, 1795291134.1)
    ended = [c for c in step.changes if isinstance(c, CallChange) and c.kind is ChangeKind.ENDED]
    assert ended == []
    assert {call.id for call in open_calls(book)} == {call.id for call in before}


def test_what_ended_while_the_link_was_down_is_closed_and_says_so() -> None:
    book = new_book()
    resync(book, snapshot(channels(), queue_items()), 1795291132.0)
    link_down(book, 1795291133.0, "cut")
    link_up(book, 1795291140.0)
    step = resync(book, snapshot([], []), 1795291140.1)
    ended = [c.call for c in step.changes if isinstance(c, CallChange) and c.kind is ChangeKind.ENDED]
    assert len(ended) == 5
    assert all(call.source is Source.RECOVERED for call in ended)
    assert by_number(tuple(ended))["+79160000001"].outcome is Outcome.ANSWERED
    assert open_calls(book) == ()


def test_a_list_that_could_not_be_had_says_nothing() -> None:
    book = new_book()
    resync(book, snapshot(channels(), queue_items()), 1795291132.0)
    link_up(book, 1795291140.0)
    assert resync(book, snapshot(None, None), 1795291140.1).changes == ()
    assert len(open_calls(book)) == 5


@pytest.mark.parametrize(
    "item",
    [{}, {"Channel": "PJSIP/2001-1"}, {"Uniqueid": "1.1"}, {"Channel": "x", "Uniqueid": "1.1", "Duration": "soon"}],
)
def test_a_broken_item_costs_itself(item: Item) -> None:
    book = new_book()
    resync(book, snapshot([item, *channels()], [item, {"Event": "QueueEntry", "Queue": "q"}]), 1795291132.0)
    assert len(open_calls(book)) >= 3


def event_block(name: str, **fields: str) -> bytes:
    lines = [f"Event: {name}", *(f"{key}: {value}" for key, value in fields.items())]
    return "\r\n".join(lines).encode()


def originate_response(at: float, *, reason: str = "0") -> bytes:
    del at
    return event_block(
        "OriginateResponse",
        ActionID="click-1",
        Response="Failure",
        Channel="PJSIP/2010",
        Context="from-internal",
        Exten="89160000003",
        Reason=reason,
        Uniqueid="<unknown>",
        CallerIDNum="89160000003",
    )


def test_a_click_to_a_phone_that_is_not_there_is_a_failed_call() -> None:
    book = new_book()
    event = parse(headers(originate_response(10.0)), 10.0)
    assert event is not None
    assert apply(book, event).changes == ()
    assert sweep(book, 10.5).changes == ()
    changes = [c for c in sweep(book, 11.5).changes if isinstance(c, CallChange)]
    assert [c.kind for c in changes] == [ChangeKind.STARTED, ChangeKind.ENDED]
    call = changes[-1].call
    assert (call.direction, call.outcome, call.number, call.extension) == (
        Direction.OUTBOUND,
        Outcome.FAILED,
        "89160000003",
        "2010",
    )
    assert sweep(book, 20.0).changes == ()


def test_a_call_of_the_database_that_nobody_claims_is_closed_after_a_while() -> None:
    first = new_book()
    resync(first, snapshot(channels(), None), 1795291132.0)
    book = new_book()
    adopt(book, open_calls(first))
    assert len(open_calls(book)) == len(open_calls(first))
    link_up(book, 100.0)
    assert sweep(book, 101.0).changes == ()
    changes = [c for c in sweep(book, 100.0 + ADOPTED_GRACE_SECONDS).changes if isinstance(c, CallChange)]
    assert {c.call.source for c in changes if c.kind is ChangeKind.ENDED} == {Source.RECOVERED}
    assert open_calls(book) == ()


def test_an_adopted_call_goes_on_under_its_id_when_the_pbx_still_has_it() -> None:
    first = new_book()
    resync(first, snapshot(channels(), queue_items()), 1795291132.0)
    rows = open_calls(first)
    book = new_book()
    adopt(book, rows)
    link_up(book, 1795291140.0)
    resync(book, snapshot(channels(), queue_items()), 1795291140.1)
    assert {call.id for call in open_calls(book)} == {call.id for call in rows}
    talking = by_number(open_calls(book))["+79160000001"]
    assert talking.answered_by == "2001"
    assert talking.answered_at == by_number(rows)["+79160000001"].answered_at


def cut_in_talk(name: str) -> tuple[list[CallRecord], list[Block]]:
    """Play a recording until one second into the talk: the rows as the database has them, and what is to come."""
    blocks = list(blocks_of(ASTERISK22 / f"{name}.jsonl"))
    answered = next(iter(play(blocks, new_book()).rows.values())).answered_at
    assert answered is not None
    written: dict[str, CallRecord] = {}
    before, after = [b for b in blocks if b[0] <= answered + 1.0], [b for b in blocks if b[0] > answered + 1.0]
    book = new_book()
    for at, raw in before:
        event = parse(headers(raw), at)
        changes = apply(book, event).changes if event is not None else ()
        written |= {c.call.id: c.call for c in changes if isinstance(c, CallChange)}
    return list(written.values()), after


@pytest.mark.parametrize("name", ["did_answered", "queue_ringall_answered", "ringgroup_answered", "outbound_answered"])
def test_a_call_that_goes_on_after_a_start_is_told_as_if_nothing_had_been(name: str) -> None:
    """The PBX gives no lists: the call is known from the database and from the events that follow alone."""
    (alone,) = play(blocks_of(ASTERISK22 / f"{name}.jsonl"), new_book()).in_order()
    rows, rest = cut_in_talk(name)
    book = new_book()
    adopt(book, rows)
    (row,) = play(rest, book).in_order()
    assert (row.id, row.outcome, row.answered_by, row.hangup_cause, row.source) == (
        alone.id,
        Outcome.ANSWERED,
        alone.answered_by,
        alone.hangup_cause,
        Source.LIVE,
    )
    for told, expected in (
        (row.ended_at, alone.ended_at),
        (row.talk_seconds, alone.talk_seconds),
        (row.wait_seconds, alone.wait_seconds),
        (sum(p.talk_seconds for p in row.participants), sum(p.talk_seconds for p in alone.participants)),
    ):
        assert told == pytest.approx(expected, abs=0.05)
    assert open_calls(book) == ()


def test_a_call_whose_other_end_hung_up_unseen_ends_with_the_last_word_heard() -> None:
    rows, rest = cut_in_talk("did_answered")
    last = [block for block in rest if b"Event: Hangup\r\n" in block[1]][-1]
    book = new_book()
    adopt(book, rows)
    assert [row.ended_at for row in play([last], book).in_order()] == [None]
    heard = last[0]
    assert sweep(book, heard + LAST_WORD_SECONDS - 0.5).changes == ()
    (ended,) = [c.call for c in sweep(book, heard + LAST_WORD_SECONDS).changes if isinstance(c, CallChange)]
    assert (ended.id, ended.outcome, ended.source) == (rows[0].id, Outcome.ANSWERED, Source.RECOVERED)
    assert ended.ended_at == pytest.approx(heard)


def test_an_ended_row_is_not_adopted() -> None:
    ended = CallRecord("X", "main", Direction.INBOUND, CallPhase.ENDED, 1.0, "+1", channels=("1.1",))
    book = new_book()
    adopt(book, [ended])
    assert open_calls(book) == ()


def test_a_calls_id_depends_on_the_pbx_and_its_first_channel_alone() -> None:
    assert call_id("main", "1.1") == call_id("main", "1.1")
    assert len({call_id("main", "1.1"), call_id("branch", "1.1"), call_id("main", "1.2")}) == 3
    assert re.fullmatch("[A-Z2-7]{26}", call_id("main", "1.1"))


def test_registered_extensions_are_phones_whatever_the_pattern_says() -> None:
    line = Line("main", re.compile("[0-9]{2,5}"), frozenset({"anna-desk"}))
    assert line.is_phone("anna-desk")
    assert not line.is_phone("trunk")
    assert not line.is_phone("")

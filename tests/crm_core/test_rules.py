"""What needs no database: cursors, roles, seats, missed calls."""

import pytest

from crm_core.calls.rules import CallRow, CallToSave, missed_by, newest, with_contact
from crm_core.errors import InvalidField
from crm_core.numbers import Number, NumberKind
from crm_core.pages import Position, decode_position, encode_cursor
from crm_core.people.rules import number_meaning
from crm_core.staff.rules import Scope, effective_extensions
from telephony.records import CallPhase, CallRecord, Direction, LegResult, Outcome, Participant, Source

NUMBER = Number("+33601020304", "+33601020304", NumberKind.EXTERNAL)


def record(call_id: str = "one", outcome: Outcome | None = None, **facts: object) -> CallRecord:
    phase = CallPhase.ENDED if outcome else CallPhase.RINGING
    made = {"id": call_id, "pbx": "main", "direction": Direction.INBOUND, "phase": phase, "started_at": 1.0}
    made |= {"number": NUMBER.raw, "outcome": outcome, "ended_at": 9.0 if outcome else None}
    return CallRecord(**(made | facts))  # type: ignore[arg-type]


def test_a_cursor_is_read_back() -> None:
    cursor = encode_cursor(Position(1763754000.123, "abc"))
    assert decode_position(cursor, float, str) == Position(1763754000.123, "abc")
    assert decode_position(encode_cursor(Position("é", 7)), str, int) == Position("é", 7)


@pytest.mark.parametrize("cursor", ["", "a", "####", "é", "bnVsbA", encode_cursor(Position("é", 7)), "A" * 5000])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidField) as refused:
        decode_position(cursor, float, str)
    assert refused.value.field == "cursor"


def test_scopes_include_the_smaller_ones() -> None:
    assert [[scope.allows(needed) for needed in Scope] for scope in Scope] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


@pytest.mark.parametrize(
    ("home", "seat", "occupied", "effective"),
    [
        (("2001", "2002"), None, (), ("2001", "2002")),
        (("2001", "2002"), "2001", (), ("2001", "2002")),
        (("2001", "2002"), "2009", (), ("2009",)),
        (("2001", "2002"), None, ("2001",), ("2002",)),
        ((), None, (), ()),
        ((), "2009", (), ("2009",)),
    ],
)
def test_whose_phone_it_is_now(
    home: tuple[str, ...], seat: str | None, occupied: tuple[str, ...], effective: tuple[str, ...]
) -> None:
    assert effective_extensions(home, seat, frozenset(occupied)) == effective


@pytest.mark.parametrize(
    ("candidates", "chosen", "meaning"),
    [([], None, None), ([1], None, 1), ([1, 2], None, None), ([1, 2], 2, 2), ([1, 2], 3, None), ([1], 3, 1)],
)
def test_what_a_number_means(candidates: list[int], chosen: int | None, meaning: int | None) -> None:
    assert number_meaning(candidates, chosen) == meaning


def test_saves_of_one_call_become_one() -> None:
    ended = record(outcome=Outcome.ANSWERED)
    saves = [
        CallToSave(record(), NUMBER, 5, 1, {"2001": "ana"}),
        CallToSave(ended, NUMBER, None, 0, {"2001": "bob", "2002": "eve"}),
        CallToSave(record(), NUMBER),
        CallToSave(record("two"), NUMBER),
    ]
    found = newest(saves)
    assert list(found) == ["one", "two"]
    assert found["one"].call == ended
    assert (found["one"].contact_id, found["one"].users) == (5, {"2001": "ana", "2002": "eve"})


def test_what_was_rebuilt_does_not_overwrite_what_was_seen() -> None:
    live = record(outcome=Outcome.ANSWERED)
    rebuilt = record(outcome=Outcome.MISSED, source=Source.RECOVERED)
    assert newest([CallToSave(live, NUMBER), CallToSave(rebuilt, NUMBER)])["one"].call == live
    assert newest([CallToSave(rebuilt, NUMBER), CallToSave(live, NUMBER)])["one"].call == live
    assert newest([CallToSave(record(), NUMBER), CallToSave(rebuilt, NUMBER)])["one"].call == rebuilt


def test_a_save_without_contact_takes_the_one_its_number_means() -> None:
    assert with_contact(CallToSave(record(), NUMBER), {"+33601020304": (7, 1)}).contact_id == 7
    assert with_contact(CallToSave(record(), NUMBER), {"+33601020304": (None, 2)}).candidates == 2
    assert with_contact(CallToSave(record(), NUMBER, 3, 1), {"+33601020304": (7, 1)}).contact_id == 3
    assert with_contact(CallToSave(record(), NUMBER), {}).contact_id is None


@pytest.mark.parametrize(
    ("direction", "outcome", "result", "rang_at", "user", "missed"),
    [
        (Direction.INBOUND, Outcome.MISSED, LegResult.NO_ANSWER, 2.0, "ana", True),
        (Direction.INBOUND, Outcome.ABANDONED, LegResult.NO_ANSWER, 2.0, "ana", True),
        (Direction.INTERNAL, Outcome.NO_ANSWER, LegResult.NO_ANSWER, 2.0, "ana", True),
        (Direction.INTERNAL, Outcome.NO_ANSWER, None, None, "ana", False),
        (Direction.OUTBOUND, Outcome.NO_ANSWER, LegResult.NO_ANSWER, 2.0, "ana", False),
        (Direction.INBOUND, Outcome.ANSWERED, LegResult.ELSEWHERE, 2.0, "ana", False),
        (Direction.INBOUND, Outcome.MISSED, LegResult.NO_ANSWER, 2.0, "bob", False),
        (Direction.INBOUND, None, None, 2.0, "ana", False),
    ],
)
def test_who_should_call_back(
    direction: Direction,
    outcome: Outcome | None,
    result: LegResult | None,
    rang_at: float | None,
    user: str,
    missed: bool,  # noqa: FBT001 a column of a table
) -> None:
    part = Participant("2001", rang_at, None, 5.0, result)
    row = CallRow(record(outcome=outcome, direction=direction, participants=(part,)), NUMBER, users={"2001": "ana"})
    assert missed_by(row, user) is missed

"""What is owed to a client, as a table of cases."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType

from crm_core.errors import InvalidField
from crm_core.work.rules import (
    ClientCall,
    Ending,
    Role,
    check_priority,
    check_reason,
    check_subject,
    client_key,
    ending,
    judge,
    owed,
    part,
    taken_meanwhile,
)
from telephony.records import Direction, Outcome

IN, OUT = Direction.INBOUND, Direction.OUTBOUND


def call(at: float, direction: Direction, outcome: Outcome | None, name: str = "") -> ClientCall:
    """Make a call that begins at `at`, is answered after 5 s if at all, and ends after 20 s if it did."""
    talked = outcome in {Outcome.ANSWERED, None}
    return ClientCall(name or f"c{at}", direction, outcome, at + 5 if talked else None, at + 20 if outcome else None)


@pytest.mark.parametrize(
    ("direction", "outcome", "role"),
    [
        (IN, Outcome.MISSED, Role.MISSED),
        (IN, Outcome.ABANDONED, Role.MISSED),
        (IN, Outcome.ANSWERED, Role.REACHED),
        (IN, None, Role.REACHED),
        (IN, Outcome.VOICEMAIL, Role.MISSED),
        (OUT, Outcome.ANSWERED, Role.REACHED),
        (OUT, Outcome.NO_ANSWER, Role.ATTEMPT),
        (OUT, Outcome.BUSY, Role.ATTEMPT),
        (OUT, Outcome.CANCELED, Role.ATTEMPT),
        (Direction.INTERNAL, Outcome.MISSED, None),
    ],
)
def test_what_a_call_means(direction: Direction, outcome: Outcome | None, role: Role | None) -> None:
    found = part(call(0, direction, outcome))
    assert (found.role if found else None) == role


def test_a_running_call_that_nobody_answered_yet_means_nothing() -> None:
    assert part(ClientCall("c", IN, None, None, None)) is None


M, A, R, T = (IN, Outcome.MISSED), (IN, Outcome.ANSWERED), (OUT, Outcome.ANSWERED), (OUT, Outcome.NO_ANSWER)


@pytest.mark.parametrize(
    ("calls", "missed", "attempts", "is_owed"),
    [
        ([], 0, 0, False),
        ([M], 1, 0, True),
        ([M, M], 2, 0, True),
        ([M, T], 1, 1, True),
        ([T], 0, 1, False),
        ([M, T, R], 0, 0, False),
        ([M, A], 0, 0, False),
        ([A, M], 1, 0, True),
        ([M, R, M, T, T], 1, 2, True),
    ],
)
def test_what_is_owed_in_any_order_of_arrival(
    calls: list[tuple[Direction, Outcome]], missed: int, attempts: int, *, is_owed: bool
) -> None:
    told = [call(at * 100.0, *what) for at, what in enumerate(calls)]
    for order in permutations(told):
        verdict = judge(order)
        assert (len(verdict.missed), len(verdict.attempts)) == (missed, attempts)
        assert owed(verdict, (), None) is is_owed


def test_a_call_that_a_person_settled_is_owed_no_more_but_the_next_is() -> None:
    first, second = call(0, *M, "first"), call(100, *M, "second")
    assert not owed(judge([first]), {"first"}, None)
    assert owed(judge([first, second]), {"first"}, None)


def test_a_promise_is_kept_by_a_later_talk_only() -> None:
    talk = call(0, *A)
    assert owed(judge([talk]), (), promised_at=60.0)
    assert not owed(judge([talk, call(100, *R)]), (), promised_at=60.0)
    assert owed(judge([]), (), promised_at=60.0)


def test_how_a_callback_ended() -> None:
    assert ending(judge([call(0, *M), call(100, *R)]), 20.0) is Ending.REACHED
    assert ending(judge([call(0, *M), call(100, *A)]), 20.0) is Ending.GOT_THROUGH
    assert ending(judge([]), 20.0) is Ending.NOT_MISSED
    assert ending(judge([call(0, *A)]), 120.0) is Ending.NOT_MISSED


def test_a_client_is_the_contact_else_the_number() -> None:
    assert client_key(12, "+33601020304") == "contact:12"
    assert client_key(None, "+33601020304") == "number:+33601020304"
    assert client_key(None, None) is None


def test_texts_and_priorities_are_bounded() -> None:
    assert check_reason(" done\n it ") == "done it"
    assert check_subject("offer") == "offer"
    assert check_priority(2) == 2
    for check, value in ((check_reason, "x" * 201), (check_subject, "x" * 201)):
        with pytest.raises(InvalidField):
            check(value)
    with pytest.raises(InvalidField):
        check_priority(3)


@given(st.lists(st.sampled_from([M, A, R, T]), max_size=12), st.randoms(use_true_random=False))
def test_the_last_word_decides(calls: list[tuple[Direction, Outcome]], chance: object) -> None:
    """Owed exactly when a missed call comes after the last talk, whatever order the calls are told in."""
    told = [call(at * 100.0, *what) for at, what in enumerate(calls)]
    expected = M in calls[max((at for at, what in enumerate(calls) if what in {A, R}), default=-1) + 1 :]
    chance.shuffle(told)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert owed(judge(told), (), None) is expected


@pytest.mark.parametrize(
    ("taken_from", "owner", "new", "is_conflict"),
    [
        (UNSET, None, "ana", False),
        (UNSET, "ana", "ana", False),
        (UNSET, "bruno", "ana", True),
        (UNSET, "bruno", "carla", False),
        (UNSET, "bruno", None, False),
        (None, "bruno", "ana", True),
        ("bruno", "bruno", "ana", False),
        ("carla", "bruno", "ana", True),
        (None, None, "ana", False),
        ("bruno", None, "ana", False),
    ],
)
def test_who_takes_a_colleagues_callback_knows_it(
    taken_from: str | UnsetType | None, owner: str | None, new: str | None, *, is_conflict: bool
) -> None:
    assert taken_meanwhile(taken_from, owner, new, "ana") is is_conflict

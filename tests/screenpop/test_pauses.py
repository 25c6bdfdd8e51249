"""Whom Callcard pauses by itself and lets go again: what is, what should be, and nobody else's pause."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from crm_core.agents.rules import AWAY_REASON, RESERVED_REASONS, WRAP_UP_REASON, is_reserved
from screenpop.pauses import PATIENCE_SECONDS, Absences, Patience, PauseOrder, wanted
from telephony.records import Member, QueueRecord
from tests.screenpop.scenes import T0

PEOPLE = {"2001": "ana", "2002": "ben"}
PHONES = (*PEOPLE, "2009", None)
REASONS = st.sampled_from([None, "", "Lunch", WRAP_UP_REASON, AWAY_REASON, "Wrap-Up"])


def member(extension: str | None, *, paused: bool = False, reason: str | None = None) -> Member:
    return Member(f"PJSIP/{extension}", "x", extension, paused=paused, paused_reason=reason)


def user_of(pbx: str, extension: str) -> str | None:
    return PEOPLE.get(extension) if pbx == "main" else None


def orders(
    *members: Member, wrapping_up: set[str] | None = None, away: set[str] | None = None, gone: bool = False
) -> list[PauseOrder]:
    queues = [QueueRecord("main", "support", members=members)]
    return list(wanted(queues, user_of, wrapping_up or set(), away or set(), lambda _: gone))


def test_who_wraps_up_is_paused_and_let_go_with_our_own_reason() -> None:
    assert orders(member("2001"), member("2002"), wrapping_up={"ana"}) == [
        PauseOrder("main", "support", "2001", WRAP_UP_REASON)
    ]
    paused = member("2001", paused=True, reason=WRAP_UP_REASON)
    assert orders(paused, wrapping_up={"ana"}) == []
    assert orders(paused) == [PauseOrder("main", "support", "2001", None)]


def test_a_pause_somebody_made_is_never_touched() -> None:
    for reason in ("Lunch", "", None):
        own = member("2001", paused=True, reason=reason)
        assert orders(own) == orders(own, wrapping_up={"ana"}) == orders(own, away={"ana"}) == []


def test_nobody_stays_paused_whose_phone_changed_hands() -> None:
    assert orders(member("2009", paused=True, reason=WRAP_UP_REASON)) == [PauseOrder("main", "support", "2009", None)]


def test_who_is_away_is_paused_unless_still_wrapping_up_and_stays_so_over_a_restart() -> None:
    away = [PauseOrder("main", "support", "2001", AWAY_REASON)]
    assert orders(member("2001"), away={"ana"}) == away
    both = orders(member("2001", paused=True, reason=AWAY_REASON), wrapping_up={"ana"}, away={"ana"})
    assert both == [PauseOrder("main", "support", "2001", WRAP_UP_REASON)]
    found = member("2001", paused=True, reason=AWAY_REASON)
    assert orders(found, gone=True) == []
    assert orders(found, gone=False) == [PauseOrder("main", "support", "2001", None)]


def test_away_is_who_was_there_and_is_gone_for_long_enough() -> None:
    absences = Absences()
    absences.came("ana")
    absences.went("ana", T0 + 10)
    assert absences.away(T0 + 69, 60.0) == frozenset()
    assert absences.away(T0 + 70, 60.0) == {"ana"}
    assert absences.away(T0 + 1e6, None) == frozenset()
    assert not absences.is_here("ana")
    absences.came("ana")
    assert absences.away(T0 + 500, 60.0) == frozenset()
    assert absences.is_here("ana")


def test_an_order_has_time_to_take_effect_and_is_given_again_then() -> None:
    order = PauseOrder("main", "support", "2001", None)
    patience = Patience()
    assert patience.due([order], T0) == (order,)
    assert patience.due([order], T0 + 1) == ()
    assert patience.due([order], T0 + PATIENCE_SECONDS) == (order,)
    assert patience.due([], T0 + 6) == ()
    assert patience.due([order], T0 + 6.1) == (order,)
    assert patience.due([order], T0) == (order,)  # the clock was set back


MEMBERS = st.builds(
    lambda extension, paused, reason: member(extension, paused=paused, reason=reason if paused else None),
    st.sampled_from(PHONES),
    st.booleans(),
    REASONS,
)
SOME = st.sets(st.sampled_from(sorted(PEOPLE.values())))


@given(st.lists(MEMBERS, max_size=4), SOME, SOME)
def test_what_is_ordered_brings_everything_in_order_and_touches_no_pause_of_a_person(
    members: list[Member], wrapping_up: set[str], away: set[str]
) -> None:
    def look(now: list[Member]) -> list[PauseOrder]:
        queues = [QueueRecord("main", str(place), members=(one,)) for place, one in enumerate(now)]
        return list(wanted(queues, user_of, wrapping_up, away, away.__contains__))

    after = list(members)
    for order in look(members):
        before = after[int(order.queue)]
        assert not before.paused or is_reserved(before.paused_reason or "")
        after[int(order.queue)] = replace(before, paused=order.reason is not None, paused_reason=order.reason)
    assert look(after) == []
    for one in after:
        user = PEOPLE.get(one.extension or "")
        if user in wrapping_up | away:
            assert one.paused
        elif one.extension is not None:
            assert not one.paused or one.paused_reason not in RESERVED_REASONS

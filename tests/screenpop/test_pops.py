"""Which cards are up: one per agent and call, whatever the phones do."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from crm_core.numbers import Number, NumberKind
from screenpop.cards import Knowledge, View, build
from screenpop.messages import Card, CloseReason, PopReason, PopStatus
from screenpop.pops import MAX_POPS, WRAP_UP_SECONDS, Close, PopAction, PopBook, Show, Update
from telephony.records import LINKED, CallChange, LegResult, Outcome, Participant, TransferKind
from tests.screenpop.scenes import SEATS, T0, Scene, inbound, internal, outbound


class Desk:
    """A pop book, and what is on the screens after each step."""

    def __init__(self) -> None:
        self.book = PopBook()

    def see(self, change: CallChange) -> list[PopAction]:
        number = Number(change.call.number or "", change.call.number, NumberKind.EXTERNAL)

        def make(view: View) -> Card:
            return build(change.call, Knowledge(number), view, SEATS)

        return self.book.decide(change, SEATS.user(change.extension), make)

    def status(self, user: str) -> dict[str, PopStatus]:
        return {pop.call_id: pop.status for pop in self.book.state(user).pops}


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_ring_shows_the_card_once(desk: Desk) -> None:
    scene = Scene(inbound())
    assert desk.see(scene.started()) == []
    (shown,) = desk.see(scene.rings("2001"))
    assert isinstance(shown, Show)
    assert (shown.user, shown.call_id, shown.reason, shown.status) == ("ana", "C1", PopReason.RING, PopStatus.RINGING)
    assert desk.see(scene.rings("2001")) == []


def test_a_phone_nobody_sits_at_shows_nothing(desk: Desk) -> None:
    assert desk.see(Scene(inbound()).rings("2009")) == []


def test_two_devices_of_one_agent_are_one_card(desk: Desk) -> None:
    scene = Scene(inbound())
    book = desk.book
    make = _plain
    first = book.decide(scene.rings("2001"), "ana", make)
    second = book.decide(scene.rings("2101"), "ana", make)
    assert [type(action) for action in first] == [Show]
    assert second == []
    assert book.decide(scene.stops("2001", LegResult.ELSEWHERE), "ana", make) == []
    (talks,) = book.decide(scene.answers("2101"), "ana", make)
    assert isinstance(talks, Update)
    assert talks.status is PopStatus.TALKING


def test_ring_all_closes_on_the_others(desk: Desk) -> None:
    scene = Scene(inbound())
    desk.see(scene.rings("2001"))
    desk.see(scene.rings("2002"))
    (talks,) = desk.see(scene.answers("2001"))
    assert isinstance(talks, Update)
    assert (talks.user, talks.status) == ("ana", PopStatus.TALKING)
    assert desk.see(scene.stops("2002", LegResult.ELSEWHERE)) == [Close("ben", "C1", CloseReason.ANSWERED_ELSEWHERE)]
    assert desk.status("ana") == {"C1": PopStatus.TALKING}
    assert desk.status("ben") == {}


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (LegResult.ELSEWHERE, CloseReason.ANSWERED_ELSEWHERE),
        (LegResult.REJECTED, CloseReason.ENDED),
        (LegResult.BUSY, CloseReason.ENDED),
        (LegResult.FAILED, CloseReason.ENDED),
    ],
)
def test_a_phone_that_stops_ringing_closes_with_the_reason(desk: Desk, result: LegResult, reason: CloseReason) -> None:
    scene = Scene(inbound())
    desk.see(scene.rings("2001"))
    assert desk.see(scene.stops("2001", result)) == [Close("ana", "C1", reason)]


def test_a_phone_that_rang_in_vain_while_the_caller_waits_on(desk: Desk) -> None:
    scene = Scene(inbound())
    desk.see(scene.rings("2001"))
    assert desk.see(scene.stops("2001", LegResult.NO_ANSWER)) == []
    assert desk.book.settle() == []
    assert desk.book.settle() == []
    assert desk.book.settle() == [Close("ana", "C1", CloseReason.ENDED)]
    assert desk.book.settle() == []
    (again,) = desk.see(scene.rings("2001"))
    assert isinstance(again, Show)


def test_a_phone_that_stops_because_the_caller_left(desk: Desk) -> None:
    scene = Scene(inbound())
    desk.see(scene.rings("2001"))
    desk.see(scene.rings("2002"))
    assert desk.see(scene.stops("2001", LegResult.NO_ANSWER)) == []
    assert desk.see(scene.ends(Outcome.ABANDONED)) == [
        Close("ana", "C1", CloseReason.CALLER_GONE),
        Close("ben", "C1", CloseReason.CALLER_GONE),
    ]
    assert desk.book.settle() == []


def test_a_phone_told_to_have_stopped_after_the_end(desk: Desk) -> None:
    scene = Scene(inbound())
    desk.see(scene.rings("2001"))
    scene.ends(Outcome.MISSED)
    assert desk.see(scene.stops("2001", LegResult.NO_ANSWER)) == [Close("ana", "C1", CloseReason.CALLER_GONE)]


def test_a_phone_whose_call_a_colleague_picks_up(desk: Desk) -> None:
    scene = Scene(inbound())
    desk.see(scene.rings("2001"))
    desk.see(scene.stops("2001", LegResult.NO_ANSWER))
    actions = desk.see(scene.answers("2002"))
    assert actions[0] == Close("ana", "C1", CloseReason.ANSWERED_ELSEWHERE)
    assert isinstance(actions[1], Show)


def test_the_queue_rings_the_same_agent_again_at_once(desk: Desk) -> None:
    scene = Scene(inbound())
    desk.see(scene.rings("2001"))
    desk.see(scene.stops("2001", LegResult.NO_ANSWER))
    assert desk.see(scene.rings("2001")) == []
    assert [desk.book.settle() for _ in range(4)] == [[], [], [], []]
    assert desk.status("ana") == {"C1": PopStatus.RINGING}


def test_the_caller_gives_up_while_it_rings(desk: Desk) -> None:
    scene = Scene(inbound())
    desk.see(scene.rings("2001"))
    assert desk.see(scene.ends(Outcome.ABANDONED)) == [Close("ana", "C1", CloseReason.CALLER_GONE)]


def test_an_end_without_a_stop_closes_who_did_not_take_it(desk: Desk) -> None:
    scene = Scene(inbound())
    desk.see(scene.rings("2001"))
    desk.see(scene.rings("2002"))
    desk.see(scene.answers("2001"))
    actions = desk.see(scene.ends())
    assert Close("ben", "C1", CloseReason.ANSWERED_ELSEWHERE) in actions
    assert desk.status("ana") == {"C1": PopStatus.WRAP_UP}


def test_after_the_talk_the_card_waits_for_note_and_result(desk: Desk) -> None:
    scene = Scene(inbound())
    desk.see(scene.rings("2001"))
    desk.see(scene.answers("2001"))
    (left,) = desk.see(scene.leaves("2001"))
    assert isinstance(left, Update)
    assert left.status is PopStatus.WRAP_UP
    (ended,) = desk.see(scene.ends())
    assert isinstance(ended, Update)
    assert ended.status is None
    assert ended.card is not None
    assert ended.card.ended_at is not None
    assert desk.book.dismiss("ana", "C1", scene.at) == [Close("ana", "C1", CloseReason.DISMISSED)]
    assert desk.book.dismiss("ana", "C1", scene.at) == []


def test_a_pickup_shows_the_card_on_answer(desk: Desk) -> None:
    scene = Scene(inbound())
    desk.see(scene.rings("2001"))
    (shown,) = desk.see(scene.answers("2002"))
    assert isinstance(shown, Show)
    assert (shown.user, shown.reason, shown.status) == ("ben", PopReason.ANSWER, PopStatus.TALKING)


def test_a_blind_transfer_takes_the_card_along(desk: Desk) -> None:
    scene = Scene(inbound())
    desk.see(scene.rings("2001"))
    desk.see(scene.answers("2001"))
    desk.see(scene.transferred("2001", "2002"))
    desk.see(scene.leaves("2001"))
    (shown,) = desk.see(scene.rings("2002"))
    assert isinstance(shown, Show)
    assert (shown.user, shown.reason) == ("ben", PopReason.TRANSFER)
    assert shown.card.number.e164 == "+74951234567"
    assert desk.status("ana") == {"C1": PopStatus.WRAP_UP}
    assert desk.status("ben") == {"C1": PopStatus.RINGING}


def test_a_call_that_comes_back_is_up_again(desk: Desk) -> None:
    scene = Scene(inbound())
    desk.see(scene.rings("2001"))
    desk.see(scene.answers("2001"))
    desk.see(scene.leaves("2001"))
    (again,) = desk.see(scene.rings("2001"))
    assert isinstance(again, Update)
    assert again.status is PopStatus.RINGING


def test_an_attended_transfer_turns_the_consultation_into_the_clients_card(desk: Desk) -> None:
    call, consultation = Scene(inbound()), Scene(internal("I1", "2001", "2002"))
    desk.see(call.rings("2001"))
    desk.see(call.answers("2001"))
    desk.see(consultation.dials())
    desk.see(consultation.rings("2002"))
    desk.see(consultation.answers("2002"))
    assert desk.status("ana") == {"C1": PopStatus.TALKING, "I1": PopStatus.TALKING}
    ben = Participant("2002", rang_at=T0, answered_at=T0 + 5)
    actions = desk.see(call.absorbs("I1", ben))
    assert Close("ana", "I1", CloseReason.ENDED) in actions
    assert Close("ben", "I1", CloseReason.ENDED) in actions
    (shown,) = [action for action in actions if isinstance(action, Show)]
    assert (shown.user, shown.call_id, shown.reason, shown.status) == (
        "ben",
        "C1",
        PopReason.TRANSFER,
        PopStatus.TALKING,
    )
    assert shown.card.number.e164 == "+74951234567"
    assert desk.see(call.answers("2002")) == []
    desk.see(call.transferred("2001", "2002", TransferKind.ATTENDED))
    desk.see(call.leaves("2001"))
    desk.see(call.ends())
    assert desk.status("ana") == {"C1": PopStatus.WRAP_UP}
    assert desk.status("ben") == {"C1": PopStatus.WRAP_UP}


def test_an_internal_call_shows_each_side_the_other(desk: Desk) -> None:
    scene = Scene(internal("I1", "2001", "2002"))
    (dialled,) = desk.see(scene.dials())
    (rings,) = desk.see(scene.rings("2002"))
    assert isinstance(dialled, Show)
    assert isinstance(rings, Show)
    assert (dialled.user, dialled.reason) == ("ana", PopReason.DIAL)
    assert (rings.user, rings.reason) == ("ben", PopReason.RING)
    assert dialled.card.colleague is not None
    assert rings.card.colleague is not None
    assert (dialled.card.colleague.extension, dialled.card.colleague.name) == ("2002", "Ben Adams")
    assert (rings.card.colleague.extension, rings.card.colleague.name) == ("2001", "Ana Sousa")
    actions = desk.see(scene.answers("2002"))
    assert {(a.user, a.status) for a in actions if isinstance(a, Update)} == {
        ("ana", PopStatus.TALKING),
        ("ben", PopStatus.TALKING),
    }
    assert set(desk.see(scene.ends())) == {
        Close("ana", "I1", CloseReason.ENDED),
        Close("ben", "I1", CloseReason.ENDED),
    }


def test_dialling_out_shows_the_called_clients_card(desk: Desk) -> None:
    scene = Scene(outbound())
    (shown,) = desk.see(scene.dials())
    assert isinstance(shown, Show)
    assert (shown.user, shown.reason, shown.status) == ("ana", PopReason.DIAL, PopStatus.RINGING)
    assert shown.card.number.e164 == "+33601020304"
    (talks,) = desk.see(scene.answers("2001"))
    assert isinstance(talks, Update)
    assert talks.status is PopStatus.TALKING
    desk.see(scene.ends())
    assert desk.status("ana") == {"O1": PopStatus.WRAP_UP}


def test_a_client_who_did_not_pick_up_still_gets_a_note(desk: Desk) -> None:
    scene = Scene(outbound())
    desk.see(scene.dials())
    (ended,) = desk.see(scene.ends(Outcome.NO_ANSWER))
    assert isinstance(ended, Update)
    assert ended.status is PopStatus.WRAP_UP


def test_a_card_put_away_while_it_rings_does_not_come_back(desk: Desk) -> None:
    scene = Scene(inbound())
    desk.see(scene.rings("2001"))
    assert desk.book.dismiss("ana", "C1", scene.at) == [Close("ana", "C1", CloseReason.DISMISSED)]
    assert desk.see(scene.rings("2001")) == []
    assert desk.see(scene.answers("2001")) == []
    assert desk.see(scene.ends()) == []


def test_new_facts_are_an_update_and_waiting_on_is_none(desk: Desk) -> None:
    scene = Scene(inbound())
    desk.see(scene.rings("2001"))
    assert desk.see(scene.updated(wait_seconds=7.0)) == []
    (update,) = desk.see(scene.updated(queue="sales"))
    assert isinstance(update, Update)
    assert update.card is not None
    assert update.card.queue == "sales"


def test_a_forgotten_card_goes_by_itself(desk: Desk) -> None:
    scene = Scene(inbound())
    desk.see(scene.rings("2001"))
    desk.see(scene.answers("2001"))
    change = scene.ends()
    desk.see(change)
    assert desk.book.sweep(change.at + WRAP_UP_SECONDS - 1) == []
    assert desk.book.sweep(change.at + WRAP_UP_SECONDS) == [Close("ana", "C1", CloseReason.ENDED)]
    assert desk.book.state("ana").pops == ()


def test_an_agent_has_only_so_many_cards(desk: Desk) -> None:
    for number in range(MAX_POPS):
        desk.see(Scene(inbound(f"C{number}"), T0 + number).rings("2001"))
    actions = desk.see(Scene(inbound("one more"), T0 + 100).rings("2001"))
    assert actions[0] == Close("ana", "C0", CloseReason.ENDED)
    assert isinstance(actions[1], Show)
    assert len(desk.book.state("ana").pops) == MAX_POPS


def test_the_log_brings_a_card_back_to_finish_its_note(desk: Desk) -> None:
    scene = Scene(inbound())
    desk.see(scene.rings("2001"))
    desk.see(scene.answers("2001"))
    desk.see(scene.ends())
    desk.book.dismiss("ana", "C1", scene.at)
    view = View("ana", "2001")
    (shown,) = desk.book.reopen(view, scene.call, _plain, PopStatus.WRAP_UP, scene.at)
    assert isinstance(shown, Show)
    assert shown.status is PopStatus.WRAP_UP
    assert desk.book.reopen(view, scene.call, _plain, PopStatus.WRAP_UP, scene.at) == []
    assert desk.book.wrapping_up("ana") == ()


def test_a_dismissed_call_comes_back_when_asked_for(desk: Desk) -> None:
    scene = Scene(inbound())
    desk.see(scene.rings("2001"))
    desk.book.dismiss("ana", "C1", scene.at)
    (shown,) = desk.book.reopen(View("ana", "2001"), scene.call, _plain, PopStatus.RINGING, scene.at)
    assert isinstance(shown, Show)
    (talks,) = desk.see(scene.answers("2001"))
    assert isinstance(talks, Update)
    assert talks.status is PopStatus.TALKING


def test_a_running_call_is_taken_over_and_goes_on(desk: Desk) -> None:
    scene = Scene(inbound())
    scene.rings("2001")
    scene.answers("2001")
    view = View("ana", "2001")
    (shown,) = desk.book.adopt(scene.call, view, _plain, PopStatus.TALKING)
    assert isinstance(shown, Show)
    assert shown.reason is PopReason.ANSWER
    assert desk.book.adopt(scene.call, view, _plain, PopStatus.TALKING) == []
    desk.see(scene.leaves("2001"))
    assert desk.status("ana") == {"C1": PopStatus.WRAP_UP}


def test_old_dismissals_and_transfers_are_forgotten(desk: Desk) -> None:
    scene = Scene(inbound())
    desk.see(scene.rings("2001"))
    desk.see(scene.transferred("2001", "2002"))
    desk.book.dismiss("ana", "C1", scene.at)
    assert desk.book.sweep(scene.at + 13 * 3600) == []
    (shown,) = desk.see(scene.rings("2001"))
    assert isinstance(shown, Show)


def _plain(view: View) -> Card:
    number = Number("+74951234567", "+74951234567", NumberKind.EXTERNAL)
    return build(inbound(), Knowledge(number), view, SEATS)


def test_a_second_device_ringing_in_mid_talk_is_no_news(desk: Desk) -> None:
    scene, book = Scene(inbound()), desk.book
    book.decide(scene.rings("2001"), "ana", _plain)
    book.decide(scene.answers("2001"), "ana", _plain)
    assert book.decide(scene.rings("2101"), "ana", _plain) == []
    assert book.decide(scene.stops("2101", LegResult.ELSEWHERE), "ana", _plain) == []
    assert desk.status("ana") == {"C1": PopStatus.TALKING}


def test_who_moves_to_another_phone_keeps_talking(desk: Desk) -> None:
    scene, book = Scene(inbound()), desk.book
    book.decide(scene.answers("2001"), "ana", _plain)
    book.decide(scene.answers("2101"), "ana", _plain)
    assert book.decide(scene.leaves("2001"), "ana", _plain) == []
    (left,) = book.decide(scene.leaves("2101"), "ana", _plain)
    assert isinstance(left, Update)
    assert left.status is PopStatus.WRAP_UP


def test_phones_without_a_card_change_nothing(desk: Desk) -> None:
    scene = Scene(inbound())
    assert desk.see(scene.answers("2009")) == []
    assert desk.see(scene.stops("2009", LegResult.NO_ANSWER)) == []
    assert desk.see(scene.leaves("2009")) == []
    assert desk.see(scene.ends()) == []


def test_nothing_new_is_no_update(desk: Desk) -> None:
    desk.see(Scene(inbound()).rings("2001"))
    assert desk.book.refresh("C1", _same_as(desk, "ana")) == []


def test_fresh_dismissals_and_transfers_are_remembered(desk: Desk) -> None:
    scene = Scene(inbound())
    desk.see(scene.rings("2001"))
    desk.see(scene.transferred("2001", "2002"))
    desk.book.dismiss("ana", "C1", scene.at)
    assert desk.book.sweep(scene.at + 60) == []
    assert desk.see(scene.rings("2001")) == []


def test_who_left_the_consultation_gets_no_card_of_the_call(desk: Desk) -> None:
    call, consultation = Scene(inbound()), Scene(outbound("O1"))
    desk.see(consultation.dials())
    desk.see(consultation.answers("2001"))
    desk.see(consultation.leaves("2001"))
    assert desk.status("ana") == {"O1": PopStatus.WRAP_UP}
    assert desk.see(call.absorbs("O1")) == [Close("ana", "O1", CloseReason.ENDED)]
    assert desk.status("ana") == {}


def test_the_card_of_an_ended_call_is_not_taken_over_twice(desk: Desk) -> None:
    view = View("ana", "2001")
    (shown,) = desk.book.adopt(inbound(), view, _plain, PopStatus.WRAP_UP)
    assert isinstance(shown, Show)
    assert desk.see(Scene(inbound()).ends()) != []
    assert desk.status("ana") == {"C1": PopStatus.WRAP_UP}


def _same_as(desk: Desk, user: str) -> Callable[[View], Card]:
    (pop,) = desk.book.state(user).pops
    return lambda _: pop.card


def test_a_call_two_pbxs_told_of_is_no_transfer(desk: Desk) -> None:
    near, far = Scene(inbound("N1", queue=None)), Scene(inbound("F1", queue=None))
    desk.see(far.rings("2001"))
    ana = Participant("2001", rang_at=T0)
    close, show = desk.see(replace(near.absorbs("F1", ana), trigger=LINKED))
    assert close == Close("ana", "F1", CloseReason.ENDED)
    assert isinstance(show, Show)
    assert (show.call_id, show.reason, show.status) == ("N1", PopReason.RING, PopStatus.RINGING)
    (later,) = desk.see(near.rings("2002"))
    assert isinstance(later, Show)
    assert later.reason is PopReason.RING

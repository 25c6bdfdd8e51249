"""The work after a call, decided: what ends it, what a restart knows of it, whom the queues leave alone meanwhile."""

from collections.abc import Callable

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from crm_core.agents.rules import LONGEST_WRAP_UP, QueueRules, QueueSetting
from crm_core.agents.wrap_ups import StoredWrapUp
from screenpop.cards import View
from screenpop.messages import Card, CardNumber, PopReason, PopStatus, PopWrapUp, timestamp
from screenpop.pops import Pop
from screenpop.wrapups import MORE_SECONDS, WrapUps
from tests.screenpop.scenes import T0

RULES = QueueRules(
    [
        QueueSetting("timed", 30.0),
        QueueSetting("held", 30.0, pause_in_wrap_up=True),
        QueueSetting("must", None, result_required=True),
        QueueSetting("both", 30.0, result_required=True),
        QueueSetting("none", 0.0),
        QueueSetting("never", 0.0, result_required=True),
    ]
)
QUEUES = (None, "free", "timed", "held", "must", "both", "none", "never")


def card(queue: str | None, call_id: str = "C1", *, since: float = T0, result: str | None = None) -> Pop:
    shown = Card(CardNumber("+74951234567", None, "external"), queue=queue, disposition=result)
    return Pop(View("ana", "2001"), call_id, PopReason.RING, PopStatus.WRAP_UP, shown, since)


def begun(*pops: Pop, online: bool = True) -> WrapUps:
    book = WrapUps()
    book.rules = RULES
    book.follow("ana", pops)
    if online:
        book.attend(["ana"])
    return book


def test_a_queue_that_asks_nothing_lets_the_card_wait_as_long_as_it_is_up() -> None:
    pop = card("free")
    book = begun(pop)
    assert book.told("ana", "C1") == PopWrapUp()
    assert book.sweep(T0 + 3600) == {}
    assert (book.holding(), book.take()) == (frozenset(), ((), ()))
    book.follow("ana", [])
    assert (book.current("ana"), book.told("ana", "C1")) == (None, None)


def test_who_acts_on_wrap_ups_is_called_only_when_one_changed() -> None:
    book = WrapUps()
    book.follow("ana", [])
    assert book.changes == 0
    book.follow("ana", [card("free")])
    book.follow("ana", [card("free")])
    assert book.changes == 1
    book.follow("ana", [])
    assert book.changes == 2


def test_the_timer_ends_it_while_the_card_stays() -> None:
    pop = card("held")
    book = begun(pop)
    assert book.told("ana", "C1") == PopWrapUp(timestamp(T0 + 30), paused=True)
    assert book.holding() == {"ana"}
    assert book.sweep(T0 + 29.9) == {}
    assert book.sweep(T0 + 30) == {"ana": {"C1"}}
    assert (book.holding(), book.current("ana"), book.told("ana", "C1")) == (frozenset(), None, None)
    assert book.follow("ana", [pop]) == frozenset()
    assert book.current("ana") is None


def test_more_time_is_a_minute_and_never_more_than_the_longest() -> None:
    book = begun(card("timed"))
    assert book.more("ana", T0 + 10) == {"C1"}
    assert book.told("ana", "C1") == PopWrapUp(timestamp(T0 + 30 + MORE_SECONDS))
    for _ in range(100):
        book.more("ana", T0 + 10)
    assert book.told("ana", "C1") == PopWrapUp(timestamp(T0 + LONGEST_WRAP_UP))
    assert book.more("ana", T0 + LONGEST_WRAP_UP) == book.more("ben", T0) == frozenset()


def test_a_demanded_result_is_waited_for_and_ends_it() -> None:
    book = begun(card("must"))
    assert book.holding() == {"ana"}
    assert book.waits_for_result("ana", "C1")
    assert book.finish("ana") is None
    assert book.follow("ana", [card("must", result="sold")]) == {"C1"}
    assert (book.current("ana"), book.holding(), book.told("ana", "C1")) == (None, frozenset(), None)
    assert not book.waits_for_result("ana", "C1")
    assert book.finish("ana") == frozenset()


def test_a_result_taken_back_is_demanded_again_but_calls_come() -> None:
    book = begun(card("must"))
    book.follow("ana", [card("must", result="sold")])
    assert book.follow("ana", [card("must")]) == {"C1"}
    assert book.told("ana", "C1") == PopWrapUp(result_required=True, paused=True, over=True)
    assert book.holding() == frozenset()


def test_a_result_chosen_while_talking_leaves_the_end_to_the_agent() -> None:
    book = begun(card("must", result="sold"))
    assert book.told("ana", "C1") == PopWrapUp(paused=True)
    assert book.holding() == {"ana"}
    assert book.finish("ana") == frozenset({"C1"})
    assert book.holding() == frozenset()


def test_the_timer_lets_calls_come_though_the_result_is_missing() -> None:
    book = begun(card("both"))
    book.sweep(T0 + 30)
    assert book.told("ana", "C1") == PopWrapUp(timestamp(T0 + 30), result_required=True, paused=True, over=True)
    assert (book.holding(), book.waits_for_result("ana", "C1")) == (frozenset(), True)
    assert [one.call_id for one in book.take()[0]] == ["C1"]  # a restart brings the card back


def test_a_supervisor_ends_it_and_the_card_still_waits_for_its_result() -> None:
    book = begun(card("must"))
    assert book.finish("ana", forced=True) == frozenset({"C1"})
    assert (book.holding(), book.waits_for_result("ana", "C1")) == (frozenset(), True)


def test_who_has_no_browser_is_not_kept_from_calls_until_one_is_opened() -> None:
    book = begun(card("must"), online=False)
    assert book.holding() == frozenset()
    book.attend(["ben", "ana"])
    assert book.holding() == {"ana"}


def test_no_wrap_up_at_all_and_a_card_that_must_stay_in_spite_of_it() -> None:
    book = begun(card("none"), card("never", "C2"))
    assert (book.current("ana"), book.told("ana", "C1"), book.holding()) == (None, None, frozenset())
    assert book.waits_for_result("ana", "C2")


def test_the_call_that_ended_last_is_what_the_agent_works_on() -> None:
    book = begun(card("held"), card("free", "C2", since=T0 + 5))
    current = book.current("ana")
    assert current is not None
    assert current.call_id == "C2"
    assert book.holding() == {"ana"}


def test_a_restart_goes_on_until_the_time_that_was_prolonged() -> None:
    book = begun(card("held"))
    book.more("ana", T0 + 1)
    (kept,), ended = book.take()
    assert (kept, ended) == (StoredWrapUp("ana", "C1", "2001", T0, T0 + 90), ())
    later = WrapUps()
    later.rules = RULES
    later.restore(kept)
    later.follow("ana", [card("held")])
    assert later.told("ana", "C1") == PopWrapUp(timestamp(T0 + 90), paused=True)
    later.forget(("ben", "C9"))
    assert later.take() == ((kept,), (("ben", "C9"),))


def test_what_could_not_be_written_is_written_later_unless_it_is_old() -> None:
    book = begun(card("held"), card("must", "C2"))
    kept, ended = book.take()
    book.follow("ana", [card("held")])
    book.give_back(kept, ended)
    kept, ended = book.take()
    assert ([one.call_id for one in kept], ended) == (["C1"], (("ana", "C2"),))
    book.give_back(kept, ended)
    assert book.take() == (kept, ended)


class Day:
    """One agent's cards and wrap-ups, and the rows a restart would find."""

    def __init__(self) -> None:
        self.book = WrapUps()
        self.book.rules = RULES
        self.cards: dict[str, Pop] = {}
        self.rows: dict[tuple[str, str], StoredWrapUp] = {}
        self.at = T0

    def open(self, call_id: str, queue: str | None) -> None:
        self.cards.setdefault(call_id, card(queue, call_id, since=self.at))

    def close(self, call_id: str, _: str | None) -> None:
        self.cards.pop(call_id, None)

    def choose(self, call_id: str, word: str | None) -> None:
        if call_id in self.cards:
            pop = self.cards[call_id]
            pop.card = msgspec.structs.replace(pop.card, disposition=word)

    def more(self, _call_id: str, _: str | None) -> None:
        self.book.more("ana", self.at)

    def ready(self, _call_id: str, word: str | None) -> None:
        ended = self.book.finish("ana", forced=word is not None)
        assert ended is None or self.book.current("ana") is None

    def attend(self, _call_id: str, _: str | None) -> None:
        self.book.attend(["ana"])

    def sweep(self, _call_id: str, _: str | None) -> None:
        self.book.sweep(self.at)
        current = self.book.current("ana")
        assert current is None or current.until is None or current.until > self.at

    def write(self, _call_id: str, _: str | None) -> None:
        kept, ended = self.book.take()
        self.rows = {key: one for key, one in self.rows.items() if key not in ended} | {one.key: one for one in kept}
        assert all(one.until is None or one.until - one.started_at <= LONGEST_WRAP_UP for one in kept)

    def look(self) -> None:
        self.book.follow("ana", self.cards.values())
        assert bool(self.book.holding()) <= bool(self.cards)
        for call_id, pop in self.cards.items():
            told = self.book.told("ana", call_id)
            assert self.book.waits_for_result("ana", call_id) == (told is not None and told.result_required)
            assert pop.card.disposition is None or told is None or not told.result_required


DEEDS = (Day.open, Day.close, Day.choose, Day.more, Day.ready, Day.attend, Day.sweep, Day.write)
STEPS = st.lists(
    st.tuples(st.sampled_from(DEEDS), st.sampled_from(["C0", "C1", "C2"]), st.sampled_from(QUEUES), st.floats(0, 900)),
    max_size=40,
)


@given(STEPS)
def test_whatever_happens_nobody_is_held_without_a_card_nor_beyond_the_longest(
    steps: list[tuple[Callable[[Day, str, str | None], None], str, str | None, float]],
) -> None:
    day = Day()
    for deed, call_id, word, seconds in steps:
        day.at += seconds
        deed(day, call_id, word)
        day.look()
    day.cards.clear()
    day.look()
    day.write("", None)
    assert (day.book.holding(), day.book.current("ana"), day.rows) == (frozenset(), None, {})

"""Two PBXs and a line between them: what both tell of becomes one call, two different calls never do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screenpop.halves import KEPT_SECONDS, Question, same_caller, same_number
from screenpop.linking import Linker
from telephony.calls import CallBook, apply
from telephony.reading import read
from telephony.records import CallChange, CallRecord, Change, ChangeKind, Confidence, Direction, LinkChange, Outcome
from telephony.simulator.switch import Reaction
from tests.telephony.recording import new_book
from tests.telephony.simulated import (
    STARTED,
    People,
    blocks_of_frames,
    dialled,
    inbound,
    later,
    one_after_the_other,
    phone,
    play_people,
)

REACHED = "74951230018"
OVER = "9" + REACHED
Told = tuple[float, Change]
SAME, SILENT, DIFFERENT = "same", "silent", "different"


def told_by(pbx: str, people: People) -> list[Told]:
    """Give what the call book of a PBX tells while people act there."""
    book: CallBook = new_book()
    book.line = type(book.line)(pbx, book.line.extensions)
    _, frames = play_people(people)
    told: list[Told] = []
    for seconds, block in blocks_of_frames(frames):
        event = read(block, STARTED + seconds)
        if event is not None:
            told += [(STARTED + seconds, change) for change in apply(book, event).changes]
    return told


def dials_over(answer_after: float | None = 2.0, hangs_up: float | None = 5.0, begins: float = 0.0) -> People:
    """Let 2002 dial a number of the other PBX."""
    return later(begins, dialled(OVER, Reaction(answer_after=answer_after), extension="2002", caller_after=hangs_up))


def reached(*acts: tuple[float, str], number: str = "2002") -> People:
    return inbound(REACHED, *acts, number=number)


@dataclass
class House:
    """Hears what a linker tells, as the service does."""

    ids: Mapping[str, str] = field(default_factory=dict)
    """What is said of lines' SIP Call-IDs, by PBX or uniqueid; of what is not named nothing is said."""
    answer_after: float = 0.003
    linker: Linker = field(default_factory=Linker)
    rows: dict[str, CallRecord] = field(default_factory=dict)
    absorbed: dict[str, str] = field(default_factory=dict)
    heard: list[CallChange] = field(default_factory=list)

    def play(self, told: Sequence[Told], until: float = 40.0) -> "House":
        """Let the changes come at their times, the answers after a while, and time pass between."""
        due: list[tuple[float, int, Change | Question | None]] = [
            (when, number, change) for number, (when, change) in enumerate(told)
        ]
        due += [(STARTED + tick / 20, 1_000_000, None) for tick in range(int(until * 20))]
        due.sort(key=lambda one: one[:2])
        while due:
            now, _, what = due.pop(0)
            if what is None:
                self.hear(self.linker.pass_time(now))
            elif isinstance(what, Question):
                self.hear(self.linker.answered(what, self.ids.get(what.uniqueid) or self.ids.get(what.pbx), now))
            else:
                self.hear(self.linker.take(what, now))
            for question in self.linker.questions:
                due.append((now + self.answer_after, 0, question))
                due.sort(key=lambda one: one[:2])
            self.linker.questions.clear()
        assert not self.linker.waiting
        return self

    def hear(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if isinstance(change, CallChange):
                assert change.call.id not in self.absorbed, "an absorbed call is not told of any more"
                self.heard.append(change)
                self.rows[change.call.id] = change.call
                if change.kind is ChangeKind.ABSORBED and change.absorbed is not None:
                    self.rows.pop(change.absorbed, None)
                    self.absorbed[change.absorbed] = change.call.id

    @property
    def row(self) -> CallRecord:
        [found] = self.rows.values()
        return found

    def kinds(self, extension: str) -> list[ChangeKind]:
        return [one.kind for one in self.heard if one.extension == extension]


def mixed(*streams: Sequence[Told], late: Mapping[int, float] | None = None) -> list[Told]:
    """Put the changes of PBXs in the order of their times; some PBXs are `late` by so many seconds."""
    shifted = [
        [(when + (late or {}).get(number, 0.0), change) for when, change in stream]
        for number, stream in enumerate(streams)
    ]
    return sorted((one for stream in shifted for one in stream), key=lambda one: one[0])


NEAR = told_by("branch", dials_over())
FAR = told_by("main", reached((2, "answer 2001"), (5.05, "caller hangs up")))
EXACT = {"branch": "call-1", "main": "call-1"}


@pytest.mark.parametrize("late", [{0: 0.0}, {0: 0.2}, {1: 0.2}])
@pytest.mark.parametrize(("ids", "confidence"), [(EXACT, Confidence.EXACT), ({}, Confidence.LIKELY)])
def test_a_colleagues_call_over_a_line_is_one_internal_row(
    late: Mapping[int, float], ids: Mapping[str, str], confidence: Confidence
) -> None:
    house = House(ids).play(mixed(NEAR, FAR, late=late))
    row = house.row
    assert (row.pbx, row.direction, row.outcome) == ("branch", Direction.INTERNAL, Outcome.ANSWERED)
    assert (row.number, row.extension, row.answered_by) == ("2002", "2002", "2001")
    assert [(one.extension, one.result) for one in row.participants] == [("2001", "answered")]
    assert [(link.pbx, link.confidence, link.phones) for link in row.links] == [("main", confidence, ("2001",))]
    assert row.talk_seconds == pytest.approx(3.05, abs=0.1)
    assert row.wait_seconds == pytest.approx(2.0, abs=0.1)
    assert list(house.absorbed.values()) == [row.id]
    assert [one.kind for one in house.heard if one.call.id == row.id].count(ChangeKind.ENDED) == 1
    assert house.kinds("2001").count(ChangeKind.ANSWERED) == 1


def test_a_phone_that_rings_while_the_pbxs_are_asked_is_told_once() -> None:
    house = House(EXACT).play(mixed(NEAR, FAR))
    rings = [one for one in house.heard if one.kind is ChangeKind.RINGING and one.extension == "2001"]
    assert [one.call.id for one in rings] == [house.row.id]


def test_lines_with_other_sip_calls_are_other_calls() -> None:
    house = House({"branch": "call-1", "main": "call-2"}).play(mixed(NEAR, FAR))
    assert len(house.rows) == 2
    assert house.absorbed == {}
    rings = [one.at - STARTED for one in house.heard if one.kind is ChangeKind.RINGING]
    assert rings
    assert max(rings) < 1.0


def test_two_calls_between_the_same_numbers_at_once_are_not_guessed_between() -> None:
    two = told_by("branch", one_after_the_other(dials_over(), dials_over(begins=0.05)))
    both = one_after_the_other(
        reached((2, "answer 2001"), (5, "caller hangs up")), reached((2.5, "answer 2001"), (6, "caller hangs up"))
    )
    house = House().play(mixed(two, told_by("main", both)))
    assert house.absorbed == {}
    assert len(house.rows) == 4


def test_two_calls_at_once_are_told_apart_where_the_pbxs_say_which_is_which() -> None:
    two = told_by("branch", one_after_the_other(dials_over(), dials_over(begins=0.05)))
    one = told_by("main", reached((2, "answer 2001"), (5, "caller hangs up")))
    lines = [dial.uniqueid for _, told in two if isinstance(told, CallChange) for dial in told.call.dials_out]
    house = House({lines[-1]: "b", lines[0]: "a", "main": "b"}).play(mixed(two, one))
    assert len(house.rows) == 2
    [linked] = [row for row in house.rows.values() if row.links]
    assert linked.dials_out[0].uniqueid == lines[-1]


def test_a_pbx_that_goes_away_leaves_no_row_open() -> None:
    cut = [(when, change) for when, change in FAR if when - STARTED < 3]
    away: list[Told] = [(STARTED + 4, LinkChange(STARTED + 4, "main", up=False, reason="gone"))]
    house = House(EXACT).play(mixed(NEAR, [*cut, *away]))
    row = house.row
    assert (row.outcome, row.ended_at is not None) == (Outcome.ANSWERED, True)


def test_after_a_restart_the_halves_find_each_other_without_asking() -> None:
    before = House(EXACT).play([one for one in mixed(NEAR, FAR) if one[0] - STARTED < 3], until=3)
    whole = before.row
    assert whole.ended_at is None
    after = House()
    after.linker.adopt(whole, STARTED + 3)
    after.rows[whole.id] = whole
    after.play([one for one in mixed(NEAR, FAR) if one[0] - STARTED >= 3])
    assert set(after.rows) == {whole.id}
    assert (after.row.outcome, [one.extension for one in after.row.participants]) == (Outcome.ANSWERED, ["2001"])
    assert after.row.links == whole.links


def test_a_busy_colleague_and_one_who_does_not_answer() -> None:
    near = told_by("branch", dials_over(answer_after=None, hangs_up=4))
    silent = told_by("main", reached((4.05, "caller hangs up")))
    row = House(EXACT).play(mixed(near, silent)).row
    assert (row.direction, row.outcome, row.answered_at) == (Direction.INTERNAL, Outcome.CANCELED, None)
    assert [one.result for one in row.participants] == ["no_answer"]
    busy = told_by("main", one_after_the_other(phone("2001", Reaction(None, refuse_after=0.001)), reached()))
    row = House(EXACT).play(mixed(near, busy)).row
    assert row.answered_at is None
    assert [one.result for one in row.participants] == ["busy"]


def test_what_ended_long_ago_is_forgotten() -> None:
    house = House(EXACT).play(mixed(NEAR, FAR))
    house.linker.forget(STARTED + 10 + 2 * KEPT_SECONDS)
    assert not house.linker._halves._all
    assert not house.linker._halves._asked
    assert not house.linker._ids


@given(
    random=st.randoms(use_true_random=False),
    ids=st.sampled_from([SAME, SILENT, DIFFERENT]),
    answer_after=st.floats(0.0, 0.2),
    late=st.floats(-0.15, 0.15),
)
@settings(max_examples=80, deadline=None)
def test_any_order_of_arrival_gives_one_row_or_two_but_never_loses_one(
    random: Random, ids: str, answer_after: float, late: float
) -> None:
    said = {SAME: EXACT, SILENT: {}, DIFFERENT: {"branch": "a", "main": "b"}}[ids]
    jitter = [(when + random.random() * 0.001, change) for when, change in FAR]
    jitter.sort(key=lambda one: one[0])
    in_order = [(when, change) for (when, _), (_, change) in zip(jitter, FAR, strict=True)]
    house = House(said, answer_after).play(mixed(NEAR, in_order, late={1: late}))
    assert len(house.rows) == (2 if ids == DIFFERENT else 1)
    assert all(row.ended_at is not None and row.outcome is Outcome.ANSWERED for row in house.rows.values())
    phones = {one.extension for row in house.rows.values() for one in row.participants}
    assert phones == {"2001"}
    assert [one.kind for one in house.heard].count(ChangeKind.ENDED) == len(house.rows)


@pytest.mark.parametrize(
    ("dialled_number", "reached_number", "same"),
    [
        ("93001", "3001", True),
        ("+74951230018", "74951230018", True),
        ("3001", "3002", False),
        ("1", "1", False),
        (None, "3001", False),
        ("3001", None, False),
        ("s", "s", False),
    ],
)
def test_numbers_that_may_be_the_same(dialled_number: str | None, reached_number: str | None, same: bool) -> None:  # noqa: FBT001 - a table's column
    assert same_number(dialled_number, reached_number) is same


@pytest.mark.parametrize(
    ("shown", "seen", "same"),
    [
        ("3001", "3001", True),
        ("3001", "+79161233001", False),
        ("89161233001", "+79161233001", False),
        ("9161233001", "+79161233001", True),
        ("", "", False),
        (None, None, False),
    ],
)
def test_callers_that_may_be_the_same(shown: str | None, seen: str | None, same: bool) -> None:  # noqa: FBT001 - a table's column
    assert same_caller(shown, seen) is same


def test_a_caller_whose_number_ends_like_the_extension_is_somebody_else() -> None:
    far = told_by("main", reached((2, "answer 2001"), (5, "caller hangs up"), number="+79161232002"))
    assert House().play(mixed(NEAR, far)).absorbed == {}

"""Intervals of agents' states: what each look at the board makes of them, and that a day has no hole and no overlap."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.agents.states import StateInterval, after_restart
from screenpop import timelines
from screenpop.messages import AgentState
from screenpop.timelines import RETURN_SECONDS, Standing, Timelines

T0 = 1_800_000_000.0
AVAILABLE = Standing(AgentState.AVAILABLE)
OFFLINE = Standing(AgentState.OFFLINE)


@dataclass
class Log:
    """The table, and the clock of the heartbeat: what has an end is final."""

    rows: dict[tuple[str, float], StateInterval] = field(default_factory=dict)
    heartbeat: float | None = None

    def save(self, *intervals: StateInterval) -> None:
        for one in intervals:
            stored = self.rows.get(one.key)
            if stored is None or stored.ended_at is None:
                self.rows[one.key] = one

    def restart(self, at: float) -> Timelines:
        found = after_restart([one for one in self.rows.values() if one.ended_at is None], self.heartbeat)
        self.save(*found)
        return Timelines(at, [one for one in found if one.ended_at is None])

    def of(self, user: str) -> list[StateInterval]:
        return sorted((one for one in self.rows.values() if one.user == user), key=lambda one: one.started_at)


def told(lines: Timelines) -> list[tuple[str | None, float, float | None]]:
    return [
        (one.state, one.started_at - T0, None if one.ended_at is None else one.ended_at - T0) for one in lines.take()
    ]


def test_a_state_lasts_until_the_next_one_and_begins_when_the_board_says() -> None:
    lines = Timelines(T0)
    lines.look({"ana": AVAILABLE}, T0)
    lines.look({"ana": AVAILABLE}, T0 + 1)
    lines.look({"ana": Standing(AgentState.RINGING, T0 + 1.75, "C1")}, T0 + 2)
    lines.look({"ana": Standing(AgentState.ON_CALL, T0 + 4.5, "C1")}, T0 + 5)
    assert told(lines) == [("available", 0, 1.75), ("ringing", 1.75, 4.5), ("on_call", 4.5, None)]
    assert lines.unwritten == 0


def test_a_time_before_our_last_look_is_not_when_the_state_began() -> None:
    """The board dates a hold from the answer, and a pause made during a call from when it was made."""
    lines = Timelines(T0)
    lines.look({"ana": Standing(AgentState.ON_CALL, T0 + 1, "C1")}, T0 + 1)
    lines.look({}, T0 + 2)
    lines.look({"ana": Standing(AgentState.ON_HOLD, T0 + 1, "C1")}, T0 + 3)
    lines.look({"ana": Standing(AgentState.PAUSED, T0 + 2, reason="Lunch")}, T0 + 9)
    lines.look({"ana": Standing(AgentState.PAUSED, T0 + 10, reason="Training")}, T0 + 10.5)
    assert told(lines) == [("on_call", 1, 3), ("on_hold", 3, 9), ("paused", 9, 10), ("paused", 10, None)]


def test_an_agent_without_a_phone_has_no_state() -> None:
    lines = Timelines(T0)
    lines.look({"ana": AVAILABLE, "ben": None}, T0)
    lines.look({"ana": None}, T0)
    lines.look({"ana": AVAILABLE}, T0)
    lines.look({}, T0 + 60)
    first, second = lines.take()
    assert first.ended_at == second.started_at > first.started_at == T0
    assert second.ended_at is None


def test_after_a_crash_nobody_watched_until_something_is_known() -> None:
    log = Log(heartbeat=T0 + 4)
    log.save(*(StateInterval(user, "available", T0) for user in ("ana", "ben", "gone")))
    lines = log.restart(T0 + 30)
    lines.look({"ana": OFFLINE, "ben": OFFLINE}, T0 + 30)
    lines.look({"ana": Standing(AgentState.ON_CALL, T0 + 2, "C1")}, T0 + 32)
    log.save(*lines.take())
    assert [(one.state, one.observed, one.started_at - T0) for one in log.of("ana")] == [
        ("available", True, 0), (None, False, 4), ("on_call", True, 32),
    ]  # fmt: skip
    assert log.of("ben")[-1] == StateInterval("ben", None, T0 + 4, observed=False)
    lines.look({}, T0 + 30 + RETURN_SECONDS)
    log.save(*lines.take())
    assert [(one.state, one.started_at - T0) for one in log.of("ben")[1:]] == [(None, 4), ("offline", 40)]
    assert [one.ended_at for one in log.of("gone")] == [T0 + 4, T0 + 40]


@pytest.mark.parametrize("heartbeat", [None, T0 - 5, T0])
def test_what_no_heartbeat_confirms_is_not_claimed(heartbeat: float | None) -> None:
    before = [StateInterval("ana", "available", T0 - 60), StateInterval("ana", "ringing", T0)]
    assert after_restart(before, heartbeat) == (
        StateInterval("ana", "available", T0 - 60, T0),
        StateInterval("ana", None, T0, observed=False),
    )


def test_a_clock_set_back_makes_nothing_end_before_it_began() -> None:
    lines = Timelines(T0)
    lines.look({"ana": AVAILABLE}, T0)
    lines.look({"ana": OFFLINE}, T0 + 100)
    lines.look({"ana": AVAILABLE}, T0 - 3600)
    assert lines.watched_until(T0 - 3600) == T0 + 100
    lines.look({"ana": OFFLINE}, T0 + 160)
    assert told(lines) == [("available", 0, 100), ("available", 100, 160), ("offline", 160, None)]


def test_what_could_not_be_written_is_given_back_unless_it_is_newer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timelines, "MOST_UNWRITTEN", 2)
    lines = Timelines(T0)
    lines.look({"ana": AVAILABLE}, T0)
    taken = lines.take()
    lines.look({"ana": OFFLINE}, T0 + 1)
    lines.give_back(taken)
    lines.look({"ben": AVAILABLE}, T0 + 2)
    assert (lines.unwritten, lines.lost) == (2, 1)
    assert told(lines) == [("available", 0, 1), ("offline", 1, None)]


standings = st.builds(
    Standing,
    st.sampled_from(AgentState),
    st.none() | st.floats(-50, 200).map(lambda at: T0 + at),
    st.none() | st.sampled_from(["C1", "C2"]),
)
users = st.sampled_from(["ana", "ben"])
steps = st.lists(
    st.tuples(
        st.floats(-30, 30) | st.just(0.0),
        st.sampled_from(["look", "look", "look", "write", "fail", "crash"]),
        st.dictionaries(users, standings),
    ),
    max_size=40,
)


@given(steps)
def test_a_day_has_no_overlap_and_no_hole_whatever_the_clock_and_crashes(
    day: list[tuple[float, str, dict[str, Standing]]],
) -> None:
    log, at, now = Log(), T0, dict[str, Standing]()
    lines = log.restart(at)
    for moved, what, standing in day:
        at += moved
        match what:
            case "look":
                now |= standing
                lines.look(standing, at)
            case "write":
                log.save(*lines.take())
                log.heartbeat = lines.watched_until(at)
            case "fail":
                lines.give_back(lines.take())
            case _:
                lines = log.restart(at)
                lines.look(now, at)  # the board knows from the start who has a phone
    log.save(*lines.take())
    for user in ("ana", "ben"):
        found = log.of(user)
        assert all(one.ended_at == following.started_at for one, following in pairwise(found))
        assert all(one.ended_at is None or one.ended_at > one.started_at for one in found)
        assert all((one.state is None) is not one.observed for one in found)

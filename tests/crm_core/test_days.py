"""An agent's day: intervals cut to a span, what lasts, holes, and sums that come out even."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.agents.days import Handled, added, day_of
from crm_core.agents.states import StateInterval

SPAN = (100.0, 200.0)


def test_a_day_is_cut_and_added_up() -> None:
    intervals = [
        StateInterval("ana", "on_call", 150.0, 160.0, call_id="C1"),
        StateInterval("ana", "available", 50.0, 110.0),
        StateInterval("ana", None, 160.0, 170.0, observed=False),
        StateInterval("ana", "paused", 170.0, None, "Lunch"),
        StateInterval("ana", "available", 210.0, 220.0),
    ]
    day = day_of("ana", intervals, *SPAN, 190.0, Handled(1, 9.0))
    assert [(one.state, one.started_at, one.ended_at) for one in day.intervals] == [
        ("available", 100.0, 110.0),
        ("on_call", 150.0, 160.0),
        (None, 160.0, 170.0),
        ("paused", 170.0, 190.0),
    ]
    assert day.totals.seconds == {"available": 10.0, "on_call": 10.0, "paused": 20.0}
    assert (day.totals.unobserved, day.handled) == (10.0, Handled(1, 9.0))


def test_what_lasts_is_told_as_far_as_it_was_watched() -> None:
    lasting = [StateInterval("ana", "available", 120.0)]
    assert day_of("ana", lasting, *SPAN, None, Handled()).intervals == ()
    assert day_of("ana", lasting, *SPAN, 110.0, Handled()).intervals == ()
    assert day_of("ana", lasting, *SPAN, 900.0, Handled()).totals.seconds == {"available": 80.0}


def test_calls_taken_and_dialled_are_added() -> None:
    assert added({"ana": Handled(2, 10.0)}, {"ana": Handled(1, 5.0), "ben": Handled(1, 1.0)}) == {
        "ana": Handled(3, 15.0),
        "ben": Handled(1, 1.0),
    }


@given(st.lists(st.floats(0, 300), min_size=2, max_size=12, unique=True), st.data())
def test_the_sums_are_the_time_that_is_covered(borders: list[float], data: st.DataObject) -> None:
    times = sorted(borders)
    intervals = []
    for start, end in pairwise(times):
        state = data.draw(st.sampled_from(["available", "on_call", None]))
        intervals.append(StateInterval("ana", state, start, end, observed=state is not None))
    day = day_of("ana", intervals, *SPAN, None, Handled())
    covered = max(0.0, min(times[-1], SPAN[1]) - max(times[0], SPAN[0]))
    assert sum(day.totals.seconds.values()) + day.totals.unobserved == pytest.approx(covered)
    for one, following in pairwise(day.intervals):
        assert one.ended_at == following.started_at

"""Agents' days as intervals: the same on both databases."""

import pytest

from crm_core.agents.states import StateInterval, StateTotals
from crm_core.agents.states_store import AgentStates
from crm_core.db import Database
from crm_core.errors import InvalidField
from tests.contracts.conftest import NOON

HOUR = 3600.0
DAY = (
    StateInterval("ana", "available", NOON, NOON + 10),
    StateInterval("ana", "on_call", NOON + 10, NOON + 70, call_id="C1"),
    StateInterval("ana", "paused", NOON + 70, NOON + 100, "Обед"),
    StateInterval("ana", None, NOON + 100, NOON + 130, observed=False),
    StateInterval("ana", "available", NOON + 130),
)


@pytest.fixture
def states(db: Database) -> AgentStates:
    return AgentStates(db)


async def test_what_is_written_is_read_newest_first_page_by_page(states: AgentStates) -> None:
    await states.save([*DAY, StateInterval("ben", "offline", NOON)], NOON + 140)
    found: list[StateInterval] = []
    cursor = None
    for _ in range(3):
        page = await states.list_states("ana", NOON, NOON + HOUR, limit=2, cursor=cursor)
        found += page.items
        cursor = page.next
    assert cursor is None
    assert tuple(reversed(found)) == DAY
    with pytest.raises(InvalidField):
        await states.list_states("ana", NOON, NOON + HOUR, limit=2, cursor="x")


async def test_writing_again_changes_nothing_and_what_has_an_end_is_final(states: AgentStates) -> None:
    for _ in range(2):
        await states.save(DAY, NOON + 140)
    await states.save([StateInterval("ana", "offline", NOON, NOON + 5)], None)
    await states.save([StateInterval("ana", "available", NOON + 130, NOON + 150)], NOON + 150)
    found = (await states.list_states("ana", 0, NOON + HOUR, limit=50)).items
    assert found[1:] == tuple(reversed(DAY))[1:]
    assert found[0] == StateInterval("ana", "available", NOON + 130, NOON + 150)
    assert await states.lasting() == ((), NOON + 150)


async def test_what_lasts_and_the_heartbeat_outlive_the_service(states: AgentStates) -> None:
    assert await states.lasting() == ((), None)
    await states.save(DAY, None)
    assert await states.lasting() == (DAY[-1:], None)
    await states.save([], NOON + 141)
    assert await states.lasting() == (DAY[-1:], NOON + 141)


@pytest.mark.parametrize(
    ("since", "until", "states_touched"),
    [(-60, 0, 0), (0, 1, 1), (9.5, 10, 1), (10, 11, 1), (60, 80, 2), (99, 131, 3), (500, 600, 1), (-60, 600, 5)],
)
async def test_a_time_takes_in_what_touches_it(
    states: AgentStates, since: float, until: float, states_touched: int
) -> None:
    await states.save(DAY, NOON + 140)
    found = await states.list_states("ana", NOON + since, NOON + until, limit=50)
    assert len(found.items) == states_touched


async def test_totals_are_cut_to_the_time_asked_and_to_what_was_watched(states: AgentStates) -> None:
    await states.save(DAY, NOON + 140)
    whole = await states.totals("ana", NOON - HOUR, NOON + HOUR)
    assert whole == StateTotals({"available": 20.0, "on_call": 60.0, "paused": 30.0}, 30.0)
    part = await states.totals("ana", NOON + 60, NOON + 110)
    assert part == StateTotals({"on_call": 10.0, "paused": 30.0}, 10.0)
    assert await states.totals("ana", NOON + 200, NOON + 300) == StateTotals({"available": 0.0}, 0.0)
    assert await states.totals("nobody", 0, NOON) == StateTotals({}, 0.0)

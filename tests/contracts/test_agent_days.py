"""Agents' days in the database: many at once, and forgotten after a while; the same on both."""

import pytest

from crm_core.agents.days import Handled
from crm_core.agents.days_store import AgentDays
from crm_core.agents.states import StateInterval
from crm_core.agents.states_store import AgentStates
from crm_core.calls.rules import CallToSave
from crm_core.calls.store import Calls
from crm_core.db import Database
from crm_core.numbers import Numbering
from crm_core.staff.rules import Role
from crm_core.staff.store import Staff
from tests.contracts.records import answered

PASSWORD = "correct horse battery"
NOON = 1_763_726_400.0


@pytest.fixture
def days(db: Database) -> AgentDays:
    return AgentDays(db)


async def test_the_day_of_several_agents_with_their_calls(
    days: AgentDays, db: Database, staff: Staff, calls: Calls, numbering: Numbering
) -> None:
    for name in ("ana", "ben", "cleo"):
        await staff.add_user(name, Role.AGENT, [], PASSWORD)
    await AgentStates(db).save(
        [
            StateInterval("ana", "available", NOON - 9000, NOON - 8000),
            StateInterval("ana", "available", NOON - 600, NOON + 60),
            StateInterval("ana", "on_call", NOON + 60, NOON + 90, call_id="one"),
            StateInterval("ana", "wrap_up", NOON + 90),
            StateInterval("ben", "paused", NOON + 10, NOON + 20, "Lunch"),
            StateInterval("ben", "available", NOON + 7200, NOON + 7300),
        ],
        NOON + 100,
    )
    record = answered("one", NOON + 60)
    number = numbering.read(record.number)
    await calls.add_many([CallToSave(record, number, users={"2001": "ana"})])
    ana, ben, cleo = await days.days(["ana", "ben", "cleo"], NOON, NOON + 3600)
    assert ana.totals.seconds == {"available": 60.0, "on_call": 30.0, "wrap_up": 10.0}
    assert ana.handled == Handled(1, record.talk_seconds)
    assert [(one.state, one.reason) for one in ben.intervals] == [("paused", "Lunch")]
    assert (ben.handled, cleo.intervals) == (Handled(), ())


async def test_old_days_are_forgotten_and_what_lasts_is_not(days: AgentDays, db: Database, staff: Staff) -> None:
    await staff.add_user("ana", Role.AGENT, [], PASSWORD)
    states = AgentStates(db)
    await states.save(
        [
            StateInterval("ana", "available", 10.0, 20.0),
            StateInterval("ana", "on_call", 20.0, 30.0),
            StateInterval("ana", "available", 30.0),
        ],
        40.0,
    )
    assert await days.forget(25.0) == 1
    (day,) = await days.days(["ana"], 0.0, 100.0)
    assert [one.state for one in day.intervals] == ["on_call", "available"]

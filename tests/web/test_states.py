"""What an agent did all day, over the API: who may see it, and what is cut to the time asked about."""

from crm_core.agents.states import StateInterval
from tests.web.serving import Running
from tests.web.test_api import is_problem

NOON = 1_763_726_400.0
"""21 November 2025, 12:00 UTC."""
SPAN = {"from": "2025-11-21T12:00:00Z", "to": "2025-11-21T13:00:00Z"}


async def write(service: Running) -> None:
    await service.node.services.states.save(
        [
            StateInterval("ana", "available", NOON - 60, NOON + 10),
            StateInterval("ana", "paused", NOON + 10, NOON + 40.5, "Lunch"),
            StateInterval("ana", "on_call", NOON + 40.5, NOON + 50, call_id="C1"),
            StateInterval("ana", None, NOON + 50, NOON + 55, observed=False),
        ],
        None,
    )


async def test_an_agent_reads_their_own_day_and_a_supervisor_any(service: Running) -> None:
    await write(service)
    for who in ("ana", "sam", "root"):
        first = await service.ask("GET", "agents/ana/states", who=who, params={**SPAN, "limit": "3"})
        assert first.status == 200
        assert first.body["items"][2] == {
            "state": "paused", "reason": "Lunch", "call_id": None, "observed": True,
            "started_at": "2025-11-21T12:00:10.000Z", "ended_at": "2025-11-21T12:00:40.500Z",
        }  # fmt: skip
        assert [one["state"] for one in first.body["items"]] == [None, "on_call", "paused"]
        rest = await service.ask(
            "GET", "agents/ANA/states", who=who, params={**SPAN, "limit": "3", "cursor": first.body["next"]}
        )
        assert ([one["state"] for one in rest.body["items"]], rest.body["next"]) == (["available"], None)


async def test_the_time_in_each_state(service: Running) -> None:
    await write(service)
    found = await service.ask("GET", "agents/ana/state-totals", params=SPAN)
    assert found.body == {
        "from": "2025-11-21T12:00:00.000Z",
        "to": "2025-11-21T13:00:00.000Z",
        "seconds": {"available": 10.0, "paused": 30.5, "on_call": 9.5},
        "unobserved_seconds": 5.0,
    }
    whole = await service.ask(
        "GET",
        "agents/ana/state-totals",
        params={"from": "0001-01-01T00:00:00+14:00", "to": "9999-12-31T23:00:00-12:00"},
    )
    assert whole.body["seconds"]["available"] >= 70.0


async def test_others_days_are_for_supervisors(service: Running) -> None:
    for what in ("states", "state-totals"):
        assert is_problem(await service.ask("GET", f"agents/bruno/{what}"), 403)
        assert is_problem(await service.ask("GET", f"agents/nobody/{what}"), 403)
        assert is_problem(await service.ask("GET", f"agents/nobody/{what}", who="sam"), 404)
        backwards = {"from": SPAN["to"], "to": SPAN["from"]}
        assert is_problem(await service.ask("GET", f"agents/ana/{what}", params=backwards), 422, "to")
        assert is_problem(await service.ask("GET", f"agents/ana/{what}", params={"from": "noon"}), 422, "from")
        later = await service.ask("GET", f"agents/ana/{what}", params={"from": "9000-01-01T00:00:00Z"})
        assert is_problem(later, 422, "from")
    assert is_problem(await service.ask("GET", "agents/ana/states", params={"cursor": "AAAA"}), 422, "cursor")

"""Agents' days over the API and in the supervisors' page."""

from crm_core.agents.states import StateInterval
from tests.web.serving import Running
from tests.web.test_api import is_problem

NOON = 1_763_726_400.0
"""21 November 2025, 12:00 UTC."""
SPAN = {"from": "2025-11-21T12:00:00Z", "to": "2025-11-21T13:00:00Z"}
HTML = {"Accept": "text/html"}


async def write(service: Running) -> None:
    await service.node.services.states.save(
        [
            StateInterval("ana", "available", NOON - 60, NOON + 10),
            StateInterval("ana", "paused", NOON + 10, NOON + 40.5, "<b>Lunch"),
            StateInterval("ana", "on_call", NOON + 40.5, NOON + 50, call_id="C1"),
            StateInterval("ana", None, NOON + 50, NOON + 55, observed=False),
        ],
        None,
    )


async def test_an_agent_reads_their_own_day_and_a_supervisor_any(service: Running) -> None:
    await write(service)
    for who in ("ana", "sam"):
        day = await service.ask("GET", "agents/ana/day", who=who, params=SPAN)
        assert day.status == 200
        assert [one["state"] for one in day.body["intervals"]] == ["available", "paused", "on_call", None]
        assert day.body["intervals"][0]["started_at"] == "2025-11-21T12:00:00.000Z"
        assert day.body["seconds"] == {"available": 10.0, "paused": 30.5, "on_call": 9.5}
        assert (day.body["unobserved_seconds"], day.body["calls"], day.body["talk_seconds"]) == (5.0, 0, 0.0)
    assert is_problem(await service.ask("GET", "agents/ana/day", who="bruno", params=SPAN), 403)
    assert is_problem(await service.ask("GET", "agents/ana/day", params={"from": "noon"}), 422, "from")


async def test_the_page_draws_a_line_for_each_agent(service: Running) -> None:
    await write(service)
    page = await service.ask("GET", "/days?date=2025-11-21", who="sam", headers=HTML)
    assert page.status == 200
    assert page.text.count('data-testid="day-row"') == 2  # ana and bruno have phones
    assert 'x="720.17" width="0.51"' in page.text  # a pause of half a minute, ten seconds after noon
    assert 'href="/calls/C1"' in page.text
    assert "url(#hatch)" in page.text
    assert "<b>Lunch" not in page.text
    assert "Nothing is known of this day." in page.text
    for odd in ("2999-01-01", "tomorrow", "", "0001-01-01"):
        assert (await service.ask("GET", f"/days?date={odd}&page=99", who="sam", headers=HTML)).status == 200
    assert (await service.ask("GET", "/days", who="ana", headers=HTML)).status == 403

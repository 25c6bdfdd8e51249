"""Queues ask for work after a call: set over the API and in the page, obeyed on a (simulated) PBX."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from telephony.simulator.day import SUPPORT
from telephony.simulator.server import AmiServer
from tests.web.serving import DEADLINE, Running, Template, hear_until, running, say
from tests.web.test_api import is_problem

HTML = {"Accept": "text/html"}
RULE = {"wrap_up_seconds": None, "result_required": True, "pause_in_wrap_up": False, "service_level_seconds": 20.0}


async def test_administrators_set_what_a_queue_asks_and_everybody_reads_it(with_pbx: Running) -> None:
    listed = await until(with_pbx, lambda items: "support" in items)
    assert sorted(listed) == ["billing", "sales", "support"]
    assert not listed["support"]["own"]
    put = await with_pbx.ask("PUT", "queue-settings/support", who="root", json=RULE)
    assert (put.status, put.body) == (200, {"queue": "support", "own": True, **RULE})
    everyone = await with_pbx.ask("PUT", "queue-settings/*", who="root", json={"wrap_up_seconds": 15})
    assert everyone.status == 200
    listed = await until(with_pbx, lambda items: "*" in items)
    assert (listed["support"]["result_required"], listed["sales"]["wrap_up_seconds"]) == (True, 15.0)
    assert not listed["sales"]["own"]
    assert (await with_pbx.ask("DELETE", "queue-settings/support", who="root")).status == 204
    assert is_problem(await with_pbx.ask("DELETE", "queue-settings/support", who="root"), 404)
    for wrong, field in (
        ({"wrap_up_seconds": -1}, "wrap_up_seconds"),
        ({"wrap_up_seconds": 1801}, "wrap_up_seconds"),
        ({"service_level_seconds": 0}, "service_level_seconds"),
        ({"colour": "red"}, "colour"),
    ):
        assert is_problem(await with_pbx.ask("PUT", "queue-settings/support", who="root", json=wrong), 422, field)
    assert is_problem(await with_pbx.ask("PUT", f"queue-settings/{'x' * 81}", who="root", json={}), 422, "queue")
    assert is_problem(await with_pbx.ask("PUT", "queue-settings/support", who="sam", json={}), 403)


async def until(service: Running, wanted: Callable[[Mapping[str, Any]], object]) -> Mapping[str, Any]:
    async with asyncio.timeout(DEADLINE):
        while True:
            items = (await service.ask("GET", "queue-settings?limit=500")).body["items"]
            found = {item["queue"]: item for item in items}
            if wanted(found):
                return found
            await asyncio.sleep(0.02)


async def test_the_page_names_every_queue(with_pbx: Running) -> None:
    await until(with_pbx, lambda items: "support" in items)
    await with_pbx.ask("PUT", "queue-settings/<b>x", who="root", json={"wrap_up_seconds": 0})
    page = await with_pbx.ask("GET", "/admin/queues", who="root", headers=HTML)
    assert page.status == 200
    assert all(f'data-queue="{name}"' in page.text for name in ("*", "support", "sales", "billing", "&lt;b&gt;x"))
    assert "<b>x" not in page.text
    assert (await with_pbx.ask("GET", "/admin/queues", who="sam", headers=HTML)).status == 403


@asynccontextmanager
async def wrapping_up(service: Running, pbx: AmiServer) -> AsyncIterator[str]:
    """Let Ana, who has a browser open, take a call of the queue that then ends; gives the call."""
    async with service.live("ana", "pops") as tab:
        await hear_until(tab, "snapshot")
        call = pbx.act(lambda world: world.inbound("+33601020304", SUPPORT))
        shown = await hear_until(tab, "pop.show")
        pbx.act(lambda world: world.answer("2001"))
        await hear_until(tab, "pop.update", status="talking")
        pbx.act(lambda world: world.hang_up(call))
        await hear_until(tab, "pop.update", status="wrap_up")
        await say(tab, type="ping")
        yield shown["call_id"]


async def paused(pbx: AmiServer, reason: str | None, extension: str = "2001") -> None:
    """Wait until the PBX has the member paused for that reason; None: not paused."""
    async with asyncio.timeout(DEADLINE):
        while True:
            member = pbx.act(lambda world: world.queues["support"].members[extension])
            if (member.paused_reason if member.paused else None) == reason:
                return
            await asyncio.sleep(0.01)


async def test_the_member_is_paused_until_the_result_is_chosen(with_pbx: Running, pbx: AmiServer) -> None:
    await with_pbx.ask("PUT", "queue-settings/support", who="root", json=RULE)
    async with wrapping_up(with_pbx, pbx) as call:
        await paused(pbx, "wrap-up")
        for path in ("agents/ana/ready", "agents/ana/unpause", f"pops/{call}/dismiss"):
            assert is_problem(await with_pbx.ask("POST", path), 409)
        agents = (await with_pbx.ask("GET", "agents")).body["items"]
        assert next(one["state"] for one in agents if one["id"] == "ana") == "wrap_up"
        assert (await with_pbx.ask("PATCH", f"calls/{call}", json={"disposition": "sold"})).status == 200
        await paused(pbx, None)
        assert (await with_pbx.ask("POST", f"pops/{call}/dismiss")).status == 204


async def test_a_pause_made_meanwhile_stays(with_pbx: Running, pbx: AmiServer) -> None:
    rule = {"pause_in_wrap_up": True, "wrap_up_seconds": 600}
    await with_pbx.ask("PUT", "queue-settings/support", who="root", json=rule)
    async with wrapping_up(with_pbx, pbx):
        await paused(pbx, "wrap-up")
        assert (await with_pbx.ask("POST", "agents/ana/more-time", json={})).status == 204
        await with_pbx.ask("POST", "agents/ana/pause", json={"reason": "Lunch"})
        await paused(pbx, "Lunch")
        assert (await with_pbx.ask("POST", "agents/ana/ready")).status == 204
        agents = await with_pbx.ask("GET", "agents")
        async with asyncio.timeout(DEADLINE):
            while next(one["state"] for one in agents.body["items"] if one["id"] == "ana") != "paused":
                agents = await with_pbx.ask("GET", "agents")
    await paused(pbx, "Lunch")


async def test_a_supervisor_ends_the_work_of_an_agent(with_pbx: Running, pbx: AmiServer) -> None:
    await with_pbx.ask("PUT", "queue-settings/support", who="root", json=RULE)
    async with wrapping_up(with_pbx, pbx):
        await paused(pbx, "wrap-up")
        assert is_problem(await with_pbx.ask("POST", "agents/ana/ready", who="bruno"), 403)
        assert (await with_pbx.ask("POST", "agents/ana/ready", who="sam")).status == 204
        await paused(pbx, None)


async def test_nobody_stays_paused_by_us_when_nothing_asks_for_it(
    template: Template, tmp_path: Path, pbx: AmiServer
) -> None:
    pbx.act(lambda world: world.pause_member("2002", paused=True, reason="wrap-up"))
    pbx.act(lambda world: world.pause_member("2003", paused=True, reason="away"))
    pbx.act(lambda world: world.pause_member("2001", paused=True, reason="Lunch"))
    async with running(template, tmp_path, CALLCARD_AMI_URL=pbx.url):
        await paused(pbx, None, "2002")
        await paused(pbx, None, "2003")
        await paused(pbx, "Lunch")


async def test_a_browser_gone_for_too_long_pauses_and_its_return_ends_it(
    template: Template, tmp_path: Path, pbx: AmiServer
) -> None:
    async with running(template, tmp_path, CALLCARD_AMI_URL=pbx.url, CALLCARD_AWAY_SECONDS="1") as service:
        async with service.live("ana", "pops") as tab:
            await hear_until(tab, "snapshot")
            await paused(pbx, None)
        await paused(pbx, "away")
        await paused(pbx, None, "2002")
        async with service.live("ana", "pops"):
            await paused(pbx, None)

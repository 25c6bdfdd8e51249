"""Two PBXs with the same extensions: each call is its own phone's, and one PBX away leaves the other at work."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from telephony.simulator.day import direct_number, example_company
from telephony.simulator.pbx import Pbx
from telephony.simulator.server import AmiServer
from telephony.simulator.timeline import Timeline
from tests.web.serving import Running, Template, hear, hear_until, running, say

CLAIRE, NOAH = "+33601020304", "+33601020305"
DID = direct_number("2001")


@pytest.fixture
async def branch() -> AsyncIterator[AmiServer]:
    """Run a second PBX with the same phones."""
    async with AmiServer(Pbx(Timeline(time.time()), example_company())) as server:
        yield server


@pytest.fixture
async def both(template: Template, tmp_path: Path, pbx: AmiServer, branch: AmiServer) -> AsyncIterator[Running]:
    """Run the service with both; ana sits at 2001 of main, bruno at 2001 of branch."""
    async with running(template, tmp_path, CALLCARD_AMI_URL=f"{pbx.url} {branch.url}#branch") as found:
        for name, phone in (("ana", "2001@main"), ("bruno", "2001@branch")):
            changed = await found.ask("PATCH", f"users/{name}", "root", json={"extensions": [phone]})
            assert changed.status == 200, changed.text
        await found.node.services.service.reload_seats()
        await found.node._take_in_changes()
        yield found


async def row_of(both: Running, pbx: str) -> dict[str, Any]:
    rows = (await both.ask("GET", "calls", "sam")).body["items"]
    [found] = [row for row in rows if row["pbx"] == pbx]
    return dict(found)


async def test_the_same_extension_on_two_pbxs_is_two_phones(both: Running, pbx: AmiServer, branch: AmiServer) -> None:
    async with both.live("ana", "pops") as ana, both.live("bruno", "pops") as bruno:
        branch.act(lambda world: world.inbound(NOAH, DID))
        shown = await hear_until(bruno, "pop.show")
        assert shown["card"]["number"]["e164"] == NOAH
        pbx.act(lambda world: world.inbound(CLAIRE, DID))
        assert (await hear_until(ana, "pop.show"))["card"]["number"]["e164"] == CLAIRE
        row = await row_of(both, "branch")
        assert [one["extension"] for one in row["participants"]] == ["2001@branch"]
        assert [one["user"] for one in row["participants"]] == ["bruno"]
        assert (await row_of(both, "main"))["participants"][0]["user"] == "ana"
        board = (await both.ask("GET", "board", "sam")).body
        assert {name: board["agents"][name]["state"] for name in ("ana", "bruno")} == dict.fromkeys(
            ("ana", "bruno"), "ringing"
        )
        assert not {"#2001", "#2001@branch", "#2001@main"} & set(board["agents"])
        assert {call["pbx"] for call in board["calls"].values()} == {"main", "branch"}
        assert "branch/support" in board["queues"]
        assert (await both.ask("POST", f"live/{row['id']}/hangup", "ana", json={})).status == 403
        assert (await both.ask("POST", f"live/{row['id']}/hangup", "bruno", json={})).status == 204
        await hear_until(bruno, "pop.close")


async def test_a_click_dials_at_the_agents_own_pbx(both: Running) -> None:
    answer = await both.ask("POST", "dial", "bruno", json={"to": CLAIRE})
    assert (answer.status, answer.body["extension"]) == (201, "2001@branch")
    async with both.live("bruno", "pops") as bruno:
        frame = await hear(bruno)
        while not (frame.get("call_id") == answer.body["call_id"] or frame.get("state", {}).get("pops")):
            frame = await hear(bruno)
    row = await row_of(both, "branch")
    assert (row["id"], row["direction"], row["extension"]) == (answer.body["call_id"], "outbound", "2001@branch")
    refused = await both.ask("POST", "dial", "sam", json={"to": CLAIRE, "extension": "2001@nowhere"})
    assert (refused.status, refused.body["errors"][0]["field"]) == (422, "extension")
    assert (await both.ask("POST", "agents/bruno/pause", "bruno", json={"reason": "lunch"})).status == 204


async def test_one_pbx_away_leaves_the_other_at_work(both: Running, pbx: AmiServer, branch: AmiServer) -> None:
    async with both.live("ana", "pops") as ana, both.live("sam", "board") as board:
        await hear(board)
        await branch.stop()
        link: dict[str, Any] = {"up": True}
        while link["up"]:
            frame = await hear(board)
            link = frame.get("links", {}).get("set", {}).get("branch", link)
        ready = await both.ask("GET", "/readyz", who=None)
        assert (ready.status, "pbx branch" in ready.body["detail"]) == (503, True)
        assert "pbx main" not in ready.body["detail"]
        assert (await both.ask("POST", "dial", "bruno", json={"to": CLAIRE})).status == 503
        pbx.act(lambda world: world.inbound(CLAIRE, DID))
        await hear_until(ana, "pop.show")
        assert (
            await both.ask("POST", f"live/{(await row_of(both, 'main'))['id']}/hangup", "ana", json={})
        ).status == 204
        await say(board, type="ping")

"""Two nodes on PostgreSQL and NATS: the one holds the PBX, the other serves the agent; either may die."""

import asyncio
import contextlib
import operator
import signal
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.api import Api
from tests.e2e.asterisk import Asterisk
from tests.e2e.backends import Nats, PostgreSQL
from tests.e2e.conftest import LIMIT_SECONDS, Node, Plug
from tests.e2e.desk import Desk
from tests.e2e.phones import Phone
from tests.e2e.product import Callcard

pytestmark = [pytest.mark.e2e, pytest.mark.postgresql]

DIRECT, SUPPORT, CLAIRE = "74950000001", "74950000003", "+33601020304"
TAKE_OVER_SECONDS = 25.0


def _show_log(callcard: Callcard) -> None:
    sys.stderr.write(callcard.log())


@pytest.fixture(scope="module")
def company(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Mapping[str, str]]:
    """Create the company's PostgreSQL database once; tests work on copies."""
    name, url = postgresql.new_database()
    hiring = Callcard(tmp_path_factory.mktemp("company"), {"CALLCARD_DATABASE_URL": url})
    return name, hiring.furnish()


@pytest.fixture
def nodes(
    asterisk: Asterisk, postgresql: PostgreSQL, nats: Nats, tmp_path: Path, company: tuple[str, Mapping[str, str]]
) -> Iterator[tuple[Node, Node]]:
    """Start two nodes on one database; the first one holds the PBX."""
    template, tokens = company
    settings = {
        "CALLCARD_AMI_URL": asterisk.ami_url,
        "CALLCARD_BUS_URL": nats.url,
        "CALLCARD_DATABASE_URL": postgresql.new_database(template)[1],
        "CALLCARD_SECRET_KEY": "one key for all nodes of the company",
    }
    with contextlib.ExitStack() as stack:
        pair = []
        for name in ("first", "second"):
            callcard = Callcard(tmp_path / name, settings)
            stack.callback(callcard.remove)
            stack.callback(_show_log, callcard)
            pair.append(callcard)
        asterisk.wait_idle()
        for callcard in pair:
            callcard.start()
        yield Node(pair[0], tokens), Node(pair[1], tokens)


async def agent_state(api: Api, user: str) -> str:
    return str(next(agent["state"] for agent in (await api.get("agents"))["items"] if agent["id"] == user))


async def test_card_and_row_through_the_node_that_does_not_hold_the_pbx(
    nodes: tuple[Node, Node], plug: Plug, trunk: Phone
) -> None:
    ana = await plug("2001")
    _, serving = nodes
    async with serving.api() as api, serving.live("ana") as pops, serving.live("vera", "board") as board:
        client = await api.post("contacts", name="Claire Durand", phones=[{"number": CLAIRE}])
        call = await trunk.dial(SUPPORT, caller=CLAIRE)
        ringing = await ana.next_call()
        shown = await pops.wait_for("pop.show")
        assert shown["card"]["contact"]["id"] == client["id"]
        await board.wait_for("board.delta")
        await ringing.answer()
        await pops.wait_for("pop.update", status="talking")
        await api.post(f"calls/{shown['call_id']}/notes", text="wants a quote")
        speaking = asyncio.create_task(ringing.speak(LIMIT_SECONDS))
        async with serving.api("ana") as own:
            for command, state in (("hold", "on_hold"), ("unhold", "on_call")):
                await own.post(f"live/{shown['call_id']}/{command}")
                await api.until(partial(agent_state, api, "ana"), partial(operator.eq, state))
            await own.post(f"live/{shown['call_id']}/hangup")
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)
        await call.wait_ended()
        row = await api.only_call()
    assert (row["outcome"], row["queue"], row["answered_by"], row["holds"]) == ("answered", "support", "2001", 1)
    assert [note["text"] for note in row["notes"]] == ["wants a quote"]


async def test_desk_at_the_node_that_does_not_hold_the_pbx(
    nodes: tuple[Node, Node], plug: Plug, trunk: Phone, browser: Browser
) -> None:
    ana = await plug("2001")
    _, serving = nodes
    desk = await Desk.sign_in(browser, serving.url, "ana", seat="2001")
    call = await trunk.dial(DIRECT, caller=CLAIRE)
    ringing = await ana.next_call()
    await desk.see_card("Unknown caller")
    await ringing.answer()
    await desk.see_card("Unknown caller", "On call")
    await desk.write_note("wants a quote")
    await desk.part("create-name").fill("Claire Durand")
    await desk.part("create-submit").click()
    await desk.see_card("Claire Durand", "On call")
    await desk.page.reload()
    await desk.see_card("Claire Durand", "On call")
    await expect(desk.part("pop-note")).to_have_value("wants a quote")
    await call.hang_up()
    await desk.finish("Claire Durand", "Sold")
    async with serving.api() as api:
        row = await api.only_call()
    assert (row["contact"]["name"], row["disposition"]) == ("Claire Durand", "sold")
    assert [note["text"] for note in row["notes"]] == ["wants a quote"]


async def test_the_other_node_takes_over_in_mid_call(nodes: tuple[Node, Node], plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    holding, heir = nodes
    async with heir.api() as api:
        call = await trunk.dial(DIRECT, caller=CLAIRE)
        await (await ana.next_call()).answer()
        await call.wait_answered()
        before = await api.only_call(ended=False)
        holding.callcard.stop(signal.SIGKILL)
        await api.until(api.board, lambda board: board and before["id"] in board["calls"], TAKE_OVER_SECONDS)
        await call.hang_up()
        row = await api.only_call(seconds=TAKE_OVER_SECONDS)
    assert (row["id"], row["outcome"], row["answered_by"]) == (before["id"], "answered", "2001")


async def test_losing_nats_costs_freshness_only(nodes: tuple[Node, Node], plug: Plug, trunk: Phone, nats: Nats) -> None:
    ana = await plug("2001")
    holding, serving = nodes
    nats.stop()
    async with holding.api() as api:
        call = await trunk.dial(DIRECT, caller=CLAIRE)
        await (await ana.next_call()).answer()
        await call.wait_answered()
        nats.start()
        await call.hang_up()
        row = await api.only_call()
        assert (row["outcome"], row["answered_by"]) == ("answered", "2001")
    async with serving.api() as api, serving.live("ana") as pops:
        await api.until(api.ready, bool, TAKE_OVER_SECONDS)
        call = await trunk.dial(DIRECT, caller=CLAIRE)
        await ana.next_call()
        await pops.wait_for("pop.show")
        await call.cancel()

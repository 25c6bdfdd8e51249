"""What Callcard asks of a real Asterisk, each seen by its effect: at the phones, in the row, on the card."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.e2e.api import Api, Live, Row
from tests.e2e.asterisk import Asterisk
from tests.e2e.conftest import LIMIT_SECONDS, Node, Plug
from tests.e2e.dialogs import IncomingCall, OutgoingCall
from tests.e2e.manager import Manager
from tests.e2e.phones import Phone

pytestmark = pytest.mark.e2e

DIRECT, SUPPORT, SALES = "74950000001", "74950000003", "74950000004"
CLAIRE, BERNARD = "+33601020304", "+33601020305"
NOTE = "Wants three windows"


@contextlib.asynccontextmanager
async def talk(
    api: Api, phone: Phone, trunk: Phone, line: str = DIRECT
) -> AsyncIterator[tuple[str, OutgoingCall, IncomingCall]]:
    """Let Claire call and the agent answer; gives the call's id, her side and the agent's.

    The agent's phone sends media as every phone does: Asterisk works on the keys of an Atxfer as it reads that.
    """
    claire = await trunk.dial(line, caller=CLAIRE)
    agent = await phone.next_call()
    await agent.answer()
    await api.talking()
    speaking = asyncio.create_task(agent.speak(LIMIT_SECONDS))
    try:
        yield (await api.calls())[0]["id"], claire, agent
    finally:
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)


async def seen(api: Api, call: str, happened: Callable[[Row], object]) -> Row:
    """Ask for the call until it shows what happened."""

    def ask() -> Awaitable[Row]:
        return api.get(f"calls/{call}")

    row: Row = await api.until(ask, lambda row: bool(happened(row)))
    return row


def steps(row: Row) -> list[str]:
    return [step["what"] for step in row["timeline"]]


async def state(api: Api, user: str) -> str:
    return str(next(agent["state"] for agent in (await api.get("agents"))["items"] if agent["id"] == user))


async def newest_card(live: Live) -> Row:
    card: Row = [message["card"] for message in live.messages if message.get("card")][-1]
    return card


@pytest.mark.parametrize("line", [DIRECT, SUPPORT])
async def test_hold_and_take_back(node: Node, plug: Plug, trunk: Phone, line: str) -> None:
    ana = await plug("2001")
    async with node.api() as root, node.api("ana") as api, talk(root, ana, trunk, line) as (call, claire, agent):
        for turn in (1, 2):
            await api.post(f"live/{call}/hold")
            row = await seen(root, call, lambda row: steps(row)[-1] == "hold")
            assert (row["holds"], row["ended_at"]) == (turn, None)
            await root.until(lambda: state(root, "ana"), lambda state: state == "on_hold")
            await api.post(f"live/{call}/unhold")
            await seen(root, call, lambda row: steps(row)[-1] == "unhold")
            await root.until(lambda: state(root, "ana"), lambda state: state == "on_call")
        assert not agent.ended.is_set()
        await claire.hang_up()
        await agent.wait_ended()
        row = await root.only_call()
    assert (row["outcome"], row["answered_by"], row["holds"], row["transfers"]) == ("answered", "2001", 2, [])
    assert 0 < row["hold_seconds"] < row["talk_seconds"]
    assert [(one["extension"], one["result"]) for one in row["participants"] if one["extension"] == "2001"] == [
        ("2001", "answered")
    ]


async def test_a_phone_put_down_during_a_hold_ends_the_call(node: Node, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    async with node.api() as root, node.api("ana") as api, talk(root, ana, trunk) as (call, claire, agent):
        await api.post(f"live/{call}/hold")
        await agent.hang_up()
        await claire.wait_ended()
        row = await root.only_call()
    assert (row["outcome"], row["holds"], row["transfers"]) == ("answered", 1, [])


async def test_hanging_up_a_held_call_frees_both(node: Node, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    async with node.api() as root, node.api("ana") as api, talk(root, ana, trunk) as (call, claire, agent):
        await api.post(f"live/{call}/hold")
        await api.post(f"live/{call}/hangup")
        await claire.wait_ended()
        await agent.wait_ended()
        row = await root.only_call()
    assert (row["outcome"], row["transfers"]) == ("answered", [])


async def test_attended_transfer_takes_the_card_and_the_note_along(node: Node, plug: Plug, trunk: Phone) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    async with node.api() as root, node.api("ana") as api, node.live("bruno") as live:
        client = await root.post("contacts", name="Claire Durand", phones=[{"number": CLAIRE}])
        async with talk(root, ana, trunk) as (call, claire, agent):
            await api.post(f"calls/{call}/notes", text=NOTE)
            await api.post(f"live/{call}/transfer", to="2002", kind="attended")
            asked = await bruno.next_call()
            await asked.answer()
            await api.post(f"live/{call}/complete")
            await agent.wait_ended()
            shown = await live.wait_for("pop.show", call_id=call)
            assert shown["card"]["number"]["e164"] == CLAIRE
            card = await root.until(lambda: newest_card(live), lambda card: card["contact"])
            assert (card["contact"]["id"], [note["text"] for note in card["notes"]]) == (client["id"], [NOTE])
            await seen(root, call, lambda row: row["transfers"])
            await claire.hang_up()
            await asked.wait_ended()
            row = await root.only_call()
    assert [(one["kind"], one["from"], one["to"]) for one in row["transfers"]] == [("attended", "2001", "2002")]
    assert {one["extension"]: one["result"] for one in row["participants"]} == {"2001": "answered", "2002": "answered"}
    assert row["holds"] == 0


async def test_a_consultation_is_cancelled(node: Node, plug: Plug, trunk: Phone) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    async with node.api() as root, node.api("ana") as api, talk(root, ana, trunk) as (call, claire, agent):
        await api.post(f"live/{call}/transfer", to="2002", kind="attended")
        asked = await bruno.next_call()
        await api.post(f"live/{call}/unhold")
        await asked.wait_ended()
        assert not agent.ended.is_set()
        await claire.hang_up()
        await agent.wait_ended()
        row = await root.only_call()
    assert (row["outcome"], row["answered_by"], row["transfers"]) == ("answered", "2001", [])


async def test_park_and_fetch(node: Node, plug: Plug, trunk: Phone) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    async with (
        node.api() as root,
        node.api("ana") as api,
        node.api("bruno") as other,
        talk(root, ana, trunk) as (call, claire, agent),
    ):
        await api.post(f"live/{call}/park")
        await agent.wait_ended()
        await seen(root, call, lambda row: "park" in steps(row))
        await other.post(f"live/{call}/fetch")
        fetched = await bruno.next_call()
        await fetched.answer()
        await seen(root, call, lambda row: "unpark" in steps(row))
        assert not claire.ended.is_set()
        await claire.hang_up()
        await fetched.wait_ended()
        row = await root.only_call()
    assert (row["id"], row["direction"], row["answered_by"], row["transfers"]) == (call, "inbound", "2001", [])
    assert {one["extension"]: one["result"] for one in row["participants"]} == {"2001": "answered", "2002": "answered"}


async def test_pickup_of_a_colleagues_call(node: Node, plug: Plug, trunk: Phone) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    async with node.api() as root, node.api("bruno") as api:
        claire = await trunk.dial(DIRECT, caller=CLAIRE)
        ringing = await ana.next_call()
        rows = await root.until(root.calls, bool)
        await api.post(f"live/{rows[0]['id']}/pickup")
        taken = await bruno.next_call()
        await taken.answer()
        await ringing.wait_cancelled()
        await root.talking()
        await claire.hang_up()
        await taken.wait_ended()
        row = await root.only_call()
    assert (row["direction"], row["outcome"], row["answered_by"]) == ("inbound", "answered", "2002")
    assert {one["extension"]: one["result"] for one in row["participants"]} == {"2001": "elsewhere", "2002": "answered"}


@pytest.mark.parametrize("mode", ["listen", "whisper", "barge"])
async def test_a_supervisor_joins_and_the_call_tells_it(
    node: Node, plug: Plug, trunk: Phone, asterisk: Asterisk, mode: str
) -> None:
    ana, vera = await plug("2001"), await plug("2008")
    async with node.api() as root, node.api("vera") as api, talk(root, ana, trunk) as (call, claire, agent):
        async with Manager.connect(asterisk.ami_port, "callcard", asterisk.secret) as ami:
            await api.post(f"live/{call}/spy", mode=mode, extension="2008")
            listening = await vera.next_call()
            await listening.answer()
            started = await ami.wait_for("ChanSpyStart")
            assert started["SpyeeChannel"].startswith("PJSIP/2001-")
            assert started["SpyerChannel"].startswith("PJSIP/2008-")
        row = await seen(root, call, lambda row: mode in steps(row))
        assert next(step for step in row["timeline"] if step["what"] == mode) | {"at": ""} == {
            "at": "",
            "what": mode,
            "extension": "2001",
            "detail": "vera",
        }
        await claire.hang_up()
        await agent.wait_ended()
        await listening.wait_ended()
        row = await root.only_call()
    assert [one["extension"] for one in row["participants"]] == ["2001"]
    assert row["id"] == call


async def test_waiting_callers_are_moved_and_taken(node: Node, plug: Plug, trunk: Phone) -> None:
    carla, dmitri = await plug("2006"), await plug("2004")
    async with node.api("vera") as api:
        claire = await trunk.dial(SUPPORT, caller=CLAIRE)
        rows = await api.until(api.calls, lambda rows: bool(rows) and rows[0]["queue"] == "support")
        call = rows[0]["id"]
        await api.post(f"live/{call}/queue/priority", priority=5)
        await api.post(f"live/{call}/queue/move", queue="sales")
        declined = await dmitri.next_call()
        await seen(api, call, lambda row: row["queue"] == "sales")
        await api.post(f"live/{call}/queue/take", extension="2006")
        await declined.wait_cancelled()
        taken = await carla.next_call()
        await taken.answer()
        await api.talking()
        await claire.hang_up()
        row = await api.only_call()
    assert (row["outcome"], row["answered_by"], row["transfers"]) == ("answered", "2006", [])


async def test_the_raised_caller_is_served_before_who_came_first(node: Node, plug: Plug, trunk: Phone) -> None:
    async with node.api("vera") as api:
        callers = [await trunk.dial(SUPPORT, caller=number) for number in (CLAIRE, BERNARD)]
        rows = await api.until(api.calls, lambda rows: [row["queue"] for row in rows] == ["support", "support"])
        ids = {row["number"]["e164"]: row["id"] for row in rows}
        await api.post(f"live/{ids[BERNARD]}/queue/priority", priority=5)
        ana = await plug("2001")
        ringing = await ana.next_call()
        await ringing.answer()
        raised = await seen(api, ids[BERNARD], lambda row: row["answered_at"])
        waiting = await api.get(f"calls/{ids[CLAIRE]}")
        for caller in callers:
            await caller.hang_up()
        await ringing.wait_ended()
    assert (raised["answered_by"], waiting["answered_at"], waiting["ended_at"]) == ("2001", None, None)

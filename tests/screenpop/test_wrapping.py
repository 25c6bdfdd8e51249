"""The work after a call through the whole service: what the agent's tabs are told, and what a restart goes on with."""

import asyncio

import pytest

from crm_core.agents.rules import QueueSetting
from crm_core.calls.rules import CallPatch
from tests.screenpop.conftest import DEADLINE, House, Screen
from tests.screenpop.scenes import T0, Scene, inbound


async def talked(house: House, screen: Screen, call_id: str = "C1") -> dict[str, object]:
    """Let Ana talk to somebody of the queue; gives the frame that says she wraps up."""
    scene = Scene(inbound(call_id), at=house.clock.now)
    house.tell(scene.rings("2001"), scene.answers("2001"))
    await screen.until(lambda frame: frame.get("status") == "talking")
    house.tell(scene.ends())
    return await screen.until(lambda frame: frame.get("status") == "wrap_up")


async def ask(house: House, setting: QueueSetting) -> None:
    await house.agents.save_queue_setting(setting)
    await house.service.reload_seats()


async def state_of_ana(house: House, wanted: str) -> None:
    async with asyncio.timeout(DEADLINE):
        while house.service.board_snapshot().state.agents["ana"].state != wanted:  # noqa: ASYNC110 - a picture has no event
            await asyncio.sleep(0.01)


async def resumed(house: House) -> None:
    async with asyncio.timeout(DEADLINE):
        while not house.service.wrapping.known:  # noqa: ASYNC110 - it is known once, without telling
            await asyncio.sleep(0.01)


async def test_one_frame_tells_that_the_call_ended_and_until_when_the_work_lasts(house: House) -> None:
    await ask(house, QueueSetting("support", 30.0))
    ana = await house.screen("ana")
    wraps = await talked(house, ana)
    assert wraps["wrap_up"] == {
        "until": "2025-11-21T19:40:32.000Z",
        "result_required": False,
        "paused": False,
        "over": False,
    }
    await state_of_ana(house, "wrap_up")
    house.service.more_time("ana")
    assert (await ana.next())["wrap_up"]["until"] == "2025-11-21T19:41:32.000Z"
    house.clock.now = T0 + 92
    over = await ana.next()
    assert (over["type"], over["wrap_up"]) == ("pop.update", None)
    await state_of_ana(house, "offline")
    (pop,) = house.service.pops_snapshot("ana").state.pops
    assert (pop.status, pop.wrap_up) == ("wrap_up", None)


async def test_ready_puts_the_card_away(house: House) -> None:
    ana = await house.screen("ana")
    assert (await talked(house, ana))["wrap_up"] == {
        "until": None,
        "result_required": False,
        "paused": False,
        "over": False,
    }
    assert await house.service.ready("ana")
    closed = await ana.until(lambda frame: frame["type"] == "pop.close")
    assert closed["reason"] == "dismissed"
    await state_of_ana(house, "offline")


async def test_a_demanded_result_keeps_the_card_but_no_new_call_from_popping(house: House) -> None:
    await ask(house, QueueSetting("support", result_required=True))
    ana = await house.screen("ana")
    await talked(house, ana)
    assert not await house.service.ready("ana")
    assert not await house.service.dismiss("ana", "C1")
    house.tell(Scene(inbound("C2"), at=house.clock.now).rings("2001"))
    assert (await ana.until(lambda frame: frame["type"] == "pop.show"))["call_id"] == "C2"
    await house.calls.patch("C1", CallPatch(disposition="sold"), "ana")
    await house.service.refresh_card("C1")
    assert (await ana.until(lambda frame: "wrap_up" in frame))["wrap_up"] is None
    assert await house.service.dismiss("ana", "C1")


async def test_a_supervisor_lets_calls_come_and_the_card_stays(house: House) -> None:
    await ask(house, QueueSetting("support", result_required=True))
    ana = await house.screen("ana")
    await talked(house, ana)
    assert await house.service.ready("ana", forced=True)
    told = (await ana.until(lambda frame: "wrap_up" in frame))["wrap_up"]
    assert (told["over"], told["result_required"]) == (True, True)
    assert [pop.call_id for pop in house.service.pops_snapshot("ana").state.pops] == ["C1"]


@pytest.mark.parametrize("seconds", [None, 60.0])
async def test_a_restart_goes_on_with_what_lasts(house: House, seconds: float | None) -> None:
    await ask(house, QueueSetting("support", seconds, result_required=True))
    wraps = await talked(house, await house.screen("ana"))
    await house.restart()
    await resumed(house)
    (pop,) = house.service.pops_snapshot("ana").state.pops
    assert pop.wrap_up is not None
    assert (pop.call_id, pop.status, pop.wrap_up.until) == ("C1", "wrap_up", wraps["wrap_up"]["until"])  # type: ignore[index] # JSON
    await state_of_ana(house, "wrap_up")
    await house.calls.patch("C1", CallPatch(disposition="sold"), "ana")
    await house.service.refresh_card("C1")
    await house.restart()
    await resumed(house)
    assert house.service.pops_snapshot("ana").state.pops == ()


async def test_a_restart_forgets_what_is_too_old(house: House) -> None:
    await ask(house, QueueSetting("support", result_required=True))
    await talked(house, await house.screen("ana"))
    await house.stop()
    house.clock.now += 31 * 60
    await house.restart()
    await resumed(house)
    assert house.service.pops_snapshot("ana").state.pops == ()
    async with asyncio.timeout(DEADLINE):
        while await house.stores.wrap_ups.lasting():  # noqa: ASYNC110 - a database has no event
            await asyncio.sleep(0.01)

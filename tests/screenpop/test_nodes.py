"""Several nodes: one owns the service, agents sit on any of them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from crm_core.agents.rules import QueueSetting
from crm_core.calls.rules import CallPatch
from crm_core.people.rules import ContactDraft, PhoneDraft
from screenpop.bus import LocalBus, frames
from screenpop.messages import CONTROL_SUBJECT, PRESENCE_SUBJECT, AgentState
from screenpop.presence import FORGET_SECONDS
from screenpop.service import Service
from tests.screenpop.conftest import DEADLINE, House
from tests.screenpop.scenes import Scene, inbound


@pytest.fixture
async def other(house: House) -> AsyncIterator[Service]:
    """Give the service of a node that does not own: its sockets reach the owner over the bus."""
    service = house.make_service()
    attending = [asyncio.create_task(one.attend()) for one in (house.service, service)]
    house.tell(Scene(inbound("warm-up")).started())
    await house.row("warm-up")  # the owner is at work
    yield service
    for task in attending:
        task.cancel()
    await asyncio.wait(attending)


async def state_of(house: House, agent: str, wanted: AgentState) -> None:
    async with asyncio.timeout(DEADLINE):
        while house.service.board_snapshot().state.agents[agent].state is not wanted:  # noqa: ASYNC110 - a state, no event
            await asyncio.sleep(0.01)


async def test_who_is_online_on_another_node_is_on_the_board(house: House, other: Service) -> None:
    other.agent_online("ana")
    other.agent_online("ana")
    await state_of(house, "ana", AgentState.AVAILABLE)
    other.agent_offline("ana")
    other.agent_online("ben")
    await state_of(house, "ben", AgentState.AVAILABLE)
    await state_of(house, "ana", AgentState.AVAILABLE)
    other.agent_offline("ana")
    await state_of(house, "ana", AgentState.OFFLINE)


async def test_a_node_that_fell_silent_takes_its_agents_along(house: House, other: Service) -> None:
    other.agent_online("ana")
    await state_of(house, "ana", AgentState.AVAILABLE)
    house.clock.now += FORGET_SECONDS + 1
    house.service.agent_online("ben")
    await state_of(house, "ana", AgentState.OFFLINE)


async def test_a_card_is_put_away_and_brought_back_from_another_node(house: House, other: Service) -> None:
    ana = await house.screen("ana")
    scene = Scene(inbound())
    house.tell(scene.rings("2001"), scene.answers("2001"), scene.ends())
    await ana.until(lambda frame: frame.get("status") == "wrap_up")
    await house.row("C1", lambda row: row is not None and row.record.ended_at is not None)
    assert await other.dismiss("ana", "C1")
    assert (await ana.next())["reason"] == "dismissed"
    assert await other.reopen("ana", "C1")
    assert (await ana.next())["type"] == "pop.show"
    assert not await other.reopen("ana", "no such call")


async def test_the_work_after_a_call_is_prolonged_and_ended_from_another_node(house: House, other: Service) -> None:
    await house.agents.save_queue_setting(QueueSetting("support", 30.0, result_required=True))
    await house.service.reload_seats()
    ana = await house.screen("ana")
    scene = Scene(inbound())
    house.tell(scene.rings("2001"), scene.answers("2001"), scene.ends())
    began = await ana.until(lambda frame: frame.get("status") == "wrap_up")
    other.more_time("ana")
    later = await ana.until(lambda frame: "wrap_up" in frame)
    assert later["wrap_up"]["until"] > began["wrap_up"]["until"]
    assert await other.ready("ana", forced=True)
    assert (await ana.until(lambda frame: "wrap_up" in frame))["wrap_up"]["over"]
    await house.row("C1", lambda row: row is not None and row.record.ended_at is not None)
    await house.calls.patch("C1", CallPatch(disposition="sold"), "ana")
    await other.refresh_card("C1")  # the wishes keep their order: the result is known before the card is put away
    assert await other.dismiss("ana", "C1")
    assert (await ana.until(lambda frame: frame["type"] == "pop.close"))["reason"] == "dismissed"


async def test_a_client_created_on_another_node_is_on_the_card(house: House, other: Service) -> None:
    ana = await house.screen("ana")
    house.tell(Scene(inbound()).rings("2001"))
    assert (await ana.next())["card"]["contact"] is None
    await house.row("C1")
    draft = ContactDraft(name="Claire", phones=(PhoneDraft("+74951234567"),))
    contact = await house.people.create_contact(draft, "ana")
    await other.refresh_card("C1")
    assert (await ana.next())["card"]["contact"]["id"] == contact.id
    note = await house.calls.save_draft("C1", "ana", "hello")
    other.note_saved("C1", note)
    assert (await ana.next())["card"]["draft"] == "hello"


async def test_nonsense_from_another_node_ends_nothing(house: House, other: Service) -> None:
    ana = await house.screen("ana")
    for nonsense in (b"", b"{}", b'{"type":"control","wish":"dance","call_id":"C1"}', b"\xff"):
        house.bus.publish(CONTROL_SUBJECT, nonsense)
        house.bus.publish(PRESENCE_SUBJECT, nonsense)
    scene = Scene(inbound())
    house.tell(scene.rings("2001"))
    await ana.next()
    assert await other.dismiss("ana", "C1")
    assert (await ana.next())["reason"] == "dismissed"


async def test_a_flood_skips_frames_and_goes_on() -> None:
    bus = LocalBus(size=4)
    reading = frames(bus, "topic")
    async with asyncio.timeout(DEADLINE):
        async with asyncio.TaskGroup() as group:
            first = group.create_task(_next(reading))
            await asyncio.sleep(0)
            bus.publish("topic", b"first")
        assert first.result() == b"first"
        for number in range(10):
            bus.publish("topic", str(number).encode())
        async with asyncio.TaskGroup() as group:
            after = group.create_task(_next(reading))
            await asyncio.sleep(0)
            bus.publish("topic", b"after")
        assert after.result() == b"after"
    await reading.aclose()
    assert bus.subjects() == set()


async def _next(reading: AsyncGenerator[bytes, None]) -> bytes:
    return await anext(reading)


async def test_a_former_owner_knows_nothing_old(house: House, other: Service) -> None:
    other.agent_online("ana")
    await state_of(house, "ana", AgentState.AVAILABLE)
    house.tell(Scene(inbound()).rings("2001"))
    await house.row("C1", lambda row: row is not None and row.record.participants)
    await house.stop()
    assert house.service.pops_snapshot("ana").state.pops == ()
    assert house.service.board_snapshot().state.calls == {}
    assert house.service.board_snapshot().state.agents["ana"].online

"""From facts about phones to an agent's day in the database, through crashes of the service and of the database."""

import asyncio
import logging
from itertools import pairwise

import pytest

from crm_core.agents.states import StateInterval
from crm_core.db import Database
from crm_core.errors import DatabaseUnavailable
from screenpop.board import Board
from screenpop.recorder import StateRecorder
from tests.screenpop.conftest import DEADLINE, House
from tests.screenpop.scenes import SEATS, T0, Scene, inbound


@pytest.fixture
def idle(db: Database) -> House:
    """Give a house whose service does not run: the test is the only one to watch agents."""
    return House(db)


async def day(house: House, user: str = "ana") -> list[tuple[str | None, float, float | None, str | None]]:
    page = await house.states.list_states(user, 0.0, T0 + 10_000, limit=100)
    return [
        (one.state, one.started_at - T0, None if one.ended_at is None else one.ended_at - T0, one.call_id)
        for one in reversed(page.items)
    ]


def seated() -> Board:
    board = Board()
    board.sit(SEATS, T0)
    board.presence("ana", 1, T0)
    return board


async def test_a_call_is_in_the_day_of_its_agent(idle: House) -> None:
    board, scene, recorder = seated(), Scene(inbound()), StateRecorder(idle.states, idle.clock)
    await recorder.begin()
    recorder.look(board)
    for later, change in ((10.0, scene.rings("2001")), (20.0, scene.answers("2001")), (80.0, scene.ends())):
        idle.clock.now = max(T0 + later, change.at)
        board.apply(change)
        recorder.look(board)
    await recorder.write()
    found = await day(idle)
    assert [(state, call) for state, _, _, call in found] == [
        ("available", None), ("ringing", "C1"), ("on_call", "C1"), ("available", None),
    ]  # fmt: skip
    assert all(end == start for (_, _, end, _), (_, start, _, _) in pairwise(found))


async def test_after_a_crash_the_last_heartbeat_ends_what_lasted(idle: House) -> None:
    board, recorder = seated(), StateRecorder(idle.states, idle.clock)
    await recorder.begin()
    recorder.look(board)
    await recorder.write()
    idle.clock.now = T0 + 6
    await recorder.write()  # the heartbeat
    idle.clock.now = T0 + 9  # killed: what came after the heartbeat is not known
    again = StateRecorder(idle.states, idle.clock)
    idle.clock.now = T0 + 60
    await again.begin()
    again.look(seated())
    await again.write()
    assert await day(idle) == [("available", 0, 6, None), (None, 6, 60, None), ("available", 60, None, None)]
    assert [state for state, _, _, _ in await day(idle, "ben")] == ["offline", None]
    totals = await idle.states.totals("ana", T0, T0 + 100)
    assert (totals.seconds, totals.unobserved) == ({"available": 6.0}, 54.0)


async def test_a_clean_stop_writes_until_the_stop(idle: House) -> None:
    board, recorder = seated(), StateRecorder(idle.states, idle.clock)
    await recorder.begin()
    recorder.look(board)
    await recorder.write()
    idle.clock.now = T0 + 3
    board.presence("ana", -1, T0 + 3)
    idle.clock.now = T0 + 4
    await recorder.finish(board, DEADLINE)
    lasting, heartbeat = await idle.states.lasting()
    assert heartbeat == T0 + 4
    assert StateInterval("ana", "offline", T0 + 4) in lasting
    recorder.look(board)
    await recorder.write(stopping=True)  # it no longer watches
    assert await idle.states.lasting() == (lasting, heartbeat)


async def test_a_database_that_is_away_at_the_start_is_told_once_and_waited_for(
    idle: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries = 0
    tried_often, found = asyncio.Event(), idle.states.lasting

    async def away() -> tuple[tuple[StateInterval, ...], float | None]:
        nonlocal tries
        tries += 1
        if tries > 2:
            tried_often.set()
            return await found()
        raise DatabaseUnavailable("away")

    monkeypatch.setattr("screenpop.recorder.WRITE_SECONDS", 0.01)
    monkeypatch.setattr(idle.states, "lasting", away)
    recorder = StateRecorder(idle.states, idle.clock)
    with caplog.at_level(logging.WARNING):
        running = asyncio.create_task(recorder.run(seated))
        async with asyncio.timeout(DEADLINE):
            await tried_often.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    (told,) = caplog.records
    assert (told.levelno, told.exc_info) == (logging.WARNING, None)


async def test_a_database_that_is_away_loses_nothing(
    idle: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def away(*_: object) -> None:
        raise DatabaseUnavailable("away")

    board, recorder = seated(), StateRecorder(idle.states, idle.clock)
    await recorder.begin()
    recorder.look(board)
    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING):
        patched.setattr(idle.states, "save", away)
        await recorder.write()
        await recorder.write()
    assert len(caplog.records) == 1
    await recorder.write()
    assert await day(idle) == [("available", 0, None, None)]
    assert recorder.lost == 0


async def test_the_running_service_keeps_the_days_of_its_agents(house: House) -> None:
    house.service.agent_online("ana")
    house.tell(Scene(inbound()).rings("2001"))
    async with asyncio.timeout(DEADLINE):
        while "ringing" not in [state for state, _, _, _ in await day(house)]:  # noqa: ASYNC110 - rows tell no event
            await asyncio.sleep(0.05)
    await house.restart()
    async with asyncio.timeout(DEADLINE):
        while None not in [state for state, _, _, _ in await day(house)]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    ends = [end for _, _, end, _ in await day(house)]
    assert None not in ends[:-1]

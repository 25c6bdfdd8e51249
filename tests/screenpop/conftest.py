"""A running service on a real SQLite database, and a socket's view of it."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from blockbuster import BlockBuster

from crm_core.agents.states_store import AgentStates
from crm_core.agents.store import Agents
from crm_core.agents.wrap_ups import WrapUpStore
from crm_core.calls.dispositions_store import Dispositions
from crm_core.calls.rules import TraceEntry
from crm_core.calls.store import Calls
from crm_core.db import Database, upgrade
from crm_core.numbers import Numbering
from crm_core.people.store import People
from crm_core.staff.rules import Role
from crm_core.staff.store import Staff
from screenpop.bus import LocalBus
from screenpop.feeds import Feed
from screenpop.messages import BOARD_SUBJECT, pops_subject
from screenpop.service import Service, Stores
from telephony.records import Change
from tests.screenpop.scenes import T0
from web.pages.why import sentence

DEADLINE = 10.0
PASSWORD = "correct horse battery"
OWN_NUMBER = "+74950000001"


class Clock:
    """The PBX's time, moved by the test."""

    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> float:
        return self.now


class Screen:
    """What one browser tab receives."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(DEADLINE):
            frame: dict[str, Any] = msgspec.json.decode(await anext(self._feed))
            return frame

    async def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            frame = await self.next()
            if wanted(frame):
                return frame

    def resync(self) -> None:
        self._feed.resync()


class House:
    """The parts of the product this folder needs, put together as the product does."""

    def __init__(self, db: Database, *, size: int = 512) -> None:
        self.clock = Clock()
        self.numbering = Numbering("RU", [OWN_NUMBER], re.compile("[0-9]{4}"))
        self.people = People(db, self.numbering, clock=self.clock)
        self.calls = Calls(db, self.numbering, clock=self.clock)
        self.staff = Staff(db, clock=self.clock)
        self.states = AgentStates(db)
        self.bus = LocalBus(size)
        self.agents = Agents(db)
        self.stores = Stores(
            self.people,
            self.calls,
            self.staff,
            self.states,
            self.agents,
            WrapUpStore(db),
            Dispositions(db),
            self.numbering,
        )
        self.latencies: list[float] = []
        self.service = self.make_service()
        self._running: asyncio.Task[None] | None = None
        self._screens: list[Feed] = []

    def make_service(self) -> Service:
        return Service(self.stores, self.bus, clock=self.clock, on_pop=self.latencies.append)

    async def start(self) -> None:
        self._running = asyncio.create_task(self.service.run())
        await self.service.reload_seats()

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})
            self._running = None
        for feed in self._screens:
            feed.close()

    async def restart(self) -> None:
        """End the service and begin with a new one, as after a crash: only the database is kept."""
        await self.stop()
        self.service = self.make_service()
        await self.start()

    async def screen(self, user: str) -> Screen:
        return await self._open(pops_subject(user))

    async def wall(self) -> Screen:
        return await self._open(BOARD_SUBJECT)

    async def _open(self, subject: str) -> Screen:
        feed = Feed(self.bus, subject)
        self._screens.append(feed)
        screen = Screen(feed)
        assert (await screen.next())["type"] == "snapshot"
        return screen

    def tell(self, *changes: Change) -> None:
        for change in changes:
            self.clock.now = max(self.clock.now, change.at)
        self.service.submit("main", changes)

    async def row(self, call_id: str, wanted: Callable[[Any], bool] = lambda row: row is not None) -> Any:  # noqa: ANN401 - a row or None
        """Wait until a call's row is as wanted."""
        async with asyncio.timeout(DEADLINE):
            while not wanted(row := await self.calls.get(call_id)):  # noqa: ASYNC110 - a database has no event
                await asyncio.sleep(0.01)
        return row

    async def trace(self, call_id: str, wanted: str) -> list[str]:
        """Wait until a call's trace tells of a step, and read it as people do."""
        return [f"{step.what}: {sentence(step)}" for step in await self.steps(call_id, wanted)]

    async def steps(self, call_id: str, wanted: str) -> tuple[TraceEntry, ...]:
        """Wait until a call's trace tells of a step."""
        async with asyncio.timeout(DEADLINE):
            while True:
                steps = await self.calls.trace(call_id)
                if any(step.what == wanted for step in steps):
                    return steps
                await asyncio.sleep(0.05)


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a database with Ana at 2001, Ben at 2002 and supervisor Sue at 2003, once."""
    path = tmp_path_factory.mktemp("furnished") / "callcard.db"
    asyncio.run(_furnish(f"sqlite+aiosqlite:///{path}"))
    return path


async def _furnish(url: str) -> None:
    await upgrade(url)
    db = await Database.open(url)
    staff = Staff(db)
    await staff.add_user("ana", Role.AGENT, ["2001"], PASSWORD, "Ana Sousa")
    await staff.add_user("ben", Role.AGENT, ["2002"], PASSWORD, "Ben Adams")
    await staff.add_user("sue", Role.SUPERVISOR, ["2003"], PASSWORD, "Sue Park")
    await db.close()


@pytest.fixture
async def db(furnished: Path, tmp_path: Path, _no_blocking_calls: BlockBuster) -> AsyncIterator[Database]:
    path = tmp_path / "callcard.db"
    _no_blocking_calls.deactivate()  # a start may look at its files
    shutil.copy(furnished, path)
    database = await Database.open(f"sqlite+aiosqlite:///{path}")
    _no_blocking_calls.activate()
    yield database
    await database.close()


@pytest.fixture
async def house(db: Database) -> AsyncIterator[House]:
    built = House(db)
    await built.start()
    yield built
    await built.stop()

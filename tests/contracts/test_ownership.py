"""The node that owns the service keeps it while nobody can ask the database, and gives it up to another node only."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Self

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.db import Database
from tests.e2e.cable import Cable
from web.ownership import own

SECONDS = 20.0
HOLDERS = "FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND datname = current_database()"


class Work:
    """What an owner does: it tells when it begins and when it is cancelled."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.waiting = asyncio.Event()

    @classmethod
    @contextlib.asynccontextmanager
    async def owned(cls, db: Database) -> AsyncIterator[Self]:
        """Own something for the block, from the moment on when the work has begun."""
        work = cls()
        owning = asyncio.create_task(own(db, "service", work.run, work.waiting.set))
        try:
            async with asyncio.timeout(SECONDS):
                await work.begun.wait()
            yield work
        finally:
            owning.cancel()
            await asyncio.wait({owning})

    async def run(self) -> None:
        """Work until cancelled."""
        assert not self.begun.is_set(), "begun twice"
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()


@contextlib.asynccontextmanager
async def _looking(db: Database) -> AsyncIterator[AsyncConnection]:
    """Give a connection that sees the present: inside one transaction the list of connections stands still."""
    async with db.read() as connection:
        yield await connection.execution_options(isolation_level="AUTOCOMMIT")


async def _queued(connection: AsyncConnection) -> None:
    """Return as soon as somebody waits for the lock."""
    async with asyncio.timeout(SECONDS):
        while True:
            if (await connection.execute(text(f"SELECT 1 {HOLDERS} AND NOT granted"))).all():
                return
            await asyncio.sleep(0.05)


async def _holder(connection: AsyncConnection, other_than: int | None = None) -> int:
    """Return the process id of the connection that holds the lock, as soon as it is another one."""
    async with asyncio.timeout(SECONDS):
        while True:
            found = (await connection.execute(text(f"SELECT pid {HOLDERS} AND granted"))).scalars().all()
            if found and found != [other_than]:
                return int(found[0])
            await asyncio.sleep(0.05)


@pytest.fixture
def postgresql(db: Database) -> Database:
    """Give a PostgreSQL: an SQLite file has one service only."""
    if db.dialect != "postgresql":
        pytest.skip("with SQLite there is only one node")
    return db


async def test_broken_connection_does_not_end_the_work(postgresql: Database, db_url: str) -> None:
    other = await Database.open(db_url)
    try:
        async with Work.owned(postgresql) as work, _looking(other) as connection:
            before = await _holder(connection)
            await connection.execute(text(f"SELECT pg_terminate_backend({before})"))
            await _holder(connection, before)
            assert not work.cancelled.is_set()
        assert work.cancelled.is_set()
    finally:
        await other.close()


async def test_dead_connection_that_still_holds_the_lock_is_ended(db_url: str) -> None:
    url = make_url(db_url)
    if url.get_backend_name() != "postgresql":
        pytest.skip("with SQLite there is only one node")
    async with Cable.to(url.port or 5432) as cable:
        through = url.set(host="127.0.0.1", port=cable.port).render_as_string(hide_password=False)
        db, other = await Database.open(through), await Database.open(db_url)
        try:
            async with Work.owned(db) as work, _looking(other) as connection:
                before = await _holder(connection)
                cable.cut()
                cable.mend()
                await _holder(connection, before)
                assert not work.cancelled.is_set()
        finally:
            await db.close()
            await other.close()


async def test_work_ends_when_another_node_owns(postgresql: Database, db_url: str) -> None:
    other = await Database.open(db_url)
    try:
        async with Work.owned(postgresql) as work, _looking(other) as asking, other.read() as heir:
            holder = await _holder(asking)
            key = (await asking.execute(text(f"SELECT (classid::bigint << 32) | objid::bigint {HOLDERS}"))).scalar_one()
            queued = asyncio.create_task(_take(heir, int(key)))
            await _queued(asking)
            await asking.execute(text(f"SELECT pg_terminate_backend({holder})"))
            await queued
            async with asyncio.timeout(SECONDS):
                await work.cancelled.wait()
                await work.waiting.wait()
    finally:
        await other.close()


async def _take(connection: AsyncConnection, key: int) -> None:
    await connection.execute(text(f"SELECT pg_advisory_lock({key})"))

"""One node watches a PBX: with PostgreSQL the one that holds its advisory lock, with SQLite there is only one node."""

import asyncio
import fcntl
import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.db import Database
from crm_core.errors import DatabaseUnavailable
from web.settings import SettingsError

RETRY_SECONDS: Final = 2.0
"""How often a waiting node asks for the lock, and the owner whether it still has it."""
AGAIN_SECONDS: Final = 0.2
"""The same for an owner that lost its connection: it should be back before anybody else asks."""
LOCK_SECONDS: Final = 5.0
"""How long the database may take to answer who owns it."""
logger = logging.getLogger(__name__)


@contextmanager
def only_service(file: Path) -> Iterator[None]:
    """Be the only service on an SQLite file, for the block; commands work beside it. Raises `SettingsError`."""
    path = file.with_name(f"{file.name}.serve")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = path.open("ab")
    except OSError as error:
        raise SettingsError(f"CALLCARD_DATABASE_URL: cannot write {path}: {error.strerror}") from error
    with held:  # the system lets go of the lock however the process ends
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SettingsError(
                f"CALLCARD_DATABASE_URL: another service runs on {file}: stop it first, or use PostgreSQL for several"
            ) from error
        yield


async def own(db: Database, what: str, work: Callable[[], Awaitable[None]], waiting: Callable[[], None]) -> None:
    """Run `work` whenever this node owns `what`, for ever; call `waiting` each time another node turns out to own it.

    A database that is away takes nothing from the owner: as long as nobody can ask it, nobody else can begin either.
    `work` is cancelled once the database says that another node owns it.
    """
    if db.dialect != "postgresql":
        await work()
        return
    owner = _Owner(what, work)
    try:
        while True:
            try:
                async with db.read() as connection:
                    await owner.work_while_locked(await connection.execution_options(isolation_level="AUTOCOMMIT"))
            except* (DatabaseUnavailable, SQLAlchemyError, TimeoutError) as errors:
                logger.warning("cannot ask who owns %s: %s", what, errors.exceptions[0])
            if not owner.working:
                waiting()
            await asyncio.sleep(AGAIN_SECONDS if owner.working else RETRY_SECONDS)
    finally:
        await owner.stop()


class _Owner:
    """The work of this node, which outlives the connection that holds the lock for it."""

    def __init__(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        self._what = what
        self._work = work
        self._task: asyncio.Task[None] | None = None
        self._session = ""

    @property
    def working(self) -> bool:
        return self._task is not None

    async def work_while_locked(self, connection: AsyncConnection) -> None:
        """Begin or go on, if the lock is ours, until the work ends or the connection breaks; else give up."""
        async with asyncio.timeout(LOCK_SECONDS):
            locked = await _lock(connection, self._what)
            if not locked and self._task is not None and await _end_session(connection, self._what, self._session):
                return  # what held it was our own lost connection
        if not locked:
            if self._task is not None:
                logger.warning("another node owns %s now", self._what)
                await self.stop()
            return
        try:
            async with asyncio.timeout(LOCK_SECONDS):
                self._session = await _session(connection)
            if self._task is None:
                logger.info("this node owns %s", self._what)
                self._task = asyncio.create_task(_run(self._work), name=f"own {self._what}")
            await self._watch(connection, self._task)
        finally:
            await _unlock(connection, self._what)

    async def _watch(self, connection: AsyncConnection, task: asyncio.Task[None]) -> None:
        while not task.done():
            await asyncio.wait({task}, timeout=RETRY_SECONDS)
            async with asyncio.timeout(RETRY_SECONDS):
                await connection.execute(text("SELECT 1"))
        self._task = None
        task.result()

    async def stop(self) -> None:
        """Cancel the work and wait for its end."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})


async def _run(work: Callable[[], Awaitable[None]]) -> None:
    await work()


async def _lock(connection: AsyncConnection, what: str) -> bool:
    found = await connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _key(what)})
    return bool(found.scalar_one())


async def _session(connection: AsyncConnection) -> str:
    """Name this connection as no other one is ever named: process ids come back."""
    query = "SELECT pid || ' ' || backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    return str((await connection.execute(text(query))).scalar_one())


async def _end_session(connection: AsyncConnection, what: str, session: str) -> bool:
    """End the connection of that name if it still holds the lock; tell whether it does."""
    query = (
        "SELECT pg_terminate_backend(held.pid) FROM pg_locks held JOIN pg_stat_activity USING (pid) "
        "WHERE held.locktype = 'advisory' AND held.granted AND held.pid || ' ' || backend_start = :session "
        "AND ((held.classid::bigint << 32) | held.objid::bigint) = :key"
    )
    found = await connection.execute(text(query), {"session": session, "key": _key(what)})
    return bool(found.all())


async def _unlock(connection: AsyncConnection, what: str) -> None:
    # A connection that goes back to the pool with the lock would keep it; one that is broken has lost it already.
    try:
        async with asyncio.timeout(RETRY_SECONDS):
            await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _key(what)})
    except (DatabaseUnavailable, SQLAlchemyError, TimeoutError, OSError):
        await connection.invalidate()


def _key(what: str) -> int:
    return int.from_bytes(hashlib.sha256(f"callcard {what}".encode()).digest()[:8], "big", signed=True)

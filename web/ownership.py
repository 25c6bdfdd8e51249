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

    `work` is cancelled when the connection that holds the lock breaks: another node may own it from then on.
    """
    if db.dialect != "postgresql":
        await work()
        return
    while True:
        try:
            async with db.read() as connection:
                plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
                if await _lock(plain, what):
                    logger.info("this node owns %s", what)
                    await _work_while_locked(plain, what, work)
        except* (DatabaseUnavailable, SQLAlchemyError, TimeoutError) as errors:
            logger.warning("lost hold of %s: %s", what, errors.exceptions[0])
        waiting()
        await asyncio.sleep(RETRY_SECONDS)


async def _work_while_locked(connection: AsyncConnection, what: str, work: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_run(work))
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=RETRY_SECONDS)
                async with asyncio.timeout(RETRY_SECONDS):
                    await connection.execute(text("SELECT 1"))
        finally:
            task.cancel()
            await _unlock(connection, what)


async def _run(work: Callable[[], Awaitable[None]]) -> None:
    await work()


async def _lock(connection: AsyncConnection, what: str) -> bool:
    found = await connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _key(what)})
    return bool(found.scalar_one())


async def _unlock(connection: AsyncConnection, what: str) -> None:
    # A connection that goes back to the pool with the lock would keep it; one that is broken has lost it already.
    try:
        async with asyncio.timeout(RETRY_SECONDS):
            await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _key(what)})
    except (DatabaseUnavailable, SQLAlchemyError, TimeoutError, OSError):
        await connection.invalidate()


def _key(what: str) -> int:
    return int.from_bytes(hashlib.sha256(f"callcard {what}".encode()).digest()[:8], "big", signed=True)

"""What the commands share: settings, an open database, and how a failure is told."""

import argparse
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from web import settings
from web.settings import Settings

if TYPE_CHECKING:
    from crm_core.db import Database

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no public name
Result = TypeVar("Result")


class CommandFailed(Exception):
    """The command could not be done: one clear line."""


@asynccontextmanager
async def database(chosen: Settings) -> AsyncIterator["Database"]:
    """Open the database at its newest schema. Raises `DatabaseUnavailable`."""
    from crm_core.db import Database, upgrade

    await upgrade(chosen.database_url)
    db = await Database.open(chosen.database_url)
    try:
        yield db
    finally:
        await db.close()


def with_database(work: Callable[[Settings, "Database"], Awaitable[Result]]) -> Result:
    """Run `work` with the settings and an open database."""
    chosen = settings.load()

    async def run() -> Result:
        async with database(chosen) as db:
            return await work(chosen, db)

    return asyncio.run(run())


def describe(error: BaseException) -> str:
    """Say in one line what went wrong; the first reason of a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    from crm_core.errors import CrmError

    if isinstance(error, (CrmError, CommandFailed, settings.SettingsError)):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"unexpected {type(error).__name__}: {error}"

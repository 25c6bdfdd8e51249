"""The schema's history, run by Alembic from inside the package: it works from an installed wheel."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from crm_core.db import Database

ONE_AT_A_TIME = 0x43414C4C
"""Key of the PostgreSQL advisory lock that lets only one node migrate."""


async def run(url: str) -> None:
    """Bring the database to the newest schema, creating it when new; raises DatabaseUnavailable.

    All or nothing, and harmless when two processes do it at once: the second waits and finds nothing to do.
    """
    history = await asyncio.to_thread(read_history)
    database = await Database.open(url)
    try:
        async with database.write() as connection:
            if database.dialect == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
            await connection.run_sync(_to_head, history)
    finally:
        await asyncio.shield(database.close())


def config() -> Config:
    """Return Alembic's settings."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return settings


def read_history() -> ScriptDirectory:
    """Read the migration files; run it in a thread."""
    history = ScriptDirectory.from_config(config())
    history.get_heads()
    return history


def _to_head(connection: Connection, history: ScriptDirectory) -> None:
    def steps(revision: Any, _context: MigrationContext) -> Iterable[Any]:  # noqa: ANN401 Alembic's own
        return history._upgrade_revs("head", revision)  # noqa: SLF001 what `alembic upgrade` itself asks

    context = MigrationContext.configure(connection, opts={"fn": steps, "transactional_ddl": True})
    with Operations.context(context):
        context.run_migrations()

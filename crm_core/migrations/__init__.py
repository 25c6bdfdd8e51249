"""The schema's history, run by Alembic from inside the package: it works from an installed wheel."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from crm_core.db import Database

ONE_AT_A_TIME = 0x43414C4C
"""Key of the PostgreSQL advisory lock that lets only one node migrate."""


def config(connection: Connection) -> Config:
    """Return Alembic's settings for one open connection."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    settings.attributes["connection"] = connection
    return settings


async def run(url: str) -> None:
    """Bring the database to the newest schema, creating it when new; raises DatabaseUnavailable.

    All or nothing, and harmless when two processes do it at once: the second waits and finds nothing to do.
    """
    database = await Database.open(url)
    try:
        async with database.write() as connection:
            if database.dialect == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
            await connection.run_sync(lambda sync: command.upgrade(config(sync), "head"))
    finally:
        await asyncio.shield(database.close())

"""A PostgreSQL of the run's own with the same clients, copied table by table from the SQLite file."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
from sqlalchemy import Table, select

from crm_core.db import Database, Row, upgrade
from tests.e2e.backends import PostgreSQL

PROGRAMS: Final = Path("/usr/lib/postgresql")


@asynccontextmanager
async def filled(file: Path) -> AsyncIterator[str | None]:
    """Give the URL of a PostgreSQL that holds what the SQLite file holds; None where none can be started here."""
    if os.geteuid() != 0 or not any(PROGRAMS.glob("*/bin/postgres")):
        yield None
        return
    cluster = PostgreSQL()
    try:
        await asyncio.to_thread(cluster.start)
        _, url = await asyncio.to_thread(cluster.new_database)
        await _copy(file, url)
        yield url
    finally:
        await asyncio.to_thread(cluster.remove)


async def _copy(file: Path, url: str) -> None:
    await upgrade(url)
    source = await Database.open(f"sqlite+aiosqlite:///{file}")
    target = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        tables = Row.metadata.sorted_tables
        # Migrations fill some of them.
        await target.execute(f"TRUNCATE {', '.join(table.name for table in tables)}")
        for table in tables:
            async with source.read() as connection:
                rows = [tuple(row) for row in await connection.execute(select(table))]
            await target.copy_records_to_table(table.name, records=rows, columns=[one.name for one in table.columns])
        for name in _numbered(tables):
            await target.execute(
                f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), greatest(max(id), 1)) FROM {name}"  # noqa: S608 - our own tables
            )
        await target.execute("ANALYZE")
    finally:
        await target.close()
        await source.close()


def _numbered(tables: Iterable[Table]) -> list[str]:
    """Return the tables that number their rows themselves."""
    return [table.name for table in tables if table.autoincrement_column is not None]

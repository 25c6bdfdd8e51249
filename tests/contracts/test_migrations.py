"""The schema's history leads to the schema the code is written for, on both databases."""

import asyncio
from importlib import import_module
from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect

import crm_core
from crm_core.db import Database, Row, upgrade

CORE = Path(crm_core.__file__).parent
for tables in CORE.rglob("*tables.py"):
    import_module(".".join(["crm_core", *tables.relative_to(CORE).with_suffix("").parts]))


def differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, Row.metadata))


async def test_migrations_equal_the_tables_of_the_code(empty_url: str) -> None:
    await upgrade(empty_url)
    db = await Database.open(empty_url)
    async with db.read() as connection:
        assert await connection.run_sync(differences) == []
        indexes = await connection.run_sync(lambda sync: {i["name"] for i in inspect(sync).get_indexes("call")})
    await db.close()
    assert "ix_call_open" in indexes


async def test_upgrading_twice_at_the_same_time_does_it_once(empty_url: str) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(upgrade(empty_url))
    await upgrade(empty_url)
    db = await Database.open(empty_url)
    async with db.read() as connection:
        assert await connection.run_sync(differences) == []
    await db.close()

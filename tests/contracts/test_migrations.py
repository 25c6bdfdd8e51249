"""The schema's history leads to the schema the code is written for, on both databases."""

import asyncio
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect

import crm_core.agents.states_tables
import crm_core.agents.tables
import crm_core.audit.tables
import crm_core.calls.tables
import crm_core.imports.tables
import crm_core.recordings.tables
import crm_core.voicemail.tables
import crm_core.work.tables  # noqa: F401 their tables are compared
from crm_core.db import Database, Row, upgrade


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

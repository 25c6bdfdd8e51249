"""A database that goes away comes back without a restart."""

import pytest
from sqlalchemy import text

from crm_core.db import Database
from crm_core.people.store import People
from crm_core.staff.store import Staff


async def test_broken_connections_are_replaced(db: Database, people: People, staff: Staff) -> None:
    await people.lookup("+33601020304")
    if db.dialect != "postgresql":
        pytest.skip("SQLite has no connections to lose")
    async with db.write() as connection:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        await connection.execute(text(f"{others} AND pid <> pg_backend_pid()"))
    assert (await people.lookup("+33601020304")).contact is None
    assert await staff.list_users() == ()

"""The same promises on both databases: every test here runs on SQLite, and on PostgreSQL where a server is named."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from argon2 import PasswordHasher
from sqlalchemy import URL, make_url

from crm_core.calls.store import Calls
from crm_core.db import Database, upgrade
from crm_core.numbers import Numbering
from crm_core.people.store import People
from crm_core.staff.passwords import Passwords
from crm_core.staff.store import Staff
from crm_core.work.store import Work

POSTGRESQL = "CALLCARD_TEST_POSTGRESQL_URL"
BOTH = [pytest.param("sqlite"), pytest.param("postgresql", marks=pytest.mark.postgresql)]
NOON = 1_795_262_400.0
"""Saturday 21 November 2026, 12:00 UTC."""


CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Clock:
    """Time that moves when a test says so."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Keep a migrated database of each kind, made when first needed: a copy is quicker than the migrations."""
    made = {"path": str(tmp_path_factory.mktemp("template") / "callcard.db")}
    yield made
    if "postgresql" in made:
        asyncio.run(_admin(f'DROP DATABASE "{made["postgresql"]}" WITH (FORCE)'))


@pytest.fixture(params=BOTH)
async def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """Give a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'callcard.db'}"
        return
    async with _postgresql() as url:
        yield url


@pytest.fixture(params=BOTH)
async def db_url(request: pytest.FixtureRequest, tmp_path: Path, templates: dict[str, str]) -> AsyncIterator[str]:
    """Give a database with the newest schema and nothing in it."""
    if request.param == "sqlite":
        if "sqlite" not in templates:
            await upgrade(f"sqlite+aiosqlite:///{templates['path']}")
            templates["sqlite"] = templates["path"]
        path = tmp_path / "callcard.db"
        await asyncio.to_thread(shutil.copy, templates["sqlite"], path)
        yield f"sqlite+aiosqlite:///{path}"
        return
    if "postgresql" not in templates:
        name = f"callcard_template_{uuid4().hex[:12]}"
        await _admin(f'CREATE DATABASE "{name}"')
        await upgrade(_named(name))
        templates["postgresql"] = name
    async with _postgresql(f' TEMPLATE "{templates["postgresql"]}"') as url:
        yield url


@pytest.fixture
async def db(db_url: str) -> AsyncIterator[Database]:
    database = await Database.open(db_url)
    yield database
    await database.close()


@pytest.fixture
def numbering() -> Numbering:
    return Numbering("RU", ["+74950000001"], re.compile("[0-9]{2,5}"))


@pytest.fixture
def staff(db: Database, clock: Clock) -> Staff:
    return Staff(db, clock=clock, passwords=Passwords(CHEAP))


@pytest.fixture
def people(db: Database, numbering: Numbering, clock: Clock) -> People:
    return People(db, numbering, clock=clock)


@pytest.fixture
def calls(db: Database, numbering: Numbering, clock: Clock) -> Calls:
    return Calls(db, numbering, clock=clock)


@pytest.fixture
def work(db: Database, numbering: Numbering, clock: Clock) -> Work:
    return Work(db, numbering, clock=clock)


@asynccontextmanager
async def _postgresql(options: str = "") -> AsyncIterator[str]:
    name = f"callcard_{uuid4().hex[:12]}"
    await _admin(f'CREATE DATABASE "{name}"{options}')
    try:
        yield _named(name)
    finally:
        await _admin(f'DROP DATABASE "{name}" WITH (FORCE)')


def _server() -> URL:
    url = os.environ.get(POSTGRESQL)
    if not url:
        pytest.skip(f"{POSTGRESQL} names no server")
    return make_url(url)


def _named(database: str) -> str:
    return _server().set(database=database).render_as_string(hide_password=False)


async def _admin(statement: str) -> None:
    connection = await asyncpg.connect(_server().set(drivername="postgresql").render_as_string(hide_password=False))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()

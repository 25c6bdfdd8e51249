"""Opening a database, and what happens when it is not there."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from crm_core.db import Database, Statement, parse_url, upgrade
from crm_core.errors import CrmError, DatabaseUnavailable

SECRET = "s3cret-word"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nonsense", "cannot be read"),
        (f"mysql://callcard:{SECRET}@127.0.0.1/db", "mysql is not supported"),
        ("sqlite+aiosqlite://", "names no SQLite file"),
        ("sqlite+aiosqlite:////proc/nowhere/callcard.db", "/proc/nowhere"),
        ("sqlite+aiosqlite:////proc", "unable to open database file"),
        (f"postgresql+asyncpg://callcard:{SECRET}@127.0.0.1:1/db", "127.0.0.1"),
        (f"postgres://callcard:{SECRET}@127.0.0.1:1/db", "127.0.0.1"),
        (f"postgresql+asyncpg://callcard:{SECRET}@127.0.0.1:port/db", "cannot be read"),
    ],
)
async def test_a_wrong_url_is_one_clear_line_without_the_password(url: str, reason: str) -> None:
    with pytest.raises(DatabaseUnavailable, match=reason) as refused:
        await Database.open(url)
    assert SECRET not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_common_spellings_of_a_url_mean_the_drivers_we_have() -> None:
    assert parse_url("sqlite:///a.db").drivername == "sqlite+aiosqlite"
    assert parse_url("postgres://u@h/d").drivername == "postgresql+asyncpg"


async def test_the_folder_of_the_file_is_made(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/new/folder/callcard.db"
    await upgrade(url)
    db = await Database.open(url)
    await db.ping()
    async with db.read() as connection:
        mode = await connection.scalar(text("PRAGMA journal_mode"))
        keys = await connection.scalar(text("PRAGMA foreign_keys"))
        synchronous = await connection.scalar(text("PRAGMA synchronous"))
    await db.close()
    assert (mode, keys, synchronous) == ("wal", 1, 1)


async def test_a_database_that_was_never_upgraded_says_so_in_one_line(tmp_path: Path) -> None:
    db = await Database.open(f"sqlite+aiosqlite:///{tmp_path}/callcard.db")
    with pytest.raises(DatabaseUnavailable, match="no such table: contact"):
        async with db.read() as connection:
            await connection.execute(text("SELECT * FROM contact"))
    with pytest.raises(DatabaseUnavailable, match="no such table: contact"):
        await db.fetch_json(Statement("SELECT * FROM contact", ""))
    with pytest.raises(DatabaseUnavailable, match="no such table: contact"):
        await db.write_batch([(Statement("INSERT INTO contact VALUES (?1)", ""), [(1,)])])
    await db.close()


@pytest.fixture
async def db(tmp_path: Path) -> Database:
    db = await Database.open(f"sqlite+aiosqlite:///{tmp_path}/callcard.db")
    async with db.write() as connection:
        await connection.execute(text("CREATE TABLE counter (id INTEGER PRIMARY KEY CHECK (id > 0), value INTEGER)"))
        await connection.execute(text("INSERT INTO counter VALUES (1, 0)"))
    return db


async def value(db: Database) -> int:
    return int(await db.fetch_json(Statement("SELECT value FROM counter WHERE id = 1", "")))


async def test_writes_of_many_tasks_take_turns(db: Database) -> None:
    add = Statement("UPDATE counter SET value = value + ?1", "")

    async def one() -> None:
        async with db.write() as connection:
            before = await connection.scalar(text("SELECT value FROM counter"))
            await asyncio.sleep(0)
            await connection.execute(text("UPDATE counter SET value = :next"), {"next": int(before or 0) + 1})

    async with asyncio.TaskGroup() as group:
        for _ in range(30):
            group.create_task(one())
            group.create_task(db.write_batch([(add, [(1,)])]))
    assert await value(db) == 60
    await db.close()


async def test_a_write_waits_for_another_process(db: Database) -> None:
    other = await asyncio.to_thread(
        sqlite3.connect, str(db.url.database), isolation_level=None, check_same_thread=False
    )
    await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
    waiting = asyncio.create_task(db.write_batch([(Statement("UPDATE counter SET value = 7", ""), [()])]))
    done, _ = await asyncio.wait({waiting}, timeout=0.1)
    assert not done
    assert await value(db) == 0
    await asyncio.to_thread(other.execute, "COMMIT")
    await waiting
    await asyncio.to_thread(other.close)
    assert await value(db) == 7
    await db.close()


async def test_a_failed_write_leaves_nothing_behind(db: Database) -> None:
    with pytest.raises(CrmError, match="refused a row"):
        await db.write_batch(
            [
                (Statement("UPDATE counter SET value = 9", ""), [()]),
                (Statement("INSERT INTO counter VALUES (?1, 1)", ""), [(0,)]),
            ]
        )

    async def fail() -> None:
        async with db.write() as connection:
            await connection.execute(text("UPDATE counter SET value = 9"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await value(db) == 0
    await db.close()


async def test_a_cancelled_write_leaves_nothing_behind_and_lets_others_write(db: Database) -> None:
    started = asyncio.Event()

    async def hang() -> None:
        async with db.write() as connection:
            await connection.execute(text("UPDATE counter SET value = 9"))
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await started.wait()
    task.cancel()
    await asyncio.wait({task})
    await db.write_batch([(Statement("UPDATE counter SET value = value + 1", ""), [()])])
    assert await value(db) == 1
    await db.close()


async def test_a_reader_does_not_see_half_a_write(db: Database) -> None:
    async with db.write() as connection:
        await connection.execute(text("UPDATE counter SET value = 5"))
        assert await value(db) == 0
    assert await value(db) == 5
    await db.close()

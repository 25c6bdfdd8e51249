"""The database that the figures are measured with: 100,000 clients, their last calls, the agents with their tokens."""

import asyncio
import contextlib
import json
import shutil
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher

from crm_core.calls.rules import CallToSave, ImportedNote
from crm_core.calls.store import Calls
from crm_core.db import Database, upgrade
from crm_core.numbers import Numbering
from crm_core.people.rules import ContactDraft, PhoneDraft
from crm_core.people.store import People
from crm_core.staff.passwords import Passwords
from crm_core.staff.rules import Role, Scope
from crm_core.staff.store import Staff
from telephony.conversations import call_id
from telephony.records import CallPhase, CallRecord, Direction, LegResult, Outcome, Participant

FOLDER: Final = Path("var") / "bench"
CLIENTS: Final = 100_000
TIMES: Final = 10
"""How many times more clients the large database has."""
CALLERS: Final = 2_000
"""Clients that ring, spread over all of them; each has history."""
PAST_CALLS: Final = 5
AGENTS: Final = 500
AT_ONCE: Final = 2_000
VERSION: Final = 1
"""Raised when what is written below changes."""


@dataclass(frozen=True, slots=True)
class Agent:
    """Somebody at a phone, with an API token to open a socket with."""

    name: str
    extension: str
    token: str


def number_of(client: int) -> str:
    """Return the telephone number of a client."""
    return f"+7916{client + 1_000_000:07d}"


def password_of(position: int) -> str:
    """Return the password of an agent."""
    return f"never typed {position}"


def callers() -> list[str]:
    """Return the numbers that ring."""
    return [number_of(client) for client in range(0, CLIENTS, CLIENTS // CALLERS)]


def kept_file() -> Path:
    """Return the file that every run copies."""
    return FOLDER / f"clients-{CLIENTS}-v{VERSION}.db"


async def prepare() -> tuple[Path, list[Agent]]:
    """Return a database that the next run may write to, and its agents; what is expensive is kept between runs."""
    kept = kept_file()
    listed = kept.with_suffix(".json")
    if not listed.exists():
        for leftover in FOLDER.glob("clients-*"):
            leftover.unlink()
        FOLDER.mkdir(parents=True, exist_ok=True)
        agents = await _fill(kept)
        listed.write_text(json.dumps([[one.name, one.extension, one.token] for one in agents]), encoding="utf-8")
    await upgrade(f"sqlite+aiosqlite:///{kept}")  # it may be of an older day
    run = FOLDER / "run"
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir()
    await asyncio.to_thread(shutil.copyfile, kept, run / "callcard.db")
    return run, [Agent(*one) for one in json.loads(listed.read_text(encoding="utf-8"))]


async def _fill(file: Path) -> list[Agent]:
    url = f"sqlite+aiosqlite:///{file}"
    await upgrade(url)
    db = await Database.open(url)
    try:
        # Nobody guesses these passwords: a cheap hash saves a minute.
        staff = Staff(db, passwords=Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)))
        agents = [await _agent(staff, position) for position in range(AGENTS)]
        numbering = Numbering("RU", (), None)
        ids = await _clients(People(db, numbering))
        await _history(Calls(db, numbering), numbering, ids)
    finally:
        await db.close()
    return agents


async def _agent(staff: Staff, position: int) -> Agent:
    name, extension = f"agent{position:03d}", str(3000 + position)
    await staff.add_user(name, Role.AGENT, (extension,), password_of(position), f"Agent {position}")
    return Agent(name, extension, await staff.create_token(name, Scope.WRITE))


async def _clients(people: People) -> list[int]:
    ids: list[int] = []
    for start in range(0, CLIENTS, AT_ONCE):
        ids += await people.add_many([_draft(client) for client in range(start, start + AT_ONCE)], "bench")
    return ids


def _draft(client: int) -> ContactDraft:
    return ContactDraft(
        name=f"Client {client} of the Bench",
        company=f"Company {client % 5_000}",
        phones=(PhoneDraft(number_of(client)),),
        emails=(f"client{client}@example.com",),
        groups=("VIP",) if client % 10 == 0 else (),
        tags=("renewal",) if client % 3 == 0 else (),
        notes="Prefers to be called in the morning." if client % 2 == 0 else "",
    )


async def _history(calls: Calls, numbering: Numbering, ids: Sequence[int]) -> None:
    began = time.time() - 30 * 86_400
    await calls.add_many(
        [
            _past_call(numbering, client, ids[client], began + client * 10 + turn * 86_400)
            for client in range(0, CLIENTS, CLIENTS // CALLERS)
            for turn in range(PAST_CALLS)
        ]
    )


def _past_call(numbering: Numbering, client: int, contact_id: int, at: float) -> CallToSave:
    extension = str(3000 + client % AGENTS)
    number = number_of(client)
    uniqueid = f"{int(at)}.{client}"
    record = CallRecord(
        id=call_id("main", uniqueid),
        pbx="main",
        direction=Direction.INBOUND,
        phase=CallPhase.ENDED,
        started_at=at,
        number=number,
        did="74951230004",
        outcome=Outcome.ANSWERED,
        answered_by=extension,
        extension=extension,
        participants=(Participant(extension, at, at + 5, at + 65, LegResult.ANSWERED, 60.0),),
        answered_at=at + 5,
        ended_at=at + 65,
        wait_seconds=5.0,
        talk_seconds=60.0,
        hangup_cause=16,
        linkedids=(uniqueid,),
    )
    note = ImportedNote(f"agent{client % AGENTS:03d}", "Asked about the invoice; sent it again.", at + 60)
    return CallToSave(record, numbering.read(number), contact_id, 1, {extension: note.author}, notes=(note,))


async def million(small: Path) -> Path:
    """Return a database with ten times the clients (not the words of their names), made of the small one and kept."""
    big = FOLDER / f"clients-{CLIENTS * TIMES}-v{VERSION}" / "callcard.db"
    if not big.exists():
        big.parent.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(_multiply, small, big)
    await upgrade(f"sqlite+aiosqlite:///{big}")
    return big.parent


def _multiply(small: Path, big: Path) -> None:
    made = big.with_suffix(".new")
    shutil.copyfile(small, made)
    with contextlib.closing(sqlite3.connect(made)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        for turn in range(1, TIMES):
            moved = turn * CLIENTS
            connection.execute(MORE_CONTACTS, (moved, CLIENTS))
            connection.executemany(MORE_PHONES, (_moved_phone(client, moved) for client in range(CLIENTS)))
            connection.commit()
        connection.execute("ANALYZE")
        connection.commit()
    made.rename(big)


MORE_CONTACTS: Final = (
    "INSERT INTO contact (id, name, name_key, company_id, notes, custom, created_at, created_by, updated_at,"
    " updated_by, version) SELECT id + ?1, name, name_key, company_id, notes, custom, created_at, created_by,"
    " updated_at, updated_by, version FROM contact WHERE id <= ?2"
)
MORE_PHONES: Final = (
    "INSERT INTO contact_phone (contact_id, position, number, e164, number_key, reversed_digits, type)"
    " SELECT id, 0, ?2, ?2, ?2, ?3, 'other' FROM contact WHERE id = ?1"
)


def _moved_phone(client: int, moved: int) -> tuple[object, ...]:
    number = number_of(client + moved)
    return client + moved + 1, number, number[:0:-1]

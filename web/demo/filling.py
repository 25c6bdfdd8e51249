"""Fill a fresh database: the staff, the clients and their year of calls."""

import asyncio
import itertools
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from crm_core.calls.dispositions_store import DispositionPatch, Dispositions
from crm_core.calls.rules import CallToSave, ImportedNote
from crm_core.calls.store import Calls
from crm_core.db import Database, upgrade
from crm_core.numbers import Numbering
from crm_core.people.store import People
from crm_core.recordings.store import Recordings
from crm_core.staff.rules import Role
from crm_core.staff.store import Staff
from telephony.simulator.day import AGENTS
from web.demo.clients import Clients
from web.demo.history import PBX, Cast, PastCall, tell
from web.demo.sounds import MONITOR_FOLDER, SPOOL_FOLDER, Sounds, write_recordings
from web.settings import Settings

T = TypeVar("T")
AT_ONCE = 5_000
"""Rows handed over together: the database is analysed after each such lot, so not too few."""
WRITING = 2
"""Batches under way: the next one is invented while one is written."""
COMPLAINTS = ("delivery", "quality", "invoice")
SUPERVISOR, ADMINISTRATOR = ("sofia", "Sofia Marin"), ("admin", "Administrator")


@dataclass(frozen=True, slots=True)
class SignIn:
    """What somebody types to sign in."""

    role: Role
    name: str
    password: str


def agent_name(extension: str) -> str:
    """Give the user name of the agent whose phone it is."""
    return AGENTS[extension].split(maxsplit=1)[0].lower()


async def fill(settings: Settings, clients: Clients, calls: int) -> list[SignIn]:
    """Write everything into the settings' database, which must be new: so many `calls` in the past year."""
    await upgrade(settings.database_url)
    db = await Database.open(settings.database_url)
    try:
        signs = await _staff(Staff(db))
        numbering = Numbering(settings.region, settings.own_numbers, settings.extensions)
        await _results(Dispositions(db))
        ids = await _clients(People(db, numbering), clients)
        sounds = Sounds(settings.var_dir / MONITOR_FOLDER, settings.var_dir / SPOOL_FOLDER)
        await _history(Calls(db, numbering), numbering, sounds, clients, ids, calls)
        await write_recordings(Recordings(db), await asyncio.to_thread(sounds.write), PBX)
    finally:
        await db.close()
    return signs


async def _staff(staff: Staff) -> list[SignIn]:
    people: list[tuple[str, Role, tuple[str, ...], str]] = [
        (agent_name(extension), Role.AGENT, (extension,), name) for extension, name in AGENTS.items()
    ]
    people.append((SUPERVISOR[0], Role.SUPERVISOR, (), SUPERVISOR[1]))
    people.append((ADMINISTRATOR[0], Role.ADMIN, (), ADMINISTRATOR[1]))
    signs = [SignIn(role, name, secrets.token_hex(6)) for name, role, _, _ in people]
    async with asyncio.TaskGroup() as group:
        for (name, role, extensions, shown), sign in zip(people, signs, strict=True):
            group.create_task(staff.add_user(name, role, extensions, sign.password, shown))
    return signs


async def _results(results: Dispositions) -> None:
    """Let a complaint say what it is about."""
    tree = await results.tree()
    complaint = next(one.result.id for one in tree.branches if one.path == "complaint")
    for name in COMPLAINTS:
        await results.add(DispositionPatch(name, complaint))


async def _clients(people: People, clients: Clients) -> list[int]:
    ids: list[int] = []
    for drafts in _batches(clients.drafts):
        ids += await people.add_many(drafts, "demo")
    return ids


async def _history(
    calls: Calls, numbering: Numbering, sounds: Sounds, clients: Clients, ids: list[int], count: int
) -> None:
    cast = Cast(
        numbers=[draft.phones[0].number for draft in clients.drafts],
        shared=frozenset(clients.shared),
        strangers=clients.strangers,
    )
    users = {extension: agent_name(extension) for extension in AGENTS}
    past = tell(cast, datetime.fromtimestamp(time.time()).astimezone(), count)
    turn = asyncio.Semaphore(WRITING)
    async with asyncio.TaskGroup() as group:
        for batch in _batches(past):
            for each in batch:
                sounds.note(each.record)
            saves = [_saved(each, numbering, ids, users) for each in batch]
            await turn.acquire()
            group.create_task(_write(calls, saves, turn))


async def _write(calls: Calls, saves: list[CallToSave], turn: asyncio.Semaphore) -> None:
    try:
        await calls.add_many(saves)
    finally:
        turn.release()


def _saved(past: PastCall, numbering: Numbering, ids: list[int], users: Mapping[str, str]) -> CallToSave:
    record = past.record
    number = numbering.read(record.number, withheld=record.withheld)
    contact = None if past.client is None else ids[past.client]
    took_part = {part.extension: users[part.extension] for part in record.participants}
    author = users.get(record.extension or "", ADMINISTRATOR[0])
    notes = () if past.note is None else (ImportedNote(author, past.note, record.ended_at or record.started_at),)
    return CallToSave(record, number, contact, past.candidates, took_part, past.disposition, notes)


def _batches(items: Iterable[T]) -> Iterable[list[T]]:
    remaining = iter(items)
    while batch := list(itertools.islice(remaining, AT_ONCE)):
        yield batch

"""Calls follow the numbers of clients: who a number means is decided again whenever a contact's numbers change."""

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import bindparam, delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.calls.tables import CallTable
from crm_core.db import Database
from crm_core.people.rules import number_meaning
from crm_core.people.tables import ContactRow, NumberChoice, PhoneRow
from crm_core.upsert import upsert
from crm_core.work.tables import FollowUpRow, TaskCallRow, TaskRow

CHUNK = 500
"""Keys in one statement: below every database's limit of parameters."""


async def relink(connection: AsyncConnection, keys: Iterable[str | None]) -> None:
    """Link the calls of these numbers to the contact each number means now, and unlink what no longer fits.

    A contact chosen by hand stays; a call already linked to one of several contacts stays with it.
    """
    for chunk in chunks(sorted({key for key in keys if key})):
        await _unlink(connection, chunk)
        await _judge_again(connection, chunk)
        called = select(CallTable.number_key).where(CallTable.number_key.in_(chunk), CallTable.contact_id.is_(None))
        present = [key for key in (await connection.execute(called.distinct())).scalars() if key is not None]
        if not present:
            continue
        decided = await meanings(connection, present)
        rows = [{"of_key": key, "meant": meant, "many": many} for key, (meant, many) in decided.items()]
        unlinked = (CallTable.number_key == bindparam("of_key")) & CallTable.contact_id.is_(None)
        await connection.execute(update(CallTable).where(unlinked).values(candidates=bindparam("many")), rows)
        linked = [row for row in rows if row["meant"] is not None]
        if linked:
            free = unlinked & CallTable.contact_by_hand.is_(False)
            await connection.execute(update(CallTable).where(free).values(contact_id=bindparam("meant")), linked)


async def release(connection: AsyncConnection, contact_id: int) -> set[str | None]:
    """Let go of every call and remembered choice of a contact, also those chosen by hand: it is being deleted.

    Returns the numbers of those calls, for they may mean someone else now.
    """
    mine = CallTable.contact_id == contact_id
    called = select(CallTable.number_key).where(mine).distinct()
    keys = set((await connection.execute(called)).scalars())
    await connection.execute(update(CallTable).where(mine).values(contact_id=None, contact_by_hand=False))
    await connection.execute(delete(NumberChoice).where(NumberChoice.contact_id == contact_id))
    return keys


async def owners(connection: AsyncConnection, keys: Sequence[str]) -> dict[str, list[int]]:
    """Return the contacts that have each number."""
    query = (
        select(PhoneRow.number_key, PhoneRow.contact_id)
        .join(ContactRow, ContactRow.id == PhoneRow.contact_id)
        .where(PhoneRow.number_key.in_(keys), ContactRow.deleted_at.is_(None))
        .distinct()
        .order_by(PhoneRow.contact_id)
    )
    found: dict[str, list[int]] = {key: [] for key in keys}
    for key, contact_id in (await connection.execute(query)).all():
        found[key or ""].append(contact_id)
    return found


async def remember_choice(
    db: Database, connection: AsyncConnection, key: str, contact_id: int, by: str, at: float
) -> None:
    """Write which contact a number means."""
    statement = upsert(db, NumberChoice)
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=[NumberChoice.number_key],
        set_={"contact_id": new.contact_id, "chosen_by": new.chosen_by, "chosen_at": new.chosen_at},
    )
    row = {"number_key": key, "contact_id": contact_id, "chosen_by": by, "chosen_at": at}
    await connection.execute(statement, row)


async def _unlink(connection: AsyncConnection, keys: Sequence[str]) -> None:
    """Take contacts away from calls, and choices away from numbers, that no longer belong together."""
    has_it = exists().where(
        PhoneRow.number_key == CallTable.number_key,
        PhoneRow.contact_id == CallTable.contact_id,
        ContactRow.id == PhoneRow.contact_id,
        ContactRow.deleted_at.is_(None),
    )
    stale = (
        CallTable.number_key.in_(keys),
        CallTable.contact_id.is_not(None),
        CallTable.contact_by_hand.is_(False),
        ~has_it,
    )
    await connection.execute(update(CallTable).where(*stale).values(contact_id=None))
    chosen = exists().where(
        PhoneRow.number_key == NumberChoice.number_key, PhoneRow.contact_id == NumberChoice.contact_id
    )
    await connection.execute(delete(NumberChoice).where(NumberChoice.number_key.in_(keys), ~chosen))


async def _judge_again(connection: AsyncConnection, keys: Sequence[str]) -> None:
    """Mark the calls of these numbers that wait for a callback: they may belong to another client now."""
    waiting = (
        select(TaskCallRow.call_id)
        .join(TaskRow, TaskRow.id == TaskCallRow.task_id)
        .where(TaskRow.closed_at.is_(None), TaskRow.number_key.in_(keys))
        .distinct()
    )
    await connection.execute(insert(FollowUpRow).from_select(["call_id"], waiting))


async def meanings(connection: AsyncConnection, keys: Sequence[str]) -> dict[str, tuple[int | None, int]]:
    """Return for each number the contact it means, if one, and how many have it."""
    query = select(NumberChoice.number_key, NumberChoice.contact_id).where(NumberChoice.number_key.in_(keys))
    choices = {row.number_key: row.contact_id for row in (await connection.execute(query)).all()}
    found = await owners(connection, keys)
    return {key: (number_meaning(ids, choices.get(key)), len(ids)) for key, ids in found.items()}


def chunks(items: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut a sequence into pieces that fit into one statement."""
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]

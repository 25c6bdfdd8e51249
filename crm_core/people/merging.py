"""Two clients that are one: merged field by field, and taken apart again within thirty days."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Row as ResultRow
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.audit.rules import Area, Deed, FieldChange
from crm_core.audit.store import add_entry
from crm_core.calls.tables import CallTable
from crm_core.db import Database
from crm_core.errors import Conflict, InvalidField, NotFound
from crm_core.numbers import Numbering
from crm_core.pages import MAX_INTEGER, Page, Position, decode_position, encode_cursor
from crm_core.people.changing import apply_patch, bring_back, remove
from crm_core.people.linking import chunks
from crm_core.people.merges import TAKEABLE, Merge, merged, unmerged
from crm_core.people.reading import load_contacts
from crm_core.people.rules import Contact
from crm_core.people.tables import ContactRow, MergeRow

UNDO_SECONDS: Final = 30 * 86_400.0
"""So long a merge can be undone."""
_CONTACT: Final = msgspec.json.Decoder(Contact)
_CALLS: Final = msgspec.json.Decoder(tuple[str, ...])


class Merging:
    """Commands about clients that are one."""

    def __init__(self, db: Database, numbering: Numbering, clock: Callable[[], float]) -> None:
        self._db = db
        self._numbering = numbering
        self._clock = clock

    async def merge(self, kept_id: int, gone_id: int, take: Collection[str], by: str) -> Contact:
        """Make one client of two: numbers, addresses, groups, tags, calls and notes of both.

        `take` names the fields of which the second one's value is kept (`TAKEABLE`). Raises NotFound, InvalidField.
        """
        if kept_id == gone_id:
            raise InvalidField("duplicate_id", "is the client itself")
        for field in take:
            if field not in TAKEABLE:
                raise InvalidField("take", f"there is no field {field} to choose")
        at = self._clock()
        async with self._db.write() as connection:
            kept, gone = await _both(connection, kept_id, gone_id)
            after = await apply_patch(self._db, connection, self._numbering, kept, merged(kept, gone, take), by, at)
            by_hand = await _move_calls(connection, gone_id, kept_id)
            told = (FieldChange("merged", None, f"{gone.name} ({gone.id})"),)
            await remove(
                connection, gone_id, by, at, Deed.ABSORBED, (FieldChange("merged", None, f"{kept.name} ({kept.id})"),)
            )
            row = {
                "kept_id": kept_id,
                "gone_id": gone_id,
                "at": at,
                "by": by,
                "kept_before": msgspec.json.encode(kept).decode(),
                "gone_before": msgspec.json.encode(gone).decode(),
                "kept_after": msgspec.json.encode(after).decode(),
                "calls": msgspec.json.encode(by_hand).decode(),
            }
            await connection.execute(insert(MergeRow), row)
            await add_entry(connection, Area.CONTACT, kept_id, Deed.MERGED, by=by, at=at, changes=told)
            return after

    async def undo(self, merge_id: int, by: str) -> tuple[Contact, Contact]:
        """Take two clients apart again; what somebody changed since stays with the one that was kept.

        Raises NotFound, Conflict when it is undone already, too long ago, or the kept client is gone.
        """
        at = self._clock()
        async with self._db.write() as connection:
            merge = await _merge(connection, merge_id)
            if merge.undone_at is not None:
                raise Conflict("these clients were taken apart already")
            if at - merge.at > UNDO_SECONDS:
                raise Conflict("this was more than 30 days ago")
            found = await load_contacts(connection, [merge.kept_id])
            if not found:
                raise Conflict("the client that was kept is deleted")
            before, after = _CONTACT.decode(merge.kept_before), _CONTACT.decode(merge.kept_after)
            patch = unmerged(found[0], before, after)
            kept = await apply_patch(self._db, connection, self._numbering, found[0], patch, by, at)
            await bring_back(connection, merge.gone_id, by, at, Deed.UNMERGED)
            await _give_back(connection, _CALLS.decode(merge.calls), merge.kept_id, merge.gone_id)
            told = (FieldChange("merged", merge.gone_id, None),)
            await add_entry(connection, Area.CONTACT, kept.id, Deed.UNMERGED, by=by, at=at, changes=told)
            await connection.execute(update(MergeRow).where(MergeRow.id == merge_id).values(undone_at=at, undone_by=by))
            (gone,) = await load_contacts(connection, [merge.gone_id])
            return kept, gone

    async def merges(self, *, limit: int = 50, cursor: str | None = None) -> Page[Merge]:
        """List merges, the newest first; raises InvalidField for a foreign cursor."""
        query = select(MergeRow.__table__).order_by(MergeRow.id.desc()).limit(limit + 1)
        if cursor is not None:
            query = query.where(MergeRow.id < int(decode_position(cursor, float, int).id))
        async with self._db.read() as connection:
            found = (await connection.execute(query)).all()
        now = self._clock()
        items = tuple(
            Merge(
                id=row.id,
                kept_id=row.kept_id,
                kept_name=_CONTACT.decode(row.kept_after).name,
                gone_id=row.gone_id,
                gone_name=_CONTACT.decode(row.gone_before).name,
                at=row.at,
                by=row.by,
                undone_at=row.undone_at,
                undoable=row.undone_at is None and now - row.at <= UNDO_SECONDS,
            )
            for row in found[:limit]
        )
        return Page(items, encode_cursor(Position(0.0, items[-1].id)) if len(found) > limit else None)


async def _both(connection: AsyncConnection, kept_id: int, gone_id: int) -> tuple[Contact, Contact]:
    ids = sorted((kept_id, gone_id))
    if not 0 < ids[0] <= ids[1] <= MAX_INTEGER:
        raise NotFound("contact", ids[0])
    await connection.execute(
        select(ContactRow.id).where(ContactRow.id.in_(ids)).order_by(ContactRow.id).with_for_update()
    )
    found = {one.id: one for one in await load_contacts(connection, ids)}
    for identity in (kept_id, gone_id):
        if identity not in found:
            raise NotFound("contact", identity)
    return found[kept_id], found[gone_id]


async def _merge(connection: AsyncConnection, merge_id: int) -> "ResultRow[Any]":
    if not 0 < merge_id <= MAX_INTEGER:
        raise NotFound("merge", merge_id)
    query = select(MergeRow.__table__).where(MergeRow.id == merge_id).with_for_update()
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFound("merge", merge_id)
    return row


async def _move_calls(connection: AsyncConnection, gone_id: int, kept_id: int) -> Sequence[str]:
    """Move the calls somebody gave to a client by hand; those of its numbers follow the numbers."""
    query = select(CallTable.id).where(CallTable.contact_id == gone_id, CallTable.contact_by_hand)
    ids = [*(await connection.execute(query)).scalars()]
    for some in chunks(ids):
        await connection.execute(update(CallTable).where(CallTable.id.in_(some)).values(contact_id=kept_id))
    return ids


async def _give_back(connection: AsyncConnection, ids: Sequence[str], kept_id: int, gone_id: int) -> None:
    for some in chunks(ids):
        still = update(CallTable).where(CallTable.id.in_(some), CallTable.contact_id == kept_id)
        await connection.execute(still.values(contact_id=gone_id))

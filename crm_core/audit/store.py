"""The audit log: entries written in the transaction of what they tell of, and read by record or by who did it."""

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.audit.rules import Area, Deed, Entry, FieldChange
from crm_core.audit.tables import AuditRow
from crm_core.db import Database
from crm_core.pages import Page, Position, decode_position, encode_cursor
from crm_core.texts import clean

ORIGIN: Final[ContextVar[str | None]] = ContextVar("origin", default=None)
"""The address the work at hand was asked from; set where a request comes in, read where an entry is written."""
_CHANGES: Final = msgspec.json.Decoder(tuple[FieldChange, ...])


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries; times are epoch seconds, `until` itself is left out."""

    area: Area | None = None
    record: str | None = None
    by: str | None = None
    deed: Deed | None = None
    since: float | None = None
    until: float | None = None


class Audit:
    """Queries about the audit log."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def entries(self, wanted: AuditFilter, *, limit: int = 50, cursor: str | None = None) -> Page[Entry]:
        """List entries, the newest first; raises InvalidField for a foreign cursor."""
        row = AuditRow
        query = select(row.__table__).order_by(row.id.desc()).limit(limit + 1)
        asked = [(row.area, wanted.area), (row.record, wanted.record), (row.by, wanted.by), (row.deed, wanted.deed)]
        for column, value in asked:
            if value is not None:
                query = query.where(column == clean(value))
        if wanted.since is not None:
            query = query.where(row.at >= wanted.since)
        if wanted.until is not None:
            query = query.where(row.at < wanted.until)
        if cursor is not None:
            query = query.where(row.id < int(decode_position(cursor, float, int).id))
        async with self._db.read() as connection:
            found = (await connection.execute(query)).all()
        entries = tuple(
            Entry(
                id=one.id,
                at=one.at,
                by=one.by,
                origin=one.origin,
                area=Area(one.area),
                record=one.record,
                deed=Deed(one.deed),
                changes=_CHANGES.decode(one.changes),
            )
            for one in found[:limit]
        )
        more = encode_cursor(Position(0.0, entries[-1].id)) if len(found) > limit else None
        return Page(entries, more)

    async def write(
        self, area: Area, record: str, deed: Deed, by: str, at: float, changes: Sequence[FieldChange] = ()
    ) -> None:
        """Write an entry of something that has no transaction of its own, such as an export."""
        async with self._db.write() as connection:
            await add_entry(connection, area, record, deed, by=by, at=at, changes=changes)


async def add_entry(  # noqa: PLR0913 - an entry's facts
    connection: AsyncConnection,
    area: Area,
    record: object,
    deed: Deed,
    *,
    by: str,
    at: float,
    changes: Sequence[FieldChange] = (),
) -> None:
    """Write an entry inside somebody's transaction: what is undone with it never happened."""
    row = {
        "at": at,
        "by": by,
        "origin": ORIGIN.get(),
        "area": area,
        "record": str(record),
        "deed": deed,
        "changes": msgspec.json.encode(changes).decode(),
    }
    await connection.execute(insert(AuditRow), row)

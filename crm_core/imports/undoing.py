"""An import taken back: its new clients go, those it changed are what they were, unless somebody changed them since."""

import msgspec
from sqlalchemy import exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.calls.tables import CallTable
from crm_core.db import Database
from crm_core.errors import InvalidField
from crm_core.imports.rules import Import, Outcome, whole
from crm_core.imports.tables import ImportRowTable
from crm_core.numbers import Numbering
from crm_core.people.changing import apply_patch, remove
from crm_core.people.reading import load_contacts
from crm_core.people.rules import Contact

_CONTACT = msgspec.json.Decoder(Contact)
_ROW = ImportRowTable


class Undoing:
    """The rows of one import taken back, the last one first, inside somebody's transaction."""

    def __init__(self, db: Database, numbering: Numbering, job: Import, by: str, at: float) -> None:
        self._db = db
        self._numbering = numbering
        self._job = job
        self._by = by
        self._at = at
        self._left: dict[int, int] = {}
        """The version each client was left at by what was undone already."""

    async def some(self, connection: AsyncConnection, most: int) -> tuple[int, int, int]:
        """Take back so many rows; return how many there were, how many are undone and how many clients are kept."""
        query = (
            select(_ROW.number, _ROW.outcome, _ROW.contact_id, _ROW.version, _ROW.before)
            .where(
                _ROW.import_id == self._job.id,
                _ROW.outcome.in_([Outcome.CREATED, Outcome.UPDATED]),
                _ROW.undone.is_(False),
            )
            .order_by(_ROW.number.desc())
            .limit(most)
        )
        rows = (await connection.execute(query)).all()
        undone = 0
        for number, outcome, contact_id, version, before in rows:
            undone += await self._one(connection, Outcome(outcome), contact_id or 0, version or 0, before)
            this = (_ROW.import_id == self._job.id, _ROW.number == number)
            await connection.execute(update(_ROW).where(*this).values(undone=True))
        return len(rows), undone, len(rows) - undone

    async def _one(
        self, connection: AsyncConnection, outcome: Outcome, contact_id: int, version: int, before: str | None
    ) -> bool:
        found = await load_contacts(connection, [contact_id])
        if not found or found[0].version != self._left.get(contact_id, version):
            return False
        if outcome is Outcome.CREATED:
            if await _has_calls_by_hand(connection, contact_id):
                return False
            await remove(connection, contact_id, self._by, self._at)
            return True
        try:
            async with connection.begin_nested():
                patch = whole(_CONTACT.decode(before or "{}"))
                await apply_patch(self._db, connection, self._numbering, found[0], patch, self._by, self._at)
        except InvalidField:
            return False  # what was allowed then is not any more: its owner left, its number is ours now
        # An earlier row that wrote the same client finds it as it left it.
        same = (_ROW.import_id == self._job.id, _ROW.contact_id == contact_id, _ROW.undone.is_(False))
        self._left[contact_id] = found[0].version + 1
        await connection.execute(update(_ROW).where(*same).values(version=found[0].version + 1))
        return True


async def _has_calls_by_hand(connection: AsyncConnection, contact_id: int) -> bool:
    """Tell whether somebody said of a call that it was this client's: then the client is more than the file's."""
    query = select(exists().where(CallTable.contact_id == contact_id, CallTable.contact_by_hand))
    return bool((await connection.execute(query)).scalar_one())

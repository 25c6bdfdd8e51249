"""Clients: find, create, change; the look-up behind every card."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec
from sqlalchemy import delete, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.audit.rules import Area, Deed
from crm_core.audit.store import add_entry
from crm_core.db import Database
from crm_core.errors import Conflict, NotFound
from crm_core.numbers import Numbering
from crm_core.pages import Page, Position, decode_position, encode_cursor
from crm_core.people.changing import apply_patch, bring_back, remove
from crm_core.people.duplicates import Duplicates
from crm_core.people.linking import owners, relink, remember_choice
from crm_core.people.lookup import CARD
from crm_core.people.merging import Merging
from crm_core.people.reading import load_contacts
from crm_core.people.rules import (
    Contact,
    ContactDraft,
    ContactPatch,
    Deleted,
    Lookup,
    PhoneDraft,
    prepare,
)
from crm_core.people.search import matching_contacts
from crm_core.people.tables import (
    ContactRow,
    ContactTag,
    ContactWord,
    EmailRow,
    Membership,
    MergeRow,
    NumberChoice,
    PhoneRow,
)
from crm_core.people.writing import insert_contacts
from crm_core.texts import clean

_MERGED = select(MergeRow.gone_id).where(MergeRow.undone_at.is_(None))
_IN_BIN = ContactRow.deleted_at.is_not(None) & ContactRow.purged.is_(False) & ContactRow.id.not_in(_MERGED)
BIN_SECONDS = 30 * 86_400.0
"""So long a deleted client can be brought back."""
MOST_PURGED = 500
LARGEST_ID = 2**63 - 1
_LOOKUP = msgspec.json.Decoder(Lookup)


class People:
    """Queries and commands about contacts."""

    def __init__(self, db: Database, numbering: Numbering, *, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._numbering = numbering
        self._clock = clock
        self.merging = Merging(db, numbering, clock)
        self.duplicates = Duplicates(db, numbering, clock)

    async def lookup(self, key: str, *, exclude_call: str | None = None) -> Lookup:
        """Read what a card shows about a number in one statement. The hot path.

        `key` is `Number.key` (E.164, or bare digits where there is none); never look up a number whose key is None.
        `exclude_call` keeps the ringing call itself out of its own history.
        """
        return _LOOKUP.decode(await self._db.fetch_json(CARD, key, exclude_call or "", self._midnight(), None))

    async def card(self, contact_id: int, *, key: str | None = None, exclude_call: str | None = None) -> Lookup:
        """Read the same as `lookup` for a contact that is meant whatever the number says; raises NotFound."""
        _check_id(contact_id)
        today = self._midnight()
        text = await self._db.fetch_json(CARD, key or "", exclude_call or "", today, contact_id)
        found = _LOOKUP.decode(text)
        if found.contact is None:
            raise NotFound("contact", contact_id)
        return found

    async def choose(self, key: str, contact_id: int, by: str) -> None:
        """Remember which of several contacts a number means; raises NotFound when the contact has not this number."""
        _check_id(contact_id)
        async with self._db.write() as connection:
            if contact_id not in (await owners(connection, [key]))[key]:
                raise NotFound("contact", contact_id)
            await remember_choice(self._db, connection, key, contact_id, by, self._clock())

    async def forget_choice(self, key: str) -> None:
        """Undo `choose`; silently nothing when there was none."""
        async with self._db.write() as connection:
            await connection.execute(delete(NumberChoice).where(NumberChoice.number_key == key))

    async def create_contact(self, draft: ContactDraft, by: str) -> Contact:
        """Create a contact and link earlier calls of its numbers; raises InvalidField."""
        prepared = prepare(draft, self._numbering)
        async with self._db.write() as connection:
            ids = await insert_contacts(self._db, connection, [prepared], by, self._clock())
            await relink(connection, prepared.keys)
            await add_entry(connection, Area.CONTACT, ids[0], Deed.CREATED, by=by, at=self._clock())
            return (await load_contacts(connection, ids))[0]

    async def add_many(self, drafts: Sequence[ContactDraft], by: str) -> tuple[int, ...]:
        """Create many contacts in few statements (import, demo) and link earlier calls; all or none, InvalidField."""
        prepared = [prepare(draft, self._numbering) for draft in drafts]
        async with self._db.write() as connection:
            ids = await insert_contacts(self._db, connection, prepared, by, self._clock())
            await relink(connection, (key for contact in prepared for key in contact.keys))
        await self._db.analyze(len(drafts))
        return tuple(ids)

    async def get_contact(self, contact_id: int) -> Contact:
        """Read a contact; raises NotFound."""
        _check_id(contact_id)
        async with self._db.read() as connection:
            return await _one(connection, contact_id)

    async def update_contact(
        self, contact_id: int, patch: ContactPatch, by: str, *, expected_version: int | None = None
    ) -> Contact:
        """Change a contact and re-link calls; raises NotFound, Conflict (version differs) or InvalidField."""
        _check_id(contact_id)
        async with self._db.write() as connection:
            before = await self._locked(connection, contact_id, expected_version)
            return await self._apply(connection, before, patch, by)

    async def add_phone(self, contact_id: int, phone: PhoneDraft, by: str) -> Contact:
        """Attach one more number (nothing when the contact has it already); raises NotFound or InvalidField."""
        _check_id(contact_id)
        async with self._db.write() as connection:
            before = await self._locked(connection, contact_id, None)
            phones = (*(PhoneDraft(known.number, known.type) for known in before.phones), phone)
            return await self._apply(connection, before, ContactPatch(phones=phones), by)

    async def delete_contact(self, contact_id: int, by: str) -> None:
        """Delete a contact; its calls stay, without it. Raises NotFound."""
        _check_id(contact_id)
        async with self._db.write() as connection:
            await self._locked(connection, contact_id, None)
            await remove(connection, contact_id, by, self._clock())

    async def restore_contact(self, contact_id: int, by: str) -> Contact:
        """Bring a deleted client back from the bin; raises NotFound when it is not there."""
        _check_id(contact_id)
        async with self._db.write() as connection:
            binned = select(ContactRow.id).where(ContactRow.id == contact_id, _IN_BIN).with_for_update()
            if (await connection.execute(binned)).one_or_none() is None:
                raise NotFound("deleted contact", contact_id)
            await bring_back(connection, contact_id, by, self._clock())
            return await _one(connection, contact_id)

    async def list_deleted(self, *, limit: int = 50, cursor: str | None = None) -> Page[Deleted]:
        """List the clients in the bin, those deleted last first; merged ones are not in it. Raises InvalidField."""
        row = ContactRow
        query = select(row.id, row.name, row.deleted_at, row.updated_by).where(_IN_BIN)
        if cursor is not None:
            last = decode_position(cursor, float, int)
            query = query.where(tuple_(row.deleted_at, row.id) < (float(last.sort), int(last.id)))
        query = query.order_by(row.deleted_at.desc(), row.id.desc()).limit(limit + 1)
        async with self._db.read() as connection:
            found = (await connection.execute(query)).all()
        items = tuple(Deleted(one.id, one.name, one.deleted_at or 0.0, one.updated_by) for one in found[:limit])
        more = encode_cursor(Position(items[-1].at, items[-1].id)) if len(found) > limit else None
        return Page(items, more)

    async def empty_bin(self) -> int:
        """Take away for good what was deleted thirty days ago; return how many clients. Calls stay, without them."""
        old = ContactRow.deleted_at < self._clock() - BIN_SECONDS
        async with self._db.write() as connection:
            query = select(ContactRow.id).where(old, ContactRow.purged.is_(False)).limit(MOST_PURGED)
            ids = [*(await connection.execute(query)).scalars()]
            for table in (PhoneRow, EmailRow, Membership, ContactTag, ContactWord):
                await connection.execute(delete(table).where(table.contact_id.in_(ids)))
            empty = {"name": "", "name_key": "", "notes": "", "custom": "{}", "company_id": None, "purged": True}
            await connection.execute(update(ContactRow).where(ContactRow.id.in_(ids)).values(**empty))
            merges = or_(MergeRow.kept_id.in_(ids), MergeRow.gone_id.in_(ids))
            await connection.execute(delete(MergeRow).where(merges))
        return len(ids)

    async def list_contacts(self, q: str | None = None, *, limit: int = 50, cursor: str | None = None) -> Page[Contact]:
        """List contacts by name; `q`: words of name, company, e-mail, or a number in any spelling (last 4+ digits)."""
        query = select(ContactRow.id, ContactRow.name_key).where(ContactRow.deleted_at.is_(None))
        if q is not None and clean(q).strip():
            query = query.where(ContactRow.id.in_(matching_contacts(q, self._numbering)))
        if cursor is not None:
            after = decode_position(cursor, str, int)
            last = (clean(str(after.sort)), int(after.id))
            query = query.where(tuple_(ContactRow.name_key, ContactRow.id) > last)
        query = query.order_by(ContactRow.name_key, ContactRow.id).limit(limit + 1)
        async with self._db.read() as connection:
            found = (await connection.execute(query)).all()
            contacts = await load_contacts(connection, [row.id for row in found[:limit]])
        more = encode_cursor(Position(found[limit - 1].name_key, found[limit - 1].id)) if len(found) > limit else None
        return Page(tuple(contacts), more)

    async def count(self) -> int:
        """Return how many contacts there are."""
        async with self._db.read() as connection:
            query = select(func.count()).select_from(ContactRow).where(ContactRow.deleted_at.is_(None))
            return (await connection.execute(query)).scalar_one()

    async def _locked(self, connection: AsyncConnection, contact_id: int, expected_version: int | None) -> Contact:
        """Read a contact that nobody else may change until we are done; raises NotFound or Conflict."""
        lock = select(ContactRow.id).where(ContactRow.id == contact_id).with_for_update()
        await connection.execute(lock)
        contact = await _one(connection, contact_id)
        if expected_version is not None and expected_version != contact.version:
            raise Conflict(f"contact {contact_id} was changed by someone else")
        return contact

    async def _apply(self, connection: AsyncConnection, before: Contact, patch: ContactPatch, by: str) -> Contact:
        return await apply_patch(self._db, connection, self._numbering, before, patch, by, self._clock())

    def _midnight(self) -> float:
        """Return when today began, in the machine's time zone."""
        now = datetime.fromtimestamp(self._clock(), UTC).astimezone()
        return now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


async def _one(connection: AsyncConnection, contact_id: int) -> Contact:
    found = await load_contacts(connection, [contact_id])
    if not found:
        raise NotFound("contact", contact_id)
    return found[0]


def _check_id(contact_id: int) -> None:
    if not 0 < contact_id <= LARGEST_ID:
        raise NotFound("contact", contact_id)

"""One client changed, taken away or brought back inside somebody's transaction, with all that follows from it."""

from collections.abc import Sequence

from msgspec import UNSET
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.audit.rules import Area, Deed, FieldChange, differences
from crm_core.audit.store import add_entry
from crm_core.db import Database
from crm_core.numbers import Numbering
from crm_core.people.linking import release, relink
from crm_core.people.reading import load_contacts
from crm_core.people.rules import Contact, ContactPatch, facts
from crm_core.people.tables import ContactRow, PhoneRow
from crm_core.people.writing import write_patch


async def apply_patch(  # noqa: PLR0913, PLR0917 - whose, what, by whom and when, and the transaction it belongs to
    db: Database,
    connection: AsyncConnection,
    numbering: Numbering,
    before: Contact,
    patch: ContactPatch,
    by: str,
    at: float,
) -> Contact:
    """Write a change, re-link calls when numbers changed, and return the client as it is then; raises InvalidField."""
    earlier = await number_keys(connection, before.id) if patch.phones is not UNSET else []
    changes, phones = await write_patch(db, connection, before, patch, numbering)
    changes |= {"updated_at": at, "updated_by": by, "version": before.version + 1}
    await connection.execute(update(ContactRow).where(ContactRow.id == before.id).values(**changes))
    if patch.phones is not UNSET:
        await relink(connection, {*earlier, *(phone.key for phone in phones)})
    (after,) = await load_contacts(connection, [before.id])
    if told := differences(facts(before), facts(after)):
        await add_entry(connection, Area.CONTACT, before.id, Deed.CHANGED, by=by, at=at, changes=told)
    return after


async def remove(
    connection: AsyncConnection,
    contact_id: int,
    by: str,
    at: float,
    deed: Deed = Deed.DELETED,
    changes: Sequence[FieldChange] = (),
) -> None:
    """Delete a client; its calls stay, without it or with who else has the number."""
    gone = {"deleted_at": at, "updated_at": at, "updated_by": by, "version": ContactRow.version + 1}
    await connection.execute(update(ContactRow).where(ContactRow.id == contact_id).values(**gone))
    called = await release(connection, contact_id)
    await relink(connection, {*called, *await number_keys(connection, contact_id)})
    await add_entry(connection, Area.CONTACT, contact_id, deed, by=by, at=at, changes=changes)


async def bring_back(
    connection: AsyncConnection, contact_id: int, by: str, at: float, deed: Deed = Deed.RESTORED
) -> None:
    """Bring a deleted client back; calls of its numbers are its calls again."""
    here = {"deleted_at": None, "updated_at": at, "updated_by": by, "version": ContactRow.version + 1}
    await connection.execute(update(ContactRow).where(ContactRow.id == contact_id).values(**here))
    await relink(connection, await number_keys(connection, contact_id))
    await add_entry(connection, Area.CONTACT, contact_id, deed, by=by, at=at)


async def number_keys(connection: AsyncConnection, contact_id: int) -> list[str]:
    """Return what calls of a client's numbers are matched by."""
    query = select(PhoneRow.number_key).where(PhoneRow.contact_id == contact_id)
    return [key for key in (await connection.execute(query)).scalars() if key is not None]

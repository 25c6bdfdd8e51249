"""Contacts taken apart into rows, many at once."""

from collections.abc import Container, Sequence

from msgspec import UNSET
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.db import Database, Row
from crm_core.errors import InvalidField
from crm_core.numbers import Numbering
from crm_core.people.labels import label_ids
from crm_core.people.rules import (
    Contact,
    ContactPatch,
    Prepared,
    PreparedPhone,
    contact_words,
    prepare_company,
    prepare_custom,
    prepare_emails,
    prepare_labels,
    prepare_name,
    prepare_notes,
    prepare_phones,
)
from crm_core.people.tables import (
    CompanyRow,
    ContactRow,
    ContactTag,
    ContactWord,
    EmailRow,
    GroupRow,
    Membership,
    PhoneRow,
    TagRow,
)
from crm_core.staff.rules import name_key
from crm_core.staff.tables import UserRow
from crm_core.texts import fold

Rows = list[dict[str, object]]


async def insert_contacts(
    db: Database, connection: AsyncConnection, contacts: Sequence[Prepared], by: str, at: float
) -> list[int]:
    """Write new contacts with all that belongs to them; raises InvalidField for an unknown owner."""
    if not contacts:
        return []
    companies = await label_ids(db, connection, CompanyRow, (one.company for one in contacts if one.company))
    owners = await owner_ids(connection, {one.owner for one in contacts if one.owner})
    groups = await label_ids(db, connection, GroupRow, (name for one in contacts for name in one.groups))
    tags = await label_ids(db, connection, TagRow, (name for one in contacts for name in one.tags))
    rows: Rows = [
        {
            "name": one.name,
            "name_key": fold(one.name),
            "company_id": companies[fold(one.company)] if one.company else None,
            "owner_id": owners[name_key(one.owner)] if one.owner else None,
            "notes": one.notes,
            "custom": one.custom,
            "created_at": at,
            "created_by": by,
            "updated_at": at,
            "updated_by": by,
            "version": 1,
        }
        for one in contacts
    ]
    returning = insert(ContactRow).returning(ContactRow.id, sort_by_parameter_order=True)
    ids = list((await connection.execute(returning, rows)).scalars())
    numbered = list(zip(ids, contacts, strict=True))
    await _insert(connection, PhoneRow, [row for i, one in numbered for row in phone_rows(i, one.phones)])
    await _insert(connection, EmailRow, [row for i, one in numbered for row in email_rows(i, one.emails)])
    await _insert(
        connection, Membership, [_pair(i, "group_id", groups[fold(g)]) for i, one in numbered for g in one.groups]
    )
    await _insert(connection, ContactTag, [_pair(i, "tag_id", tags[fold(t)]) for i, one in numbered for t in one.tags])
    await _insert(connection, ContactWord, [_pair(i, "word", word) for i, one in numbered for word in one.words])
    return ids


async def write_patch(
    db: Database, connection: AsyncConnection, before: Contact, patch: ContactPatch, numbering: Numbering
) -> tuple[dict[str, object], tuple[PreparedPhone, ...]]:
    """Replace the lists a patch names; return the changes of the contact's own row and its new numbers."""
    changes: dict[str, object] = {}
    phones = prepare_phones(patch.phones, numbering) if patch.phones is not UNSET else ()
    if patch.phones is not UNSET:
        await _replace(connection, PhoneRow, before.id, phone_rows(before.id, phones))
    if patch.name is not UNSET:
        known = phones[0].number if phones else before.phones[0].number if before.phones else ""
        changes["name"] = prepare_name(patch.name, known)
        changes["name_key"] = fold(str(changes["name"]))
    if patch.company is not UNSET:
        company = prepare_company(patch.company)
        ids = await label_ids(db, connection, CompanyRow, [company] if company else [])
        changes["company_id"] = ids[fold(company)] if company else None
    if patch.owner is not UNSET:
        changes["owner_id"] = None
        if patch.owner:
            changes["owner_id"] = (await owner_ids(connection, {patch.owner}))[name_key(patch.owner)]
    if patch.notes is not UNSET:
        changes["notes"] = prepare_notes(patch.notes)
    if patch.custom is not UNSET:
        changes["custom"] = prepare_custom(patch.custom)
    await _replace_labels(db, connection, before, patch)
    await _replace_words(connection, before, patch)
    return changes, phones


async def owner_ids(connection: AsyncConnection, names: set[str]) -> dict[str, int]:
    """Return the ids of users by folded name; raises InvalidField("owner") for one who does not work here."""
    keys = {name_key(name) for name in names}
    query = select(UserRow.name_key, UserRow.id).where(UserRow.name_key.in_(keys))
    found = {key: identity for key, identity in (await connection.execute(query)).all()}  # noqa: C416 typed
    for name in sorted(names):
        check_owner(name, found)
    return found


def check_owner(owner: str | None, users: Container[str]) -> None:
    """Raise InvalidField("owner") for one who does not work here; `users` are folded names."""
    if owner and name_key(owner) not in users:
        raise InvalidField("owner", f"there is no user named {owner}")


def phone_rows(contact_id: int, phones: Sequence[PreparedPhone]) -> Rows:
    """Return the rows of a contact's numbers."""
    return [
        {
            "contact_id": contact_id,
            "position": position,
            "number": phone.number,
            "e164": phone.e164,
            "number_key": phone.key,
            "reversed_digits": phone.reversed_digits,
            "type": phone.type.value,
        }
        for position, phone in enumerate(phones)
    ]


def email_rows(contact_id: int, emails: Sequence[str]) -> Rows:
    """Return the rows of a contact's addresses."""
    return [
        {"contact_id": contact_id, "position": position, "address": address, "address_key": address.casefold()}
        for position, address in enumerate(emails)
    ]


async def _replace_labels(db: Database, connection: AsyncConnection, before: Contact, patch: ContactPatch) -> None:
    if patch.emails is not UNSET:
        await _replace(connection, EmailRow, before.id, email_rows(before.id, prepare_emails(patch.emails)))
    if patch.groups is not UNSET:
        ids = await label_ids(db, connection, GroupRow, prepare_labels("groups", patch.groups))
        await _replace(connection, Membership, before.id, [_pair(before.id, "group_id", one) for one in ids.values()])
    if patch.tags is not UNSET:
        ids = await label_ids(db, connection, TagRow, prepare_labels("tags", patch.tags))
        await _replace(connection, ContactTag, before.id, [_pair(before.id, "tag_id", one) for one in ids.values()])


async def _replace_words(connection: AsyncConnection, before: Contact, patch: ContactPatch) -> None:
    name = before.name if patch.name is UNSET else patch.name
    company = before.company if patch.company is UNSET else patch.company
    emails = before.emails if patch.emails is UNSET else patch.emails
    wanted = contact_words(name, company, emails)
    if wanted != contact_words(before.name, before.company, before.emails):
        await _replace(connection, ContactWord, before.id, [_pair(before.id, "word", word) for word in wanted])


def _pair(contact_id: int, column: str, value: object) -> dict[str, object]:
    return {"contact_id": contact_id, column: value}


async def _replace(
    connection: AsyncConnection,
    table: type[PhoneRow | EmailRow | Membership | ContactTag | ContactWord],
    contact_id: int,
    rows: Rows,
) -> None:
    await connection.execute(delete(table).where(table.contact_id == contact_id))
    await _insert(connection, table, rows)


async def _insert(connection: AsyncConnection, table: type[Row], rows: Rows) -> None:
    if rows:
        await connection.execute(insert(table), rows)

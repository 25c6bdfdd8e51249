"""Contacts put together from their rows, many at once."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.people.linking import chunks
from crm_core.people.rules import Contact, Phone, PhoneType, Prepared
from crm_core.people.tables import (
    CompanyRow,
    ContactRow,
    ContactTag,
    EmailRow,
    GroupRow,
    Membership,
    PhoneRow,
    TagRow,
)
from crm_core.staff.tables import UserRow
from crm_core.texts import fold


async def load_contacts(connection: AsyncConnection, ids: Sequence[int]) -> list[Contact]:
    """Read contacts in the order of their ids given; deleted and unknown ones are left out."""
    if not ids:
        return []
    row = ContactRow
    query = (
        select(
            row.id,
            row.name,
            CompanyRow.name.label("company"),
            UserRow.name.label("owner"),
            row.notes,
            row.custom,
            row.created_at,
            row.updated_at,
            row.version,
        )
        .outerjoin(CompanyRow, CompanyRow.id == row.company_id)
        .outerjoin(UserRow, UserRow.id == row.owner_id)
        .where(row.id.in_(ids), row.deleted_at.is_(None))
    )
    found = {contact.id: contact for contact in (await connection.execute(query)).all()}
    phones = await _phones(connection, ids)
    emails = await _texts(
        connection,
        select(EmailRow.contact_id, EmailRow.address)
        .where(EmailRow.contact_id.in_(ids))
        .order_by(EmailRow.contact_id, EmailRow.position),
    )
    groups = await _texts(
        connection,
        select(Membership.contact_id, GroupRow.name)
        .join(GroupRow, GroupRow.id == Membership.group_id)
        .where(Membership.contact_id.in_(ids))
        .order_by(GroupRow.name_key),
    )
    tags = await _texts(
        connection,
        select(ContactTag.contact_id, TagRow.name)
        .join(TagRow, TagRow.id == ContactTag.tag_id)
        .where(ContactTag.contact_id.in_(ids))
        .order_by(TagRow.name_key),
    )
    return [
        Contact(
            id=contact.id,
            name=contact.name,
            company=contact.company,
            phones=tuple(phones.get(contact.id, ())),
            emails=tuple(emails.get(contact.id, ())),
            groups=tuple(groups.get(contact.id, ())),
            tags=tuple(tags.get(contact.id, ())),
            owner=contact.owner,
            notes=contact.notes,
            custom=msgspec.json.decode(contact.custom),
            created_at=contact.created_at,
            updated_at=contact.updated_at,
            version=contact.version,
        )
        for contact in (found[identity] for identity in ids if identity in found)
    ]


async def known_identities(connection: AsyncConnection, contacts: Sequence[Prepared]) -> set[tuple[str, str]]:
    """Return which identities of these contacts are taken by contacts that are there."""
    keys = sorted({key for contact in contacts for key in contact.keys})
    emails = sorted({email.casefold() for contact in contacts for email in contact.emails})
    names = sorted({fold(contact.name) for contact in contacts if not contact.keys and not contact.emails})
    name = ContactRow.name_key
    found: set[tuple[str, str]] = set()
    for some in chunks(keys):
        query = select(name, PhoneRow.number_key).join(PhoneRow, PhoneRow.contact_id == ContactRow.id)
        query = query.where(PhoneRow.number_key.in_(some), ContactRow.deleted_at.is_(None))
        found.update((row[0], row[1] or "") for row in (await connection.execute(query)).all())
    for some in chunks(emails):
        by_email = select(name, EmailRow.address_key).join(EmailRow, EmailRow.contact_id == ContactRow.id)
        by_email = by_email.where(EmailRow.address_key.in_(some), ContactRow.deleted_at.is_(None))
        found.update((row[0], row[1]) for row in (await connection.execute(by_email)).all())
    for some in chunks(names):
        by_name = select(name, CompanyRow.name_key).outerjoin(CompanyRow, CompanyRow.id == ContactRow.company_id)
        by_name = by_name.where(name.in_(some), ContactRow.deleted_at.is_(None))
        found.update((row[0], row[1] or "") for row in (await connection.execute(by_name)).all())
    return found


async def _phones(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, list[Phone]]:
    query = (
        select(PhoneRow.contact_id, PhoneRow.number, PhoneRow.e164, PhoneRow.type)
        .where(PhoneRow.contact_id.in_(ids))
        .order_by(PhoneRow.contact_id, PhoneRow.position)
    )
    found: dict[int, list[Phone]] = {}
    for contact_id, number, e164, kind in (await connection.execute(query)).all():
        found.setdefault(contact_id, []).append(Phone(number, e164, PhoneType(kind)))
    return found


async def _texts(connection: AsyncConnection, query: Select[int, str]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for contact_id, text in (await connection.execute(query)).all():
        found.setdefault(contact_id, []).append(text)
    return found

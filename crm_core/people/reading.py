"""Contacts put together from their rows, many at once."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.people.rules import Contact, Phone, PhoneType
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

"""Clients that are there already, found by what the rows of a file say of them; one statement per kind of mark."""

from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.imports.rules import Marks, company_mark
from crm_core.people.linking import chunks
from crm_core.people.tables import CompanyRow, ContactRow, EmailRow, PhoneRow

Found = dict[str, list[tuple[int, str]]]
_THERE = ContactRow.deleted_at.is_(None)


async def find_clients(connection: AsyncConnection, wanted: Sequence[Marks]) -> Found:
    """Return the clients that bear each mark, as (id, folded name)."""
    shared = sorted({mark for one in wanted for mark in one.shared})
    names = sorted({one.name for one in wanted if one.alone})
    found: Found = {}
    for some in chunks(shared):
        phones = (
            select(PhoneRow.number_key, ContactRow.id, ContactRow.name_key)
            .join(ContactRow, ContactRow.id == PhoneRow.contact_id)
            .where(PhoneRow.number_key.in_(some), _THERE)
        )
        emails = (
            select(EmailRow.address_key, ContactRow.id, ContactRow.name_key)
            .join(ContactRow, ContactRow.id == EmailRow.contact_id)
            .where(EmailRow.address_key.in_(some), _THERE)
        )
        await _collect(connection, phones, found)
        await _collect(connection, emails, found)
    for some in chunks(names):
        named = (
            select(CompanyRow.name_key, ContactRow.id, ContactRow.name_key)
            .select_from(ContactRow)
            .outerjoin(CompanyRow, CompanyRow.id == ContactRow.company_id)
            .where(ContactRow.name_key.in_(some), _THERE)
        )
        for company, identity, name in (await connection.execute(named)).all():
            found.setdefault(company_mark(company), []).append((identity, name))
    return found


async def _collect(connection: AsyncConnection, query: Select[str | None, int, str], found: Found) -> None:
    for mark, identity, name in (await connection.execute(query)).all():
        if mark is not None:
            found.setdefault(mark, []).append((identity, name))

"""Names that are kept once and referred to by id: companies, groups, tags."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.db import Database
from crm_core.people.linking import chunks
from crm_core.people.tables import CompanyRow, GroupRow, TagRow
from crm_core.texts import fold
from crm_core.upsert import upsert

Named = type[CompanyRow] | type[GroupRow] | type[TagRow]


async def label_ids(db: Database, connection: AsyncConnection, table: Named, names: Iterable[str]) -> dict[str, int]:
    """Return the id of each name by its folded form, creating what is missing; the first spelling stays."""
    spelled: dict[str, str] = {}
    for name in names:
        spelled.setdefault(fold(name), name)
    found = await _known(connection, table, spelled)
    missing = [{"name": name, "name_key": key} for key, name in spelled.items() if key not in found]
    if missing:
        statement = upsert(db, table).on_conflict_do_nothing(index_elements=[table.name_key])
        await connection.execute(statement, missing)
        found |= await _known(connection, table, (str(row["name_key"]) for row in missing))
    return found


async def _known(connection: AsyncConnection, table: Named, keys: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for chunk in chunks(sorted(keys)):
        query = select(table.name_key, table.id).where(table.name_key.in_(chunk))
        found.update({key: identity for key, identity in (await connection.execute(query)).all()})  # noqa: C416 typed
    return found

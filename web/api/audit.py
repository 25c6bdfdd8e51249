"""Who changed what: of one client to everybody who sees it, of everything to administrators."""

from datetime import datetime
from typing import Annotated, Any

from aiohttp import web
from msgspec import Meta, Struct

from crm_core.audit.rules import Area, Deed, Entry
from crm_core.audit.store import AuditFilter
from screenpop.messages import timestamp
from web.api.models import Time
from web.api.reading import Cursor, Limit, PageQuery, path_id, read_query
from web.api.routes import Route
from web.api.writing import answer
from web.auth import ADMINISTER, READ
from web.services import services

_Name = Annotated[str, Meta(max_length=200)]
_Moment = Annotated[datetime, Meta(tz=True)]


class AuditQuery(Struct, frozen=True, rename={"since": "from", "until": "to"}):
    """Which entries; `record` is the id in its area, `to` itself is left out."""

    area: Area | None = None
    record: _Name | None = None
    by: _Name | None = None
    deed: Deed | None = None
    since: _Moment | None = None
    until: _Moment | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class AuditChange(Struct, frozen=True):
    """One field, as it was and as it is: a text, or a list of texts."""

    field: str
    old: Any
    new: Any


class AuditEntry(Struct, frozen=True):
    """One entry; `origin` is the address it was asked from, null for a command."""

    id: int
    at: Time
    by: str
    origin: str | None
    area: Area
    record: str
    deed: Deed
    changes: tuple[AuditChange, ...]


class AuditList(Struct, frozen=True):
    """A page of entries, the newest first."""

    items: tuple[AuditEntry, ...]
    next: str | None


async def list_audit(request: web.Request) -> web.StreamResponse:
    """List what was done."""
    query = read_query(request, AuditQuery)
    wanted = AuditFilter(
        area=query.area,
        record=query.record,
        by=query.by,
        deed=query.deed,
        since=query.since.timestamp() if query.since else None,
        until=query.until.timestamp() if query.until else None,
    )
    page = await services(request).audit.entries(wanted, limit=query.limit, cursor=query.cursor)
    return answer(AuditList(tuple(_entry(one) for one in page.items), page.next))


async def list_contact_changes(request: web.Request) -> web.StreamResponse:
    """List what was done to one client."""
    contact = await services(request).people.get_contact(path_id(request, "contact_id"))
    query = read_query(request, PageQuery)
    wanted = AuditFilter(Area.CONTACT, str(contact.id))
    page = await services(request).audit.entries(wanted, limit=query.limit, cursor=query.cursor)
    return answer(AuditList(tuple(_entry(one) for one in page.items), page.next))


def _entry(entry: Entry) -> AuditEntry:
    return AuditEntry(
        id=entry.id,
        at=timestamp(entry.at),
        by=entry.by,
        origin=entry.origin,
        area=entry.area,
        record=entry.record,
        deed=entry.deed,
        changes=tuple(AuditChange(one.field, one.old, one.new) for one in entry.changes),
    )


routes = [
    Route(
        method="GET",
        path="/audit",
        handler=list_audit,
        access=ADMINISTER,
        tag="audit",
        summary="Who changed what, the newest first",
        query=AuditQuery,
        returns=AuditList,
    ),
    Route(
        method="GET",
        path="/contacts/{contact_id}/changes",
        handler=list_contact_changes,
        access=READ,
        tag="contacts",
        summary="Who changed what of a client",
        query=PageQuery,
        returns=AuditList,
    ),
]

"""Clients that may be one, side by side; the bin; and the log of what was changed."""

from typing import Final

from aiohttp import web

from crm_core.audit.rules import Area, Deed
from crm_core.audit.store import AuditFilter
from crm_core.errors import InvalidField
from web.api.problems import NotFound
from web.api.reading import path_id
from web.auth import ADMINISTER, READ, SUPERVISE, SUPERVISE_WRITE, add_route
from web.pages.rendering import render
from web.services import services

_PAIRS: Final = 20
_MERGES: Final = 10
_ROWS: Final = 40


def setup(app: web.Application) -> None:
    """Add the pages; before those of the clients, for their names are no ids."""
    add_route(app, "GET", "/contacts/duplicates", duplicates, SUPERVISE)
    add_route(app, "GET", "/contacts/deleted", deleted, SUPERVISE)
    add_route(app, "GET", "/contacts/{contact_id}/merge/{other_id}", merge, SUPERVISE_WRITE)
    add_route(app, "GET", "/contacts/{contact_id}/changes", changes, READ)
    add_route(app, "GET", "/admin/audit", audit, ADMINISTER)


async def duplicates(request: web.Request) -> web.Response:
    """Show pairs that may be one, and what was merged lately."""
    people = services(request).people
    try:
        page = await people.duplicates.pairs(limit=_PAIRS, cursor=request.query.get("cursor") or None)
    except InvalidField:
        raise web.HTTPSeeOther("/contacts/duplicates") from None
    merges = await people.merging.merges(limit=_MERGES)
    values = {"pairs": page.items, "cursor": page.next, "merges": merges.items}
    return await render(request, "contacts/duplicates.html", values)


async def merge(request: web.Request) -> web.Response:
    """Show two clients side by side, to choose what is kept."""
    people = services(request).people
    kept_id, gone_id = path_id(request, "contact_id"), path_id(request, "other_id")
    if kept_id == gone_id:
        raise NotFound("These are not two clients.")
    kept, gone = await people.get_contact(kept_id), await people.get_contact(gone_id)
    return await render(request, "contacts/merge.html", {"kept": kept, "gone": gone})


async def deleted(request: web.Request) -> web.Response:
    """Show the bin."""
    try:
        page = await services(request).people.list_deleted(limit=_ROWS, cursor=request.query.get("cursor") or None)
    except InvalidField:
        raise web.HTTPSeeOther("/contacts/deleted") from None
    return await render(request, "contacts/deleted.html", {"contacts": page.items, "cursor": page.next})


async def changes(request: web.Request) -> web.Response:
    """Show who changed what of a client: a part of its card, fetched when it is opened."""
    contact = await services(request).people.get_contact(path_id(request, "contact_id"))
    wanted = AuditFilter(Area.CONTACT, str(contact.id))
    page = await services(request).audit.entries(wanted, limit=_ROWS)
    return await render(request, "contacts/changes.html", {"entries": page.items})


async def audit(request: web.Request) -> web.Response:
    """Show the audit log; `by` and `deed` narrow it."""
    by, deed = request.query.get("by", "").strip()[:200], request.query.get("deed", "")
    chosen = Deed(deed) if deed in set(Deed) else None
    try:
        page = await services(request).audit.entries(
            AuditFilter(by=by or None, deed=chosen), limit=_ROWS, cursor=request.query.get("cursor") or None
        )
    except InvalidField:
        raise web.HTTPSeeOther("/admin/audit") from None
    values = {"entries": page.items, "cursor": page.next, "by": by, "deed": chosen, "deeds": list(Deed)}
    return await render(request, "admin/audit.html", values)

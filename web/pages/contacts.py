"""Clients: the list one searches while typing, the card with every call of the client, and the form to add one."""

from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from crm_core.calls.rules import CallFilter
from crm_core.errors import InvalidField
from crm_core.people.rules import Contact, PhoneType
from crm_core.voicemail.rules import State, Voicemail, VoicemailFilter
from crm_core.work.rules import TaskFilter, TaskKind, TaskState
from web.api.problems import NotFound
from web.api.voicemails import reader_of
from web.auth import READ, WRITE, add_route
from web.pages.rendering import render
from web.services import services

_ROWS: Final = 40
_CALLS: Final = 20
_MESSAGES: Final = 3
_LONGEST_QUERY: Final = 200
_BIGGEST_ID: Final = 2**53 - 1


def setup(app: web.Application) -> None:
    """Add the pages of clients."""
    add_route(app, "GET", "/contacts", list_contacts, READ)
    add_route(app, "GET", "/contacts/new", new_contact, WRITE)
    add_route(app, "GET", "/contacts/{contact_id}", contact_card, READ)


async def list_contacts(request: web.Request) -> web.Response:
    """Show clients by name; `q` searches, `cursor` continues after the last one seen."""
    q = request.query.get("q", "").strip()[:_LONGEST_QUERY]
    people = services(request).people
    try:
        page = await people.list_contacts(q or None, limit=_ROWS, cursor=request.query.get("cursor") or None)
    except InvalidField:
        raise web.HTTPSeeOther("/contacts") from None
    following = f"/contacts?{urlencode({'q': q, 'cursor': page.next})}" if page.next else None
    values = {"contacts": page.items, "q": q, "following": following, "total": await people.count()}
    return await render(request, "contacts/list.html", values)


async def new_contact(request: web.Request) -> web.Response:
    """Show the empty form; `number` and `name` fill it in."""
    number, name = (request.query.get(key, "")[:_LONGEST_QUERY] for key in ("number", "name"))
    values = {"contact": None, "number": number, "name": name, "phone_types": list(PhoneType)}
    return await render(request, "contacts/new.html", values)


async def contact_card(request: web.Request) -> web.Response:
    """Show one client with the calls so far."""
    contact = await _find(request)
    calls = services(request).calls
    cursor = request.query.get("cursor") or None
    try:
        page = await calls.list_calls(CallFilter(contact_id=contact.id), limit=_CALLS, cursor=cursor)
    except InvalidField:
        raise web.HTTPSeeOther(f"/contacts/{contact.id}") from None
    following = f"/contacts/{contact.id}?{urlencode({'cursor': page.next})}" if page.next else None
    values = {
        "contact": contact,
        "calls": page.items,
        "following": following,
        "phone_types": list(PhoneType),
        "new_messages": await _new_messages(request, contact),
        "callbacks": (await services(request).work.list_tasks(_open_callback(contact), limit=1)).items,
    }
    return await render(request, "contacts/card.html", values)


async def _new_messages(request: web.Request, contact: Contact) -> tuple[Voicemail, ...]:
    """Return the last messages of a client that nobody has heard, as far as they are the reader's business."""
    parts = services(request)
    if not parts.spools:
        return ()
    wanted = VoicemailFilter(State.NEW, contact_id=contact.id, hidden=(await reader_of(request)).hidden(parts.spools))
    return (await parts.voicemails.list_messages(wanted, limit=_MESSAGES)).items


def _open_callback(contact: Contact) -> TaskFilter:
    return TaskFilter(TaskState.OPEN, TaskKind.CALLBACK, contact_id=contact.id)


async def _find(request: web.Request) -> Contact:
    text = request.match_info["contact_id"]
    if not (text.isascii() and text.isdigit()) or int(text[:20]) > _BIGGEST_ID:
        raise NotFound("There is no such client.")
    return await services(request).people.get_contact(int(text))

"""Voicemail: who left a message, in which mailbox, and what became of it; played, answered and put away in the page."""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Final, TypeAlias
from urllib.parse import urlencode

from aiohttp import web

from crm_core.errors import InvalidField
from crm_core.recordings.rules import format_of
from crm_core.voicemail.rules import State, Voicemail, VoicemailFilter
from web.api.voicemails import reader_of
from web.auth import READ, add_route, signed_in
from web.pages.rendering import render
from web.services import services

_ROWS: Final = 50
_LONGEST: Final = 200
_Hidden: TypeAlias = Sequence[tuple[str, Collection[str]]]


class View(StrEnum):
    """Which messages are shown."""

    NEW = "new"
    HEARD = "heard"
    ALL = "all"


def setup(app: web.Application) -> None:
    """Add the list of messages, and their number for the navigation."""
    add_route(app, "GET", "/voicemail", list_voicemail, READ)
    add_route(app, "GET", "/voicemail/count", count_voicemail, READ)


async def list_voicemail(request: web.Request) -> web.Response:
    """Show messages, newest first; one begins with those nobody has heard."""
    parts, hidden = services(request), await _hidden(request)
    asked, mailbox = request.query.get("view", ""), request.query.get("mailbox", "").strip()[:_LONGEST]
    view = View(asked) if asked in set(View) else View.NEW
    try:
        page = await parts.voicemails.list_messages(
            _filter(view, hidden, mailbox), limit=_ROWS, cursor=request.query.get("cursor") or None
        )
    except InvalidField:
        raise web.HTTPSeeOther("/voicemail") from None
    chosen = {"view": view.value, **({"mailbox": mailbox} if mailbox else {})}
    boxes = await parts.voicemails.mailboxes(_filter(View.ALL, hidden))
    values = {
        "voicemails": page.items,
        "playable": {one.id for one in page.items if playable(one)},
        "view": view,
        "counts": {one: await parts.voicemails.count(_filter(one, hidden, mailbox)) for one in View},
        "mailbox": mailbox,
        "mailboxes": sorted({*boxes, *([mailbox] if mailbox else [])}),
        "people": await _owners(request),
        "here": f"/voicemail?{urlencode(chosen)}",
        "following": f"/voicemail?{urlencode({**chosen, 'cursor': page.next})}" if page.next else None,
        "deletes": signed_in(request).supervises,
    }
    return await render(request, "voicemail/list.html", values, rows=len(page.items))


async def count_voicemail(request: web.Request) -> web.Response:
    """Say how many messages nobody has heard."""
    wanted = _filter(View.NEW, await _hidden(request))
    return web.json_response({"new": await services(request).voicemails.count(wanted)})


async def _hidden(request: web.Request) -> _Hidden:
    return (await reader_of(request)).hidden(services(request).spools)


async def _owners(request: web.Request) -> dict[str, str]:
    """Return whose phone a mailbox is named after."""
    users = await services(request).staff.list_users()
    return {phone: user.display_name or user.name for user in users for phone in user.home_extensions}


def playable(message: Voicemail) -> bool:
    """Tell whether browsers play a message as it is kept."""
    kind = format_of(f"message{message.ending}")
    return kind is not None and kind.playable


def _filter(view: View, hidden: _Hidden, mailbox: str = "") -> VoicemailFilter:
    state = None if view is View.ALL else State(view.value)
    return VoicemailFilter(state, mailbox or None, hidden=hidden)

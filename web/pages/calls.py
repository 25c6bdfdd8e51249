"""The call log with its filters, and one call with everything that happened in it."""

from enum import StrEnum
from typing import Final, TypeVar
from urllib.parse import urlencode

from aiohttp import web

from crm_core.calls.rules import CallFilter
from crm_core.errors import InvalidField
from telephony.records import Direction, Outcome
from web.api.problems import NotFound
from web.api.voicemails import reader_of
from web.auth import READ, add_route, signed_in
from web.pages.rendering import render, speaks, zone
from web.pages.voicemail import playable
from web.pages.why import sentence
from web.pages.zones import day_start
from web.services import services

_ROWS: Final = 50
_LONGEST: Final = 200
_FILTERS: Final = (
    "from",
    "to",
    "direction",
    "outcome",
    "agent",
    "queue",
    "number",
    "disposition",
    "q",
    "contact_id",
    "called_back",
)

Word = TypeVar("Word", bound=StrEnum)


def setup(app: web.Application) -> None:
    """Add the call log."""
    add_route(app, "GET", "/calls", list_calls, READ)
    add_route(app, "GET", "/calls/{call_id}", call_details, READ)


async def list_calls(request: web.Request) -> web.Response:
    """Show calls, newest first, as the filters of the query say."""
    chosen = {name: request.query.get(name, "").strip()[:_LONGEST] for name in _FILTERS}
    parts = services(request)
    try:
        page = await parts.calls.list_calls(
            _filter(request, chosen), limit=_ROWS, cursor=request.query.get("cursor") or None
        )
    except InvalidField:
        raise web.HTTPSeeOther("/calls") from None
    wanted = {name: value for name, value in chosen.items() if value}
    values = {
        "calls": page.items,
        "chosen": chosen,
        "filtered": bool(wanted),
        "following": f"/calls?{urlencode({**wanted, 'cursor': page.next})}" if page.next else None,
        "agents": await parts.staff.list_users(),
        "directions": list(Direction),
        "outcomes": list(Outcome),
        "results": [one for one in (await parts.results.tree()).branches if one.offered],
    }
    return await render(request, "calls/list.html", values)


async def call_details(request: web.Request) -> web.Response:
    """Show one call: who took part, what happened when, the notes, and why a card came up or did not."""
    parts = services(request)
    row = await parts.calls.get(request.match_info["call_id"][:_LONGEST])
    if row is None:
        raise NotFound("There is no such call.")
    mine = signed_in(request).user.name in row.users.values()
    gettext = speaks(request).translations.gettext
    trace = await parts.calls.trace(row.id)
    values = {
        "call": row,
        "mine": mine,
        "trace": [(step.at, step.what, sentence(step, gettext)) for step in trace],
        "may_keep": signed_in(request).supervises and (bool(row.recordings or row.voicemails) or row.kept is not None),
        "reader": await reader_of(request),
        "playable": {one.id for one in row.voicemails if playable(one)},
        "dispositions": (await parts.results.tree()).choices(row.record.queue),
    }
    return await render(request, "calls/details.html", values)


def _filter(request: web.Request, chosen: dict[str, str]) -> CallFilter:
    contact = chosen["contact_id"]
    reader_zone = zone(request)
    return CallFilter(
        started_from=day_start(chosen["from"], reader_zone),
        started_to=day_start(chosen["to"], reader_zone, days=1),
        contact_id=int(contact) if contact.isascii() and contact.isdigit() and len(contact) < 16 else None,  # noqa: PLR2004 - digits of the largest id
        number=chosen["number"] or None,
        agent=chosen["agent"] or None,
        queue=chosen["queue"] or None,
        direction=_word(Direction, chosen["direction"]),
        outcome=_word(Outcome, chosen["outcome"]),
        disposition=chosen["disposition"] or None,
        called_back=False if chosen["called_back"] == "no" else None,
        q=chosen["q"] or None,
    )


def _word(words: type[Word], text: str) -> Word | None:
    """Return the term, None for what is not one: a mistyped address shows more, never an error."""
    return words(text) if text in set(words) else None

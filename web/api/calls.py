"""The call log: reading it, and what people add to a call."""

from datetime import datetime
from typing import Annotated

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from crm_core.calls.rules import CallFilter, CallPatch, CallRow, check_disposition
from screenpop.messages import timestamp
from telephony.records import Direction, Outcome
from web.api import models
from web.api.problems import NotFound, Unavailable
from web.api.reading import Cursor, Id, Limit, path_text, read_body, read_query
from web.api.routes import Route
from web.api.writing import answer
from web.auth import READ, WRITE, signed_in
from web.services import services

Moment = Annotated[datetime, Meta(tz=True)]
Words = Annotated[str, Meta(max_length=200)]


class CallQuery(Struct, frozen=True, rename={"since": "from", "until": "to"}):
    """Which calls: `from` <= start < `to`; numbers in any spelling; `agent` is a user's name; `q` are words.

    `disposition` is a result, with all below it.
    `called_back` asks for missed calls whose client was talked to since, or was not.
    """

    since: Moment | None = None
    until: Moment | None = None
    contact_id: Id | None = None
    number: Words | None = None
    agent: Words | None = None
    queue: Words | None = None
    direction: Direction | None = None
    outcome: Outcome | None = None
    disposition: Words | None = None
    called_back: bool | None = None
    linkedid: Words | None = None
    q: Words | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class CallChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What a person decides about a call; null takes the value away."""

    disposition: Annotated[str, Meta(max_length=100)] | UnsetType | None = UNSET
    tags: tuple[Annotated[str, Meta(min_length=1, max_length=100)], ...] | UnsetType = UNSET
    contact_id: Id | UnsetType | None = UNSET


class NoteText(Struct, frozen=True, forbid_unknown_fields=True):
    """A note."""

    text: Annotated[str, Meta(max_length=20_000)]


class ContactChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose call it is; null undoes the choice."""

    contact_id: Id | None


class DraftSaved(Struct, frozen=True):
    """The autosaved note."""

    id: int
    saved_at: models.Time


async def list_calls(request: web.Request) -> web.StreamResponse:
    """List ended and running calls, newest first."""
    query = read_query(request, CallQuery)
    wanted = CallFilter(
        started_from=query.since.timestamp() if query.since else None,
        started_to=query.until.timestamp() if query.until else None,
        contact_id=query.contact_id,
        number=query.number,
        agent=query.agent,
        queue=query.queue,
        direction=query.direction,
        outcome=query.outcome,
        disposition=query.disposition,
        called_back=query.called_back,
        linkedid=query.linkedid,
        q=query.q,
    )
    await services(request).service.caught_up()
    page = await services(request).calls.list_calls(wanted, limit=query.limit, cursor=query.cursor)
    return answer(models.CallList(tuple(models.call(row) for row in page.items), page.next))


async def read_call(request: web.Request) -> web.StreamResponse:
    """Read one call with its timeline and trace."""
    row = await find_call(request)
    trace = await services(request).calls.trace(row.id)
    return answer(models.call_details(row, trace))


async def change_call(request: web.Request) -> web.StreamResponse:
    """Set disposition, tags, contact."""
    row = await find_call(request)
    change = await read_body(request, CallChange)
    parts = services(request)
    if change.disposition:
        chosen = check_disposition(change.disposition)
        if chosen is not None:
            (await parts.results.tree()).check(chosen, row.record.queue, row.disposition)
    patch = CallPatch(change.disposition, change.tags, change.contact_id)
    row = await parts.calls.patch(row.id, patch, signed_in(request).user.name)
    await parts.service.refresh_card(row.id)
    return answer(models.call(row))


async def add_note(request: web.Request) -> web.StreamResponse:
    """Add a note."""
    row = await find_call(request)
    body = await read_body(request, NoteText)
    parts = services(request)
    note = await parts.calls.add_note(row.id, signed_in(request).user.name, body.text)
    parts.service.note_saved(row.id, note)
    return answer(models.note(note), 201)


async def save_draft(request: web.Request) -> web.StreamResponse:
    """Save one's own note as it is typed."""
    row = await find_call(request)
    body = await read_body(request, NoteText)
    parts = services(request)
    note = await parts.calls.save_draft(row.id, signed_in(request).user.name, body.text)
    parts.service.note_saved(row.id, note)  # a reload, another tab or the colleague after a transfer sees the note
    return answer(DraftSaved(note.id, timestamp(note.updated_at)))


async def choose_contact(request: web.Request) -> web.StreamResponse:
    """Say whose call it is and remember it for the number."""
    row = await find_call(request)
    body = await read_body(request, ContactChoice)
    parts = services(request)
    row = await parts.calls.choose_contact(row.id, body.contact_id, signed_in(request).user.name)
    await parts.service.refresh_card(row.id)
    return answer(models.call(row))


async def find_call(request: web.Request) -> CallRow:
    """Return the call the path names. Raises `NotFound`, or `Unavailable` for one whose row waits for the database."""
    call_id, parts = path_text(request, "call_id"), services(request)
    row = await parts.calls.get(call_id)
    if row is None:
        await parts.service.caught_up()  # a card may be faster than its row
        row = await parts.calls.get(call_id)
    if row is None and parts.service.writer.holds(call_id):
        raise Unavailable("This call cannot be written down yet. Try again in a moment.")
    if row is None:
        raise NotFound("There is no such call.")
    return row


routes = [
    Route(
        method="GET",
        path="/calls",
        handler=list_calls,
        access=READ,
        tag="calls",
        summary="Ended and running calls, newest first",
        query=CallQuery,
        returns=models.CallList,
    ),
    Route(
        method="GET",
        path="/calls/{call_id}",
        handler=read_call,
        access=READ,
        tag="calls",
        summary="One call with its timeline, and why it did or did not pop",
        returns=models.CallDetails,
    ),
    Route(
        method="PATCH",
        path="/calls/{call_id}",
        handler=change_call,
        access=WRITE,
        tag="calls",
        summary="Set disposition, tags, contact",
        body=CallChange,
        returns=models.Call,
    ),
    Route(
        method="POST",
        path="/calls/{call_id}/notes",
        handler=add_note,
        access=WRITE,
        tag="calls",
        summary="Add a note",
        body=NoteText,
        returns=models.Note,
        status=201,
    ),
    Route(
        method="PUT",
        path="/calls/{call_id}/draft",
        handler=save_draft,
        access=WRITE,
        tag="calls",
        summary="Save one's own note as it is typed",
        body=NoteText,
        returns=DraftSaved,
    ),
    Route(
        method="POST",
        path="/calls/{call_id}/choose",
        handler=choose_contact,
        access=WRITE,
        tag="calls",
        summary="Say whose call it is, and remember it for the number",
        body=ContactChoice,
        returns=models.Call,
    ),
]

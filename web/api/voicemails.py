"""Voicemail: messages by mailbox, heard by those whose they are, marked, deleted; hearing is written down."""

from typing import Annotated

from aiohttp import hdrs, web
from msgspec import Meta, Struct

from crm_core.recordings.places import PlaceUnavailable
from crm_core.recordings.rules import format_of
from crm_core.voicemail.rules import Deed, Reader, State, Voicemail, VoicemailFilter
from screenpop.messages import timestamp
from web.api import models
from web.api.hearing import check_range, given
from web.api.problems import NotFound, Unavailable
from web.api.reading import Cursor, Id, Limit, path_id, read_body, read_query
from web.api.routes import Route
from web.api.writing import answer, nothing
from web.auth import READ, SUPERVISE_WRITE, WRITE, signed_in
from web.services import services

_Name = Annotated[str, Meta(max_length=200)]


class VoicemailQuery(Struct, frozen=True):
    """Which messages; without a `state` the deleted ones are listed too."""

    state: State | None = None
    mailbox: _Name | None = None
    queue: _Name | None = None
    contact_id: Id | None = None
    call_id: _Name | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class VoicemailChange(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether it was heard; false makes it new again. The PBX's own folder and lamp stay as they are."""

    heard: bool


class VoicemailAccess(Struct, frozen=True):
    """Somebody heard or deleted a message."""

    user: str
    what: Deed
    at: models.Time


class VoicemailDetails(models.Voicemail, frozen=True, kw_only=True):
    """A message and, to supervisors, who heard it."""

    accesses: tuple[VoicemailAccess, ...]


class VoicemailList(Struct, frozen=True):
    """One page of messages."""

    items: tuple[models.Voicemail, ...]
    next: str | None


async def list_voicemails(request: web.Request) -> web.StreamResponse:
    """List messages, newest first: agents see their own mailboxes and those of a team."""
    query = read_query(request, VoicemailQuery)
    reader = await reader_of(request)
    wanted = VoicemailFilter(
        query.state,
        query.mailbox,
        query.queue,
        query.contact_id,
        query.call_id,
        hidden=reader.hidden(services(request).spools),
    )
    page = await services(request).voicemails.list_messages(wanted, limit=query.limit, cursor=query.cursor)
    return answer(VoicemailList(tuple(models.voicemail(one) for one in page.items), page.next))


async def read_voicemail(request: web.Request) -> web.StreamResponse:
    """Read one message and, as a supervisor, who heard it."""
    message = await _find(request)
    found = await services(request).voicemails.accesses(message.id) if signed_in(request).supervises else ()
    written = models.voicemail(message)
    fields = {name: getattr(written, name) for name in written.__struct_fields__}
    accesses = tuple(VoicemailAccess(one.user, one.what, timestamp(one.at)) for one in found)
    return answer(VoicemailDetails(**fields, accesses=accesses))


async def play_voicemail(request: web.Request) -> web.StreamResponse:
    """Give a message out, whole or in part, and write down who hears it."""
    message, parts = await _find(request), services(request)
    spool = parts.spools.get(message.pbx)
    if message.state is State.DELETED or spool is None:
        raise NotFound("This message is not there any more.")
    try:
        sound = await spool.locate(message.key, message.path)
    except PlaceUnavailable as error:
        raise Unavailable("The mailboxes cannot be reached. Try again in a moment.") from error
    kind = format_of(sound.path.name) if sound is not None else None
    if sound is None or kind is None:
        raise NotFound("This message is not there any more.")
    check_range(request, sound.size)
    if request.method == hdrs.METH_GET:
        await parts.voicemails.played(message.id, signed_in(request).user.name)
    return given(sound.path, kind, f"voicemail-{message.id}{sound.ending}")


async def change_voicemail(request: web.Request) -> web.StreamResponse:
    """Mark a message as heard, or as new again."""
    message = await _find(request)
    body = await read_body(request, VoicemailChange)
    user = signed_in(request).user.name
    return answer(models.voicemail(await services(request).voicemails.mark(message.id, user, heard=body.heard)))


async def delete_voicemail(request: web.Request) -> web.StreamResponse:
    """Delete a message for good; where the spool is not ours to write, it is only given out no more."""
    message, parts = await _find(request), services(request)
    spool = parts.spools.get(message.pbx)
    if message.state is State.DELETED:
        return nothing()
    if spool is not None:
        try:
            await spool.remove(message.key, message.path)
        except PlaceUnavailable as error:
            raise Unavailable("The mailboxes cannot be reached. Try again in a moment.") from error
    await parts.voicemails.deleted(message.id, signed_in(request).user.name)
    return nothing()


async def reader_of(request: web.Request) -> Reader:
    """Return what this user may hear."""
    user = signed_in(request).user
    own = frozenset((*user.home_extensions, *user.extensions))
    return Reader(user.role, own, await services(request).staff.extensions())


async def _find(request: web.Request) -> Voicemail:
    """Return the message the path names; one that is not the reader's business is not there for them."""
    message = await services(request).voicemails.get(path_id(request, "voicemail_id"))
    if not (await reader_of(request)).may_hear(message.pbx, message.key.mailbox):
        raise NotFound("There is no such message.")
    return message


routes = [
    Route(
        method="GET",
        path="/voicemails",
        handler=list_voicemails,
        access=READ,
        tag="voicemail",
        summary="Messages, newest first: agents see their own mailboxes and those that are nobody's phone",
        query=VoicemailQuery,
        returns=VoicemailList,
    ),
    Route(
        method="GET",
        path="/voicemails/{voicemail_id}",
        handler=read_voicemail,
        access=READ,
        tag="voicemail",
        summary="One message, and to supervisors who heard it",
        returns=VoicemailDetails,
    ),
    Route(
        method="GET",
        path="/voicemails/{voicemail_id}/audio",
        handler=play_voicemail,
        access=READ,
        tag="voicemail",
        summary="Hear a message",
        media="audio/*",
        problems=(416,),
    ),
    Route(
        method="PATCH",
        path="/voicemails/{voicemail_id}",
        handler=change_voicemail,
        access=WRITE,
        tag="voicemail",
        summary="Mark a message as heard, or as new again",
        body=VoicemailChange,
        returns=models.Voicemail,
    ),
    Route(
        method="DELETE",
        path="/voicemails/{voicemail_id}",
        handler=delete_voicemail,
        access=SUPERVISE_WRITE,
        tag="voicemail",
        summary="Delete a message for good",
        status=204,
    ),
]

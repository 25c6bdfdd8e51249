"""Acting on calls that run now, and making new ones, through the desk phones."""

from collections.abc import Awaitable, Callable, Collection
from enum import StrEnum
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from crm_core.calls.rules import CallRow
from crm_core.oversight.rules import SpyingDraft
from telephony.phones import locals_of
from telephony.records import CallRecord
from telephony.tracker import Tracker
from web.api.calls import find_call
from web.api.problems import Conflict, Forbidden, Invalid
from web.api.reading import read_body
from web.api.routes import Route, command
from web.api.switchboard import asking, extension_at, phone_of, tracker_of
from web.api.writing import answer, nothing
from web.auth import SUPERVISE_WRITE, WRITE, signed_in
from web.services import services


class HandOver(StrEnum):
    """How a call is handed on."""

    BLIND = "blind"
    ATTENDED = "attended"


class SpyMode(StrEnum):
    """How a supervisor joins."""

    LISTEN = "listen"
    WHISPER = "whisper"
    BARGE = "barge"


class RecordAction(StrEnum):
    """What may be done with a recording; paused, it holds silence."""

    START = "start"
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"


_To = Annotated[str, Meta(min_length=1, max_length=64)]


class Dial(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to call, and from which phone; from one's own when none is named."""

    to: _To
    extension: Annotated[str, Meta(min_length=1, max_length=73)] | None = None


class AnswerAt(Struct, frozen=True, forbid_unknown_fields=True):
    """At which phone; at one's own that rings when none is named."""

    extension: Annotated[str, Meta(min_length=1, max_length=73)] | None = None


class Dialled(Struct, frozen=True):
    """The phone rings; once it is taken, `to` is dialled."""

    call_id: str
    extension: str
    to: str


class TransferTo(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the call goes."""

    to: _To
    kind: HandOver = HandOver.BLIND


class Spy(AnswerAt, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How to join, and at which phone; at one's own when none is named."""

    mode: SpyMode


class MoveTo(Struct, frozen=True, forbid_unknown_fields=True):
    """Into which queue."""

    queue: Annotated[str, Meta(min_length=1, max_length=80)]


class Priority(Struct, frozen=True, forbid_unknown_fields=True):
    """The higher, the sooner; callers begin with 0."""

    priority: Annotated[int, Meta(ge=0, le=1000)]


class RecordingOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """What to do with the recording."""

    action: RecordAction


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """An empty object; it may be left out."""


async def dial(request: web.Request) -> web.StreamResponse:
    """Ring one's phone, then the other side."""
    principal = signed_in(request)
    body = await read_body(request, Dial)
    own = principal.user.extensions
    extension = body.extension or (own[0] if own else None)
    if extension is None:
        raise Invalid.field("extension", "you have no phone: choose a seat first, or name one")
    if extension not in own and not principal.supervises:
        raise Forbidden("Only supervisors dial from other people's phones.")
    pbx, phone = phone_of(request, extension)
    call_id = await asking(pbx.dial(phone, body.to))
    return answer(Dialled(call_id, extension, body.to), 201)


async def answer_phone(request: web.Request) -> web.StreamResponse:
    """Take the call that rings at one's desk phone, where the phone obeys."""
    row = await _running(request)
    body = await read_body(request, AnswerAt)
    own = signed_in(request).user.extensions
    ringing = [one.extension for one in row.record.participants if one.rang_at is not None and one.left_at is None]
    extension = body.extension or next((one for one in ringing if one in own), None)
    if extension is None:
        raise Conflict("The call does not ring at your phone.")
    if extension not in own and not signed_in(request).supervises:
        raise Forbidden("Only supervisors answer at other people's phones.")
    pbx, call_id = _half(row.record, [extension])
    await asking(tracker_of(request, pbx).answer(call_id, extension_at(pbx, extension)))
    return nothing()


async def hangup(request: web.Request) -> web.StreamResponse:
    """End the call."""
    return await _act(request, Nothing, lambda pbx, call, _body, _own: pbx.hangup(call))


async def hold(request: web.Request) -> web.StreamResponse:
    """Put the caller on hold."""
    return await _act(request, Nothing, lambda pbx, call, _, own: pbx.hold(call, by=own))


async def unhold(request: web.Request) -> web.StreamResponse:
    """Take the caller back, from a hold or from a consultation."""
    return await _act(request, Nothing, lambda pbx, call, _, own: pbx.unhold(call, by=own))


async def transfer(request: web.Request) -> web.StreamResponse:
    """Hand the call on; attended: consult first, then `complete` or `unhold`."""
    return await _act(
        request, TransferTo, lambda pbx, call, body, own: pbx.transfer(call, body.to, body.kind.value, by=own)
    )


async def complete(request: web.Request) -> web.StreamResponse:
    """Hand the caller over to the one who is consulted."""
    return await _act(request, Nothing, lambda pbx, call, _, own: pbx.complete(call, by=own))


async def park(request: web.Request) -> web.StreamResponse:
    """Park the call."""
    return await _act(request, Nothing, lambda pbx, call, _, own: pbx.park(call, by=own))


async def fetch(request: web.Request) -> web.StreamResponse:
    """Ring one's phone and connect it with a parked caller."""
    return await _from_phone(request, AnswerAt, lambda pbx, call, _, extension: pbx.fetch(call, extension))


async def pickup(request: web.Request) -> web.StreamResponse:
    """Ring one's phone and give it a call that rings at a colleague's."""
    return await _from_phone(request, AnswerAt, lambda pbx, call, _, extension: pbx.pickup(call, extension))


async def take(request: web.Request) -> web.StreamResponse:
    """Send a waiting caller to one's phone."""
    return await _from_phone(request, AnswerAt, lambda pbx, call, _, extension: pbx.take(call, extension))


async def spy(request: web.Request) -> web.StreamResponse:
    """Ring one's phone and join a call: listen, whisper to the agent, or barge in. The call's timeline tells it."""
    who = signed_in(request).user.name
    row = await find_call(request)

    async def join(pbx: Tracker, call: str, body: Spy, extension: str) -> None:
        phone = _talking_phone(row.record)
        agent = row.users.get(phone) if phone is not None else None
        # Written down first: nobody listens without a trace, even where the PBX or we die in between.
        asked = SpyingDraft(row.id, row.record.pbx, who, extension, body.mode.value, agent, phone)
        await services(request).oversight.spies(asked)
        await pbx.spy(call, extension, body.mode.value, who)

    return await _from_phone(request, Spy, join)


async def unspy(request: web.Request) -> web.StreamResponse:
    """Stop joining a call at one's phone."""
    return await _from_phone(request, AnswerAt, lambda pbx, call, _, extension: pbx.leave(call, extension))


async def move(request: web.Request) -> web.StreamResponse:
    """Send a waiting caller into another queue."""
    return await _act(request, MoveTo, lambda pbx, call, body, _: pbx.move(call, body.queue))


async def prioritise(request: web.Request) -> web.StreamResponse:
    """Let a waiting caller be served before those with a lower priority."""
    return await _act(request, Priority, lambda pbx, call, body, _: pbx.prioritise(call, body.priority))


async def record(request: web.Request) -> web.StreamResponse:
    """Start, stop, pause or resume the recording."""
    return await _act(request, RecordingOrder, lambda pbx, call, body, _: pbx.record(call, body.action.value))


async def _act(
    request: web.Request,
    model: type[Struct],
    act: Callable[..., Awaitable[None]],
) -> web.StreamResponse:
    row = await _running(request)
    body = await read_body(request, model)
    if row.record.ended_at is not None:
        raise Conflict("The call has ended.")
    principal = signed_in(request)
    pbx, call_id = _half(row.record, principal.user.extensions)
    own = frozenset() if principal.supervises else locals_of(principal.user.extensions, pbx)
    await asking(act(tracker_of(request, pbx), call_id, body, own))
    return nothing()


def _half(call: CallRecord, own: Collection[str]) -> tuple[str, str]:
    """Return the PBX, and its call, that somebody acts on: of several that tell of it the one their phone is in."""
    theirs = next((link for link in call.links if set(own) & set(link.phones)), None)
    return (call.pbx, call.id) if theirs is None else (theirs.pbx, theirs.id)


async def _from_phone(
    request: web.Request,
    model: type[AnswerAt],
    act: Callable[..., Awaitable[None]],
) -> web.StreamResponse:
    """Do what begins at one's own phone, with a call one is not in yet."""
    row = await find_call(request)
    body = await read_body(request, model)
    own = signed_in(request).user.extensions
    extension = body.extension or (own[0] if own else None)
    if extension is None:
        raise Invalid.field("extension", "you have no phone: choose a seat first, or name one")
    if extension not in own and not signed_in(request).supervises:
        raise Forbidden("Only supervisors use other people's phones.")
    if row.record.ended_at is not None:
        raise Conflict("The call has ended.")
    pbx, call_id = _half(row.record, [extension])
    await asking(act(tracker_of(request, pbx), call_id, body, extension_at(pbx, extension)))
    return nothing()


async def _running(request: web.Request) -> CallRow:
    """Return the call the path names; agents act on calls that their own phones are in now."""
    row = await find_call(request)
    principal = signed_in(request)
    own = set(principal.user.extensions)
    if principal.supervises or own & _phones(row.record):
        return row
    await services(request).service.caught_up()  # the phone may be faster than the row
    row = await find_call(request)
    if not own & _phones(row.record):
        raise Forbidden("Only supervisors act on other people's calls.")
    return row


def _talking_phone(call: CallRecord) -> str | None:
    """Return the phone of ours that talks: the one a supervisor hears."""
    talking = [one.extension for one in call.participants if one.answered_at is not None and one.left_at is None]
    return call.extension if call.extension in talking or not talking else talking[0]


def _phones(call: CallRecord) -> set[str | None]:
    """Return the phones in a call now; of one that ended, all that were: they may know that it ended."""
    phones = {one.extension for one in call.participants} | {call.extension}
    if call.ended_at is not None:
        return phones
    return phones - {one.extension for one in call.participants if one.left_at is not None}


routes = [
    Route(
        method="POST",
        path="/dial",
        handler=dial,
        access=WRITE,
        tag="live",
        summary="Ring one's phone, then the other side",
        body=Dial,
        returns=Dialled,
        status=201,
        problems=(409, 503),
    ),
    command("/live/{call_id}/answer", answer_phone, AnswerAt),
    command("/live/{call_id}/hangup", hangup, Nothing),
    command("/live/{call_id}/hold", hold, Nothing),
    command("/live/{call_id}/unhold", unhold, Nothing),
    command("/live/{call_id}/transfer", transfer, TransferTo),
    command("/live/{call_id}/complete", complete, Nothing),
    command("/live/{call_id}/park", park, Nothing),
    command("/live/{call_id}/fetch", fetch, AnswerAt),
    command("/live/{call_id}/pickup", pickup, AnswerAt),
    command("/live/{call_id}/record", record, RecordingOrder),
    command("/live/{call_id}/queue/take", take, AnswerAt, SUPERVISE_WRITE),
    command("/live/{call_id}/queue/move", move, MoveTo, SUPERVISE_WRITE),
    command("/live/{call_id}/queue/priority", prioritise, Priority, SUPERVISE_WRITE),
    command("/live/{call_id}/spy", spy, Spy, SUPERVISE_WRITE),
    command("/live/{call_id}/unspy", unspy, AnswerAt, SUPERVISE_WRITE),
]

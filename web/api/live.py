"""Acting on calls that run now, and making new ones, through the desk phones."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from crm_core.calls.rules import CallRow
from telephony.records import CallRecord
from telephony.tracker import Tracker
from web.api.calls import find_call
from web.api.problems import Conflict, Forbidden, Invalid, NotSupported
from web.api.reading import read_body
from web.api.routes import Route
from web.api.switchboard import asking, default_tracker, tracker_of
from web.api.writing import answer, nothing
from web.auth import SUPERVISE_WRITE, WRITE, Access, Handler, signed_in
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


_To = Annotated[str, Meta(min_length=1, max_length=64)]


class Dial(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to call, and from which phone; from one's own when none is named."""

    to: _To
    extension: Annotated[str, Meta(min_length=1, max_length=40)] | None = None


class AnswerAt(Struct, frozen=True, forbid_unknown_fields=True):
    """At which phone; at one's own that rings when none is named."""

    extension: Annotated[str, Meta(min_length=1, max_length=40)] | None = None


class Dialled(Struct, frozen=True):
    """The phone rings; once it is taken, `to` is dialled."""

    call_id: str
    extension: str
    to: str


class TransferTo(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the call goes."""

    to: _To
    kind: HandOver = HandOver.BLIND


class Spy(Struct, frozen=True, forbid_unknown_fields=True):
    """How to join."""

    mode: SpyMode


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
    call_id = await asking(default_tracker(request).dial(extension, body.to))
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
    await asking(tracker_of(request, row.record.pbx).answer(row.id, extension))
    return nothing()


async def hangup(request: web.Request) -> web.StreamResponse:
    """End the call."""
    return await _act(request, Nothing, lambda pbx, row, _: pbx.hangup(row.id))


async def hold(request: web.Request) -> web.StreamResponse:
    """Put the caller on hold."""
    return await _act(request, Nothing, lambda pbx, row, _: pbx.hold(row.id))


async def unhold(request: web.Request) -> web.StreamResponse:
    """Take the caller back."""
    return await _act(request, Nothing, lambda pbx, row, _: pbx.unhold(row.id))


async def transfer(request: web.Request) -> web.StreamResponse:
    """Hand the call on."""
    return await _act(request, TransferTo, lambda pbx, row, body: pbx.transfer(row.id, body.to, body.kind.value))


async def park(request: web.Request) -> web.StreamResponse:
    """Park the call."""
    return await _act(request, Nothing, lambda pbx, row, _: pbx.park(row.id))


async def spy(request: web.Request) -> web.StreamResponse:
    """Listen, whisper, barge."""
    row = await _running(request)
    await read_body(request, Spy)
    tracker_of(request, row.record.pbx)
    raise NotSupported("Listening in is not supported yet.")


async def _act(
    request: web.Request,
    model: type[Struct],
    act: Callable[..., Awaitable[None]],
) -> web.StreamResponse:
    row = await _running(request)
    body = await read_body(request, model)
    if row.record.ended_at is not None:
        raise Conflict("The call has ended.")
    pbx: Tracker = tracker_of(request, row.record.pbx)
    await asking(act(pbx, row, body))
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


def _phones(call: CallRecord) -> set[str | None]:
    """Return the phones in a call now; of one that ended, all that were: they may know that it ended."""
    phones = {one.extension for one in call.participants} | {call.extension}
    if call.ended_at is not None:
        return phones
    return phones - {one.extension for one in call.participants if one.left_at is not None}


def _action(name: str, handler: Handler, body: type[Struct], access: Access = WRITE) -> Route:
    return Route(
        method="POST",
        path=f"/live/{{call_id}}/{name}",
        handler=handler,
        access=access,
        tag="live",
        summary=(handler.__doc__ or name).rstrip("."),
        body=body,
        status=204,
        problems=(409, 501, 503),
    )


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
    _action("answer", answer_phone, AnswerAt),
    _action("hangup", hangup, Nothing),
    _action("hold", hold, Nothing),
    _action("unhold", unhold, Nothing),
    _action("transfer", transfer, TransferTo),
    _action("park", park, Nothing),
    _action("spy", spy, Spy, SUPERVISE_WRITE),
]

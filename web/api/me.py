"""What belongs to the one who asks: who they are, their seat, their calls, their cards."""

from aiohttp import web
from msgspec import Struct

from web.api import models
from web.api.cards import may_dismiss
from web.api.problems import NotFound
from web.api.reading import path_text, read_body
from web.api.routes import Route
from web.api.writing import answer, nothing
from web.auth import READ, WRITE, signed_in
from web.services import services


class SeatChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """The phone to sit down at."""

    extension: str


class Seat(Struct, frozen=True):
    """Where one sits now; `last` is where one sat before, `extensions` the phones in use now."""

    extension: str | None
    last: str | None
    extensions: tuple[str, ...]
    home_extensions: tuple[str, ...]


class SeatTaken(Struct, frozen=True):
    """The seat just taken, and from whom."""

    extension: str
    taken_from: str | None


async def read_me(request: web.Request) -> web.StreamResponse:
    """Tell who is asking."""
    principal = signed_in(request)
    user = principal.user
    return answer(
        models.Me(user.name, user.display_name, user.role, principal.scope, user.extensions, user.home_extensions)
    )


async def list_my_calls(request: web.Request) -> web.StreamResponse:
    """List the last 20 calls, missed ones on top."""
    rows = await services(request).calls.recent_for(signed_in(request).user.name)
    return answer(models.CallList(tuple(models.call(row) for row in rows), None))


async def read_seat(request: web.Request) -> web.StreamResponse:
    """Tell where one sits."""
    user = signed_in(request).user
    last = await services(request).staff.last_seat(user.id)
    here = user.extensions[0] if user.extensions else None
    return answer(Seat(here, last, user.extensions, user.home_extensions))


async def take_seat(request: web.Request) -> web.StreamResponse:
    """Sit down at a phone; whoever sat there loses it."""
    choice = await read_body(request, SeatChoice)
    parts = services(request)
    seat = await parts.staff.take_seat(signed_in(request).user.id, choice.extension)
    await parts.service.reload_seats()
    return answer(SeatTaken(seat.extension, seat.taken_from.name if seat.taken_from else None))


async def dismiss_pop(request: web.Request) -> web.StreamResponse:
    """Put one's own card away on all tabs; one that is not up stays away."""
    user, call_id = signed_in(request).user.name, path_text(request, "call_id")
    await may_dismiss(request, user, call_id)
    await services(request).service.dismiss(user, call_id)
    return nothing()


async def reopen_pop(request: web.Request) -> web.StreamResponse:
    """Bring the card of an ended call up again."""
    call_id = path_text(request, "call_id")
    if not await services(request).service.reopen(signed_in(request).user.name, call_id):
        raise NotFound("There is no such call.")
    return nothing()


routes = [
    Route(
        method="GET",
        path="/me",
        handler=read_me,
        access=READ,
        tag="me",
        summary="Who is asking",
        returns=models.Me,
    ),
    Route(
        method="GET",
        path="/me/calls",
        handler=list_my_calls,
        access=READ,
        tag="me",
        summary="My last 20 calls, missed ones on top",
        returns=models.CallList,
    ),
    Route(
        method="GET",
        path="/me/seat",
        handler=read_seat,
        access=READ,
        tag="me",
        summary="Where I sit today",
        returns=Seat,
    ),
    Route(
        method="POST",
        path="/me/seat",
        handler=take_seat,
        access=WRITE,
        tag="me",
        summary="Sit down at a phone",
        body=SeatChoice,
        returns=SeatTaken,
    ),
    Route(
        method="POST",
        path="/pops/{call_id}/dismiss",
        handler=dismiss_pop,
        access=WRITE,
        tag="me",
        summary="Put a card away",
        status=204,
        problems=(409,),
    ),
    Route(
        method="POST",
        path="/pops/{call_id}/reopen",
        handler=reopen_pop,
        access=WRITE,
        tag="me",
        summary="Bring the card of an ended call up again",
        status=204,
    ),
]

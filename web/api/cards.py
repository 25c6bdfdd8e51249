"""An agent's cards and the work after a call, as the node that owns them knows them."""

from typing import Final

from aiohttp import web
from msgspec import json

from screenpop.bus import NoAnswerError
from screenpop.messages import PopsSnapshot, PopState, pops_subject, snapshot_subject
from web.api.problems import Conflict, Unavailable
from web.auth import signed_in
from web.services import services

CHOOSE_FIRST: Final = "Choose a result first: the queue of this call asks for one."


async def end_wrap_up(request: web.Request, user: str) -> None:
    """End an agent's wrap-ups by hand. Raises `Conflict` where agents themselves must choose a result first."""
    forced = signed_in(request).user.name != user
    waiting = (pop.wrap_up for pop in await cards(request, user) if pop.wrap_up is not None and not pop.wrap_up.over)
    if not forced and any(one.result_required for one in waiting):
        raise Conflict(CHOOSE_FIRST)
    if not await services(request).service.ready(user, forced=forced):
        raise Conflict(CHOOSE_FIRST)


async def may_dismiss(request: web.Request, user: str, call_id: str) -> None:
    """Raise `Conflict` for the card of a call whose queue asks for a result, as long as there is none."""
    try:
        mine = await cards(request, user)
    except Unavailable:
        return  # nobody owns the cards: there is none to keep
    if any(pop.call_id == call_id and pop.wrap_up is not None and pop.wrap_up.result_required for pop in mine):
        row = await services(request).calls.get(call_id)  # the owner may hear of the result a moment later
        if row is not None and row.disposition is None:
            raise Conflict(CHOOSE_FIRST)


async def cards(request: web.Request, user: str) -> tuple[PopState, ...]:
    """Ask the owner of the service for an agent's cards. Raises `Unavailable`."""
    try:
        frame = await services(request).bus.request(snapshot_subject(pops_subject(user)))
    except NoAnswerError as error:
        raise Unavailable("No node watches the PBX at the moment.") from error
    return json.decode(frame, type=PopsSnapshot).state.pops

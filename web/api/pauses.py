"""The reasons for a pause an agent can choose. Everybody reads them, administrators set them."""

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from crm_core.agents.rules import LONGEST_REASON, MOST_REASONS
from web.api import models
from web.api.reading import PageQuery, page_of, read_body, read_query
from web.api.routes import Route
from web.api.writing import answer
from web.auth import ADMINISTER, READ
from web.services import services

_Reason = Annotated[str, Meta(min_length=1, max_length=LONGEST_REASON)]


class Reasons(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole list, in the order it is offered."""

    items: Annotated[tuple[_Reason, ...], Meta(max_length=MOST_REASONS)]


async def list_pause_reasons(request: web.Request) -> web.StreamResponse:
    """List the reasons an agent can choose."""
    query = read_query(request, PageQuery)
    items, following = page_of(await services(request).agents.pause_reasons(), query)
    return answer(models.Texts(tuple(items), following))


async def set_pause_reasons(request: web.Request) -> web.StreamResponse:
    """Replace the list of reasons."""
    body = await read_body(request, Reasons)
    return answer(models.Texts(await services(request).agents.set_pause_reasons(body.items), None))


routes = [
    Route(
        method="GET",
        path="/pause-reasons",
        handler=list_pause_reasons,
        access=READ,
        tag="live",
        summary="Reasons for a pause an agent can choose",
        query=PageQuery,
        returns=models.Texts,
    ),
    Route(
        method="PUT",
        path="/pause-reasons",
        handler=set_pause_reasons,
        access=ADMINISTER,
        tag="live",
        summary="Replace the reasons for a pause",
        body=Reasons,
        returns=models.Texts,
    ),
]

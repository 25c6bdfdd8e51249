"""The end of the work after a call: ready by hand, or more time. Each for themselves, supervisors for everybody."""

from aiohttp import web

from web.api.agents import find_agent
from web.api.cards import end_wrap_up
from web.api.live import Nothing
from web.api.reading import read_body
from web.api.routes import Route
from web.api.writing import nothing
from web.auth import WRITE
from web.services import services


async def ready(request: web.Request) -> web.StreamResponse:
    """End the work after a call: be ready for the next one."""
    user = await find_agent(request)
    await read_body(request, Nothing)
    await end_wrap_up(request, user.name)
    return nothing()


async def more_time(request: web.Request) -> web.StreamResponse:
    """Have a minute more for the work after a call."""
    user = await find_agent(request)
    await read_body(request, Nothing)
    services(request).service.more_time(user.name)
    return nothing()


routes = [
    Route(
        method="POST",
        path="/agents/{id}/ready",
        handler=ready,
        access=WRITE,
        tag="live",
        summary="End the work after a call",
        body=Nothing,
        status=204,
        problems=(409, 503),
    ),
    Route(
        method="POST",
        path="/agents/{id}/more-time",
        handler=more_time,
        access=WRITE,
        tag="live",
        summary="Have a minute more for the work after a call",
        body=Nothing,
        status=204,
    ),
]

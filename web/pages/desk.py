"""The agent's desktop. The page is a frame: cards, calls and seat come over the WebSocket and the API."""

from aiohttp import web

from web.auth import READ, add_route, signed_in
from web.pages.rendering import render


def setup(app: web.Application) -> None:
    """Add the start page and the desktop."""
    add_route(app, "GET", "/", start, READ)
    add_route(app, "GET", "/desk", desk, READ)


async def start(request: web.Request) -> web.StreamResponse:
    """Open the day where the job is: the desktop for agents, the board for those who watch over them."""
    if signed_in(request).supervises:
        raise web.HTTPSeeOther("/board")
    return await desk(request)


async def desk(request: web.Request) -> web.Response:
    """Show the desktop."""
    return await render(request, "desk/desk.html", {"desk": True})

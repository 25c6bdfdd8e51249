"""The supervisors' live board: a frame that the browser fills from the WebSocket."""

from aiohttp import web

from web.auth import SUPERVISE, add_route
from web.pages.rendering import render


def setup(app: web.Application) -> None:
    """Add the board."""
    add_route(app, "GET", "/board", board, SUPERVISE)


async def board(request: web.Request) -> web.Response:
    """Show the board."""
    return await render(request, "board/board.html")

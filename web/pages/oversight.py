"""Who joined whose call, for administrators: a plain list that only grows."""

from aiohttp import web

from web.api.oversight import entry
from web.auth import ADMINISTER, add_route
from web.pages.rendering import render
from web.services import services

PAGE = 100


def setup(app: web.Application) -> None:
    """Add the administrators' page."""
    add_route(app, "GET", "/admin/listening", listening, ADMINISTER)


async def listening(request: web.Request) -> web.Response:
    """Show who listened to, whispered into or joined whose call."""
    page = await services(request).oversight.spyings(PAGE, request.query.get("cursor"))
    entries = [entry(one) for one in page.items]
    return await render(request, "admin/listening.html", {"entries": entries, "next": page.next})

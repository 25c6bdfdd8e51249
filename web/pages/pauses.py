"""The reasons for a pause, for administrators."""

from aiohttp import web

from crm_core.agents.rules import LONGEST_REASON, MOST_REASONS
from web.auth import ADMINISTER, add_route
from web.pages.rendering import render
from web.services import services


def setup(app: web.Application) -> None:
    """Add the administrators' page."""
    add_route(app, "GET", "/admin/pauses", pauses, ADMINISTER)


async def pauses(request: web.Request) -> web.Response:
    """Show the list to be edited as a whole."""
    reasons = await services(request).agents.pause_reasons()
    longest = (LONGEST_REASON + 1) * MOST_REASONS
    return await render(request, "admin/pauses.html", {"reasons": reasons, "longest": longest})

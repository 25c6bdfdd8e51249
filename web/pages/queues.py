"""What queues ask of their agents, for administrators."""

from aiohttp import web

from crm_core.agents.rules import EVERY_QUEUE, LONGEST_SERVICE_LEVEL, LONGEST_WRAP_UP
from web.api.queue_settings import asked
from web.auth import ADMINISTER, add_route
from web.pages.rendering import render


def setup(app: web.Application) -> None:
    """Add the administrators' page."""
    add_route(app, "GET", "/admin/queues", queues, ADMINISTER)


async def queues(request: web.Request) -> web.Response:
    """Show every queue with what it asks."""
    every = await asked(request)
    values = {
        "queues": every,
        "every_queue": EVERY_QUEUE,
        "has_default": any(one.queue == EVERY_QUEUE for one in every),
        "longest": int(LONGEST_WRAP_UP),
        "longest_level": int(LONGEST_SERVICE_LEVEL),
    }
    return await render(request, "admin/queues.html", values)

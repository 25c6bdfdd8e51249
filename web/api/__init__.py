"""The REST API: one file per area, each a list of routes; together they are the router and the document."""

from aiohttp import web

from web import auth
from web.api import agents, board, calls, contacts, documents, live, me, users
from web.api.routes import PREFIX, Route

ROUTES: tuple[Route, ...] = (
    *me.routes,
    *calls.routes,
    *contacts.routes,
    *board.routes,
    *agents.routes,
    *live.routes,
    *users.routes,
)


def setup(app: web.Application) -> None:
    """Add every operation, and the document that describes them."""
    for route in ROUTES:
        auth.add_route(app, route.method, PREFIX + route.path, route.handler, route.access)
    documents.setup(app, ROUTES)

"""The table of the whole REST API: the router, the access checks and the document are made from it."""

from aiohttp import web

from web import auth
from web.api import (
    agents,
    audit,
    board,
    browser,
    calls,
    contacts,
    days,
    dispositions,
    documents,
    duplicates,
    imports,
    live,
    me,
    oversight,
    pauses,
    queue_settings,
    recordings,
    states,
    tasks,
    users,
    voicemails,
    wrap_ups,
)
from web.api.routes import PREFIX, Route

ROUTES: tuple[Route, ...] = (
    *me.routes,
    *calls.routes,
    *dispositions.routes,
    *recordings.routes,
    *voicemails.routes,
    *imports.routes,  # before the contacts: "export" and "similar" are no ids
    *duplicates.routes,
    *contacts.routes,
    *board.routes,
    *agents.routes,
    *live.routes,
    *oversight.routes,
    *states.routes,
    *days.routes,
    *tasks.routes,
    *pauses.routes,
    *queue_settings.routes,
    *wrap_ups.routes,
    *users.routes,
    *audit.routes,
)


def setup(app: web.Application) -> None:
    """Add every operation, and the document that describes them."""
    for route in ROUTES:
        auth.add_route(app, route.method, PREFIX + route.path, route.handler, route.access)
    document = documents.document(ROUTES)
    documents.setup(app, document)
    browser.setup(app, document)

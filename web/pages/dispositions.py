"""The tree of results, for administrators."""

from aiohttp import web

from crm_core.calls.dispositions import COLORS, DEEPEST, ICONS, LONGEST_NAME
from web.api.queue_settings import asked
from web.auth import ADMINISTER, add_route
from web.pages.rendering import render
from web.services import services


def setup(app: web.Application) -> None:
    """Add the administrators' page."""
    add_route(app, "GET", "/admin/dispositions", dispositions, ADMINISTER)


async def dispositions(request: web.Request) -> web.Response:
    """Show the whole tree, what is retired too."""
    tree = await services(request).results.tree()
    asks = [one for one in await asked(request) if one.queue != "*"]
    known = {one.queue for one in asks} | {queue for one in tree.branches for queue in one.queues}
    values = {
        "branches": tree.branches,
        "beside": {one.result.id: tree.children(one.result.parent_id) for one in tree.branches},
        "queues": sorted(known),
        "demanding": [one.queue for one in asks if one.result_required],
        "colors": COLORS,
        "icons": ICONS,
        "deepest": DEEPEST,
        "longest": LONGEST_NAME,
    }
    return await render(request, "admin/dispositions.html", values, rows=len(tree.branches))

"""Callbacks: who waits for a call of ours, those due longest first, and who has taken it."""

from enum import StrEnum
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from crm_core.errors import InvalidField
from crm_core.work.rules import TaskFilter, TaskKind, TaskState
from screenpop.messages import timestamp
from web.auth import READ, Principal, add_route, signed_in
from web.pages.rendering import readable, render
from web.services import services

_ROWS: Final = 50
_LONGEST: Final = 200
_REMINDED: Final = 20


class View(StrEnum):
    """Whose callbacks are shown."""

    TO_DO = "to_do"
    """The reader's own and those nobody has taken."""
    MINE = "mine"
    ALL = "all"


def setup(app: web.Application) -> None:
    """Add the list of callbacks, and their number for the navigation."""
    add_route(app, "GET", "/callbacks", list_callbacks, READ)
    add_route(app, "GET", "/callbacks/count", count_callbacks, READ)


async def list_callbacks(request: web.Request) -> web.Response:
    """Show open callbacks: an agent begins with those an agent can take, who watches over agents with all."""
    principal, parts = signed_in(request), services(request)
    asked, queue = request.query.get("view", ""), request.query.get("queue", "").strip()[:_LONGEST]
    view = View(asked) if asked in set(View) else _first(principal)
    wanted = _filter(view, principal, queue)
    try:
        page = await parts.work.list_tasks(wanted, limit=_ROWS, cursor=request.query.get("cursor") or None)
    except InvalidField:
        raise web.HTTPSeeOther("/callbacks") from None
    chosen = {"view": view.value, **({"queue": queue} if queue else {})}
    values = {
        "tasks": page.items,
        "view": view,
        "counts": {one: await parts.work.count(_filter(one, principal, queue)) for one in View},
        "queue": queue,
        "queues": sorted({*await parts.work.open_queues(), *([queue] if queue else [])}),
        "here": f"/callbacks?{urlencode(chosen)}",
        "following": f"/callbacks?{urlencode({**chosen, 'cursor': page.next})}" if page.next else None,
        "now": parts.clock(),
        "agents": [one for one in await parts.staff.list_users() if one.active],
        "assigns": principal.supervises,
    }
    return await render(request, "callbacks/list.html", values, rows=len(page.items))


async def count_callbacks(request: web.Request) -> web.Response:
    """Say how many callbacks the reader begins with are open, and how many of them are overdue."""
    principal, parts = signed_in(request), services(request)
    view = _first(principal)
    open_now = await parts.work.count(_filter(view, principal))
    overdue = await parts.work.count(_filter(view, principal, due_before=parts.clock())) if open_now else 0
    return web.json_response({"open": open_now, "overdue": overdue, "due": await _due(request) if overdue else []})


async def _due(request: web.Request) -> list[dict[str, object]]:
    """Return what the reader promised and is due now: the page reminds of each once."""
    parts = services(request)
    wanted = _filter(View.MINE, signed_in(request), due_before=parts.clock())
    found = (await parts.work.list_tasks(wanted, limit=_REMINDED)).items
    return [
        {
            "id": task.id,
            "due_at": timestamp(task.due_at),
            "name": task.contact_name or readable(task.number),
            "subject": task.subject,
        }
        for task in found
        if task.promised
    ]


def _first(principal: Principal) -> View:
    return View.ALL if principal.supervises else View.TO_DO


def _filter(view: View, principal: Principal, queue: str = "", due_before: float | None = None) -> TaskFilter:
    name = principal.user.name
    return TaskFilter(
        state=TaskState.OPEN,
        kind=TaskKind.CALLBACK,
        owner=name if view is View.MINE else None,
        queue=queue or None,
        due_before=due_before,
        open_to=name if view is View.TO_DO else None,
    )

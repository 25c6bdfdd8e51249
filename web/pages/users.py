"""Users, for administrators: who may sign in, with which phones; and phones that rang without belonging to anybody."""

from aiohttp import web

from crm_core.staff.rules import MIN_PASSWORD, Role
from web.auth import ADMINISTER, add_route
from web.pages.rendering import render
from web.services import services


def setup(app: web.Application) -> None:
    """Add the administrators' page."""
    add_route(app, "GET", "/admin", home, ADMINISTER)
    add_route(app, "GET", "/admin/users", users, ADMINISTER)


async def home(_request: web.Request) -> web.Response:
    """Go to the only page there is so far."""
    raise web.HTTPSeeOther("/admin/users")


async def users(request: web.Request) -> web.Response:
    """Show everybody and the phones nobody answers for."""
    staff = services(request).staff
    everybody = await staff.list_users()
    values = {
        "everybody": everybody,
        "strays": await staff.unassigned_phones(),
        "roles": list(Role),
        "shortest_password": MIN_PASSWORD,
    }
    return await render(request, "admin/users.html", values, rows=len(everybody))

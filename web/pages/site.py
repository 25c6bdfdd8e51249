"""What every page shares: static files, templates and catalogues read once at start, and the choice of language."""

import asyncio

from aiohttp import web

from web import health
from web.api.reading import read_form
from web.auth import PUBLIC, READ, add_route, safe_next, same_origin
from web.pages import assets, rendering
from web.pages.language import COOKIE
from web.services import services

_A_YEAR = 365 * 24 * 3600


def setup(app: web.Application) -> None:
    """Add the static files and the language switch, and read everything before the first request."""
    app.on_startup.append(_read)
    add_route(app, "GET", "/static/{stamp}/{path:.+}", assets.send, PUBLIC)
    add_route(app, "POST", "/language", choose_language, PUBLIC)
    add_route(app, "GET", "/status", status, READ)


async def _read(app: web.Application) -> None:
    renderer = await asyncio.to_thread(rendering.load)
    app[rendering.RENDERER] = renderer
    app[assets.ASSETS] = renderer.assets


async def status(request: web.Request) -> web.Response:
    """Say what is up and what is down, for the banner of a page: the same facts as `/readyz`, and always a 200."""
    return web.json_response({"checks": dict(await health.check(services(request)))})


async def choose_language(request: web.Request) -> web.Response:
    """Remember the reader's language in the browser; an unknown one changes nothing."""
    form = await read_form(request)
    code, back = form.get("language", ""), form.get("next", "/")
    answer = web.Response(status=303, headers={"Location": safe_next(back)})
    if same_origin(request) and code in request.app[rendering.RENDERER].languages:
        answer.set_cookie(COOKIE, code, max_age=_A_YEAR, samesite="Lax", httponly=True, path="/")
    return answer

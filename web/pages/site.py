"""What every page shares: static files, templates and catalogues read once at start, and the choice of language."""

import asyncio
from collections.abc import Mapping

from aiohttp import web
from msgspec import json

from screenpop.bus import NoAnswerError
from screenpop.messages import LINKS_SUBJECT, BoardLink, decode_links, snapshot_subject
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
    """Say what is up and what is down, for the banner of a page: the facts of `/readyz`, and always a 200.

    The links to the PBXs are those of the node that watches them, whichever that is.
    """
    checks, links = await asyncio.gather(health.check(services(request)), _links(request))
    return web.Response(body=json.encode({"checks": checks, "links": links}), content_type="application/json")


async def _links(request: web.Request) -> Mapping[str, BoardLink]:
    try:
        return decode_links(await services(request).bus.request(snapshot_subject(LINKS_SUBJECT))).links
    except NoAnswerError:
        return {}


async def choose_language(request: web.Request) -> web.Response:
    """Remember the reader's language in the browser; an unknown one changes nothing."""
    form = await read_form(request)
    code, back = form.get("language", ""), form.get("next", "/")
    answer = web.Response(status=303, headers={"Location": safe_next(back)})
    if same_origin(request) and code in request.app[rendering.RENDERER].languages:
        answer.set_cookie(COOKIE, code, max_age=_A_YEAR, samesite="Lax", httponly=True, path="/")
    return answer

"""The aiohttp application: every route, the border where errors become answers, the headers all answers carry."""

import logging
import secrets
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from aiohttp import hdrs, web
from sqlalchemy.exc import DBAPIError

from crm_core import errors
from web import auth, health, sockets
from web.api import problems, table
from web.api.problems import ERROR_PAGE, Problem
from web.pages import (
    board,
    callbacks,
    calls,
    contacts,
    days,
    desk,
    dispositions,
    duplicates,
    imports,
    login,
    oversight,
    pauses,
    queues,
    site,
    users,
    voicemail,
)
from web.pages import errors as error_pages
from web.services import SERVICES, Services

__all__ = ["SERVICES", "Services", "build_app"]

MAX_BODY: Final = 2 * 1024 * 1024
"""Bytes of a request's body; imports of files have their own way in."""
POLICY: Final = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_PAGES: Final = (
    site,
    login,
    desk,
    board,
    days,
    calls,
    callbacks,
    voicemail,
    imports,
    duplicates,
    contacts,
    users,
    queues,
    dispositions,
    oversight,
    pauses,
    error_pages,
)
"""Every module of `web.pages` that adds routes."""
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
}
logger = logging.getLogger(__name__)

_REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)


def build_app(services: Services) -> web.Application:
    """Build the application over the parts of the house."""
    app = web.Application(middlewares=[border, auth.guard], client_max_size=MAX_BODY)
    app[SERVICES] = services
    auth.prepare(app)
    table.setup(app)
    health.setup(app)
    sockets.setup(app)
    for page in _PAGES:
        page.setup(app)
    app.on_response_prepare.append(_add_headers)
    return app


@web.middleware
async def border(request: web.Request, handler: auth.Handler) -> web.StreamResponse:
    """Turn whatever goes wrong into an answer; the unforeseen is logged with the request's id and stays here."""
    request[_REQUEST_ID] = secrets.token_hex(8)
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        problem = _from_http(error)
    except (Problem, errors.CrmError, DBAPIError) as error:
        problem = _from_ours(request, error)
    except web.RequestPayloadError:
        problem = Problem("The request's body cannot be read.", status=HTTPStatus.BAD_REQUEST)
    except ConnectionResetError:
        raise
    except Exception:
        services = request.config_dict[SERVICES]
        services.metrics.requests_failed.inc()
        logger.exception("request %s failed: %s %s", request[_REQUEST_ID], request.method, request.path)
        problem = Problem(f"Something went wrong on our side; the log has it as request {request[_REQUEST_ID]}.")
    return await _answer(request, problem)


def _from_http(error: web.HTTPException) -> Problem:
    """Keep the status and the headers that mean something, say the rest in our words."""
    headers: dict[str, str] = {
        name: error.headers[name] for name in (hdrs.ALLOW, hdrs.RETRY_AFTER) if name in error.headers
    }
    detail = {
        HTTPStatus.NOT_FOUND: "There is nothing at this address.",
        HTTPStatus.METHOD_NOT_ALLOWED: f"This address answers {headers.get(hdrs.ALLOW, 'other methods')}.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: f"The request is larger than {MAX_BODY} bytes.",
    }.get(HTTPStatus(error.status), error.reason)
    return Problem(detail, headers=headers, status=HTTPStatus(error.status))


def _from_ours(request: web.Request, error: Problem | errors.CrmError | DBAPIError) -> Problem:
    """Translate what the stores raise on purpose, and a database that is away."""
    match error:
        case Problem():
            return error
        case errors.NotFound():
            return problems.NotFound(f"{error}.".capitalize())
        case errors.Conflict():
            return problems.Conflict(str(error))
        case errors.InvalidField():
            return problems.Invalid.field(error.field, error.message)
        case errors.DatabaseUnavailable() | DBAPIError():
            request.config_dict[SERVICES].metrics.database_errors.inc()
            reason = error if isinstance(error, errors.CrmError) else type(error.orig).__name__
            logger.error("request %s: database: %s", request[_REQUEST_ID], reason)
            return problems.Unavailable("The database cannot be reached. Try again in a moment.")
        case _:
            return Problem(str(error), status=HTTPStatus.BAD_REQUEST)


async def _answer(request: web.Request, problem: Problem) -> web.StreamResponse:
    """Answer people with a page, or the way to the sign-in; programs with a problem document."""
    if request.path.startswith("/api/"):
        return problems.answer(problem)
    if isinstance(problem, problems.Unauthorized) and request.method == hdrs.METH_GET:
        return web.Response(status=303, headers={hdrs.LOCATION: f"/login?next={quote(request.path_qs, safe='')}"})
    if "text/html" not in request.headers.get(hdrs.ACCEPT, ""):
        return problems.answer(problem)
    page = request.config_dict.get(ERROR_PAGE)
    return await page(request, problem) if page else problems.answer(problem)


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    if isinstance(response, web.WebSocketResponse):
        return  # an upgrade shows no page; its headers would weigh a kilobyte as long as the socket is open
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers[hdrs.SERVER] = "Callcard"
    if not isinstance(request.match_info.route.resource, web.StaticResource):
        response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    request_id = request.get(_REQUEST_ID)
    if request_id:
        response.headers["X-Request-Id"] = request_id

"""Signing in and out: a plain form that works without script."""

from http import HTTPStatus

from aiohttp import web

from crm_core.errors import LockedOut
from web.api.reading import read_form
from web.auth import (
    PUBLIC,
    WRITE,
    SignInLocked,
    SignInRefused,
    add_route,
    authenticate,
    safe_next,
    session_token,
    sign_in,
    sign_out,
)
from web.pages.rendering import render, translate
from web.sockets import SOCKETS


def setup(app: web.Application) -> None:
    """Add the sign-in page and what its forms send."""
    add_route(app, "GET", "/login", form, PUBLIC)
    add_route(app, "POST", "/login", submit, PUBLIC)
    add_route(app, "POST", "/logout", leave, WRITE)


async def form(request: web.Request) -> web.Response:
    """Show the form; who is signed in already goes on to where they wanted to go."""
    target = safe_next(request.query.get("next", "/"))
    if await authenticate(request) is not None:
        raise web.HTTPSeeOther(target)
    return await render(request, "login.html", {"error": None, "name": "", "next": target})


async def submit(request: web.Request) -> web.Response:
    """Sign in, or show the form again with what was wrong; one answer for a wrong name and a wrong password."""
    fields = await read_form(request)
    name, password, target = (fields.get(key, "") for key in ("name", "password", "next"))
    try:
        return await sign_in(request, name.strip(), password, target or "/")
    except SignInRefused:
        status, error = HTTPStatus.UNAUTHORIZED, translate(request, "The name or the password is wrong.")
    except (SignInLocked, LockedOut):
        status = HTTPStatus.TOO_MANY_REQUESTS
        error = translate(request, "Too many failed attempts. Wait 30 minutes, or ask your administrator.")
    values = {"error": error, "name": name.strip()[:64], "next": safe_next(target or "/")}
    return await render(request, "login.html", values, status=status)


async def leave(request: web.Request) -> web.Response:
    """Sign out, in every tab: the sockets of this session close."""
    session = session_token(request)
    answer = await sign_out(request)
    if session is not None:
        await request.app[SOCKETS].recheck(session)
    return answer

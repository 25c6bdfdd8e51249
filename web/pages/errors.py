"""Errors for people: what happened, in a sentence, and the way on."""

from http import HTTPStatus

from aiohttp import web

from web.api.problems import ERROR_PAGE, Problem
from web.pages.rendering import RENDERER, render, translate


def setup(app: web.Application) -> None:
    """Answer people with pages instead of problem documents."""
    app[ERROR_PAGE] = page


async def page(request: web.Request, problem: Problem) -> web.Response:
    """Show one error. Our own words for the usual ones, the problem's detail for the others."""
    if RENDERER not in request.app:
        return web.Response(text=f"{problem.status.value} {problem.detail}", status=problem.status.value)
    title, text = {
        HTTPStatus.NOT_FOUND: (
            translate(request, "This page does not exist"),
            translate(request, "The address may be mistyped, or what was here has been deleted."),
        ),
        HTTPStatus.FORBIDDEN: (
            translate(request, "This page is not open to you"),
            translate(request, "Your role does not include it. Your administrator can change that."),
        ),
        HTTPStatus.INTERNAL_SERVER_ERROR: (
            translate(request, "Something went wrong"),
            problem.detail or translate(request, "Nothing you typed elsewhere is lost. Try again in a moment."),
        ),
        HTTPStatus.SERVICE_UNAVAILABLE: (
            translate(request, "Not available at the moment"),
            problem.detail or translate(request, "Try again in a moment."),
        ),
    }.get(problem.status, (problem.status.phrase, problem.detail))
    values = {"status": problem.status.value, "title": title, "text": text}
    response = await render(request, "error.html", values, status=problem.status.value)
    response.headers.update(problem.headers)
    return response

"""One shape for everything that goes wrong: RFC 9457 problem documents, in our own few cases."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import msgspec
from aiohttp import web
from typing_extensions import override

CONTENT_TYPE = "application/problem+json"
ERROR_PAGE: web.AppKey[Callable[[web.Request, "Problem"], Awaitable[web.StreamResponse]]] = web.AppKey("error_page")
"""Set by the pages: renders an error for people. Without it they get the problem document too."""


class FieldError(msgspec.Struct, frozen=True):
    """One refused value: `field` as it is written in the request."""

    field: str
    message: str


class ProblemDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error as RFC 9457 writes it; `errors` names the refused fields."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[FieldError, ...] = ()
    checks: Mapping[str, str] = {}


class Problem(Exception):
    """A request that cannot be answered as asked. `detail` is for the caller: no internals in it."""

    status: HTTPStatus = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(
        self,
        detail: str = "",
        *,
        errors: tuple[FieldError, ...] = (),
        headers: Mapping[str, str] | None = None,
        status: HTTPStatus | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.status = status or type(self).status

    @override
    def __str__(self) -> str:
        return f"{self.status.value} {self.status.phrase}: {self.detail}"


class Unauthorized(Problem):
    """Nobody is signed in, or the token is unknown."""

    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, detail: str = "Sign in, or send a valid token.") -> None:
        super().__init__(detail, headers={"WWW-Authenticate": 'Bearer realm="callcard"'})


class Forbidden(Problem):
    """Signed in, but not allowed."""

    status = HTTPStatus.FORBIDDEN


class NotFound(Problem):
    """No such thing."""

    status = HTTPStatus.NOT_FOUND


class Conflict(Problem):
    """It clashes with what is there."""

    status = HTTPStatus.CONFLICT


class PreconditionFailed(Problem):
    """Somebody else changed it meanwhile."""

    status = HTTPStatus.PRECONDITION_FAILED


class TooManyRequests(Problem):
    """Wait before the next try."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class Unavailable(Problem):
    """The PBX, the database or another part is away."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class NotSupported(Problem):
    """Known, but this version cannot do it."""

    status = HTTPStatus.NOT_IMPLEMENTED


class Invalid(Problem):
    """The request was understood and is wrong; `Invalid.field` names one value."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    @classmethod
    def field(cls, name: str, message: str) -> "Invalid":
        """Refuse one value."""
        return cls(f"{name}: {message}" if name else message, errors=(FieldError(name, message),))


def answer(problem: Problem, checks: Mapping[str, str] | None = None) -> web.Response:
    """Write a problem as a response."""
    details = ProblemDetails(
        type="about:blank",
        title=problem.status.phrase,
        status=problem.status.value,
        detail=problem.detail,
        errors=problem.errors,
        checks=checks or {},
    )
    return web.Response(
        status=problem.status.value,
        body=msgspec.json.encode(details),
        content_type=CONTENT_TYPE,
        headers=problem.headers,
    )

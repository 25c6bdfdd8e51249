"""Who is asking, and may they: the one place that reads cookies and tokens and checks scopes, roles, CSRF and Origin.

A route declares the least scope and the roles it is open to (`add_route`); the middleware does the rest, in this order:
who (401), may they (403), and only then does the handler look at the path, the query and the body.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from crm_core.audit.store import ORIGIN
from crm_core.errors import LockedOut
from crm_core.staff.rules import Role, Scope, Session, TokenGrant, User
from web.api.problems import Forbidden, TooManyRequests, Unauthorized
from web.api.reading import read_form
from web.services import Services, services

COOKIE = "callcard_session"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf"
SAFE_METHODS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_PASSWORD_CHECKS = 4
"""Argon2 is meant to be expensive: so many at a time, the others wait."""
_PASSWORD_WAITERS = 200

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


EVERYONE = frozenset(Role)
SUPERVISORS = frozenset({Role.SUPERVISOR, Role.SALES_HEAD, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Credential:
    """What somebody brings to say who they are: the token of a session's cookie, or of the API."""

    via: Literal["cookie", "token"]
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking, and by what right."""

    user: User
    scope: Scope
    via: Literal["cookie", "token"]
    csrf: str | None = None
    """The session's CSRF token; forms and scripts send it back with every write."""

    @property
    def supervises(self) -> bool:
        """Whether this user may see the board and act on other agents."""
        return self.user.role in SUPERVISORS


@dataclass(frozen=True, slots=True)
class Access:
    """The least scope and the roles a route is open to; no scope: open to everybody."""

    scope: Scope | None
    roles: frozenset[Role] = EVERYONE

    def admits(self, principal: Principal) -> bool:
        """Tell whether the principal may."""
        return self.scope is None or (principal.scope.allows(self.scope) and principal.user.role in self.roles)


PUBLIC = Access(None)
READ = Access(Scope.READ)
WRITE = Access(Scope.WRITE)
SUPERVISE = Access(Scope.READ, SUPERVISORS)
SUPERVISE_WRITE = Access(Scope.WRITE, SUPERVISORS)
IMPORT = Access(Scope.WRITE, frozenset({Role.SALES_HEAD, Role.ADMIN}))
ADMINISTER = Access(Scope.ADMIN, ADMINS)

PRINCIPAL: web.RequestKey[Principal] = web.RequestKey("principal", Principal)
_ACCESS: web.AppKey[dict[web.AbstractRoute, Access]] = web.AppKey("access", dict[web.AbstractRoute, Access])
_PASSWORD_GATE: web.AppKey[asyncio.Semaphore] = web.AppKey("password_gate", asyncio.Semaphore)


class SignInRefused(Unauthorized):
    """Wrong name or password: one answer for both."""


class SignInLocked(TooManyRequests):
    """Too many failures: nobody signs in under this name for a while."""


def prepare(app: web.Application) -> None:
    """Give the application its table of access; before any route is added."""
    app[_ACCESS] = {}
    app[_PASSWORD_GATE] = asyncio.Semaphore(_PASSWORD_CHECKS)


def add_route(app: web.Application, method: str, path: str, handler: Handler, access: Access) -> None:
    """Add a route that is open to `access` only. GET answers HEAD too."""
    route = app.router.add_route(method, path, handler)
    app[_ACCESS][route] = access
    if method == hdrs.METH_GET:
        app[_ACCESS][app.router.add_route(hdrs.METH_HEAD, path, handler)] = access


def access_of(app: web.Application, route: web.AbstractRoute) -> Access:
    """Return what a route declared. One that declared nothing: files are public, the rest asks for a sign-in."""
    declared = app[_ACCESS].get(route)
    if declared is not None:
        return declared
    if isinstance(route.resource, web.StaticResource):
        return PUBLIC
    return READ if route.method in SAFE_METHODS else WRITE


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request through to its handler when its route admits the one who asks."""
    ORIGIN.set(request.remote)
    if request.match_info.http_exception is None:
        access = access_of(request.app, request.match_info.route)
        if access.scope is not None:
            request[PRINCIPAL] = await authorize(request, access)
    return await handler(request)


async def authorize(request: web.Request, access: Access) -> Principal:
    """Return who is asking. Raises `Unauthorized`, or `Forbidden` for scope, role, Origin or CSRF token."""
    principal = await authenticate(request)
    if principal is None:
        raise Unauthorized
    if not access.admits(principal):
        raise Forbidden("Your role or the token's scope does not allow this.")
    if principal.via == "cookie" and request.method not in SAFE_METHODS:
        await _check_forgery(request, principal)
    return principal


def credential(request: web.Request) -> Credential | None:
    """Return what a request says who is asking with; a token in the header wins over the cookie, also a wrong one."""
    header = request.headers.get(hdrs.AUTHORIZATION)
    if header is None:
        cookie = session_token(request)
        return Credential("cookie", cookie) if cookie else None
    kind, _, token = header.partition(" ")
    bearer = token.strip() if kind.lower() == "bearer" else ""
    return Credential("token", bearer) if bearer else None


async def authenticate(request: web.Request) -> Principal | None:
    """Return who is asking, or None. Asking prolongs the session."""
    given = credential(request)
    if given is None:
        return None
    if given.via == "token":
        return await by_token(request, given.token)
    session = await services(request).staff.session(given.token)
    return _of_session(session) if session else None


async def by_token(request: web.Request, token: str) -> Principal | None:
    """Return whose token this is, or None."""
    grant = await services(request).staff.token(token) if token else None
    return _of_grant(grant) if grant else None


async def principals(parts: Services, given: Collection[Credential]) -> dict[Credential, Principal]:
    """Return who stands behind each credential, in a few questions for all; who may not be here is absent.

    It prolongs no session: an open page alone keeps nobody signed in. Raises CrmError.
    """
    tokens = {via: {one.token for one in given if one.via == via} for via in ("cookie", "token")}
    sessions = await parts.staff.sessions(tokens["cookie"]) if tokens["cookie"] else {}
    grants = await parts.staff.grants(tokens["token"]) if tokens["token"] else {}
    return {
        **{Credential("cookie", token): _of_session(session) for token, session in sessions.items()},
        **{Credential("token", token): _of_grant(grant) for token, grant in grants.items()},
    }


def _of_session(session: Session) -> Principal:
    return Principal(session.user, Scope.ADMIN, "cookie", session.csrf)


def _of_grant(grant: TokenGrant) -> Principal:
    return Principal(grant.user, grant.scope, "token")


def signed_in(request: web.Request) -> Principal:
    """Return who is asking, as `guard` found out; for handlers of routes that are not public."""
    return request[PRINCIPAL]


def session_token(request: web.Request) -> str | None:
    """Return the token of the cookie, or None where there is none or somebody else signed it."""
    return _unsigned(request.cookies.get(COOKIE, ""), services(request).signing_key)


async def sign_in(request: web.Request, name: str, password: str, next_path: str = "/") -> web.Response:
    """Check the password and answer with a new session and the way to `next_path`.

    Raises `Forbidden` for a foreign Origin, `SignInRefused`, `SignInLocked`.
    """
    if not same_origin(request):
        raise Forbidden("This sign-in came from another site.")
    user = await _verify(request, name, password)
    session = await services(request).staff.create_session(
        user.id, ip=request.remote or "", user_agent=request.headers.get(hdrs.USER_AGENT, "")[:200]
    )
    answer = web.Response(status=303, headers={hdrs.LOCATION: safe_next(next_path)})
    answer.set_cookie(
        COOKIE,
        _signed(session.token, services(request).signing_key),
        httponly=True,
        samesite="Lax",
        secure=_over_https(request),
        path="/",
    )
    return answer


async def sign_out(request: web.Request, next_path: str = "/login") -> web.Response:
    """End the session in the database and in the browser."""
    token = session_token(request)
    if token is not None:
        await services(request).staff.end_session(token)
    answer = web.Response(status=303, headers={hdrs.LOCATION: safe_next(next_path)})
    answer.del_cookie(COOKIE, path="/", httponly=True, samesite="Lax", secure=_over_https(request))
    return answer


def same_origin(request: web.Request) -> bool:
    """Tell whether the request comes from a page of ours; only browsers send an Origin, others are not judged by it."""
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return False
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None:
        return True
    parts = urlsplit(origin)
    default = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    ours = request.host.lower()
    return bool(default) and ours.removesuffix(default) == parts.netloc.lower().removesuffix(default)


def safe_next(path: str) -> str:
    """Return `path` where it leads to a page of ours, else the start page."""
    local = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if local else "/"


async def _verify(request: web.Request, name: str, password: str) -> User:
    gate = request.app[_PASSWORD_GATE]
    if len(getattr(gate, "_waiters", None) or ()) > _PASSWORD_WAITERS:
        raise SignInLocked("Too many sign-ins at once. Try again in a moment.", headers={hdrs.RETRY_AFTER: "5"})
    try:
        async with gate:
            user = await services(request).staff.verify(name, password, request.remote or "")
    except LockedOut as error:
        wait = max(1, round(error.until - services(request).clock()))
        raise SignInLocked(
            f"Too many failed sign-ins. Try again in {-(-wait // 60)} minutes.", headers={hdrs.RETRY_AFTER: str(wait)}
        ) from error
    if user is None:
        raise SignInRefused("The name or the password is wrong.")
    return user


async def _check_forgery(request: web.Request, principal: Principal) -> None:
    if not same_origin(request):
        raise Forbidden("This request came from another site.")
    sent = request.headers.get(CSRF_HEADER)
    if sent is None and request.content_type in _FORMS:
        sent = (await read_form(request)).get(CSRF_FIELD)
    if sent is None or not hmac.compare_digest(sent.encode(), (principal.csrf or "").encode()):
        raise Forbidden(f"The CSRF token is missing or old: send it as {CSRF_HEADER}, or reload the page.")


def _over_https(request: web.Request) -> bool:
    """Tell whether the browser speaks https: to us, or, as its own Origin says, to a proxy before us."""
    return request.secure or request.headers.get(hdrs.ORIGIN, "").startswith("https://")


def _signed(token: str, key: bytes) -> str:
    return f"{token}.{hmac.new(key, token.encode(), hashlib.sha256).hexdigest()}"


def _unsigned(value: str, key: bytes) -> str | None:
    token, _, signature = value.rpartition(".")
    expected = hmac.new(key, token.encode(errors="replace"), hashlib.sha256).hexdigest()
    return token if token and hmac.compare_digest(signature.encode(errors="replace"), expected.encode()) else None

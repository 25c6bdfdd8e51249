"""Agents: who is there, in which state; pausing and queues. Each acts on themselves, supervisors on everybody."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from crm_core.staff.rules import Role, User
from screenpop.messages import AgentState
from telephony.tracker import Tracker
from web.api.board import picture
from web.api.cards import end_wrap_up
from web.api.problems import Conflict, Forbidden, NotFound
from web.api.reading import PageQuery, page_of, path_text, read_body, read_query
from web.api.routes import Route, command
from web.api.switchboard import asking, phone_of
from web.api.writing import answer, nothing
from web.auth import READ, signed_in
from web.services import services

_Name = Annotated[str, Meta(min_length=1, max_length=80)]


class Agent(Struct, frozen=True):
    """An agent now; `id` is the user's name."""

    id: str
    display_name: str
    role: Role
    state: AgentState
    since: str | None
    extensions: tuple[str, ...]
    call_id: str | None
    paused_reason: str | None
    queues: tuple[str, ...]
    online: bool
    reachable: bool
    """Whether the PBX sees one of the agent's phones."""


class AgentList(Struct, frozen=True):
    """One page of agents."""

    items: tuple[Agent, ...]
    next: str | None


class Pause(Struct, frozen=True, forbid_unknown_fields=True):
    """Why, and in which queue; in all of them when none is named."""

    reason: Annotated[str, Meta(max_length=80)] = ""
    queue: _Name | None = None


class InQueue(Struct, frozen=True, forbid_unknown_fields=True):
    """In which queue; in all of them when none is named."""

    queue: _Name | None = None


async def list_agents(request: web.Request) -> web.StreamResponse:
    """List everybody who can sign in, with their state."""
    query = read_query(request, PageQuery)
    _, state = await picture(request)
    users = [user for user in await services(request).staff.list_users() if user.active]
    agents = []
    for user in users:
        now = state.agents.get(user.name)
        agents.append(
            Agent(
                user.name,
                user.display_name,
                user.role,
                now.state if now else AgentState.OFFLINE,
                now.since if now else None,
                user.extensions,
                now.call_id if now else None,
                now.paused_reason if now else None,
                now.queues if now else (),
                now.online if now else False,
                now.reachable if now else True,
            )
        )
    items, following = page_of(agents, query)
    return answer(AgentList(tuple(items), following))


async def pause(request: web.Request) -> web.StreamResponse:
    """Pause in one queue or in all."""
    user = await find_agent(request)
    body = await read_body(request, Pause)
    return await _each_phone(
        request, user, lambda pbx, ext: pbx.queue_pause(ext, paused=True, reason=body.reason, queue=body.queue)
    )


async def unpause(request: web.Request) -> web.StreamResponse:
    """Be available again; the work after a call ends as well."""
    user = await find_agent(request)
    body = await read_body(request, Pause)
    await end_wrap_up(request, user.name)
    return await _each_phone(request, user, lambda pbx, ext: pbx.queue_pause(ext, paused=False, queue=body.queue))


async def login(request: web.Request) -> web.StreamResponse:
    """Log into a queue."""
    user = await find_agent(request)
    body = await read_body(request, InQueue)
    return await _each_phone(request, user, lambda pbx, ext: pbx.queue_add(ext, body.queue))


async def logout(request: web.Request) -> web.StreamResponse:
    """Log out of a queue."""
    user = await find_agent(request)
    body = await read_body(request, InQueue)
    return await _each_phone(request, user, lambda pbx, ext: pbx.queue_remove(ext, body.queue))


async def find_agent(request: web.Request) -> User:
    """Return the agent the path names. Raises `Forbidden` before it looks who exists."""
    name = path_text(request, "id")
    principal = signed_in(request)
    if name.casefold() != principal.user.name.casefold() and not principal.supervises:
        raise Forbidden("Only supervisors see and act on other agents.")
    user = await services(request).staff.get_user(name)
    if user is None:
        raise NotFound("There is no such agent.")
    return user


async def _each_phone(
    request: web.Request, user: User, act: Callable[[Tracker, str], Awaitable[None]]
) -> web.StreamResponse:
    if not user.extensions:
        raise Conflict(f"{user.display_name} has no phone: choose a seat first.")
    for extension in user.extensions:
        pbx, phone = phone_of(request, extension)
        await asking(act(pbx, phone))
    return nothing()


routes = [
    Route(
        method="GET",
        path="/agents",
        handler=list_agents,
        access=READ,
        tag="live",
        summary="Agents and what they are doing",
        query=PageQuery,
        returns=AgentList,
        problems=(503,),
    ),
    command("/agents/{id}/pause", pause, Pause),
    command("/agents/{id}/unpause", unpause, Pause),
    command("/agents/{id}/login", login, InQueue),
    command("/agents/{id}/logout", logout, InQueue),
]

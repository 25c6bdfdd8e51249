"""What agents did all day: their states as intervals, and the time in each. Everybody their own, supervisors all."""

from datetime import datetime
from typing import Annotated, Final

from aiohttp import web
from msgspec import Meta, Struct

from crm_core.agents.states import StateInterval
from screenpop.messages import AgentState, optional_timestamp, timestamp
from web.api import models
from web.api.agents import find_agent
from web.api.problems import Invalid
from web.api.reading import Cursor, Limit, read_query
from web.api.routes import Route
from web.api.writing import answer
from web.auth import READ
from web.services import services

DAY: Final = 24 * 3600.0
LATEST: Final = 253_402_214_400.0
"""The last day of the year 9999: times beyond it, in whatever zone, cannot be written."""
_Moment = Annotated[datetime, Meta(tz=True)]


class StatesQuery(Struct, frozen=True, rename={"since": "from", "until": "to"}):
    """Which time: all that touches `from` <= time < `to`; the 24 hours before `to`, and `to` is now, if not said."""

    since: _Moment | None = None
    until: _Moment | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class TotalsQuery(Struct, frozen=True, rename={"since": "from", "until": "to"}):
    """Which time: `from` <= time < `to`; the 24 hours before `to`, and `to` is now, if not said."""

    since: _Moment | None = None
    until: _Moment | None = None


class AgentInterval(Struct, frozen=True):
    """One state. It lasts while `ended_at` is null; `state` is null where `observed` says that nobody watched."""

    state: AgentState | None
    reason: str | None
    call_id: str | None
    started_at: models.Time
    ended_at: models.Time | None
    observed: bool


class AgentIntervals(Struct, frozen=True):
    """One page of intervals."""

    items: tuple[AgentInterval, ...]
    next: str | None


class AgentTotals(Struct, frozen=True, rename={"since": "from", "until": "to"}):
    """Seconds in each state that occurred, and seconds in which nobody watched."""

    since: models.Time
    until: models.Time
    seconds: dict[AgentState, models.Seconds]
    unobserved_seconds: models.Seconds


async def list_states(request: web.Request) -> web.StreamResponse:
    """List an agent's states, newest first."""
    user = await find_agent(request)
    query = read_query(request, StatesQuery)
    since, until = span(request, query)
    page = await services(request).states.list_states(user.name, since, until, limit=query.limit, cursor=query.cursor)
    return answer(AgentIntervals(tuple(interval(one) for one in page.items), page.next))


async def state_totals(request: web.Request) -> web.StreamResponse:
    """Add up an agent's time in each state."""
    user = await find_agent(request)
    since, until = span(request, read_query(request, TotalsQuery))
    found = await services(request).states.totals(user.name, since, until)
    seconds = {AgentState(state): round(spent, 3) for state, spent in found.seconds.items()}
    return answer(AgentTotals(timestamp(since), timestamp(until), seconds, round(found.unobserved, 3)))


def span(request: web.Request, query: StatesQuery | TotalsQuery) -> tuple[float, float]:
    """Return the time that is asked about. Raises `Invalid` for one that ends before it begins."""
    until = _bounded(query.until.timestamp() if query.until else services(request).clock())
    since = _bounded(query.since.timestamp() if query.since else until - DAY)
    if since > until:
        raise Invalid.field("to" if query.until else "from", "the time ends before it begins")
    return since, until


def _bounded(at: float) -> float:
    return min(max(at, 0.0), LATEST)


def interval(one: StateInterval) -> AgentInterval:
    """Write an interval."""
    return AgentInterval(
        None if one.state is None else AgentState(one.state),
        one.reason,
        one.call_id,
        timestamp(one.started_at),
        optional_timestamp(one.ended_at),
        one.observed,
    )


routes = [
    Route(
        method="GET",
        path="/agents/{id}/states",
        handler=list_states,
        access=READ,
        tag="live",
        summary="What an agent did, one state after the other, newest first",
        query=StatesQuery,
        returns=AgentIntervals,
    ),
    Route(
        method="GET",
        path="/agents/{id}/state-totals",
        handler=state_totals,
        access=READ,
        tag="live",
        summary="An agent's time in each state",
        query=TotalsQuery,
        returns=AgentTotals,
    ),
]

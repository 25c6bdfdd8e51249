"""What an agent's day was made of: states with the time in each, calls, talk. Everybody their own, supervisors all."""

from aiohttp import web
from msgspec import Struct

from screenpop.messages import AgentState, timestamp
from web.api import models
from web.api.agents import find_agent
from web.api.reading import read_query
from web.api.routes import Route
from web.api.states import AgentInterval, TotalsQuery, interval, span
from web.api.writing import answer
from web.auth import READ
from web.services import services


class Day(Struct, frozen=True, rename={"since": "from", "until": "to"}):
    """A span of time: intervals cut to it, the oldest first, and what they add up to."""

    since: models.Time
    until: models.Time
    intervals: tuple[AgentInterval, ...]
    seconds: dict[AgentState, models.Seconds]
    unobserved_seconds: models.Seconds
    calls: int
    talk_seconds: models.Seconds


async def read_day(request: web.Request) -> web.StreamResponse:
    """Read what an agent's day was made of."""
    user = await find_agent(request)
    since, until = span(request, read_query(request, TotalsQuery))
    (day,) = await services(request).days.days([user.name], since, until)
    seconds = {AgentState(state): round(spent, 3) for state, spent in day.totals.seconds.items()}
    return answer(
        Day(
            timestamp(since),
            timestamp(until),
            tuple(interval(one) for one in day.intervals),
            seconds,
            round(day.totals.unobserved, 3),
            day.handled.calls,
            round(day.handled.talk_seconds, 3),
        )
    )


routes = [
    Route(
        method="GET",
        path="/agents/{id}/day",
        handler=read_day,
        access=READ,
        tag="live",
        summary="What an agent's day was made of: states, calls, talk",
        query=TotalsQuery,
        returns=Day,
    ),
]

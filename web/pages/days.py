"""Agents' days, for supervisors: who did what when, on one line each."""

from datetime import date, datetime, timedelta, tzinfo

from aiohttp import web

from crm_core.agents.days import AgentDay
from crm_core.staff.rules import User
from screenpop.messages import AgentState
from web.auth import SUPERVISE, add_route
from web.pages.rendering import render, zone
from web.pages.zones import day_start
from web.services import services

AT_A_TIME = 40
"""Agents on one page."""
WIDTH = 1440
"""Of a line, in its own units: a minute each on a day of 24 hours."""


def setup(app: web.Application) -> None:
    """Add the supervisors' page."""
    add_route(app, "GET", "/days", days, SUPERVISE)


async def days(request: web.Request) -> web.Response:
    """Show what agents did on a day: the reader's today unless another one is named."""
    parts, reader_zone = services(request), zone(request)
    now = parts.clock()
    chosen = _chosen(request.query.get("date", ""), datetime.fromtimestamp(now, reader_zone).date())
    since, until = _span(chosen, reader_zone)
    agents = [user for user in await parts.staff.list_users() if user.extensions or user.home_extensions]
    page = min(_number(request.query.get("page", "")), max(0, (len(agents) - 1) // AT_A_TIME))
    shown = agents[page * AT_A_TIME : (page + 1) * AT_A_TIME]
    found = await parts.days.days([user.name for user in shown], since, until)
    names = {user.name: user for user in shown}
    values = {
        "chosen": chosen,
        "before": chosen - timedelta(days=1),
        "after": chosen + timedelta(days=1) if chosen < datetime.fromtimestamp(now, reader_zone).date() else None,
        "rows": [_row(names[day.user], day, since, until) for day in found],
        "hours": [(hour, round(WIDTH * hour / 24)) for hour in range(0, 24, 3)],
        "states": [state for state in AgentState if state is not AgentState.OFFLINE],
        "width": WIDTH,
        "now": round(WIDTH * (now - since) / (until - since)) if since <= now < until else None,
        "page": page,
        "pages": -(-len(agents) // AT_A_TIME),
    }
    return await render(request, "days/days.html", values, rows=sum(len(day.intervals) for day in found))


def _row(user: User, day: AgentDay, since: float, until: float) -> dict[str, object]:
    scale = WIDTH / (until - since)
    bars = [
        {
            "x": round((one.started_at - since) * scale, 2),
            "width": max(round(((one.ended_at or one.started_at) - one.started_at) * scale, 2), 0.5),
            "one": one,
        }
        for one in day.intervals
        if one.state != AgentState.OFFLINE
    ]
    return {"user": user, "day": day, "bars": bars}


def _chosen(text: str, today: date) -> date:
    try:
        chosen = date.fromisoformat(text)
    except ValueError:
        return today
    return chosen if date(2000, 1, 1) <= chosen <= today else today


def _span(chosen: date, reader_zone: tzinfo) -> tuple[float, float]:
    since = day_start(chosen.isoformat(), reader_zone)
    until = day_start(chosen.isoformat(), reader_zone, days=1)
    return since or 0.0, until or 86_400.0


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0  # noqa: PLR2004 - no page is so far

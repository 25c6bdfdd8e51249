"""Reads the days of many agents at once, and forgets those nobody asks for any more."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Row as Found
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.agents.days import AgentDay, Handled, added, day_of
from crm_core.agents.states import StateInterval
from crm_core.agents.states_store import HEARTBEAT
from crm_core.agents.states_tables import AgentStateRow, HeartbeatRow
from crm_core.calls.tables import CallTable, ParticipantRow
from crm_core.db import Database
from crm_core.staff.tables import UserRow
from telephony.records import Direction, LegResult

MOST: Final = 20_000
"""Intervals read at a time: some forty agents' busiest day."""
_ROW = AgentStateRow
_COLUMNS = (
    _ROW.user_name, _ROW.state, _ROW.started_at, _ROW.ended_at, _ROW.reason, _ROW.call_id, _ROW.observed,
)  # fmt: skip


class AgentDays:
    """Queries about agents' days; a day is any span of time, `since` <= time < `until` (epoch seconds)."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def days(self, users: Sequence[str], since: float, until: float) -> tuple[AgentDay, ...]:
        """Return what each of these users did, in their order; of what lasts, as far as it was watched."""
        async with self._db.read() as connection:
            intervals = await _intervals(connection, users, since, until)
            beat = select(HeartbeatRow.at).where(HeartbeatRow.name == HEARTBEAT)
            watched = (await connection.execute(beat)).scalar_one_or_none()
            handled = await _handled(connection, since, until)
        return tuple(
            day_of(user, intervals.get(user, ()), since, until, watched, handled.get(user, Handled())) for user in users
        )

    async def forget(self, before: float) -> int:
        """Delete the intervals that ended before an instant; gives how many."""
        async with self._db.write() as connection:
            gone = await connection.execute(delete(_ROW).where(_ROW.ended_at < before))
        return gone.rowcount


async def _intervals(
    connection: AsyncConnection, users: Sequence[str], since: float, until: float
) -> dict[str, list[StateInterval]]:
    # They follow each other, so the first one in the span is the last begun before it: one look in the index each.
    first = (
        select(func.max(_ROW.started_at))
        .where(_ROW.user_name == UserRow.name, _ROW.started_at <= since)
        .correlate(UserRow)
        .scalar_subquery()
    )
    query = (
        select(*_COLUMNS)
        .join(UserRow, UserRow.name == _ROW.user_name)
        .where(UserRow.name.in_(users), _ROW.started_at >= func.coalesce(first, since), _ROW.started_at < until)
        .order_by(_ROW.user_name, _ROW.started_at)
        .limit(MOST)
    )
    found: dict[str, list[StateInterval]] = {}
    for row in (await connection.execute(query)).all():
        found.setdefault(row.user_name, []).append(StateInterval(*row))
    return found


async def _handled(connection: AsyncConnection, since: float, until: float) -> dict[str, Handled]:
    """Add up the calls each user's phones took, and those that user dialled and that were answered."""
    part, call = ParticipantRow, CallTable
    inside = (part.started_at >= since) & (part.started_at < until)
    taken = (
        select(part.user_name, func.count().label("calls"), func.sum(part.talk_seconds).label("talk"))
        .where(inside, part.user_name.is_not(None), part.result == LegResult.ANSWERED.value)
        .group_by(part.user_name)
    )
    dialled = (
        select(call.agent, func.count().label("calls"), func.sum(call.talk_seconds).label("talk"))
        .where(call.started_at >= since, call.started_at < until, call.agent.is_not(None))
        .where(call.direction == Direction.OUTBOUND.value, call.answered_at.is_not(None))
        .where(~select(part.call_id).where(part.call_id == call.id, part.user_name == call.agent).exists())
        .group_by(call.agent)
    )
    return added(_told((await connection.execute(taken)).all()), _told((await connection.execute(dialled)).all()))


def _told(rows: Sequence[Found[str | None, int, float]]) -> Mapping[str, Handled]:
    return {user: Handled(calls, float(talk or 0.0)) for user, calls, talk in rows if user is not None}

"""What agents did all day: written in batches, read per agent."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnElement, case, func, select, tuple_
from sqlalchemy.sql.elements import SQLColumnExpression

from crm_core.agents.states import StateInterval, StateTotals
from crm_core.agents.states_tables import AgentStateRow, HeartbeatRow
from crm_core.db import Database, Statement
from crm_core.pages import Page, Position, decode_position, encode_cursor

HEARTBEAT: Final = "agent states"
_ROW = AgentStateRow
_COLUMNS = (
    _ROW.user_name,
    _ROW.state,
    _ROW.started_at,
    _ROW.ended_at,
    _ROW.reason,
    _ROW.call_id,
    _ROW.observed,
)


def _statement(words: str) -> Statement:
    return Statement(words, words.replace("?", "$"))


SAVE: Final = _statement(
    "INSERT INTO agent_state (user_name, state, started_at, ended_at, reason, call_id, observed)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (user_name, started_at) DO UPDATE"
    " SET state = excluded.state, ended_at = excluded.ended_at, reason = excluded.reason, call_id = excluded.call_id,"
    " observed = excluded.observed WHERE agent_state.ended_at IS NULL"
)
BEAT: Final = _statement(
    "INSERT INTO heartbeat (name, at) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET at = excluded.at"
)


class AgentStates:
    """Queries and commands about the intervals of agents' days."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def save(self, intervals: Sequence[StateInterval], heartbeat: float | None) -> None:
        """Write intervals as they are now, and until when agents were watched; again changes nothing. Raises CrmError.

        What has an end is final: a node that was cut off and comes late does not change it.
        """
        beats = [] if heartbeat is None else [(HEARTBEAT, heartbeat)]
        await self._db.write_batch([(SAVE, [_values(one) for one in intervals]), (BEAT, beats)])

    async def lasting(self) -> tuple[tuple[StateInterval, ...], float | None]:
        """Return the intervals without an end, and the last heartbeat, None when there never was one."""
        async with self._db.read() as connection:
            rows = (await connection.execute(select(*_COLUMNS).where(_ROW.ended_at.is_(None)))).all()
            beat = await connection.execute(select(HeartbeatRow.at).where(HeartbeatRow.name == HEARTBEAT))
            return tuple(StateInterval(*row) for row in rows), beat.scalar_one_or_none()

    async def list_states(
        self, user: str, since: float, until: float, *, limit: int, cursor: str | None = None
    ) -> Page[StateInterval]:
        """Return an agent's intervals that touch the time from `since` to `until`, newest first.

        Raises InvalidField for a cursor that is none.
        """
        query = select(*_COLUMNS).where(_touches(user, since, until))
        if cursor is not None:
            last = decode_position(cursor, float, str)
            query = query.where(tuple_(_ROW.started_at, _ROW.user_name) < (last.sort, last.id))
        query = query.order_by(_ROW.started_at.desc()).limit(limit + 1)
        async with self._db.read() as connection:
            found = [StateInterval(*row) for row in (await connection.execute(query)).all()]
        more = encode_cursor(Position(found[limit - 1].started_at, user)) if len(found) > limit else None
        return Page(tuple(found[:limit]), more)

    async def totals(self, user: str, since: float, until: float) -> StateTotals:
        """Return an agent's time in each state between `since` and `until`; of what lasts, as far as it was watched."""
        beat = select(HeartbeatRow.at).where(HeartbeatRow.name == HEARTBEAT).scalar_subquery()
        end = func.coalesce(_ROW.ended_at, beat, _ROW.started_at)
        length = _lesser(end, until) - case((_ROW.started_at > since, _ROW.started_at), else_=since)
        whole = func.sum(case((length > 0, length), else_=0.0))
        query = select(_ROW.state, _ROW.observed, whole).where(_touches(user, since, until))
        async with self._db.read() as connection:
            rows = (await connection.execute(query.group_by(_ROW.state, _ROW.observed))).all()
        watched = {state: seconds for state, observed, seconds in rows if observed and state is not None}
        return StateTotals(watched, sum((seconds for _, observed, seconds in rows if not observed), 0.0))


def _values(one: StateInterval) -> tuple[object, ...]:
    return one.user, one.state, one.started_at, one.ended_at, one.reason, one.call_id, one.observed


def _lesser(column: SQLColumnExpression[float], value: float) -> ColumnElement[float]:
    return case((column < value, column), else_=value)


def _touches(user: str, since: float, until: float) -> ColumnElement[bool]:
    """Ask for an agent's intervals in a time: they follow each other, so the first of them is the last begun before."""
    first = select(func.max(_ROW.started_at)).where(_ROW.user_name == user, _ROW.started_at <= since).scalar_subquery()
    return (
        (_ROW.user_name == user)
        & (_ROW.started_at >= func.coalesce(first, since))
        & (_ROW.started_at < until)
        & (_ROW.ended_at.is_(None) | (_ROW.ended_at > since))
    )

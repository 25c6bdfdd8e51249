"""The table of who joined whose call: added to before it begins, never changed."""

import time
from collections.abc import Callable

from sqlalchemy import insert, select

from crm_core.calls.reading import load_calls
from crm_core.db import Database
from crm_core.oversight.rules import Spying, SpyingDraft, spied
from crm_core.oversight.tables import SpyingRow
from crm_core.pages import Page, Position, decode_position, encode_cursor


class Oversight:
    """Queries and commands about what supervisors did."""

    def __init__(self, db: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    async def spies(self, asked: SpyingDraft) -> None:
        """Write down that somebody is about to join a call."""
        values = {
            "at": self._clock(),
            "call_id": asked.call_id,
            "pbx": asked.pbx,
            "user_name": asked.user,
            "phone": asked.phone,
            "mode": asked.mode,
            "agent": asked.agent,
            "agent_phone": asked.agent_phone,
        }
        async with self._db.write() as connection:
            await connection.execute(insert(SpyingRow), values)

    async def spyings(self, limit: int = 50, cursor: str | None = None) -> Page[Spying]:
        """Return who joined whose call, the latest first; raises InvalidField("cursor")."""
        row = SpyingRow
        query = select(
            row.id, row.at, row.call_id, row.pbx, row.user_name, row.phone, row.mode, row.agent, row.agent_phone
        ).order_by(row.id.desc())
        if cursor is not None:
            query = query.where(row.id < decode_position(cursor, float, int).id)
        async with self._db.read() as connection:
            rows = (await connection.execute(query.limit(limit + 1))).all()
            calls = {call.id: call.record for call in await load_calls(connection, [one.call_id for one in rows])}
        found = []
        for identity, at, call_id, pbx, user, phone, mode, agent, agent_phone in rows[:limit]:
            draft = SpyingDraft(call_id, pbx, user, phone, mode, agent, agent_phone)
            found.append(Spying(identity, at, draft, *spied(calls.get(draft.call_id), draft, at)))
        more = len(rows) > limit
        return Page(tuple(found), encode_cursor(Position(found[-1].at, found[-1].id)) if more else None)

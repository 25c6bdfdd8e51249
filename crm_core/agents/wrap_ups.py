"""Wrap-ups that last, kept so that a restart goes on with them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from crm_core.agents.tables import WrapUpRow
from crm_core.db import Database, Statement

_COLUMNS = (
    WrapUpRow.user_name, WrapUpRow.call_id, WrapUpRow.extension, WrapUpRow.started_at, WrapUpRow.until,
)  # fmt: skip
_SAVE = (
    "INSERT INTO wrap_up (user_name, call_id, extension, started_at, until) VALUES (?1, ?2, ?3, ?4, ?5)"
    " ON CONFLICT (user_name, call_id) DO UPDATE SET until = excluded.until"
)
_END = "DELETE FROM wrap_up WHERE user_name = ?1 AND call_id = ?2"
SAVE = Statement(_SAVE, _SAVE.replace("?", "$"))
END = Statement(_END, _END.replace("?", "$"))


@dataclass(frozen=True, slots=True)
class StoredWrapUp:
    """Who works on which ended call, since when and until when (epoch seconds; None: no timer)."""

    user: str
    call_id: str
    extension: str
    started_at: float
    until: float | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What names it."""
        return self.user, self.call_id


class WrapUpStore:
    """Queries and commands about wrap-ups."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def lasting(self) -> tuple[StoredWrapUp, ...]:
        """Return the wrap-ups that had not ended when the service was last alive, oldest first. Raises CrmError."""
        query = select(*_COLUMNS).order_by(WrapUpRow.started_at, WrapUpRow.user_name)
        async with self._db.read() as connection:
            return tuple(StoredWrapUp(*row) for row in (await connection.execute(query)).all())

    async def write(self, begun: Sequence[StoredWrapUp], ended: Iterable[tuple[str, str]]) -> None:
        """Keep what began or was prolonged, and forget what ended; again changes nothing. Raises CrmError."""
        rows = [(one.user, one.call_id, one.extension, one.started_at, one.until) for one in begun]
        await self._db.write_batch([(END, list(ended)), (SAVE, rows)])

"""What queues ask of their agents, and the reasons for a pause."""

from collections.abc import Sequence

from sqlalchemy import delete, insert, select, update

from crm_core.agents.rules import QueueSetting, check_pause_reasons, check_queue_setting
from crm_core.agents.tables import PauseReasonRow, QueueSettingRow
from crm_core.db import Database
from crm_core.errors import NotFound
from crm_core.staff.tables import Revision
from crm_core.upsert import upsert

_COLUMNS = (
    QueueSettingRow.queue,
    QueueSettingRow.wrap_up_seconds,
    QueueSettingRow.result_required,
    QueueSettingRow.pause_in_wrap_up,
    QueueSettingRow.service_level_seconds,
)


class Agents:
    """Queries and commands about agents' work. Every write moves the staff's revision on: caches elsewhere follow."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def queue_settings(self) -> tuple[QueueSetting, ...]:
        """Return the queues that were set, by name."""
        async with self._db.read() as connection:
            rows = (await connection.execute(select(*_COLUMNS).order_by(QueueSettingRow.queue))).all()
        return tuple(QueueSetting(*row) for row in rows)

    async def queue_setting(self, queue: str) -> QueueSetting:
        """Return what a queue asks; the defaults where nobody set it."""
        async with self._db.read() as connection:
            query = select(*_COLUMNS).where(QueueSettingRow.queue == queue)
            row = (await connection.execute(query)).one_or_none()
        return QueueSetting(queue) if row is None else QueueSetting(*row)

    async def save_queue_setting(self, setting: QueueSetting) -> QueueSetting:
        """Set what a queue asks; raises InvalidField."""
        kept = check_queue_setting(setting)
        values = {
            "wrap_up_seconds": kept.wrap_up_seconds,
            "result_required": kept.result_required,
            "pause_in_wrap_up": kept.pause_in_wrap_up,
            "service_level_seconds": kept.service_level_seconds,
        }
        statement = upsert(self._db, QueueSettingRow)
        statement = statement.on_conflict_do_update(index_elements=[QueueSettingRow.queue], set_=values)
        async with self._db.write() as connection:
            await connection.execute(statement, {"queue": kept.queue, **values})
            await connection.execute(update(Revision).values(value=Revision.value + 1))
        return kept

    async def reset_queue_setting(self, queue: str) -> None:
        """Let a queue have the defaults again; raises NotFound when it has them."""
        async with self._db.write() as connection:
            gone = await connection.execute(delete(QueueSettingRow).where(QueueSettingRow.queue == queue))
            if gone.rowcount == 0:
                raise NotFound("setting of queue", queue)
            await connection.execute(update(Revision).values(value=Revision.value + 1))

    async def pause_reasons(self) -> tuple[str, ...]:
        """Return the reasons an agent can choose, in order."""
        async with self._db.read() as connection:
            query = select(PauseReasonRow.name).order_by(PauseReasonRow.position, PauseReasonRow.id)
            return tuple((await connection.execute(query)).scalars())

    async def set_pause_reasons(self, reasons: Sequence[str]) -> tuple[str, ...]:
        """Replace the list of reasons; raises InvalidField."""
        kept = check_pause_reasons(reasons)
        async with self._db.write() as connection:
            await connection.execute(delete(PauseReasonRow))
            if kept:
                rows = [{"name": name, "position": position} for position, name in enumerate(kept)]
                await connection.execute(insert(PauseReasonRow), rows)
        return kept

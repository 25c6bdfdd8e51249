"""Rows of what queues ask of their agents, of wrap-ups that last, and of the reasons for a pause."""

from sqlalchemy import Double, Text
from sqlalchemy.orm import Mapped, mapped_column

from crm_core.columns import Id, Instant, Key
from crm_core.db import Row


class QueueSettingRow(Row):
    """What a queue asks after a call; a queue without a row has the defaults. Queues are named as the PBX does."""

    __tablename__ = "queue_setting"

    queue: Mapped[Key] = mapped_column(primary_key=True)
    wrap_up_seconds: Mapped[float | None] = mapped_column(Double)
    result_required: Mapped[bool] = mapped_column(default=False)
    pause_in_wrap_up: Mapped[bool] = mapped_column(default=False)
    service_level_seconds: Mapped[float | None] = mapped_column(Double)


class WrapUpRow(Row):
    """A wrap-up that lasts and that a queue set rules for: what a new owner of the service goes on with."""

    __tablename__ = "wrap_up"

    user_name: Mapped[Key] = mapped_column(primary_key=True)
    call_id: Mapped[Key] = mapped_column(primary_key=True)
    extension: Mapped[str] = mapped_column(Text)
    started_at: Mapped[Instant]
    until: Mapped[Instant | None]


class PauseReasonRow(Row):
    """A reason agents choose from when they pause."""

    __tablename__ = "pause_reason"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(Text)
    position: Mapped[int]

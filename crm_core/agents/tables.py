"""Rows of what queues ask of their agents, and of the reasons for a pause."""

from sqlalchemy import Double, Text
from sqlalchemy.orm import Mapped, mapped_column

from crm_core.columns import Id, Key
from crm_core.db import Row


class QueueSettingRow(Row):
    """What a queue asks after a call; a queue without a row has the defaults. Queues are named as the PBX does."""

    __tablename__ = "queue_setting"

    queue: Mapped[Key] = mapped_column(primary_key=True)
    wrap_up_seconds: Mapped[float | None] = mapped_column(Double)
    result_required: Mapped[bool] = mapped_column(default=False)
    pause_in_wrap_up: Mapped[bool] = mapped_column(default=False)


class PauseReasonRow(Row):
    """A reason agents choose from when they pause."""

    __tablename__ = "pause_reason"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(Text)
    position: Mapped[int]

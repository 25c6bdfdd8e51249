"""Rows of who joined whose call."""

from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from crm_core.columns import Id, Instant, Key
from crm_core.db import Row


class SpyingRow(Row):
    """Somebody asked to join a call: only ever added to."""

    __tablename__ = "spying"
    __table_args__ = (Index("ix_spying_call_id", "call_id"),)

    id: Mapped[Id]
    at: Mapped[Instant]
    call_id: Mapped[Key]
    pbx: Mapped[str] = mapped_column(Text)
    user_name: Mapped[str] = mapped_column(Text)
    phone: Mapped[str] = mapped_column(Text)
    mode: Mapped[str] = mapped_column(Text)
    agent: Mapped[str | None] = mapped_column(Text)
    agent_phone: Mapped[str | None] = mapped_column(Text)

"""Rows of what agents did all day, and until when they were watched."""

from sqlalchemy import Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_core.columns import Instant, Key
from crm_core.db import Row

LASTS = text("ended_at IS NULL")


class AgentStateRow(Row):
    """What an agent did in an interval of the day. The last one of whom we watch has no end yet."""

    __tablename__ = "agent_state"
    __table_args__ = (Index("ix_agent_state_lasting", "user_name", sqlite_where=LASTS, postgresql_where=LASTS),)

    user_name: Mapped[Key] = mapped_column(primary_key=True)
    started_at: Mapped[Instant] = mapped_column(primary_key=True)
    ended_at: Mapped[Instant | None]
    state: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    call_id: Mapped[str | None] = mapped_column(Text)
    observed: Mapped[bool]


class HeartbeatRow(Row):
    """Until when something was watched for certain."""

    __tablename__ = "heartbeat"

    name: Mapped[Key] = mapped_column(primary_key=True)
    at: Mapped[Instant]

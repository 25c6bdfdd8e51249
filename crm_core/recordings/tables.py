"""Rows of recordings, and of who heard them."""

from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from crm_core.columns import ID, Id, Instant, Key
from crm_core.db import Row


class RecordingRow(Row):
    """A recording of a call: one file below the folder of its PBX (voicemail: a message in a mailbox)."""

    __tablename__ = "recording"
    __table_args__ = (
        Index("ix_recording_call_id_path", "call_id", "path", unique=True),
        Index("ix_recording_pbx_path", "pbx", "path"),
        Index("ix_recording_state_started_at", "state", "started_at"),
    )

    id: Mapped[Id]
    call_id: Mapped[Key]
    pbx: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    path: Mapped[Key]
    channel: Mapped[str] = mapped_column(Text)
    started_at: Mapped[Instant]
    ended_at: Mapped[Instant | None]
    state: Mapped[str] = mapped_column(Text)
    size: Mapped[int | None] = mapped_column(ID)
    seconds: Mapped[Instant | None]
    gone_at: Mapped[Instant | None]


class RecordingAccessRow(Row):
    """Somebody heard or deleted a recording: only ever added to."""

    __tablename__ = "recording_access"
    __table_args__ = (Index("ix_recording_access_recording_id_at", "recording_id", "at"),)

    id: Mapped[Id]
    recording_id: Mapped[int] = mapped_column(ID)
    user_name: Mapped[str] = mapped_column(Text)
    what: Mapped[str] = mapped_column(Text)
    at: Mapped[Instant]

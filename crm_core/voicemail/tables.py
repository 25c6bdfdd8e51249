"""Rows of voicemail messages, and of who heard them."""

from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from crm_core.columns import ID, Id, Instant, Key
from crm_core.db import Row


class VoicemailRow(Row):
    """A message in a mailbox of a PBX; `path` is where it lay when somebody looked last, never what it is known by."""

    __tablename__ = "voicemail"
    __table_args__ = (
        Index("ix_voicemail_key", "pbx", "context", "mailbox", "msg_id", unique=True),
        Index("ix_voicemail_received_at_id", "received_at", "id"),
        Index("ix_voicemail_call_id", "call_id"),
        Index("ix_voicemail_number_key", "number_key"),
    )

    id: Mapped[Id]
    pbx: Mapped[str] = mapped_column(Text)
    context: Mapped[str] = mapped_column(Text)
    mailbox: Mapped[str] = mapped_column(Text)
    msg_id: Mapped[Key]
    folder: Mapped[str] = mapped_column(Text)
    path: Mapped[str] = mapped_column(Text)
    ending: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(ID)
    received_at: Mapped[Instant]
    seconds: Mapped[Instant | None]
    urgent: Mapped[bool]
    presence: Mapped[str] = mapped_column(Text)
    number_raw: Mapped[str] = mapped_column(Text)
    number_e164: Mapped[str | None] = mapped_column(Text)
    number_kind: Mapped[str] = mapped_column(Text)
    number_key: Mapped[Key | None]
    caller_name: Mapped[str | None] = mapped_column(Text)
    call_id: Mapped[Key | None]
    heard_at: Mapped[Instant | None]
    heard_by: Mapped[str | None] = mapped_column(Text)
    gone_at: Mapped[Instant | None]


class VoicemailAccessRow(Row):
    """Somebody heard or deleted a message: only ever added to."""

    __tablename__ = "voicemail_access"
    __table_args__ = (Index("ix_voicemail_access_voicemail_id_at", "voicemail_id", "at"),)

    id: Mapped[Id]
    voicemail_id: Mapped[int] = mapped_column(ID)
    user_name: Mapped[str] = mapped_column(Text)
    what: Mapped[str] = mapped_column(Text)
    at: Mapped[Instant]

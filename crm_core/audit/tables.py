"""Rows of the audit log. `changes` is JSON text."""

from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from crm_core.columns import Id, Instant, Key
from crm_core.db import Row


class AuditRow(Row):
    """One entry."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("ix_audit_entry_area_record_id", "area", "record", "id"),
        Index("ix_audit_entry_by_id", "by", "id"),
    )

    id: Mapped[Id]
    at: Mapped[Instant] = mapped_column(index=True)
    by: Mapped[Key]
    origin: Mapped[str | None] = mapped_column(Text)
    area: Mapped[Key]
    record: Mapped[Key]
    deed: Mapped[str] = mapped_column(Text)
    changes: Mapped[str] = mapped_column(Text)

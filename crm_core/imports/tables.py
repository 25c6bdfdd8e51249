"""Rows of imports: the file and how far it is, and what became of each of its rows."""

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from crm_core.columns import ID, Id, Instant, Key
from crm_core.db import Row


class ImportTable(Row):
    """A file of clients. Lists are JSON text."""

    __tablename__ = "contact_import"
    __table_args__ = (Index("ix_contact_import_state", "state"), Index("ix_contact_import_headers_key", "headers_key"))

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(Text)
    place: Mapped[str] = mapped_column(Text)
    headers: Mapped[str] = mapped_column(Text)
    headers_key: Mapped[Key]
    columns: Mapped[str] = mapped_column(Text)
    samples: Mapped[str] = mapped_column(Text)
    total: Mapped[int]
    delimiter: Mapped[str] = mapped_column(Text)
    duplicates: Mapped[str] = mapped_column(Text)
    state: Mapped[Key]
    by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Instant]
    finished_at: Mapped[Instant | None]
    position: Mapped[int]
    created: Mapped[int]
    updated: Mapped[int]
    known: Mapped[int]
    refused: Mapped[int]
    undone: Mapped[int]
    kept: Mapped[int]
    problem: Mapped[str | None] = mapped_column(Text)


class ImportRowTable(Row):
    """What became of one row of a file; of a known one nothing is kept. `before` is the client as JSON, to undo."""

    __tablename__ = "contact_import_row"
    __table_args__ = (Index("ix_contact_import_row_contact_id", "contact_id"),)

    import_id: Mapped[int] = mapped_column(ForeignKey(ImportTable.id, ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    outcome: Mapped[str] = mapped_column(Text)
    contact_id: Mapped[int | None] = mapped_column(ID)
    version: Mapped[int | None]
    before: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    cells: Mapped[str | None] = mapped_column(Text)
    undone: Mapped[bool]

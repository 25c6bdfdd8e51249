"""Rows of tasks: the task, the calls that ask for it, its history, and the calls not judged yet."""

from sqlalchemy import ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_core.columns import Id, Instant, Key
from crm_core.db import Row
from crm_core.people.tables import ContactRow

CASCADE = "CASCADE"
IS_OPEN = text("closed_at IS NULL")


class TaskRow(Row):
    """A task; of a kind that has a client there is one open task per client, and the index sees to it."""

    __tablename__ = "task"
    __table_args__ = (
        Index("ix_task_open", "kind", "client_key", unique=True, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN),
        Index("ix_task_due_at_id", "due_at", "id"),
        Index("ix_task_client_key", "client_key"),
        Index("ix_task_number_key", "number_key"),
        Index("ix_task_owner", "owner"),
        Index("ix_task_closed_call", "closed_call"),
    )

    id: Mapped[Id]
    kind: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    client_key: Mapped[Key | None]
    contact_id: Mapped[int | None] = mapped_column(ForeignKey(ContactRow.id), index=True)
    number: Mapped[str | None] = mapped_column(Text)
    number_key: Mapped[Key | None]
    queue: Mapped[str | None] = mapped_column(Text)
    owner: Mapped[str | None] = mapped_column(Text)
    priority: Mapped[int]
    due_at: Mapped[Instant]
    promised_at: Mapped[Instant | None]
    missed: Mapped[int]
    call_id: Mapped[Key | None]
    first_at: Mapped[Instant]
    last_at: Mapped[Instant]
    created_at: Mapped[Instant]
    created_by: Mapped[str | None] = mapped_column(Text)
    updated_at: Mapped[Instant]
    closed_at: Mapped[Instant | None]
    closed_by: Mapped[str | None] = mapped_column(Text)
    closed_call: Mapped[Key | None]
    ending: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)


class TaskCallRow(Row):
    """A call's part in a task: missed, or an attempt to call back."""

    __tablename__ = "task_call"

    task_id: Mapped[int] = mapped_column(ForeignKey(TaskRow.id, ondelete=CASCADE), primary_key=True)
    call_id: Mapped[Key] = mapped_column(primary_key=True, index=True)
    role: Mapped[str] = mapped_column(Text)
    at: Mapped[Instant]


class TaskEventRow(Row):
    """One step of a task's history; `by` is None where a call did it."""

    __tablename__ = "task_event"

    id: Mapped[Id]
    task_id: Mapped[int] = mapped_column(ForeignKey(TaskRow.id, ondelete=CASCADE), index=True)
    at: Mapped[Instant]
    by: Mapped[str | None] = mapped_column(Text)
    what: Mapped[str] = mapped_column(Text)
    detail: Mapped[str] = mapped_column(Text)


class FollowUpRow(Row):
    """A call that was written and whose client is not judged yet: written with the call, in the same transaction.

    Rows are only added and, once judged, taken away by id: nobody waits for anybody.
    """

    __tablename__ = "call_followup"

    id: Mapped[Id]
    call_id: Mapped[Key]

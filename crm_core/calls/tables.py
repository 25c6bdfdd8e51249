"""Rows of the call log: the call's facts, who took part, and what people added."""

from sqlalchemy import ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_core.columns import ID, Id, Instant, Key
from crm_core.db import Row
from crm_core.people.tables import ContactRow, TagRow

CASCADE = "CASCADE"
IS_DRAFT = text("draft")
IS_OPEN = text("ended_at IS NULL")


class CallTable(Row):
    """A call: what is asked for by a filter or a report is a column, the whole record is JSON.

    `contact_by_hand` protects a contact that someone chose (or took away) from what the machine thinks.
    """

    __tablename__ = "call"
    __table_args__ = (
        Index("ix_call_started_at_id", "started_at", "id"),
        Index("ix_call_contact_id_started_at", "contact_id", "started_at"),
        Index("ix_call_number_key_started_at", "number_key", "started_at"),
        Index("ix_call_reversed_digits_started_at", "reversed_digits", "started_at"),
        Index("ix_call_queue_started_at", "queue", "started_at"),
        Index("ix_call_outcome_started_at", "outcome", "started_at"),
        Index("ix_call_open", "pbx", sqlite_where=IS_OPEN, postgresql_where=IS_OPEN),
    )

    id: Mapped[Key] = mapped_column(primary_key=True)
    pbx: Mapped[str] = mapped_column(Text)
    direction: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str | None] = mapped_column(Text)
    number_raw: Mapped[str] = mapped_column(Text)
    number_e164: Mapped[str | None] = mapped_column(Text)
    number_kind: Mapped[str] = mapped_column(Text)
    number_key: Mapped[Key | None]
    reversed_digits: Mapped[Key | None]
    caller_name: Mapped[str | None] = mapped_column(Text)
    did: Mapped[str | None] = mapped_column(Text)
    queue: Mapped[str | None] = mapped_column(Text)
    extension: Mapped[str | None] = mapped_column(Text)
    agent: Mapped[str | None] = mapped_column(Text)
    contact_id: Mapped[int | None] = mapped_column(ForeignKey(ContactRow.id))
    contact_by_hand: Mapped[bool]
    candidates: Mapped[int]
    started_at: Mapped[Instant]
    answered_at: Mapped[Instant | None]
    ended_at: Mapped[Instant | None]
    wait_seconds: Mapped[Instant]
    talk_seconds: Mapped[Instant]
    source: Mapped[str] = mapped_column(Text)
    disposition: Mapped[str | None] = mapped_column(Text)
    record: Mapped[str] = mapped_column(Text)


class KeptRow(Row):
    """A call whose recordings and messages are kept, however old: somebody may have to prove what was said."""

    __tablename__ = "call_kept"

    call_id: Mapped[Key] = mapped_column(ForeignKey(CallTable.id, ondelete=CASCADE), primary_key=True)
    user_name: Mapped[str] = mapped_column(Text)
    at: Mapped[Instant]


class ParticipantRow(Row):
    """One of our phones in a call, and who sat there then."""

    __tablename__ = "call_participant"
    __table_args__ = (
        Index("ix_call_participant_user_name_started_at", "user_name", "started_at"),
        Index("ix_call_participant_extension_started_at", "extension", "started_at"),
    )

    call_id: Mapped[Key] = mapped_column(ForeignKey(CallTable.id, ondelete=CASCADE), primary_key=True)
    extension: Mapped[str] = mapped_column(Text, primary_key=True)
    user_name: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[Instant]
    rang_at: Mapped[Instant | None]
    answered_at: Mapped[Instant | None]
    left_at: Mapped[Instant | None]
    result: Mapped[str | None] = mapped_column(Text)
    talk_seconds: Mapped[Instant]


class LinkedId(Row):
    """A linkedid the call bore at some time."""

    __tablename__ = "call_linkedid"

    linkedid: Mapped[Key] = mapped_column(primary_key=True)
    call_id: Mapped[Key] = mapped_column(ForeignKey(CallTable.id, ondelete=CASCADE), primary_key=True, index=True)


class CallTag(Row):
    """A call bears a tag."""

    __tablename__ = "call_tag"

    call_id: Mapped[Key] = mapped_column(ForeignKey(CallTable.id, ondelete=CASCADE), primary_key=True)
    tag_id: Mapped[int] = mapped_column(ForeignKey(TagRow.id), primary_key=True, index=True)


class NoteRow(Row):
    """A note on a call; each author has at most one draft per call, saved as it is typed."""

    __tablename__ = "call_note"
    __table_args__ = (
        Index(
            "ix_call_note_draft",
            "call_id",
            "author",
            unique=True,
            sqlite_where=IS_DRAFT,
            postgresql_where=IS_DRAFT,
        ),
    )

    id: Mapped[Id]
    call_id: Mapped[Key] = mapped_column(ForeignKey(CallTable.id, ondelete=CASCADE), index=True)
    author: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    draft: Mapped[bool]
    at: Mapped[Instant]
    updated_at: Mapped[Instant]


class AbsorbedRow(Row):
    """A call that became part of another one: what knew it by its id finds the other."""

    __tablename__ = "call_absorbed"

    id: Mapped[Key] = mapped_column(primary_key=True)
    call_id: Mapped[Key] = mapped_column(index=True)


class CallWord(Row):
    """A folded word of the caller's name (`note_id` 0) or of a note, to find the call by its beginning."""

    __tablename__ = "call_word"

    word: Mapped[Key] = mapped_column(primary_key=True)
    call_id: Mapped[Key] = mapped_column(ForeignKey(CallTable.id, ondelete=CASCADE), primary_key=True, index=True)
    note_id: Mapped[int] = mapped_column(ID, primary_key=True, index=True, default=0)


class TraceRow(Row):
    """One step of why a call did or did not pop; `facts` is a JSON object."""

    __tablename__ = "call_trace"

    id: Mapped[Id]
    call_id: Mapped[Key] = mapped_column(index=True)
    at: Mapped[Instant]
    what: Mapped[str] = mapped_column(Text)
    facts: Mapped[str] = mapped_column(Text)


class DispositionRow(Row):
    """A result an agent can choose, or a group of them; `position` orders those beside each other."""

    __tablename__ = "call_result"

    id: Mapped[Id]
    parent_id: Mapped[int | None] = mapped_column(ID, ForeignKey("call_result.id"), index=True)
    name: Mapped[str] = mapped_column(Text)
    position: Mapped[int]
    color: Mapped[str | None] = mapped_column(Text)
    icon: Mapped[str | None] = mapped_column(Text)
    retired: Mapped[bool] = mapped_column(default=False)
    builtin: Mapped[bool] = mapped_column(default=False)


class DispositionQueue(Row):
    """A result of the first level is offered in a queue; one without such rows is offered in all."""

    __tablename__ = "call_result_queue"

    disposition_id: Mapped[int] = mapped_column(ID, ForeignKey(DispositionRow.id, ondelete=CASCADE), primary_key=True)
    queue: Mapped[Key] = mapped_column(primary_key=True)


class HeardRow(Row):
    """Until when the calls of a PBX are known: what it did later is read from its own log."""

    __tablename__ = "pbx_heard"

    pbx: Mapped[str] = mapped_column(Text, primary_key=True)
    at: Mapped[Instant]

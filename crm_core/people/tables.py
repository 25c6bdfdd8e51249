"""Rows of clients: the contact itself, its numbers and addresses, its labels, and the words it is found by."""

from sqlalchemy import ForeignKey, Index, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from crm_core.columns import ID, Id, Instant, Key
from crm_core.db import Row
from crm_core.staff.tables import UserRow

CASCADE = "CASCADE"


class CompanyRow(Row):
    """A company that contacts belong to."""

    __tablename__ = "company"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(Text)
    name_key: Mapped[Key] = mapped_column(unique=True)


class ContactRow(Row):
    """A client; deleted ones stay for the calls they took part in. `custom` is JSON text."""

    __tablename__ = "contact"
    __table_args__ = (Index("ix_contact_name_key_id", "name_key", "id"), Index("ix_contact_deleted_at", "deleted_at"))

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(Text)
    name_key: Mapped[Key]
    company_id: Mapped[int | None] = mapped_column(ForeignKey(CompanyRow.id), index=True)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey(UserRow.id), index=True)
    notes: Mapped[str] = mapped_column(Text)
    custom: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Instant]
    created_by: Mapped[str] = mapped_column(Text)
    updated_at: Mapped[Instant]
    updated_by: Mapped[str] = mapped_column(Text)
    version: Mapped[int]
    deleted_at: Mapped[Instant | None]
    purged: Mapped[bool] = mapped_column(server_default=false())
    """Deleted for good: only the id is left, for the calls and the audit log."""


class PhoneRow(Row):
    """A number of a contact: `number_key` is what calls are matched by, `reversed_digits` what a search ends with."""

    __tablename__ = "contact_phone"
    __table_args__ = (Index("ix_contact_phone_number_key", "number_key", "contact_id"),)

    contact_id: Mapped[int] = mapped_column(ForeignKey(ContactRow.id, ondelete=CASCADE), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(Text)
    e164: Mapped[str | None] = mapped_column(Text)
    number_key: Mapped[Key | None]
    reversed_digits: Mapped[Key] = mapped_column(index=True)
    type: Mapped[str] = mapped_column(Text)


class EmailRow(Row):
    """An e-mail address of a contact."""

    __tablename__ = "contact_email"

    contact_id: Mapped[int] = mapped_column(ForeignKey(ContactRow.id, ondelete=CASCADE), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    address: Mapped[str] = mapped_column(Text)
    address_key: Mapped[Key] = mapped_column(index=True)


class GroupRow(Row):
    """A group of clients, such as VIP."""

    __tablename__ = "client_group"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(Text)
    name_key: Mapped[Key] = mapped_column(unique=True)


class Membership(Row):
    """A contact is in a group."""

    __tablename__ = "contact_group"

    contact_id: Mapped[int] = mapped_column(ForeignKey(ContactRow.id, ondelete=CASCADE), primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey(GroupRow.id), primary_key=True, index=True)


class TagRow(Row):
    """A tag, of contacts and of calls."""

    __tablename__ = "tag"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(Text)
    name_key: Mapped[Key] = mapped_column(unique=True)


class ContactTag(Row):
    """A contact bears a tag."""

    __tablename__ = "contact_tag"

    contact_id: Mapped[int] = mapped_column(ForeignKey(ContactRow.id, ondelete=CASCADE), primary_key=True)
    tag_id: Mapped[int] = mapped_column(ForeignKey(TagRow.id), primary_key=True, index=True)


class ContactWord(Row):
    """A word of the contact's name, company or addresses, folded, to find it by its beginning."""

    __tablename__ = "contact_word"

    word: Mapped[Key] = mapped_column(primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey(ContactRow.id, ondelete=CASCADE), primary_key=True, index=True)


class NumberChoice(Row):
    """Which of several contacts a number means, as someone chose."""

    __tablename__ = "number_choice"

    number_key: Mapped[Key] = mapped_column(primary_key=True)
    contact_id: Mapped[int] = mapped_column(ID, ForeignKey(ContactRow.id, ondelete=CASCADE), index=True)
    chosen_by: Mapped[str] = mapped_column(Text)
    chosen_at: Mapped[Instant]


class MergeRow(Row):
    """Two clients that became one; the clients as they were, and the ids of calls given by hand, are JSON text."""

    __tablename__ = "contact_merge"

    id: Mapped[Id]
    kept_id: Mapped[int] = mapped_column(ForeignKey(ContactRow.id), index=True)
    gone_id: Mapped[int] = mapped_column(ForeignKey(ContactRow.id), index=True)
    at: Mapped[Instant]
    by: Mapped[str] = mapped_column(Text)
    kept_before: Mapped[str] = mapped_column(Text)
    gone_before: Mapped[str] = mapped_column(Text)
    kept_after: Mapped[str] = mapped_column(Text)
    calls: Mapped[str] = mapped_column(Text)
    undone_at: Mapped[Instant | None]
    undone_by: Mapped[str | None] = mapped_column(Text)


class DuplicateRow(Row):
    """Two clients that may be one, the older first, as the last look found them; a dismissed pair stays dismissed."""

    __tablename__ = "contact_duplicate"
    __table_args__ = (Index("ix_contact_duplicate_rank", "dismissed", "rank", "first_id", "second_id"),)

    first_id: Mapped[int] = mapped_column(ForeignKey(ContactRow.id, ondelete=CASCADE), primary_key=True)
    second_id: Mapped[int] = mapped_column(ForeignKey(ContactRow.id, ondelete=CASCADE), primary_key=True, index=True)
    reason: Mapped[str] = mapped_column(Text)
    score: Mapped[Instant]
    rank: Mapped[int]
    found_at: Mapped[Instant]
    dismissed: Mapped[bool]
    dismissed_by: Mapped[str | None] = mapped_column(Text)

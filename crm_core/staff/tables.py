"""Rows of users, phones, seats and what signs people in."""

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from crm_core.columns import ID, Id, Instant, Key
from crm_core.db import Row

CASCADE = "CASCADE"


class Revision(Row):
    """One row: a counter that moves with every write others keep a copy of."""

    __tablename__ = "revision"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value: Mapped[int] = mapped_column(ID)


class UserRow(Row):
    """A user; `name_key` is the name without regard to case."""

    __tablename__ = "staff_user"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(Text)
    name_key: Mapped[Key] = mapped_column(unique=True)
    display_name: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    active: Mapped[bool] = mapped_column(default=True)
    password_hash: Mapped[str] = mapped_column(Text)
    last_extension: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[Instant]


class UserExtension(Row):
    """A phone given to a user."""

    __tablename__ = "staff_extension"

    extension: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(UserRow.id, ondelete=CASCADE), index=True)
    position: Mapped[int] = mapped_column(default=0)


class SeatRow(Row):
    """Who sits at a phone now: one user per phone, one phone per user."""

    __tablename__ = "staff_seat"

    extension: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(UserRow.id, ondelete=CASCADE), unique=True)
    taken_at: Mapped[Instant]


class SignIn(Row):
    """A signed-in browser; the token itself is never stored."""

    __tablename__ = "staff_session"

    token_hash: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(UserRow.id, ondelete=CASCADE), index=True)
    csrf: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant] = mapped_column(index=True)
    ip: Mapped[str] = mapped_column(Text)
    user_agent: Mapped[str] = mapped_column(Text)


class ApiToken(Row):
    """An API token; the token itself is never stored."""

    __tablename__ = "staff_token"

    id: Mapped[Id]
    token_hash: Mapped[str] = mapped_column(Text, unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(UserRow.id, ondelete=CASCADE), index=True)
    scope: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Instant]
    revoked_at: Mapped[Instant | None]


class SignInFailure(Row):
    """Failed sign-ins of a name from an address since the last success."""

    __tablename__ = "staff_failure"

    name_key: Mapped[str] = mapped_column(Text, primary_key=True)
    ip: Mapped[str] = mapped_column(Text, primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[Instant] = mapped_column(index=True)


class UnassignedPhoneRow(Row):
    """A phone of ours that rang while nobody answered for it."""

    __tablename__ = "staff_unassigned_phone"

    extension: Mapped[str] = mapped_column(Text, primary_key=True)
    first_at: Mapped[Instant]
    last_at: Mapped[Instant]
    times: Mapped[int]

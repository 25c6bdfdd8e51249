"""Who works here: roles, scopes, seats and what a password must be. Pure."""

import re
from dataclasses import dataclass
from enum import StrEnum

from crm_core.errors import BadExtension, InvalidField
from crm_core.texts import clean, line


class Role(StrEnum):
    """What a user is here for; each sees what the job needs."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    SALES_HEAD = "sales_head"
    ADMIN = "admin"


class Scope(StrEnum):
    """What an API token may do; each includes the ones before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def allows(self, needed: "Scope") -> bool:
        """Tell whether this scope includes `needed`."""
        order = list(Scope)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class User:
    """A user; `extensions` are the phones whose calls are theirs now (today's seat, else their own phones)."""

    id: int
    name: str
    display_name: str
    role: Role
    active: bool = True
    extensions: tuple[str, ...] = ()
    home_extensions: tuple[str, ...] = ()
    """The phones given to the user by the administrator, whoever sits there today."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A seat just taken; `taken_from` is who sat there until now."""

    extension: str
    taken_from: User | None = None


@dataclass(frozen=True, slots=True)
class SessionToken:
    """What a browser gets at sign-in: the cookie's value and the token its writes must show."""

    token: str
    csrf: str


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser; `expires_at` (epoch seconds) moves on while it is used."""

    user: User
    csrf: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """What an API token stands for."""

    user: User
    scope: Scope
    id: int


@dataclass(frozen=True, slots=True)
class UnassignedPhone:
    """A phone of ours that rang and belongs to nobody."""

    extension: str
    first_at: float
    last_at: float
    times: int


MIN_PASSWORD = 8
LONGEST_NAME = 64
MAX_PASSWORD = 1024
LONGEST_DISPLAY_NAME = 120
NAME = re.compile(r"[^\W_][\w.@+-]{0,63}")
EXTENSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,39}(@[A-Za-z0-9._-]{1,32})?")
"""A phone as its PBX calls it, and after `@` the PBX's name where several have such a phone."""


def check_name(name: str) -> str:
    """Return the name as stored; raises InvalidField for one that would not fit in a URL or a log line."""
    cleaned = name.strip()
    if not NAME.fullmatch(cleaned):
        raise InvalidField("name", "use 1-64 letters, digits and . @ + - _, beginning with a letter or digit")
    return cleaned


def name_key(name: str) -> str:
    """Return the name as users are told apart: without regard to case."""
    return clean(name).strip().casefold()[:LONGEST_NAME]


def check_display_name(name: str) -> str:
    """Return the name people read; raises InvalidField when it is empty or too long."""
    cleaned = line(name)
    if not 0 < len(cleaned) <= LONGEST_DISPLAY_NAME:
        raise InvalidField("display_name", f"use 1-{LONGEST_DISPLAY_NAME} characters")
    return cleaned


def check_password(password: str) -> str:
    """Return the password; raises InvalidField when it is too short or absurdly long (hashing costs time)."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise InvalidField("password", f"must have {MIN_PASSWORD} to {MAX_PASSWORD} characters")
    return password


def check_extension(extension: str) -> str:
    """Return the extension as stored; raises BadExtension when it cannot be an endpoint's name."""
    cleaned = extension.strip()
    if not EXTENSION.fullmatch(cleaned):
        raise BadExtension(f"{extension!r} is not an extension")
    return cleaned


def effective_extensions(home: tuple[str, ...], seat: str | None, occupied: frozenset[str]) -> tuple[str, ...]:
    """Return the phones whose calls are a user's now: a seat elsewhere replaces the own phones.

    `occupied` are phones on which someone else has taken a seat.
    """
    if seat is not None and seat not in home:
        return (seat,)
    return tuple(extension for extension in home if extension not in occupied)

"""Clients as everyone else sees them, and what may be written about them. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from msgspec import UNSET, Struct, UnsetType


class PhoneType(StrEnum):
    """What a number is used for."""

    MOBILE = "mobile"
    WORK = "work"
    HOME = "home"
    FAX = "fax"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Phone:
    """One number of a contact: as written, and as E.164 where it has one."""

    number: str
    e164: str | None
    type: PhoneType = PhoneType.OTHER


@dataclass(frozen=True, slots=True)
class Contact:
    """A client. Times are epoch seconds; `version` counts the changes."""

    id: int
    name: str
    company: str | None = None
    phones: tuple[Phone, ...] = ()
    emails: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    owner: str | None = None
    notes: str = ""
    custom: dict[str, Any] = field(default_factory=dict)
    created_at: float = 0.0
    updated_at: float = 0.0
    version: int = 1


class PhoneDraft(Struct, frozen=True):
    """A number as someone wrote it."""

    number: str
    type: PhoneType = PhoneType.OTHER


class ContactDraft(Struct, frozen=True):
    """A contact to create: a name or one phone is needed (a nameless contact is called by its number)."""

    name: str = ""
    company: str | None = None
    phones: tuple[PhoneDraft, ...] = ()
    emails: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    owner: str | None = None
    notes: str = ""
    custom: dict[str, Any] = {}


class ContactPatch(Struct, frozen=True):
    """A change of a contact: what is UNSET stays as it is; lists are replaced as a whole."""

    name: str | UnsetType = UNSET
    company: str | UnsetType | None = UNSET
    phones: tuple[PhoneDraft, ...] | UnsetType = UNSET
    emails: tuple[str, ...] | UnsetType = UNSET
    groups: tuple[str, ...] | UnsetType = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    owner: str | UnsetType | None = UNSET
    notes: str | UnsetType = UNSET
    custom: dict[str, Any] | UnsetType = UNSET


class Candidate(Struct, frozen=True):
    """A contact that has the number in question."""

    id: int
    name: str
    company: str | None = None


class KnownContact(Struct, frozen=True):
    """The contact a card shows."""

    id: int
    name: str
    company: str | None = None
    groups: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    owner: str | None = None
    notes: str = ""
    custom: dict[str, Any] = {}
    emails: tuple[str, ...] = ()


class PastCall(Struct, frozen=True):
    """An earlier call as a card's history shows it; `agent` is the user who talked, or the extension without a user."""

    id: str
    started_at: float
    direction: str
    outcome: str | None = None
    agent: str | None = None
    queue: str | None = None
    talk_seconds: float = 0.0
    disposition: str | None = None
    note: str | None = None


class Lookup(Struct, frozen=True):
    """Everything a card needs about a number, read in one statement."""

    candidates: tuple[Candidate, ...] = ()
    """All contacts having the number."""
    contact: KnownContact | None = None
    """The only match, or the one chosen by hand earlier; None when unknown or ambiguous."""
    chosen: bool = False
    """`contact` was chosen by hand among several and may be undone."""
    calls: tuple[PastCall, ...] = ()
    """The contact's last five calls, newest first (of the number, while there is no contact)."""
    calls_today: int = 0

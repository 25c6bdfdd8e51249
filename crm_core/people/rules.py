"""Clients as everyone else sees them, and what may be written about them. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from crm_core.errors import InvalidField
from crm_core.numbers import Number, Numbering, NumberKind, searchable
from crm_core.texts import bounded, fold, line, words

LONGEST_NAME = 200
LONGEST_NOTES = 20_000
LONGEST_CUSTOM = 20_000
LONGEST_LABEL = 60
MOST_ITEMS = 50
"""Phones, addresses, groups or tags of one contact."""
EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")


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


@dataclass(frozen=True, slots=True)
class PreparedPhone:
    """A number ready to be stored: `key` matches calls, `reversed_digits` serves the search by last digits."""

    number: str
    e164: str | None
    key: str | None
    reversed_digits: str
    type: PhoneType


@dataclass(frozen=True, slots=True)
class Prepared:
    """A contact ready to be stored: checked, cleaned, with the words it is found by."""

    name: str
    company: str | None
    phones: tuple[PreparedPhone, ...]
    emails: tuple[str, ...]
    groups: tuple[str, ...]
    tags: tuple[str, ...]
    owner: str | None
    notes: str
    custom: str
    words: frozenset[str]

    @property
    def keys(self) -> tuple[str, ...]:
        """What calls are matched by."""
        return tuple(phone.key for phone in self.phones if phone.key)


def prepare(draft: ContactDraft, numbering: Numbering) -> Prepared:
    """Check and clean a new contact; raises InvalidField naming the field."""
    phones = prepare_phones(draft.phones, numbering)
    name = prepare_name(draft.name, phones[0].number if phones else None)
    company = prepare_company(draft.company)
    emails = prepare_emails(draft.emails)
    return Prepared(
        name=name,
        company=company,
        phones=phones,
        emails=emails,
        groups=prepare_labels("groups", draft.groups),
        tags=prepare_labels("tags", draft.tags),
        owner=draft.owner or None,
        notes=prepare_notes(draft.notes),
        custom=prepare_custom(draft.custom),
        words=contact_words(name, company, emails),
    )


def prepare_phones(drafts: Sequence[PhoneDraft], numbering: Numbering) -> tuple[PreparedPhone, ...]:
    """Read the numbers of a contact; raises InvalidField for impossible ones. The same number twice is kept once."""
    _bound_items("phones", drafts)
    found: dict[str, PreparedPhone] = {}
    for position, draft in enumerate(drafts):
        written = line(draft.number)
        number = numbering.read(written)
        _refuse_unusable(f"phones[{position}].number", number)
        digits = searchable(number.e164 or written)
        phone = PreparedPhone(written, number.e164, number.key, digits[::-1], draft.type)
        found.setdefault(number.e164 or digits, phone)
    return tuple(found.values())


def prepare_name(name: str, number: str | None) -> str:
    """Return the contact's name, its number when it has none; raises InvalidField when it has neither."""
    cleaned = line(bounded("name", name, LONGEST_NAME)) or number
    if not cleaned:
        raise InvalidField("name", "a contact needs a name or a phone number")
    return cleaned


def prepare_emails(addresses: Sequence[str]) -> tuple[str, ...]:
    """Return e-mail addresses without doubles; raises InvalidField for what is none."""
    _bound_items("emails", addresses)
    found: dict[str, str] = {}
    for position, address in enumerate(addresses):
        cleaned = line(address)
        if not EMAIL.fullmatch(cleaned):
            raise InvalidField(f"emails[{position}]", f"{cleaned!r} is not an e-mail address")
        found.setdefault(cleaned.casefold(), cleaned)
    return tuple(found.values())


def prepare_labels(name: str, labels: Iterable[str]) -> tuple[str, ...]:
    """Return group or tag names without doubles and blanks; raises InvalidField when one is too long."""
    found: dict[str, str] = {}
    for label in labels:
        cleaned = line(bounded(name, label, LONGEST_LABEL))
        if fold(cleaned):
            found.setdefault(fold(cleaned), cleaned)
    _bound_items(name, tuple(found))
    return tuple(found.values())


def prepare_company(company: str | None) -> str | None:
    """Return the company's name, None when it is blank; raises InvalidField when it is too long."""
    return line(bounded("company", company or "", LONGEST_NAME)) or None


def prepare_notes(notes: str) -> str:
    """Return the notes as stored; raises InvalidField when they are too long."""
    return bounded("notes", notes, LONGEST_NOTES)


def prepare_custom(custom: dict[str, Any]) -> str:
    """Return custom fields as JSON text; raises InvalidField when they are too much."""
    return bounded("custom", msgspec.json.encode(custom).decode(), LONGEST_CUSTOM)


def contact_words(name: str, company: str | None, emails: Iterable[str]) -> frozenset[str]:
    """Return the words a contact is found by."""
    return words(name, company, *emails)


def number_meaning(candidates: Sequence[int], chosen: int | None) -> int | None:
    """Return the contact a number means: the one chosen by hand, or the only one that has it."""
    if chosen in candidates:
        return chosen
    return candidates[0] if len(candidates) == 1 else None


def _refuse_unusable(name: str, number: Number) -> None:
    own_line = number.kind is NumberKind.INTERNAL and number.e164 is not None
    if number.kind is NumberKind.EXTERNAL or own_line:
        return
    if number.kind is NumberKind.INTERNAL:
        raise InvalidField(name, f"{number.raw!r} is an extension of ours, not a client's number")
    raise InvalidField(name, f"{number.raw!r} is not a possible phone number")


def _bound_items(name: str, items: Sequence[object]) -> None:
    if len(items) > MOST_ITEMS:
        raise InvalidField(name, f"has more than {MOST_ITEMS} entries")


@dataclass(frozen=True, slots=True)
class Deleted:
    """A client in the bin. `at` is epoch seconds."""

    id: int
    name: str
    at: float
    by: str


def facts(contact: Contact) -> dict[str, Any]:
    """Return what is written down of a client when it changes, as texts and lists of texts."""
    return {
        "name": contact.name,
        "company": contact.company,
        "phones": [phone.number for phone in contact.phones],
        "emails": list(contact.emails),
        "groups": list(contact.groups),
        "tags": list(contact.tags),
        "owner": contact.owner,
        "notes": contact.notes,
    } | {f"custom.{name}": value for name, value in contact.custom.items()}

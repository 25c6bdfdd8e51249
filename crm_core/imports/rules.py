"""What an import is, which column is which field, and what a row does to a client that is there already. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec

from crm_core.imports.rows import FileRow
from crm_core.numbers import Numbering, NumberKind
from crm_core.people.fields import CUSTOM, FIELDS, PHONE_FIELDS, meaning
from crm_core.people.rules import EMAIL, Contact, ContactDraft, ContactPatch, Phone, PhoneDraft, Prepared
from crm_core.texts import fold, line

MOST_PART: Final = 0.6
"""Share of a column's cells that must look alike for its content to say what it is."""
DIGITS: Final = re.compile(r"\d")
SAMPLES: Final = 5
"""Rows shown before an import begins."""
LONGEST_SAMPLE: Final = 120
LONGEST_KEPT: Final = 2000
"""Characters of a refused cell that are kept for the error file."""


class Duplicates(StrEnum):
    """What to do with a row whose client is there already."""

    SKIP = "skip"
    """Leave the client as it is. The same client: the same name with one of the same numbers or addresses."""
    UPDATE = "update"
    """What the file says wins; numbers, addresses, groups and tags are added."""
    MERGE = "merge"
    """What the client has wins; the file fills what is empty, and adds."""
    CREATE = "create"
    """Make a new client of every row."""


class ImportState(StrEnum):
    """How far an import is."""

    READY = "ready"
    """The file was read; nobody has said yet what its columns are."""
    CHECKING = "checking"
    """A dry run."""
    CHECKED = "checked"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    """Stopped by someone; what was written stays, and can be undone."""
    FAILED = "failed"
    """The file broke off; what was written stays, and can be undone."""
    UNDOING = "undoing"
    UNDONE = "undone"


READING: Final = frozenset({ImportState.CHECKING, ImportState.RUNNING})
AT_WORK: Final = READING | {ImportState.UNDOING}
STARTABLE: Final = frozenset({ImportState.READY, ImportState.CHECKED})
UNDOABLE: Final = frozenset({ImportState.DONE, ImportState.CANCELLED, ImportState.FAILED})


class Outcome(StrEnum):
    """What became of a row."""

    CREATED = "created"
    UPDATED = "updated"
    KNOWN = "known"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Import:
    """A file of clients and how far it is. Times are epoch seconds; `position` and the counts are rows."""

    id: int
    name: str
    place: str
    """Where the file is kept, on the machine that took it."""
    headers: tuple[str, ...]
    columns: tuple[str | None, ...]
    samples: tuple[tuple[str, ...], ...]
    total: int
    duplicates: Duplicates
    state: ImportState
    by: str
    created_at: float
    delimiter: str = ","
    position: int = 0
    created: int = 0
    updated: int = 0
    known: int = 0
    refused: int = 0
    undone: int = 0
    kept: int = 0
    """Clients that undoing left as they are, because somebody changed them since."""
    finished_at: float | None = None
    problem: str | None = None


class FileFacts(msgspec.Struct, frozen=True):
    """What a file turned out to hold."""

    headers: tuple[str, ...]
    columns: tuple[str | None, ...]
    samples: tuple[tuple[str, ...], ...]
    total: int
    delimiter: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that was refused, for the error file."""

    number: int
    cells: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row on its way into the database: a checked client, or the reason why it is none."""

    row: FileRow
    draft: ContactDraft | None = None
    prepared: Prepared | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Marks:
    """What a client is known again by: `shared` are number keys and folded addresses; without any, the company."""

    name: str
    shared: frozenset[str]
    alone: bool
    """There is neither a number nor an address: only the same name in the same company is the same client."""

    @property
    def all(self) -> frozenset[str]:
        """What two rows of a file must not have in common to mean different clients."""
        return self.shared if not self.alone else frozenset(f"{mark}\n{self.name}" for mark in self.shared)


def company_mark(folded: str | None) -> str:
    """Return the mark of clients without a number or an address in a company (or in none)."""
    return f"company {folded or ''}"


def marks(prepared: Prepared) -> Marks:
    """Return what a row's client is known again by."""
    shared = frozenset({*prepared.keys, *(email.casefold() for email in prepared.emails)})
    company = frozenset({company_mark(fold(prepared.company or ""))})
    return Marks(fold(prepared.name), shared or company, not shared)


def match(wanted: Marks, found: Mapping[str, Sequence[tuple[int, str]]], rule: Duplicates) -> int | None:
    """Return the client a row means, or None. `found`: the clients of each mark, as (id, folded name).

    The same name wins; another name only when exactly one client has the number or address, and never for `skip`:
    people share numbers.
    """
    if rule is Duplicates.CREATE:
        return None
    having = sorted({client for mark in wanted.shared for client in found.get(mark, ())})
    same = [identity for identity, name in having if name == wanted.name]
    if same:
        return same[0]
    meant = len(having) == 1 and not wanted.alone and rule is not Duplicates.SKIP
    return having[0][0] if meant else None


def patch_for(contact: Contact, draft: ContactDraft, rule: Duplicates, numbering: Numbering) -> ContactPatch | None:
    """Return what a row changes of a client that is there; None when nothing."""
    ours = rule is Duplicates.MERGE
    notes = contact.notes
    if draft.notes and draft.notes not in notes:
        notes = f"{notes}\n{draft.notes}" if notes and ours else draft.notes
    wanted: dict[str, Any] = {
        "name": contact.name if ours or not line(draft.name) else line(draft.name),
        "company": _one(contact.company, draft.company, ours_first=ours),
        "owner": _one(contact.owner, draft.owner, ours_first=ours),
        "notes": notes,
        "emails": _more(contact.emails, draft.emails),
        "groups": _more(contact.groups, draft.groups),
        "tags": _more(contact.tags, draft.tags),
        "custom": draft.custom | contact.custom if ours else contact.custom | draft.custom,
    }
    changes = {name: value for name, value in wanted.items() if value != getattr(contact, name)}
    phones = _more_phones(contact.phones, draft.phones, numbering)
    if len(phones) != len(contact.phones):
        changes["phones"] = phones
    return ContactPatch(**changes) if changes else None


def whole(contact: Contact) -> ContactPatch:
    """Return the change that makes a client what it is here."""
    return ContactPatch(
        name=contact.name,
        company=contact.company,
        phones=tuple(PhoneDraft(phone.number, phone.type) for phone in contact.phones),
        emails=contact.emails,
        groups=contact.groups,
        tags=contact.tags,
        owner=contact.owner,
        notes=contact.notes,
        custom=contact.custom,
    )


def suggest(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbering: Numbering,
    remembered: Sequence[str | None] | None = None,
) -> tuple[str | None, ...]:
    """Tell which field each column is: as chosen for such a file before, else by its header, else by its content."""
    if remembered is not None and len(remembered) == len(headers):
        return tuple(remembered)
    fields = [meaning(header) for header in headers]
    for place, known in enumerate(fields):
        cells = [row[place].strip() for row in rows if place < len(row) and row[place].strip()]
        if known is None and cells:
            fields[place] = _by_content(cells, numbering)
    if not {"name", "name.given", "name.family", "company"} & {*fields}:
        for place, known in enumerate(fields):
            if known is None and _mostly(rows, place):
                fields[place] = "name"
                break
    return tuple(fields)


def is_field(name: str) -> bool:
    """Tell whether a column may be read as this."""
    return name in FIELDS or (name.startswith(CUSTOM) and name != CUSTOM and len(name) <= 60 + len(CUSTOM))


def names_someone(columns: Iterable[str | None]) -> bool:
    """Tell whether some column holds what a client needs: a name or a phone."""
    return any(column in {"name", "name.given", "name.family", *PHONE_FIELDS} for column in columns)


def shortened(cells: Iterable[str], longest: int) -> tuple[str, ...]:
    """Return cells of at most that many characters."""
    return tuple(cell if len(cell) <= longest else cell[: longest - 1] + "…" for cell in cells)


def _by_content(cells: Sequence[str], numbering: Numbering) -> str | None:
    if _share(bool(EMAIL.fullmatch(cell)) for cell in cells) >= MOST_PART:
        return "email"
    if _share(_is_phone(cell, numbering) for cell in cells) >= MOST_PART:
        return "phone"
    return None


def _is_phone(cell: str, numbering: Numbering) -> bool:
    number = numbering.read(cell)
    return number.kind is NumberKind.EXTERNAL and number.e164 is not None


def _mostly(rows: Sequence[Sequence[str]], place: int) -> bool:
    """Tell whether a column holds words: something in most rows, letters and no digits."""
    cells = [row[place].strip() if place < len(row) else "" for row in rows]
    return _share(bool(cell) and not DIGITS.search(cell) and "@" not in cell for cell in cells) > MOST_PART


def _share(answers: Iterable[bool]) -> float:
    told = [*answers]
    return sum(told) / len(told) if told else 0.0


def _one(ours: str | None, theirs: str | None, *, ours_first: bool) -> str | None:
    return (ours or theirs) if ours_first else (theirs or ours)


def _more(ours: tuple[str, ...], theirs: tuple[str, ...]) -> tuple[str, ...]:
    known = {fold(one) for one in ours}
    return (*ours, *(one for one in theirs if fold(one) not in known))


def _more_phones(ours: Sequence[Phone], theirs: Sequence[PhoneDraft], numbering: Numbering) -> tuple[PhoneDraft, ...]:
    known = {phone.e164 or line(phone.number) for phone in ours}
    new = (phone for phone in theirs if (numbering.read(line(phone.number)).e164 or line(phone.number)) not in known)
    return (*(PhoneDraft(phone.number, phone.type) for phone in ours), *new)

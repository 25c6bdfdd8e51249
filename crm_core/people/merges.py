"""Two clients that are one: what becomes of each field when they are merged, and when they are taken apart. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from crm_core.people.rules import LONGEST_NOTES, Contact, ContactPatch, Phone, PhoneDraft
from crm_core.texts import fold

TAKEABLE = frozenset({"name", "company", "owner", "notes", "custom"})
"""Fields of which a merged client has one value; the others are lists and are put together."""


@dataclass(frozen=True, slots=True)
class Merge:
    """Two clients that became one. Times are epoch seconds."""

    id: int
    kept_id: int
    kept_name: str
    gone_id: int
    gone_name: str
    at: float
    by: str
    undone_at: float | None
    undoable: bool


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Two clients that may be one: why, and how alike their names are (0 to 100)."""

    first: Contact
    second: Contact
    reason: str
    score: float


def merged(kept: Contact, gone: Contact, take: Collection[str]) -> ContactPatch:
    """Return what the kept client becomes; `take` names the fields of which the other one's value is kept.

    What is empty is filled, lists and notes are put together; of the same own field the kept one's value stays.
    """
    notes = "\n".join(text for text in dict.fromkeys((kept.notes, gone.notes)) if text)
    known = {_same(phone) for phone in kept.phones}
    more = (phone for phone in gone.phones if _same(phone) not in known)
    return ContactPatch(
        name=gone.name if "name" in take else kept.name,
        company=(gone.company if "company" in take else kept.company) or gone.company or kept.company,
        owner=(gone.owner if "owner" in take else kept.owner) or gone.owner or kept.owner,
        notes=gone.notes if "notes" in take else notes[:LONGEST_NOTES],
        custom=kept.custom | gone.custom if "custom" in take else gone.custom | kept.custom,
        phones=_drafts((*kept.phones, *more)),
        emails=_together(kept.emails, gone.emails),
        groups=_together(kept.groups, gone.groups),
        tags=_together(kept.tags, gone.tags),
    )


def unmerged(now: Contact, before: Contact, after: Contact) -> ContactPatch:
    """Return what takes a merge back from the kept client: what it still has of the merge goes, later changes stay."""
    came = {_same(phone) for phone in after.phones} - {_same(phone) for phone in before.phones}
    custom = {name: value for name, value in now.custom.items() if value != after.custom.get(name)}
    untouched = (name for name, value in now.custom.items() if value == after.custom.get(name))
    custom |= {name: before.custom[name] for name in untouched if name in before.custom}
    return ContactPatch(
        name=before.name if now.name == after.name else now.name,
        company=before.company if now.company == after.company else now.company,
        owner=before.owner if now.owner == after.owner else now.owner,
        notes=before.notes if now.notes == after.notes else now.notes,
        custom=custom,
        phones=_drafts(phone for phone in now.phones if _same(phone) not in came),
        emails=_without(now.emails, after.emails, before.emails),
        groups=_without(now.groups, after.groups, before.groups),
        tags=_without(now.tags, after.tags, before.tags),
    )


def _same(phone: Phone) -> str:
    return phone.e164 or phone.number


def _drafts(phones: Iterable[Phone]) -> tuple[PhoneDraft, ...]:
    return tuple(PhoneDraft(phone.number, phone.type) for phone in phones)


def _together(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for one in (*first, *second):
        found.setdefault(fold(one), one)
    return tuple(found.values())


def _without(now: tuple[str, ...], after: tuple[str, ...], before: tuple[str, ...]) -> tuple[str, ...]:
    came = {fold(one) for one in after} - {fold(one) for one in before}
    return tuple(one for one in now if fold(one) not in came)

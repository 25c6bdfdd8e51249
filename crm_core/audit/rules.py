"""What an entry of the audit log says. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

LONGEST_VALUE = 2000
"""Characters of an old or new value that are kept."""


class Area(StrEnum):
    """What kind of record was touched."""

    CONTACT = "contact"
    CONTACTS = "contacts"
    """Not one client but many: an export."""


class Deed(StrEnum):
    """What was done."""

    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"
    RESTORED = "restored"
    MERGED = "merged"
    """Another client became part of this one."""
    ABSORBED = "absorbed"
    """This client became part of another one."""
    UNMERGED = "unmerged"
    EXPORTED = "exported"
    ERASED = "erased"


class FieldChange(msgspec.Struct, frozen=True):
    """One field, as it was and as it is; texts, or lists of texts."""

    field: str
    old: Any = None
    new: Any = None


class Entry(msgspec.Struct, frozen=True):
    """One entry. `at` is epoch seconds; `origin` is the address it was asked from, None for a command."""

    id: int
    at: float
    by: str
    origin: str | None
    area: Area
    record: str
    deed: Deed
    changes: tuple[FieldChange, ...] = ()


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """Return the fields that differ, in the order of `after`; long texts are cut."""
    return tuple(
        FieldChange(field, _kept(before.get(field)), _kept(value))
        for field, value in after.items()
        if before.get(field) != value
    )


def _kept(value: object) -> object:
    if isinstance(value, str) and len(value) > LONGEST_VALUE:
        return value[: LONGEST_VALUE - 1] + "…"
    return value

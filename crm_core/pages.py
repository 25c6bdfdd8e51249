"""Keyset pages: a list is continued after the last row seen, so it stays fast and stable however long it grows."""

import base64
import binascii
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from crm_core.errors import InvalidField

MAX_INTEGER = 2**63 - 1
"""The largest id a database can be asked for."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; `next` is the opaque cursor of the following page, None at the end."""

    items: tuple[T, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: the sort value and the id of its last row."""

    sort: float | str
    id: str | int


def encode_cursor(position: Position) -> str:
    """Write a position as an opaque cursor, safe in a URL."""
    return base64.urlsafe_b64encode(msgspec.json.encode([position.sort, position.id])).decode().rstrip("=")


def decode_position(cursor: str, sort: type[float] | type[str], key: type[str] | type[int]) -> Position:
    """Read a cursor back; raises InvalidField("cursor") for anything this module did not write."""
    identity: str | int
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        value, identity = msgspec.json.decode(raw, type=tuple[sort, key])  # type: ignore[valid-type]
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise InvalidField("cursor", "not a cursor of this list") from error
    if isinstance(identity, int) and abs(identity) > MAX_INTEGER:
        raise InvalidField("cursor", "not a cursor of this list")
    return Position(value, identity)

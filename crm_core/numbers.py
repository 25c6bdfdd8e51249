"""Raw caller ids become numbers once, here; the only module that knows phonenumbers. Pure."""

import re
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from enum import StrEnum


class NumberKind(StrEnum):
    """Whose number it is, as far as its form tells."""

    EXTERNAL = "external"
    INTERNAL = "internal"
    WITHHELD = "withheld"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Number:
    """A number as seen on the wire and what it means."""

    raw: str
    e164: str | None
    kind: NumberKind

    @property
    def key(self) -> str | None:
        """What clients and calls are matched by: None for every number that must never match a client."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Place:
    """What a number tells about where it comes from."""

    type: str | None = None
    country: str | None = None
    region: str | None = None
    carrier: str | None = None
    time_zones: tuple[str, ...] = ()


class Numbering:
    """How numbers are read here: region, own numbers, extensions."""

    def __init__(
        self,
        region: str | None = None,
        own: Iterable[str] = (),
        extensions: re.Pattern[str] | None = None,
        known: Callable[[], Container[str]] = frozenset,
    ) -> None: ...

    def read(self, raw: str | None, *, withheld: bool = False) -> Number:
        """Tell what a number on the wire is."""
        raise NotImplementedError


def describe(e164: str) -> Place:
    """Tell type, country, region, carrier and time zones of an E.164 number."""
    raise NotImplementedError


def preload() -> None:
    """Load the big tables behind `describe`; run it in a thread after the start, never in a command."""
    raise NotImplementedError

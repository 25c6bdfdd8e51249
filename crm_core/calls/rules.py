"""The call log as everyone else sees it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec import UNSET, Struct, UnsetType

from crm_core.numbers import Number
from telephony.records import CallRecord, Direction, Outcome


@dataclass(frozen=True, slots=True)
class Note:
    """A note on a call; `at` is when it was written first, `draft` marks the author's autosaved one."""

    id: int
    author: str
    text: str
    at: float
    updated_at: float
    draft: bool = False


@dataclass(frozen=True, slots=True)
class ContactName:
    """A contact as a call-log row names it."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class TraceEntry:
    """One step of why a call did or did not pop."""

    at: float
    what: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call-log row: the facts of the call, and what people made of it."""

    record: CallRecord
    number: Number
    contact: ContactName | None = None
    candidates: int = 0
    users: Mapping[str, str] = field(default_factory=dict)
    """User name by extension, as it was during the call (phones without a user are absent)."""
    recording: str | None = None
    disposition: str | None = None
    tags: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def id(self) -> str:
        """The call's id."""
        return self.record.id


@dataclass(frozen=True, slots=True)
class CallToSave:
    """What `Calls.save` takes, for many calls at once."""

    call: CallRecord
    number: Number
    contact_id: int | None = None
    candidates: int = 0
    users: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls to list; None = any. Times are epoch seconds of the start: `started_from` <= start < `started_to`."""

    started_from: float | None = None
    started_to: float | None = None
    contact_id: int | None = None
    number: str | None = None
    """In any spelling."""
    agent: str | None = None
    """A user's name: calls that user's phones took part in."""
    queue: str | None = None
    direction: Direction | None = None
    outcome: Outcome | None = None
    linkedid: str | None = None
    q: str | None = None
    """Words of the contact's or caller's name or of a note, or a number in any spelling (last 4+ digits)."""


class CallPatch(Struct, frozen=True):
    """What a person may change on a call: UNSET stays; None takes the value away."""

    disposition: str | UnsetType | None = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    contact_id: int | UnsetType | None = UNSET

"""The call log as everyone else sees it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import msgspec
from msgspec import UNSET, Struct, UnsetType

from crm_core.numbers import Number
from crm_core.recordings.rules import Recording
from crm_core.texts import bounded, clean, line
from crm_core.voicemail.rules import Voicemail
from telephony.records import CallRecord, Direction, LegResult, Outcome, Source


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
class CalledBack:
    """The first talk with a client after a call nobody took; `by` is who of us talked."""

    at: float
    by: str | None
    call_id: str
    by_us: bool
    """We called; else the client got through himself."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Who said that a call's recordings are kept, however old they grow, and when."""

    by: str
    at: float


Fact = str | int | float | bool | None
"""What a fact of a trace can be: something JSON has a word for."""


@dataclass(frozen=True, slots=True)
class TraceEntry:
    """One step of why a call did or did not pop: a code and its facts; the words for them are chosen by the reader."""

    at: float
    what: str
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call-log row: the facts of the call, and what people made of it."""

    record: CallRecord
    number: Number
    contact: ContactName | None = None
    candidates: int = 0
    users: Mapping[str, str] = field(default_factory=dict)
    """User name by extension, as it was during the call (phones without a user are absent)."""
    disposition: str | None = None
    tags: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    recordings: tuple[Recording, ...] = ()
    voicemails: tuple[Voicemail, ...] = ()
    kept: Kept | None = None
    called_back: CalledBack | None = None

    @property
    def is_lost(self) -> bool:
        """Whether a client called, it is over, and nobody talked to him."""
        return self.record.direction is Direction.INBOUND and self.record.outcome in LOST

    @property
    def id(self) -> str:
        """The call's id."""
        return self.record.id


@dataclass(frozen=True, slots=True)
class ImportedNote:
    """A note that comes with an imported call."""

    author: str
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class CallToSave:
    """A call as the machine knows it, on its way to the log.

    `disposition` and `notes` are for imported calls: they are written only with a row that is new.
    """

    call: CallRecord
    number: Number
    contact_id: int | None = None
    candidates: int = 0
    users: Mapping[str, str] = field(default_factory=dict)
    """User name by extension."""
    disposition: str | None = None
    notes: tuple[ImportedNote, ...] = ()


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
    called_back: bool | None = None
    """Lost calls whose client was talked to since (True), or was not (False)."""
    linkedid: str | None = None
    disposition: str | None = None
    """A result, with all that are below it."""
    q: str | None = None
    """Words of the contact's or caller's name or of a note, or a number in any spelling (last 4+ digits)."""


class CallPatch(Struct, frozen=True):
    """What a person may change on a call: UNSET stays; None takes the value away."""

    disposition: str | UnsetType | None = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    contact_id: int | UnsetType | None = UNSET


def accepts(stored_end: float | None, stored_source: Source, incoming: CallRecord) -> bool:
    """Tell whether a save may change a stored call.

    A running call takes anything. An ended one is never reopened, and what was seen live is not overwritten by what
    was rebuilt afterwards.
    """
    if stored_end is None:
        return True
    if incoming.ended_at is None:
        return False
    return incoming.source is Source.LIVE or stored_source is not Source.LIVE


def newest(saves: Iterable[CallToSave]) -> dict[str, CallToSave]:
    """Return one save per call, as if they had been written one after the other."""
    found: dict[str, CallToSave] = {}
    for save in saves:
        before = found.get(save.call.id)
        if before is None:
            found[save.call.id] = save
        elif accepts(before.call.ended_at, before.call.source, save.call):
            same_caller = save.number.key == before.number.key
            contact_id = before.contact_id if save.contact_id is None and same_caller else save.contact_id
            users = {**save.users, **before.users}
            found[save.call.id] = replace(save, contact_id=contact_id, users=users)
    return found


def with_contact(save: CallToSave, meanings: Mapping[str, tuple[int | None, int]]) -> CallToSave:
    """Return a save with the contact its number means, when it names none itself."""
    if save.contact_id is not None:
        return save
    meant, many = meanings.get(save.number.key or "", (None, 0))
    return replace(save, contact_id=meant, candidates=many)


LOST = frozenset({Outcome.MISSED, Outcome.ABANDONED, Outcome.VOICEMAIL})
"""What becomes of a client's call that nobody of us took."""
MISSED = frozenset({Outcome.MISSED, Outcome.ABANDONED, Outcome.NO_ANSWER, Outcome.VOICEMAIL})


def missed_by(row: CallRow, user: str) -> bool:
    """Tell whether a user should call back: someone rang at the user's phone and nobody talked to them."""
    if row.record.direction is Direction.OUTBOUND or row.record.outcome not in MISSED:
        return False
    mine = {extension for extension, name in row.users.items() if name == user}
    return any(
        part.extension in mine and part.rang_at is not None and part.result is not LegResult.ANSWERED
        for part in row.record.participants
    )


def missed_first(rows: Iterable[CallRow], user: str) -> tuple[CallRow, ...]:
    """Return a user's calls, those to call back on top, each part newest first."""
    return tuple(sorted(rows, key=lambda row: (not missed_by(row, user), -row.record.started_at)))


LONGEST_NOTE = 20_000
LONGEST_DISPOSITION = 100


def check_note(text: str) -> str:
    """Return a note's text as stored; raises InvalidField when it is too long."""
    return bounded("text", text, LONGEST_NOTE)


def check_disposition(disposition: str | None) -> str | None:
    """Return a result as stored, None when blank; raises InvalidField when it is too long."""
    return line(bounded("disposition", disposition or "", LONGEST_DISPOSITION)) or None


_FACTS = msgspec.json.Decoder(dict[str, Fact])


def encode_facts(facts: Mapping[str, Fact]) -> str:
    """Write a trace's facts as they are stored: a JSON object, with nothing in it that a database refuses."""
    return msgspec.json.encode(
        {name: clean(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}
    ).decode()


def decode_facts(text: str) -> Mapping[str, Fact]:
    """Read a trace's facts; what is no JSON object is told as it stands."""
    try:
        return _FACTS.decode(text)
    except msgspec.DecodeError:
        return {"text": text}

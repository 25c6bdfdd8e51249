"""The JSON of the API, as the public contract writes it, and how it is made from what the stores return."""

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta, Struct

from crm_core.calls import rules as calls
from crm_core.people import rules as people
from crm_core.recordings import rules as recorded
from crm_core.recordings.rules import Deed, RecordingState
from crm_core.staff.rules import Role, Scope, UnassignedPhone, User
from crm_core.voicemail import rules as voicemail_rules
from screenpop.messages import optional_timestamp, timestamp
from telephony import records
from telephony.records import Direction, LegResult, Outcome, RecordingKind, Source, TransferKind
from web.pages import why

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"}, description="RFC 3339, UTC, milliseconds")]
Seconds = Annotated[float, Meta(description="Seconds")]


class Number(Struct, frozen=True):
    """A telephone number: as seen on the wire, in E.164 where it has that, and whose it is."""

    raw: str | None
    e164: str | None
    kind: str


class ContactName(Struct, frozen=True):
    """A client, by id and name."""

    id: int
    name: str


class Participant(Struct, frozen=True):
    """One of our phones in a conversation."""

    extension: str
    user: str | None
    rang_at: Time | None
    answered_at: Time | None
    left_at: Time | None
    result: LegResult | None
    talk_seconds: Seconds


class Transfer(Struct, frozen=True, rename={"source": "from", "target": "to"}):
    """One transfer."""

    kind: TransferKind
    source: str
    target: str
    at: Time


class Note(Struct, frozen=True):
    """A note on a call; `draft` marks the author's autosaved one."""

    id: int
    author: str
    text: str
    at: Time
    draft: bool = False


class Recording(Struct, frozen=True):
    """One recording; `audio` is where it is heard, null until it is ready; not `playable`: to download only."""

    n: int
    kind: RecordingKind
    state: RecordingState
    started_at: Time
    ended_at: Time | None
    seconds: Seconds | None
    size: int | None
    channel: str
    playable: bool
    audio: str | None
    gone_at: Time | None


class RecordingAccess(Struct, frozen=True):
    """Somebody heard or deleted a recording; `user` is empty where the rule did, after the days it is kept."""

    n: int
    user: str
    what: Deed
    at: Time


class RecordingList(Struct, frozen=True):
    """The recordings of a call, whether the asker may hear them, and (to supervisors) who did."""

    items: tuple[Recording, ...]
    next: str | None
    may_listen: bool
    accesses: tuple[RecordingAccess, ...]


class VoicemailCallback(Struct, frozen=True):
    """The open callback of whoever left a message."""

    id: int
    owner: str | None


class Voicemail(Struct, frozen=True, kw_only=True):
    """A message in a mailbox; `heard_by` is null for one heard by phone; `audio` is null when it is gone."""

    id: int
    pbx: str
    mailbox: str
    context: str
    folder: str
    state: voicemail_rules.State
    number: Number
    caller_name: str | None
    contact: ContactName | None
    call_id: str | None
    queue: str | None
    received_at: Time
    seconds: Seconds | None
    size: int
    urgent: bool
    heard_at: Time | None
    heard_by: str | None
    callback: VoicemailCallback | None
    playable: bool
    audio: str | None
    gone_at: Time | None


class CalledBack(Struct, frozen=True):
    """The first talk with a client after a call nobody took; `by_us`: we called, else the client got through."""

    at: Time
    by: str | None
    call_id: str
    by_us: bool


class Kept(Struct, frozen=True):
    """Who keeps a call's recordings and messages, however old they grow."""

    by: str
    at: Time


class CallLink(Struct, frozen=True):
    """The part of a call that another PBX told of, and the id it had there."""

    pbx: str
    id: str
    confidence: records.Confidence


class Call(Struct, frozen=True, kw_only=True):
    """One conversation as a person would tell it; `ended_at` and `outcome` are null while it runs."""

    id: str
    pbx: str
    direction: Direction
    outcome: Outcome | None
    number: Number
    caller_name: str | None
    did: str | None
    queue: str | None
    contact: ContactName | None
    candidates: int
    answered_by: str | None
    extension: str | None
    participants: tuple[Participant, ...]
    transfers: tuple[Transfer, ...]
    hold_seconds: Seconds
    holds: int
    started_at: Time
    answered_at: Time | None
    ended_at: Time | None
    wait_seconds: Seconds
    talk_seconds: Seconds
    hangup_cause: int | None
    recording: str | None
    recordings: tuple[Recording, ...]
    voicemails: tuple[Voicemail, ...]
    kept: Kept | None
    called_back: CalledBack | None
    disposition: str | None
    tags: tuple[str, ...]
    notes: tuple[Note, ...]
    linkedids: tuple[str, ...]
    source: Source
    linked: tuple[CallLink, ...] = ()
    """What other PBXs told of the same call, and how sure that is; the row is the whole of it."""


class TimelineStep(Struct, frozen=True):
    """One step of a call's life."""

    at: Time
    what: str
    extension: str | None
    detail: str | None


class TraceStep(Struct, frozen=True):
    """One step of why a call did or did not pop: a code, its facts, and both as an English sentence."""

    at: Time
    what: str
    detail: str
    facts: dict[str, calls.Fact]


class CallDetails(Call, frozen=True, kw_only=True):
    """A call with its timeline and the trace of its cards."""

    timeline: tuple[TimelineStep, ...]
    trace: tuple[TraceStep, ...]


class CallList(Struct, frozen=True):
    """One page of calls."""

    items: tuple[Call, ...]
    next: str | None


class Phone(Struct, frozen=True):
    """One number of a client."""

    number: str
    e164: str | None
    type: people.PhoneType


class Contact(Struct, frozen=True, kw_only=True):
    """A client."""

    id: int
    name: str
    company: str | None
    phones: tuple[Phone, ...]
    emails: tuple[str, ...]
    groups: tuple[str, ...]
    tags: tuple[str, ...]
    owner: str | None
    notes: str
    custom: dict[str, Any]
    created_at: Time
    updated_at: Time


class ContactList(Struct, frozen=True):
    """One page of clients."""

    items: tuple[Contact, ...]
    next: str | None


class Me(Struct, frozen=True):
    """Who is asking, and with which scope."""

    name: str
    display_name: str
    role: Role
    scope: Scope
    extensions: tuple[str, ...]
    home_extensions: tuple[str, ...]


class Person(Struct, frozen=True):
    """A user as administrators see it; `extensions` are the phones in use now."""

    name: str
    display_name: str
    role: Role
    active: bool
    extensions: tuple[str, ...]
    home_extensions: tuple[str, ...]


class PersonList(Struct, frozen=True):
    """One page of users."""

    items: tuple[Person, ...]
    next: str | None


class StrayPhone(Struct, frozen=True):
    """A phone of ours that rang and belongs to nobody."""

    extension: str
    first_at: Time
    last_at: Time
    times: int


class StrayPhoneList(Struct, frozen=True):
    """One page of such phones."""

    items: tuple[StrayPhone, ...]
    next: str | None


class Texts(Struct, frozen=True):
    """One page of plain words."""

    items: tuple[str, ...]
    next: str | None


def call(row: calls.CallRow) -> Call:
    """Write a row of the call log."""
    return Call(**_call_fields(row))


def call_details(row: calls.CallRow, trace: tuple[calls.TraceEntry, ...]) -> CallDetails:
    """Write a row with its timeline and trace."""
    return CallDetails(
        **_call_fields(row),
        timeline=tuple(
            TimelineStep(timestamp(step.at), step.what, step.extension, step.detail) for step in row.record.timeline
        ),
        trace=tuple(TraceStep(timestamp(step.at), step.what, why.sentence(step), dict(step.facts)) for step in trace),
    )


def _call_fields(row: calls.CallRow) -> dict[str, Any]:
    record = row.record
    heard = recordings(row.recordings)
    return {
        "id": record.id,
        "pbx": record.pbx,
        "direction": record.direction,
        "outcome": record.outcome,
        "number": Number(row.number.raw or None, row.number.e164, row.number.kind),
        "caller_name": record.caller_name,
        "did": record.did,
        "queue": record.queue,
        "contact": row.contact and ContactName(row.contact.id, row.contact.name),
        "candidates": row.candidates,
        "answered_by": record.answered_by,
        "extension": record.extension,
        "participants": tuple(_participant(one, row) for one in record.participants),
        "transfers": tuple(Transfer(one.kind, one.source, one.target, timestamp(one.at)) for one in record.transfers),
        "hold_seconds": record.hold_seconds,
        "holds": record.holds,
        "started_at": timestamp(record.started_at),
        "answered_at": optional_timestamp(record.answered_at),
        "ended_at": optional_timestamp(record.ended_at),
        "wait_seconds": record.wait_seconds,
        "talk_seconds": record.talk_seconds,
        "hangup_cause": record.hangup_cause,
        "recording": next((one.audio for one in heard if one.audio is not None), None),
        "recordings": heard,
        "voicemails": tuple(voicemail(one) for one in row.voicemails),
        "called_back": row.called_back
        and CalledBack(
            timestamp(row.called_back.at), row.called_back.by, row.called_back.call_id, row.called_back.by_us
        ),
        "kept": None if row.kept is None else Kept(row.kept.by, timestamp(row.kept.at)),
        "disposition": row.disposition,
        "tags": row.tags,
        "notes": tuple(note(one) for one in row.notes),
        "linkedids": record.linkedids,
        "source": record.source,
        "linked": tuple(CallLink(one.pbx, one.id, one.confidence) for one in record.links),
    }


def _participant(one: records.Participant, row: calls.CallRow) -> Participant:
    return Participant(
        one.extension,
        row.users.get(one.extension),
        optional_timestamp(one.rang_at),
        optional_timestamp(one.answered_at),
        optional_timestamp(one.left_at),
        one.result,
        one.talk_seconds,
    )


def recordings(rows: Sequence[recorded.Recording]) -> tuple[Recording, ...]:
    """Write the recordings of a call, numbered from 1 in the order they began."""
    return tuple(_recording(one, n) for n, one in enumerate(rows, 1))


def _recording(one: recorded.Recording, n: int) -> Recording:
    file = recorded.format_of(one.path)
    return Recording(
        n,
        one.kind,
        one.state,
        timestamp(one.started_at),
        optional_timestamp(one.ended_at),
        one.duration,
        one.size,
        one.channel,
        file is not None and file.playable,
        f"/api/v1/calls/{one.call_id}/recordings/{n}/audio" if one.state is RecordingState.READY else None,
        optional_timestamp(one.gone_at),
    )


def voicemail(one: voicemail_rules.Voicemail) -> Voicemail:
    """Write a message."""
    file = recorded.format_of(f"message{one.ending}")
    return Voicemail(
        id=one.id,
        pbx=one.pbx,
        mailbox=one.key.mailbox,
        context=one.key.context,
        folder=one.folder,
        state=one.state,
        number=Number(one.number.raw or None, one.number.e164, one.number.kind),
        caller_name=one.caller_name,
        contact=None if one.contact_id is None else ContactName(one.contact_id, one.contact_name or ""),
        call_id=one.call_id,
        queue=one.queue,
        received_at=timestamp(one.received_at),
        seconds=one.seconds,
        size=one.size,
        urgent=one.urgent,
        heard_at=optional_timestamp(one.heard_at),
        heard_by=one.heard_by,
        callback=None if one.callback is None else VoicemailCallback(one.callback.task_id, one.callback.owner),
        playable=file is not None and file.playable,
        audio=f"/api/v1/voicemails/{one.id}/audio" if one.state is not voicemail_rules.State.DELETED else None,
        gone_at=optional_timestamp(one.gone_at),
    )


def note(one: calls.Note) -> Note:
    """Write a note."""
    return Note(one.id, one.author, one.text, timestamp(one.at), one.draft)


def contact(one: people.Contact) -> Contact:
    """Write a client."""
    return Contact(
        id=one.id,
        name=one.name,
        company=one.company,
        phones=tuple(Phone(phone.number, phone.e164, phone.type) for phone in one.phones),
        emails=one.emails,
        groups=one.groups,
        tags=one.tags,
        owner=one.owner,
        notes=one.notes,
        custom=one.custom,
        created_at=timestamp(one.created_at),
        updated_at=timestamp(one.updated_at),
    )


def person(user: User) -> Person:
    """Write a user."""
    return Person(user.name, user.display_name, user.role, user.active, user.extensions, user.home_extensions)


def stray_phone(phone: UnassignedPhone) -> StrayPhone:
    """Write a phone that belongs to nobody."""
    return StrayPhone(phone.extension, timestamp(phone.first_at), timestamp(phone.last_at), phone.times)

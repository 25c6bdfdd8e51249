"""Facts about calls as the rest of the house receives them: plain, frozen, without AMI in them.

Times are epoch seconds (float, UTC) of the PBX where the event carries one, else of arrival; durations are seconds.
The words are those of the public contract, so nothing is translated twice.
"""

from enum import StrEnum
from typing import Final

import msgspec


class Direction(StrEnum):
    """Who reached whom, seen from our side; a transfer does not change it."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"


class Outcome(StrEnum):
    """What became of a conversation, once it has ended."""

    ANSWERED = "answered"
    MISSED = "missed"
    ABANDONED = "abandoned"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    CANCELED = "canceled"
    REJECTED = "rejected"
    FAILED = "failed"
    VOICEMAIL = "voicemail"


class LegResult(StrEnum):
    """What became of one of our phones in a conversation."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REJECTED = "rejected"
    ELSEWHERE = "elsewhere"
    FAILED = "failed"


class TransferKind(StrEnum):
    """How a party was moved; `REDIRECT` is a third party's doing (AMI)."""

    BLIND = "blind"
    ATTENDED = "attended"
    REDIRECT = "redirect"


class Source(StrEnum):
    """Where a row's facts come from."""

    LIVE = "live"
    RECOVERED = "recovered"
    IMPORTED = "imported"


class CallPhase(StrEnum):
    """Where a running conversation stands."""

    RINGING = "ringing"
    QUEUED = "queued"
    TALKING = "talking"
    HELD = "held"
    VOICEMAIL = "voicemail"
    ENDED = "ended"


class Participant(msgspec.Struct, frozen=True):
    """One of our phones in a conversation. `rang_at` is None when the phone never said that it rings."""

    extension: str
    rang_at: float | None = None
    answered_at: float | None = None
    left_at: float | None = None
    result: LegResult | None = None
    talk_seconds: float = 0.0


class Transfer(msgspec.Struct, frozen=True):
    """One transfer: `source` and `target` are extensions or outside numbers."""

    kind: TransferKind
    source: str
    target: str
    at: float


class TimelineEntry(msgspec.Struct, frozen=True):
    """One step of the conversation's life, in words of the field (`ring`, `answer`, `hold`, `queue_join`...)."""

    at: float
    what: str
    extension: str | None = None
    detail: str | None = None


class RecordingKind(StrEnum):
    """Who is heard: the parties of the call, or the caller alone who left a message."""

    CALL = "call"
    VOICEMAIL = "voicemail"


class Recording(msgspec.Struct, frozen=True):
    """A recording the PBX makes or made of a conversation; `ended_at` is None while it runs."""

    kind: RecordingKind
    file: str
    """As the PBX names it: an absolute path (voicemail: without ending); empty when it was not told."""
    channel: str
    """Uniqueid of the channel that is or was recorded."""
    started_at: float
    ended_at: float | None = None
    paused: bool = False
    """Silence is recorded at the moment."""


class Parking(msgspec.Struct, frozen=True):
    """Where a caller is parked, by which phone of ours (where known), and since when."""

    space: str
    by: str | None
    since: float


class Spy(msgspec.Struct, frozen=True):
    """Somebody who hears a call now without being a party: who, at which phone, how, and since when."""

    who: str
    phone: str
    mode: str
    since: float


class DialOut(msgspec.Struct, frozen=True):
    """A dial over a line to the outside, or to another PBX: its channel, and the number dialled there."""

    uniqueid: str
    at: float
    number: str | None = None


class Confidence(StrEnum):
    """How sure it is that two PBXs tell of the same call."""

    EXACT = "exact"
    """Both ends of the line have the same SIP Call-ID."""
    LIKELY = "likely"
    """Numbers and times leave no other possibility."""


class CallLink(msgspec.Struct, frozen=True):
    """The part of a conversation that another PBX tells of: the id it had there, and the phones it brought in."""

    pbx: str
    id: str
    confidence: Confidence
    phones: tuple[str, ...] = ()


class CallRecord(msgspec.Struct, frozen=True):
    """One conversation as a person would tell it, finished or still running (`ended_at` is None, `outcome` None)."""

    id: str
    pbx: str
    direction: Direction
    phase: CallPhase
    started_at: float
    number: str | None
    """The outside party as seen on the wire (internal calls: the caller's extension); None when no number was given."""
    withheld: bool = False
    caller_name: str | None = None
    did: str | None = None
    queue: str | None = None
    outcome: Outcome | None = None
    answered_by: str | None = None
    extension: str | None = None
    participants: tuple[Participant, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    holds: int = 0
    hold_seconds: float = 0.0
    answered_at: float | None = None
    ended_at: float | None = None
    wait_seconds: float = 0.0
    talk_seconds: float = 0.0
    hangup_cause: int | None = None
    linkedids: tuple[str, ...] = ()
    source: Source = Source.LIVE
    timeline: tuple[TimelineEntry, ...] = ()
    channels: tuple[str, ...] = ()
    """Uniqueids of every channel that took part: a resync finds an open call again by them."""
    hung_up: int = 0
    """How many of `channels`, from the first on, are hung up."""
    caller: str | None = None
    """Uniqueid of the channel that began it."""
    called: str | None = None
    """Internal calls: the extension or service that was dialled; outbound: the number as dialled."""
    recordings: tuple[Recording, ...] = ()
    holders: tuple[str, ...] = ()
    """Phones of ours that keep the other party on hold now, be it to consult somebody."""
    consulting: str | None = None
    """Whom a holder talks to or rings meanwhile, as dialled."""
    parked: Parking | None = None
    spies: tuple[Spy, ...] = ()
    standing: bytes = b""
    """Running calls: what a restart needs of them, for `standing.restore`; nobody else reads it."""
    dials_out: tuple[DialOut, ...] = ()
    links: tuple[CallLink, ...] = ()
    """What other PBXs tell of it; the record is then the whole of both."""


class ChangeKind(StrEnum):
    """What just happened to a call; `CallChange.extension` names the phone of ours it happened to, where one did."""

    STARTED = "started"
    """The conversation exists (first channel that is a conversation); no phone of ours need ring yet."""
    RINGING = "ringing"
    """`extension`'s phone rings now."""
    DIALING = "dialing"
    """`extension` dials out or to a colleague (desk phone or click-to-call): its agent sees the called party."""
    ANSWERED = "answered"
    """`extension` talks now. On an outbound call: the far side answered, `extension` is who dialled."""
    STOPPED = "stopped"
    """`extension`'s phone stopped ringing without talking; `result` says why (ELSEWHERE: a colleague took it)."""
    LEFT = "left"
    """`extension` left the conversation, which goes on without it (transfer)."""
    TRANSFERRED = "transferred"
    """The conversation is being moved from `extension`; the new target's RINGING follows (or came before)."""
    UPDATED = "updated"
    """Queue, hold, number, name or another fact changed."""
    ABSORBED = "absorbed"
    """The conversation `absorbed` turned out to be part of `call` (attended transfer): its row becomes part of it."""
    ENDED = "ended"
    """All parties are gone: `call.outcome` is final."""


LINKED: Final = "link"
"""What triggered an ABSORBED that no transfer made: another PBX told of the same call."""


class Cause(msgspec.Struct, frozen=True):
    """The AMI event that made a change: its name and channel, when it happened at the PBX and when it arrived here."""

    event: str
    channel: str
    uniqueid: str
    at: float
    arrived_at: float


class CallChange(msgspec.Struct, frozen=True):
    """One step of one call, with the whole call as it is after the step."""

    kind: ChangeKind
    at: float
    call: CallRecord
    extension: str | None = None
    result: LegResult | None = None
    absorbed: str | None = None
    """ABSORBED only: the id of the conversation that is no longer one of its own."""
    trigger: str = ""
    """The AMI event and channel behind it, for "why did it pop": `DialState PJSIP/2001-00000049`."""
    cause: Cause | None = None
    """The same as facts; None where no event made the change (a snapshot, the passing of time)."""


class MemberStatus(StrEnum):
    """A queue member's device, in Asterisk's words (QueueMember `Status` numbers)."""

    UNKNOWN = "unknown"
    NOT_IN_USE = "not_in_use"
    IN_USE = "in_use"
    BUSY = "busy"
    INVALID = "invalid"
    UNAVAILABLE = "unavailable"
    RINGING = "ringing"
    RING_IN_USE = "ring_in_use"
    ON_HOLD = "on_hold"


class Waiting(msgspec.Struct, frozen=True):
    """One caller waiting in a queue."""

    uniqueid: str
    number: str | None
    caller_name: str | None
    position: int
    since: float
    call_id: str | None = None


class Member(msgspec.Struct, frozen=True):
    """One member of a queue; `extension` is None where the interface is no phone of ours."""

    interface: str
    name: str
    extension: str | None
    status: MemberStatus = MemberStatus.UNKNOWN
    paused: bool = False
    paused_reason: str | None = None
    penalty: int = 0
    calls_taken: int = 0
    in_call: bool = False
    since: float | None = None
    """When the status or the pause last changed, as far as known."""


class QueueRecord(msgspec.Struct, frozen=True):
    """A queue as it is now."""

    pbx: str
    name: str
    waiting: tuple[Waiting, ...] = ()
    members: tuple[Member, ...] = ()
    completed: int = 0
    abandoned: int = 0


class QueueChange(msgspec.Struct, frozen=True):
    """A queue changed (caller joined or left, member added, removed, paused, or its device changed)."""

    at: float
    queue: QueueRecord
    gone: bool = False


class PhoneChange(msgspec.Struct, frozen=True):
    """A phone's device state changed: `reachable` False = not registered."""

    at: float
    pbx: str
    extension: str
    status: MemberStatus
    reachable: bool = True


class LinkChange(msgspec.Struct, frozen=True):
    """The link to a PBX came up or went down (`reason` in plain words)."""

    at: float
    pbx: str
    up: bool
    reason: str = ""


Change = CallChange | QueueChange | PhoneChange | LinkChange


class Surprise(msgspec.Struct, frozen=True):
    """Something the book could not make sense of: counted and logged by the shell, never raised."""

    at: float
    what: str
    event: str = ""
    channel: str = ""


class Step(msgspec.Struct, frozen=True):
    """What one event changed."""

    changes: tuple[Change, ...] = ()
    surprises: tuple[Surprise, ...] = ()

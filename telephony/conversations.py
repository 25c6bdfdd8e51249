"""One conversation while it lives: who rang, who talks, where it stands, and what became of it in the end.

The words follow the public contract: `answered` means that a person talked, `missed` that nobody took the call.
"""

import hashlib
from base64 import b32encode

import msgspec

from telephony.channels import Channel
from telephony.records import (
    CallPhase,
    CallRecord,
    DialOut,
    Direction,
    LegResult,
    Outcome,
    Parking,
    Participant,
    Recording,
    Source,
    Spy,
    TimelineEntry,
    Transfer,
    TransferKind,
)

PROMPT_ANSWER_SECONDS = 1.0
"""A phone that is bridged this soon after it went Up has talked since it went Up (announcements and key presses take
longer); what is later counts from the bridge. Seen: 0.1 ms idle, 0.8 s on a busy machine."""

PROMPT_DIAL_END_SECONDS = 0.5
"""A dial that is won later than this after its phone went Up waited for a key press (`U()`, FollowMe), not for the
machine: Asterisk tells both within a millisecond."""

TRANSFER_UNHOLD_SECONDS = 0.5
"""A transfer by keys is told at once after the Unhold that ends its music."""

MOST_DIALS_OUT = 50
"""Dials to the outside kept of one conversation."""
LONGEST_TIMELINE = 200
"""Entries kept of one conversation; a looping dialplan must not fill the memory."""

DECLINED_BY_KEY = frozenset({"CONTINUE", "ABORT"})
"""How a dial ends whose `U()` subroutine did not accept the call: the phone was picked up, the caller not wanted."""

CAUSE_BUSY = 17
CAUSE_REJECTED = 21
CAUSE_UNALLOCATED = 1
CAUSES_UNREACHABLE = frozenset({3, 20, 27, 34, 38, 41, 42, 58})


def call_id(pbx: str, uniqueid: str) -> str:
    """Name a conversation: opaque, and the same after a restart or a replay (26 characters)."""
    digest = hashlib.blake2b(f"{pbx}\0{uniqueid}".encode("utf-8", "surrogateescape"), digest_size=16).digest()
    return b32encode(digest).decode().rstrip("=")


def talks_since(channel: Channel, at: float) -> float:
    """Tell since when a party that is connected at `at` has talked."""
    if channel.up_at is not None and at - channel.up_at <= PROMPT_ANSWER_SECONDS:
        return channel.up_at
    return at


class Leg(msgspec.Struct, omit_defaults=True):
    """One of our phones in a conversation, over all its channels."""

    extension: str
    dialed_at: float
    rang_at: float | None = None
    answered_at: float | None = None
    left_at: float | None = None
    result: LegResult | None = None
    talked: float = 0.0
    talking_since: float | None = None
    ringing: bool = False
    hung_up: bool = False
    """Its person put the phone down (and was not moved out of the call by others)."""

    def participant(self, at: float) -> Participant:
        """Give the leg as a fact, with the talk up to `at`."""
        talked = self.talked
        if self.talking_since is not None:
            talked += max(0.0, at - self.talking_since)
        return Participant(self.extension, self.rang_at, self.answered_at, self.left_at, self.result, round(talked, 3))


class Conversation(msgspec.Struct, omit_defaults=True):
    """The mutable side of a `CallRecord`."""

    id: str
    pbx: str
    started_at: float
    first: str
    """Uniqueid of its first channel."""
    direction: Direction | None = None
    """None until the dialplan shows whom one of our phones calls."""
    visible: bool = False
    """Whether it has been told to the outside: a service code (`*97`) never is."""
    channels: set[str] = set()
    past: list[str] = []
    caller: str | None = None
    """Uniqueid of the channel that began it: the outside party (inbound) or our phone (outbound, internal)."""
    extension: str | None = None
    number: str | None = None
    caller_name: str | None = None
    withheld: bool = False
    called: str | None = None
    did: str | None = None
    number_final: bool = False
    queue: str | None = None
    queued_at: float | None = None
    in_queue: bool = False
    abandoned: bool = False
    originated: bool = False
    tried_outside: bool = False
    caller_was_up: bool = False
    caller_hung_up: bool = False
    far_status: str = ""
    far_cause: int | None = None
    far_rang_at: float | None = None
    legs: dict[str, Leg] = {}
    transfers: list[Transfer] = []
    pending_transfer: bool = False
    moved_to: str | None = None
    """The extension of the last blind transfer, as it was told."""
    moving: bool = False
    """Transferred or parked, and nobody talks yet: whoever is dialled now is part of that move."""
    parking: Parking | None = None
    holds: int = 0
    hold_seconds: float = 0.0
    held_by: dict[str, float] = {}
    holders: dict[str, str] = {}
    """The phones of ours among `held_by`: uniqueid -> extension."""
    consulting: str | None = None
    spies: dict[str, Spy] = {}
    """Who listens in now, by the uniqueid of the listening channel."""
    last_hold: tuple[str, float, float] | None = None
    """Who held, from when to when: it may turn out to have been a transfer's music."""
    answered_at: float | None = None
    answered_by: str | None = None
    talk_ended_at: float | None = None
    talking: bool = False
    voicemail_entered: bool = False
    voicemail_saved: bool | None = None
    conferring: set[str] = set()
    """Uniqueids of its channels that are in a conference, which counts as talking."""
    ended_at: float | None = None
    hangup_cause: int | None = None
    last_hangup_at: float | None = None
    """When a channel of it was last seen hanging up."""
    told_at: float = 0.0
    """When it was told last: it is known until then."""
    linkedids: list[str] = []
    timeline: list[TimelineEntry] = []
    recordings: list[Recording] = []
    dials_out: list[DialOut] = []
    source: Source = Source.LIVE

    def note(self, at: float, what: str, extension: str | None = None, detail: str | None = None) -> None:
        """Add a step to the timeline."""
        if len(self.timeline) < LONGEST_TIMELINE:
            self.timeline.append(TimelineEntry(at, what, extension, detail))

    def leg(self, extension: str, at: float) -> Leg:
        """Give the leg of one of our phones, made on first sight."""
        leg = self.legs.get(extension)
        if leg is None:
            leg = self.legs[extension] = Leg(extension, at)
        return leg

    @property
    def parked(self) -> bool:
        """Whether its caller waits in a parking space."""
        return self.parking is not None

    def saw_linkedid(self, linkedid: str) -> None:
        """Remember an attribute by which others may look for the call."""
        if linkedid and linkedid not in self.linkedids:
            self.linkedids.append(linkedid)

    def phase(self) -> CallPhase:
        """Tell where it stands."""
        if self.ended_at is not None:
            return CallPhase.ENDED
        if self.talking:
            return CallPhase.HELD if self.held_by else CallPhase.TALKING
        if self.in_queue:
            return CallPhase.QUEUED
        return CallPhase.VOICEMAIL if self.voicemail_entered else CallPhase.RINGING

    def answer(self, channel: Channel, at: float, *, ours: bool) -> None:
        """Take note that the party on `channel` talks since it went up (or since `at`, when that is long ago)."""
        since = talks_since(channel, at)
        if ours:
            leg = self.leg(channel.endpoint, since)
            leg.ringing = False
            leg.result = LegResult.ANSWERED
            leg.left_at = None
            if leg.answered_at is None:
                leg.answered_at = since
            if leg.talking_since is None:
                leg.talking_since = since
        if self.answered_at is None:
            self.answered_at = since
            if ours and self.direction is not Direction.OUTBOUND:
                self.answered_by = channel.endpoint
            self.note(since, "answer", channel.endpoint or None)

    def leave_leg(self, extension: str, at: float) -> bool:
        """Take note that one of our phones left a talk; True when it had been talking."""
        leg = self.legs.get(extension)
        if leg is None or leg.talking_since is None:
            return False
        leg.talked += max(0.0, at - leg.talking_since)
        leg.talking_since = None
        leg.left_at = at
        return True

    def end_hold(self, uniqueid: str, at: float, *, counts: bool = True) -> bool:
        """Close a hold; one that was only a transfer's music on hold does not count."""
        since = self.held_by.pop(uniqueid, None)
        self.holders.pop(uniqueid, None)
        if not self.held_by:
            self.consulting = None
        if since is None:
            return False
        if counts:
            self.hold_seconds += max(0.0, at - since)
            self.last_hold = (uniqueid, since, at)
        else:
            self.holds -= 1
        return True

    def was_transfer_music(self, uniqueid: str, at: float) -> None:
        """Take back a hold that was only the music while the transferer pressed keys: it ends with the transfer."""
        if self.end_hold(uniqueid, at, counts=False) or self.last_hold is None:
            return
        holder, since, until = self.last_hold
        if holder == uniqueid and at - until <= TRANSFER_UNHOLD_SECONDS:
            self.holds -= 1
            self.hold_seconds = max(0.0, self.hold_seconds - max(0.0, until - since))
            self.last_hold = None

    def record(self, at: float, standing: bytes = b"") -> CallRecord:
        """Give the conversation as a fact, as it is at `at`, with what a restart needs of it."""
        end = self.ended_at
        # In the order of the fields: naming them takes eight times as long, and a call is told at each of its changes.
        return CallRecord(
            self.id,
            self.pbx,
            self.direction or Direction.INTERNAL,
            self.phase(),
            self.started_at,
            self.number,
            self.withheld,
            self.caller_name,
            self.did,
            self.queue,
            outcome(self) if end is not None else None,
            self.answered_by,
            self._extension(),
            tuple([leg.participant(at) for leg in self.legs.values()]),
            tuple(self.transfers),
            self.holds,
            round(self.hold_seconds, 3),
            self.answered_at,
            end,
            round(self._waited(at), 3),
            round(self._talked(at), 3),
            self.hangup_cause,
            tuple(self.linkedids),
            self.source,
            tuple(self.timeline),
            (*self.past, *sorted(self.channels)),
            len(self.past),
            self.caller,
            self.called,
            tuple(self.recordings),
            tuple(sorted(set(self.holders.values()))) if self.holders else (),
            self.consulting,
            self.parking if end is None else None,
            tuple(self.spies.values()) if end is None else (),
            standing,
            tuple(self.dials_out),
        )

    def _extension(self) -> str | None:
        if self.extension is not None:
            return self.extension
        if self.answered_by is not None:
            return self.answered_by
        return next(iter(self.legs)) if len(self.legs) == 1 else None

    def _waited(self, at: float) -> float:
        begin = self.far_rang_at if self.direction is Direction.OUTBOUND else self.queued_at
        if begin is None and self.direction is not Direction.OUTBOUND:
            begin = min([leg.rang_at for leg in self.legs.values() if leg.rang_at is not None], default=None)
        if begin is None:
            return 0.0
        end = self.answered_at if self.answered_at is not None else self.ended_at
        # A ring before the beginning: the PBX's clock was set back.
        return max(0.0, (at if end is None else end) - max(begin, self.started_at))

    def _talked(self, at: float) -> float:
        if self.answered_at is None:
            return 0.0
        if self.talking:
            end = self.ended_at if self.ended_at is not None else at
        else:
            end = self.talk_ended_at if self.talk_ended_at is not None else self.answered_at
        return max(0.0, end - self.answered_at)


def outcome(call: Conversation) -> Outcome:
    """Judge a finished conversation in the contract's words."""
    if call.answered_at is not None:
        return Outcome.ANSWERED
    if call.voicemail_entered and call.voicemail_saved is not False:
        return Outcome.VOICEMAIL
    if call.direction is Direction.INBOUND:
        return _inbound_outcome(call)
    return _outgoing_outcome(call)


def _inbound_outcome(call: Conversation) -> Outcome:
    if call.in_queue or call.abandoned:
        return Outcome.ABANDONED
    results = {leg.result for leg in call.legs.values()} if call.queue is None else set()  # a queue goes on trying
    if results == {LegResult.BUSY}:
        return Outcome.BUSY
    if results == {LegResult.FAILED}:
        return Outcome.FAILED
    nobody_tried = not (call.legs or call.queue or call.tried_outside or call.caller_was_up)
    if nobody_tried and not call.caller_hung_up:
        return Outcome.FAILED
    return Outcome.MISSED


def _outgoing_outcome(call: Conversation) -> Outcome:  # noqa: PLR0911 - one line per case reads best
    """Judge a call of ours that nobody took.

    A refusal (cause 21) of a colleague is `rejected`; of an outside line it is `failed`, because carriers send the
    same cause for calls they will not carry. 404 arrives as NOANSWER with cause 1 (traces `outbound_failures`).
    """
    if call.originated and not call.caller_was_up:
        return Outcome.FAILED
    if call.far_status == "BUSY" or call.far_cause == CAUSE_BUSY:
        return Outcome.BUSY
    if call.far_cause == CAUSE_REJECTED:
        return Outcome.REJECTED if call.direction is Direction.INTERNAL else Outcome.FAILED
    if call.far_status in {"CONGESTION", "CHANUNAVAIL", "INVALIDARGS"} or not call.far_status:
        return Outcome.CANCELED if call.caller_hung_up and call.far_rang_at is not None else Outcome.FAILED
    if call.far_cause is not None and (call.far_cause == CAUSE_UNALLOCATED or call.far_cause in CAUSES_UNREACHABLE):
        return Outcome.FAILED
    if call.far_status == "CANCEL" or call.caller_hung_up:
        return Outcome.CANCELED
    return Outcome.NO_ANSWER


def leg_result(status: str, cause: int | None, *, answered: bool) -> LegResult:
    """Judge a phone that did not talk, by how its dial ended and its channel was hung up.

    A queue says NOANSWER also for busy (17) and declined (21); only the hang-up cause tells.
    """
    if status == "BUSY" or cause == CAUSE_BUSY:
        return LegResult.BUSY
    if cause == CAUSE_REJECTED or status in DECLINED_BY_KEY:
        return LegResult.REJECTED
    if status in {"CONGESTION", "CHANUNAVAIL", "INVALIDARGS"} or cause == CAUSE_UNALLOCATED:
        return LegResult.FAILED
    if status == "NOANSWER":
        return LegResult.NO_ANSWER
    return LegResult.ELSEWHERE if answered else LegResult.NO_ANSWER


def add_transfer(call: Conversation, transfer: Transfer) -> None:
    """Add a transfer whose target may still be named by what is dialled next; told twice, it is one."""
    if any(t.kind is transfer.kind and t.source == transfer.source and t.at == transfer.at for t in call.transfers):
        return
    call.transfers.append(transfer)
    call.pending_transfer = transfer.kind is not TransferKind.ATTENDED
    call.moving = True
    call.moved_to = transfer.target if transfer.kind is TransferKind.BLIND else None
    call.note(transfer.at, f"transfer_{transfer.kind}", transfer.source, transfer.target)


def name_target(call: Conversation, target: str) -> None:
    """Name who is really called by the last transfer."""
    last = call.transfers[-1]
    call.transfers[-1] = Transfer(last.kind, last.source, target, last.at)

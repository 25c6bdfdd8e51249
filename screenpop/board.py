"""The supervisors' picture: live calls, queues with their waiting callers, agents by state. Pure.

Facts are taken in as they come and turned into what the board shows only when someone looks (`delta`, `state`), so
that a storm of changes costs one picture and not one per change. Deltas carry whole values: applying one twice, or on
a snapshot that holds it already, changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from crm_core.staff.rules import User
from screenpop.cards import recording_now
from screenpop.messages import (
    AgentsDelta,
    AgentState,
    BoardAgent,
    BoardCall,
    BoardContact,
    BoardDelta,
    BoardLink,
    BoardMember,
    BoardQueue,
    BoardSpy,
    BoardState,
    BoardWaiting,
    CallsDelta,
    CardNumber,
    LinksDelta,
    ParkedCall,
    QueuesDelta,
    optional_timestamp,
    timestamp,
)
from screenpop.parts import Part
from screenpop.seats import Seats, Use, uses
from screenpop.strip import Strip
from screenpop.timelines import Standing
from telephony.lag import LinkHealth
from telephony.records import (
    CallChange,
    CallRecord,
    Change,
    ChangeKind,
    LinkChange,
    Member,
    MemberStatus,
    PhoneChange,
    QueueChange,
    QueueRecord,
)

TALKING: Final = frozenset({MemberStatus.IN_USE, MemberStatus.BUSY, MemberStatus.ON_HOLD, MemberStatus.RING_IN_USE})


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a call's outside party is, as far as known."""

    number: CardNumber
    contact: BoardContact | None = None


@dataclass(slots=True)
class _LiveCall:
    record: CallRecord
    phase_since: float
    left: set[str] = field(default_factory=set)
    """Phones that left the conversation, which goes on."""
    identity: Identity | None = None


class Board:
    """The picture, its sources and what is already known outside."""

    def __init__(self, pbxs: Sequence[str] = ("main",)) -> None:
        self._several = len(pbxs) > 1
        self._pbxs = tuple(pbxs)
        self._seats = Seats()
        self._at = 0.0
        # Sources.
        self._live: dict[str, _LiveCall] = {}
        self._queue_records: dict[str, QueueRecord] = {}
        self.strip = Strip()
        self._phones: dict[str, dict[str, tuple[Use, float]]] = {}
        self._occupied: dict[str, set[str]] = {}
        self._device: dict[str, dict[str, PhoneChange]] = {}
        self._members: dict[str, dict[str, Member]] = {}
        self._enlisted: dict[str, set[str]] = {}
        self._online: dict[str, int] = {}
        self._wrap_up: dict[str, tuple[str, float]] = {}
        # The picture.
        self._links = Part[BoardLink](self.strip.entry)
        self._queues = Part[BoardQueue](self._draw_queue)
        self._calls = Part[BoardCall](self._draw_call)
        self._agents = Part[BoardAgent](self._draw_agent)
        self._moved: dict[str, Standing | None] = {}

    # What comes in.

    def apply(self, change: Change) -> None:
        """Take one fact in."""
        self._at = max(self._at, change.at)
        match change:
            case CallChange():
                if change.kind is ChangeKind.ABSORBED and change.absorbed is not None:
                    self._drop_call(change.absorbed)
                self._apply_call(change.call, change.at, change)
            case QueueChange():
                self._apply_queue(change)
            case PhoneChange():
                self._device.setdefault(change.extension, {})[change.pbx] = change
                self._touch_phone(change.extension)
            case LinkChange():
                self.strip.apply(change)
                self._links.stale.add(change.pbx)

    def home(self, extension: str) -> str | None:
        """Return the PBX at which a phone was last seen registered."""
        devices = self._device.get(extension, {})
        return next((pbx for pbx in self._pbxs if pbx in devices and devices[pbx].reachable), None)

    def look(self, pbx: str, health: LinkHealth, at: float) -> bool:
        """Take in how the link to a PBX does; True when there is something new to show."""
        changed = self.strip.look(pbx, health, at)
        if changed:
            self._links.stale.add(pbx)
        return changed

    def adopt(self, call: CallRecord) -> None:
        """Take over a call that was running before the service started."""
        self._apply_call(call, call.started_at)

    def identify(self, call_id: str, identity: Identity) -> None:
        """Say whose call it is."""
        live = self._live.get(call_id)
        if live is None or live.identity == identity:
            return
        live.identity = identity
        self._calls.stale.add(call_id)
        if live.record.queue is not None:
            self._queues.stale.add(self._queue_key(live.record.pbx, live.record.queue))

    def sit(self, seats: Seats, at: float) -> None:
        """Take in who sits where now."""
        self._at = max(self._at, at)
        self._seats = seats
        self._agents.stale |= self._agents.current.keys() | set(seats.names())
        self._agents.stale |= {_phone_key(extension) for extension in self._known_phones()}
        self._calls.stale |= self._live.keys()
        self._queues.stale |= self._queue_records.keys()

    def presence(self, user: str, step: int, at: float) -> None:
        """Count an agent's open sockets: `step` is +1 or -1."""
        self._at = max(self._at, at)
        count = self._online.get(user, 0) + step
        if count > 0:
            self._online[user] = count
        else:
            self._online.pop(user, None)
        self._agents.stale.add(user)

    def wrap_up(self, user: str, call_id: str | None, at: float) -> None:
        """Say that an agent still works on a call that ended; None: no more."""
        self._at = max(self._at, at)
        if call_id is None:
            self._wrap_up.pop(user, None)
        else:
            self._wrap_up[user] = (call_id, at)
        self._agents.stale.add(user)

    # What goes out.

    def delta(self, seq: int) -> BoardDelta | None:
        """Return what changed since the last delta, None when nothing did."""
        self._redraw()
        frame = BoardDelta(
            seq,
            CallsDelta(*self._calls.changes()),
            QueuesDelta(*self._queues.changes()),
            AgentsDelta(*self._agents.changes()),
            LinksDelta(*self._links.changes()),
        )
        parts = (frame.calls, frame.queues, frame.agents, frame.links)
        return frame if any(part.set or part.gone for part in parts) else None

    def state(self) -> BoardState:
        """Return the whole picture."""
        self._redraw()
        return BoardState(
            self._calls.snapshot(), self._queues.snapshot(), self._agents.snapshot(), self._links.snapshot()
        )

    def parked(self) -> dict[str, ParkedCall]:
        """Return the parked calls, by the calls' ids."""
        found = {}
        for call_id, live in self._live.items():
            call, parking = live.record, live.record.parked
            if parking is None:
                continue
            identity = live.identity or Identity(CardNumber(call.number or "", None, _unread(call)))
            by = self._seats.display_name(parking.by) or parking.by
            found[call_id] = ParkedCall(
                parking.space, parking.by, by, timestamp(parking.since), identity.number, call.caller_name,
                identity.contact, call.pbx,
            )  # fmt: skip
        return found

    def moves(self) -> dict[str, Standing | None]:
        """Return how users stand who were drawn again since the last time; None: one has no phone any more."""
        self._redraw()
        moved, self._moved = self._moved, {}
        return moved

    # Taking facts in.

    def _apply_call(self, call: CallRecord, at: float, change: CallChange | None = None) -> None:
        if call.ended_at is not None:
            self._drop_call(call.id)
            return
        live = self._live.get(call.id)
        if live is None:
            live = self._live[call.id] = _LiveCall(call, at)
        else:
            if live.record.phase is not call.phase:
                live.phase_since = at
            live.record = call
        if change is not None and change.extension is not None:
            if change.kind is ChangeKind.LEFT:
                live.left.add(change.extension)
            elif change.kind in {ChangeKind.RINGING, ChangeKind.ANSWERED}:
                live.left.discard(change.extension)
        self._calls.stale.add(call.id)
        self._occupy(call.id, {phone: use for phone, use in uses(call).items() if phone not in live.left})

    def _drop_call(self, call_id: str) -> None:
        if self._live.pop(call_id, None) is not None:
            self._calls.stale.add(call_id)
            self._occupy(call_id, {})

    def _occupy(self, call_id: str, now: Mapping[str, tuple[Use, float]]) -> None:
        for extension in self._occupied.pop(call_id, set()) - now.keys():
            del self._phones[extension][call_id]
            if not self._phones[extension]:
                del self._phones[extension]
            self._touch_phone(extension)
        for extension, use in now.items():
            calls = self._phones.setdefault(extension, {})
            if calls.get(call_id) != use:
                calls[call_id] = use
                self._touch_phone(extension)
        if now:
            self._occupied[call_id] = set(now)

    def _apply_queue(self, change: QueueChange) -> None:
        key = self._queue_key(change.queue.pbx, change.queue.name)
        if change.gone:
            self._queue_records.pop(key, None)
        else:
            self._queue_records[key] = change.queue
        self._queues.stale.add(key)

    def _touch_phone(self, extension: str) -> None:
        self._agents.stale.add(self._seats.user(extension) or _phone_key(extension))

    def _queue_key(self, pbx: str, name: str) -> str:
        return f"{pbx}/{name}" if self._several else name

    def _known_phones(self) -> set[str]:
        return self._device.keys() | self._phones.keys() | self._members.keys()

    # Drawing.

    def _redraw(self) -> None:
        # Queues come first: who joined or left one is an agent to be drawn again.
        for part in (self._queues, self._calls, self._agents, self._links):
            part.redraw()

    def _draw_call(self, call_id: str) -> BoardCall | None:
        live = self._live.get(call_id)
        if live is None:
            return None
        call = live.record
        identity = live.identity or Identity(CardNumber(call.number or "", None, _unread(call)))
        return BoardCall(
            direction=call.direction.value,
            phase=call.phase.value,
            number=identity.number,
            started_at=timestamp(call.started_at),
            since=timestamp(live.phase_since),
            pbx=call.pbx,
            caller_name=call.caller_name,
            contact=identity.contact,
            queue=None if call.queue is None else self._queue_key(call.pbx, call.queue),
            did=call.did,
            called=call.called,
            extension=call.extension,
            user=self._seats.user(call.extension),
            ringing=tuple(sorted(phone for phone, (use, _) in uses(call).items() if use is Use.RINGING)),
            answered_at=optional_timestamp(call.answered_at),
            parked=call.parked.space if call.parked else None,
            recording=recording_now(call),
            spies=tuple(BoardSpy(spy.who, spy.phone, spy.mode, timestamp(spy.since)) for spy in call.spies),
        )

    def _draw_queue(self, key: str) -> BoardQueue | None:
        queue = self._queue_records.get(key)
        self._enlist(key, queue.members if queue else ())
        if queue is None:
            return None
        waiting = sorted(queue.waiting, key=lambda caller: caller.position)
        return BoardQueue(
            name=queue.name,
            pbx=queue.pbx,
            waiting=tuple(
                BoardWaiting(
                    caller.number,
                    caller.caller_name,
                    self._contact(caller.call_id),
                    caller.position,
                    timestamp(caller.since),
                    caller.call_id,
                )
                for caller in waiting
            ),
            members=tuple(self._member(member) for member in queue.members),
            longest=optional_timestamp(min((caller.since for caller in waiting), default=None)),
            available=sum(
                not member.paused and not member.in_call and member.status is MemberStatus.NOT_IN_USE
                for member in queue.members
            ),
            talking=sum(member.in_call or member.status in TALKING for member in queue.members),
            completed=queue.completed,
            abandoned=queue.abandoned,
        )

    def _contact(self, call_id: str | None) -> BoardContact | None:
        live = self._live.get(call_id) if call_id else None
        return live.identity.contact if live and live.identity else None

    def _member(self, member: Member) -> BoardMember:
        return BoardMember(
            name=member.name,
            extension=member.extension,
            user=self._seats.user(member.extension),
            status=member.status.value,
            paused=member.paused,
            paused_reason=member.paused_reason,
            penalty=member.penalty,
            calls_taken=member.calls_taken,
        )

    def _enlist(self, queue: str, members: Iterable[Member]) -> None:
        """Note which phones are members of a queue and how; their agents are drawn again."""
        now = {member.extension: member for member in members if member.extension is not None}
        for extension in self._enlisted.pop(queue, set()) - now.keys():
            del self._members[extension][queue]
            if not self._members[extension]:
                del self._members[extension]
            self._touch_phone(extension)
        for extension, member in now.items():
            queues = self._members.setdefault(extension, {})
            if queues.get(queue) != member:
                queues[queue] = member
                self._touch_phone(extension)
        if now:
            self._enlisted[queue] = set(now)

    def _draw_agent(self, key: str) -> BoardAgent | None:
        sitting = self._sitting(key)
        if sitting is None:
            if not key.startswith(PHONE_MARK):
                self._moved[key] = None
            return None
        user, extensions = sitting
        memberships = {
            queue: member for extension in extensions for queue, member in self._members.get(extension, {}).items()
        }
        state, since, call_id = self._agent_state(user.name if user else None, extensions, memberships)
        paused_reason = next((member.paused_reason for member in memberships.values() if member.paused), None)
        if user is not None:
            reason = paused_reason if state is AgentState.PAUSED else None
            self._moved[key] = Standing(state, since, call_id, reason or None)
        before = self._agents.current.get(key)
        if since is None:
            since_text = before.since if before and before.state is state else optional_timestamp(self._at or None)
        else:
            since_text = timestamp(since)
        return BoardAgent(
            user=user.name if user else None,
            display_name=user.display_name if user else extensions[0],
            extension=extensions[0],
            state=state,
            since=since_text,
            call_id=call_id,
            paused_reason=paused_reason,
            queues=tuple(sorted(memberships)),
            online=bool(user and user.name in self._online),
            reachable=self._reachable(extensions),
            extensions=extensions,
        )

    def _sitting(self, key: str) -> tuple[User | None, tuple[str, ...]] | None:
        """Find the user with phones, or the phone without a user, that a key of the board stands for."""
        if key.startswith(PHONE_MARK):
            extension = key.removeprefix(PHONE_MARK)
            unassigned = self._seats.user(extension) is None and extension in self._known_phones()
            return (None, (extension,)) if unassigned else None
        return self._seats.place(key)

    def _agent_state(
        self, user: str | None, extensions: Sequence[str], memberships: Mapping[str, Member]
    ) -> tuple[AgentState, float | None, str | None]:
        calls = [
            (_RANK[use], -since, call_id)
            for extension in extensions
            for call_id, (use, since) in self._phones.get(extension, {}).items()
        ]
        if calls:
            rank, minus_since, call_id = min(calls)
            return _STATE[rank], -minus_since, call_id
        if user is not None and user in self._wrap_up:
            call_id, since_wrap_up = self._wrap_up[user]
            return AgentState.WRAP_UP, since_wrap_up, call_id
        if memberships and all(member.paused for member in memberships.values()):
            return AgentState.PAUSED, max((m.since for m in memberships.values() if m.since), default=None), None
        if user is not None and user not in self._online:
            return AgentState.OFFLINE, None, None
        if not self._reachable(extensions):
            return AgentState.UNREACHABLE, None, None
        return AgentState.AVAILABLE, None, None

    def _reachable(self, extensions: Iterable[str]) -> bool:
        # Of phones that several PBXs have, one that is there is enough.
        devices = [self._device.get(extension) for extension in extensions]
        return any(found is None or any(device.reachable for device in found.values()) for found in devices)


PHONE_MARK: Final = "#"
"""Begins the board's key of a phone nobody sits at; no user's name begins so."""

_RANK: Final = {Use.TALKING: 0, Use.HOLDING: 1, Use.RINGING: 2, Use.DIALING: 3}
_STATE: Final = (AgentState.ON_CALL, AgentState.ON_HOLD, AgentState.RINGING, AgentState.ON_CALL)


def _phone_key(extension: str) -> str:
    return PHONE_MARK + extension


def _unread(call: CallRecord) -> str:
    return "withheld" if call.withheld or not call.number else "external"

"""The call book of one PBX: channel graph, conversations, queues, and how a channel finds its conversation."""

import re
from collections import deque
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

import msgspec

from telephony.causes import cause_of
from telephony.channels import Channel, Graph, endpoint_of, join_twins, local_twin_name, update
from telephony.conversations import Conversation, call_id
from telephony.events import Event, OriginateResponse, Party
from telephony.queues import QueueBook
from telephony.records import (
    CallChange,
    CallRecord,
    Change,
    ChangeKind,
    Direction,
    LegResult,
    Step,
    Surprise,
)
from telephony.standing import describe

NOTHING: Final = Step()
"""What three events of four change outside: made once."""


@dataclass(frozen=True, slots=True)
class Line:
    """What is ours on a PBX: endpoints whose whole name matches, and the registered extensions of users."""

    pbx: str
    extensions: re.Pattern[str]
    known: AbstractSet[str] = frozenset()

    def is_phone(self, endpoint: str) -> bool:
        """Whether an endpoint is one of our phones; every other one is a trunk."""
        return bool(endpoint) and (endpoint in self.known or self.extensions.fullmatch(endpoint) is not None)


class CallBook(msgspec.Struct):
    """Everything that is known of one PBX now. Changed in place by `calls.apply` and its kin only."""

    line: Line
    graph: Graph = msgspec.field(default_factory=Graph)
    calls: dict[str, Conversation] = {}
    by_channel: dict[str, str] = {}
    queues: QueueBook = msgspec.field(default_factory=QueueBook)
    failed_originates: list[OriginateResponse] = []
    recent_originates: deque[tuple[float, str, str | None]] = msgspec.field(default_factory=lambda: deque(maxlen=1000))
    """When, which phone was rung on somebody's order, to call whom: a failure told later belongs to it."""
    adopted: set[str] = set()
    """Calls taken over from the database; some of their channels may never be seen."""
    linked_since: float | None = None
    told: dict[str, bytes] = {}
    """How each running call stood when it was told last: `recovery.sweep` tells what has changed silently."""


class Draft(msgspec.Struct):
    """The step being made: what changed so far, and by which event."""

    book: CallBook
    at: float
    trigger: str = ""
    event: Event | None = None
    arrived_at: float | None = None
    changes: list[Change] = []
    surprises: list[Surprise] = []

    def tell(
        self,
        kind: ChangeKind,
        call: Conversation,
        extension: str | None = None,
        result: LegResult | None = None,
        absorbed: str | None = None,
    ) -> None:
        """Tell the outside what happened to a visible conversation."""
        if call.visible:
            record = call.record(self.at, self._stands(call))
            cause = None if self.event is None else cause_of(self.event, self.arrived_at)
            self.changes.append(CallChange(kind, self.at, record, extension, result, absorbed, self.trigger, cause))

    def _stands(self, call: Conversation) -> bytes:
        if call.ended_at is not None:
            self.book.told.pop(call.id, None)
            return b""
        call.told_at = self.at
        standing = self.book.told[call.id] = describe(self.book.graph, call)
        return standing

    def surprise(self, what: str, channel: str = "") -> None:
        """Count something the book can make no sense of."""
        self.surprises.append(Surprise(self.at, what, self.trigger, channel))

    def step(self) -> Step:
        """Close the draft."""
        if self.changes or self.surprises:
            return Step(tuple(self.changes), tuple(self.surprises))
        return NOTHING


def find_channel(book: CallBook, party: Party, at: float, *, make: bool = True) -> Channel | None:
    """Give the channel an event speaks of, made on first sight; None for one that is already hung up.

    One that is only known from the database is there without having been seen: it is made in any case.
    """
    graph = book.graph
    channel = graph.channels.get(party.uniqueid)
    if channel is None or not channel.name:
        unknown = channel is None and party.uniqueid not in book.by_channel
        if party.uniqueid in graph.gone or (unknown and not make):
            return None
        channel = _make_channel(book, party, at, channel)
    update(channel, party, graph.generation)
    call = call_of(book, channel)
    if call is not None:
        call.saw_linkedid(party.linkedid)
    return channel


def _make_channel(book: CallBook, party: Party, at: float, placeholder: Channel | None) -> Channel:
    graph = book.graph
    channel = placeholder or Channel(party.uniqueid, party.channel, party.linkedid, at, graph.generation)
    channel.name = party.channel
    channel.endpoint, channel.is_local = endpoint_of(party.channel)
    channel.is_phone = book.line.is_phone(channel.endpoint)
    channel.number, channel.caller_name = party.number, party.name
    channel.exten = party.exten
    graph.channels[party.uniqueid] = channel
    graph.names[party.channel] = party.uniqueid
    if channel.is_local and (other := graph.names.get(local_twin_name(party.channel))) is not None:
        wire(book, channel, graph.channels[other])
    return channel


def wire(book: CallBook, one: Channel, two: Channel) -> None:
    """Make two Local halves one wire; they belong to one conversation."""
    join_twins(one, two)
    mine, other = call_of(book, one), call_of(book, two)
    if mine is None and other is not None:
        attach(book, one, other)
    elif other is None and mine is not None:
        attach(book, two, mine)


def call_of(book: CallBook, channel: Channel) -> Conversation | None:
    """Give the conversation a channel belongs to."""
    found = book.by_channel.get(channel.uniqueid)
    return book.calls.get(found) if found is not None else None


def attach(book: CallBook, channel: Channel, call: Conversation) -> None:
    """Make a channel (and its Local twin) part of a conversation."""
    book.by_channel[channel.uniqueid] = call.id
    call.channels.add(channel.uniqueid)
    call.saw_linkedid(channel.linkedid)
    if channel.twin is not None and book.by_channel.get(channel.twin) is None:
        twin = book.graph.channels.get(channel.twin)
        if twin is not None:
            attach(book, twin, call)


def new_call(book: CallBook, channel: Channel, at: float) -> Conversation:
    """Begin a conversation with its first channel."""
    call = Conversation(call_id(book.line.pbx, channel.uniqueid), book.line.pbx, at, channel.uniqueid)
    book.calls[call.id] = call
    attach(book, channel, call)
    return call


def show(draft: Draft, call: Conversation, direction: Direction) -> None:
    """Tell the outside of a conversation for the first time."""
    if call.direction is None:
        call.direction = direction
    if not call.visible:
        call.visible = True
        draft.tell(ChangeKind.STARTED, call)


def absorb(draft: Draft, keep: Conversation, drop: Conversation) -> None:
    """Make `drop` part of `keep`: the consultation of a transfer, the service call of a pickup."""
    book = draft.book
    for uniqueid in drop.channels:
        book.by_channel[uniqueid] = keep.id
    keep.channels |= drop.channels
    keep.past.extend(drop.past)
    for linkedid in drop.linkedids:
        keep.saw_linkedid(linkedid)
    keep.recordings.extend(drop.recordings)
    keep.conferring |= drop.conferring
    keep.dials_out.extend(drop.dials_out)
    moved = [leg for extension, leg in drop.legs.items() if extension not in keep.legs]
    for leg in moved:
        keep.legs[leg.extension] = leg
    if drop.visible:
        keep.timeline.extend(drop.timeline)
        keep.timeline.sort(key=lambda entry: entry.at)
    del book.calls[drop.id]
    book.told.pop(drop.id, None)
    book.adopted.discard(drop.id)
    if not drop.visible:
        return
    if not keep.visible:
        show(draft, keep, drop.direction or Direction.INTERNAL)
    draft.tell(ChangeKind.ABSORBED, keep, absorbed=drop.id)
    for leg in moved:
        if leg.ringing:
            draft.tell(ChangeKind.RINGING, keep, leg.extension)
        elif leg.talking_since is not None:
            draft.tell(ChangeKind.ANSWERED, keep, leg.extension)


def unite(draft: Draft, one: Conversation, two: Conversation) -> Conversation:
    """Make two conversations one, the visible or the older one stays."""
    if one is two:
        return one
    if (not one.visible, one.started_at) <= (not two.visible, two.started_at):
        absorb(draft, one, two)
        return one
    absorb(draft, two, one)
    return two


def open_calls(book: CallBook) -> tuple[CallRecord, ...]:
    """Give the running conversations as facts, as they are after the last event."""
    calls = [call for call in book.calls.values() if call.visible]
    return tuple(call.record(call.started_at, describe(book.graph, call)) for call in calls)

"""One recovery at the border to the PBX: link up -> snapshot -> merge; plus what only time can tell.

Live events are applied while the snapshot is on its way. What an event of this link has told of a channel wins over the
snapshot; a channel that neither an event of this link nor the snapshot knows has ended while nobody listened.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from telephony import events as ev
from telephony.book import CallBook, Draft, attach, call_of, find_channel, new_call, show
from telephony.channels import Channel, Graph, enter, leave
from telephony.conversations import Conversation, Leg, call_id
from telephony.dialing import dial_string_in, dialled_unseen, rings
from telephony.lifecycle import begin, finish, hang_up
from telephony.queues import status_from_word
from telephony.records import (
    CallPhase,
    CallRecord,
    ChangeKind,
    Direction,
    LinkChange,
    QueueRecord,
    Source,
    Step,
)
from telephony.standing import Standing, describe, restore
from telephony.talking import check_connected, check_talk
from telephony.waiting import conference_join, left_queues, member_extension

ORIGINATE_GRACE_SECONDS = 1.0
"""A failed Originate may be told before its channel is: only after this does it count as a call without a channel."""

ADOPTED_GRACE_SECONDS = 60.0
"""A channel taken over from the database that shows no sign of life this long after the link came up is gone."""

LAST_WORD_SECONDS = 10.0
"""A talk whose last channel seen hung up this long ago has ended: those only the database knows did so unseen."""


@dataclass(frozen=True, slots=True)
class ChannelState:
    """One CoreShowChannels item."""

    party: ev.Party
    application: str
    argument: str
    bridge: str
    age: float


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """One waiting caller of QueueStatus."""

    queue: str
    party: ev.Party
    position: int
    wait: float


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """QueueStatus in full."""

    params: Mapping[str, tuple[int, int]]
    """Queue -> (completed, abandoned)."""
    members: tuple[ev.MemberFacts, ...]
    entries: tuple[QueueEntry, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the PBX says is there now; None = that list could not be had, so nothing is said about it."""

    channels: tuple[ChannelState, ...] | None = None
    queues: QueueFacts | None = None
    devices: Mapping[str, str] | None = None


def snapshot(
    channels: Sequence[Mapping[str, str]] | None,
    queues: Sequence[Mapping[str, str]] | None,
    devices: Sequence[Mapping[str, str]] | None = None,
) -> Snapshot:
    """Read the items of CoreShowChannels, QueueStatus and DeviceStateList; those that say nothing are passed over."""
    return Snapshot(
        None if channels is None else tuple(filter(None, map(_channel_state, channels))),
        None if queues is None else _queue_facts(queues),
        None if devices is None else {d.get("Device", ""): d.get("State", "") for d in devices},
    )


def _channel_state(item: Mapping[str, str]) -> ChannelState | None:
    name, uniqueid = item.get("Channel"), item.get("Uniqueid")
    if not name or not uniqueid:
        return None
    party = ev.Party(
        name,
        uniqueid,
        item.get("Linkedid", ""),
        item.get("ChannelStateDesc", ""),
        ev.text_or_none(item.get("CallerIDNum")),
        ev.text_or_none(item.get("CallerIDName")),
        ev.text_or_none(item.get("ConnectedLineNum")),
        item.get("Exten", ""),
    )
    application, argument = item.get("Application", ""), item.get("ApplicationData", "")
    return ChannelState(party, application, argument, item.get("BridgeId", ""), _age(item.get("Duration", "")))


def _age(text: str) -> float:
    """Seconds of `hh:mm:ss`; 0 for anything else."""
    parts = text.split(":")
    if not all(part.isdecimal() and len(part) < 7 for part in parts):  # noqa: PLR2004 - hours of a century fit
        return 0.0
    seconds = 0
    for part in parts:
        seconds = seconds * 60 + int(part)
    return float(seconds)


def _queue_facts(items: Sequence[Mapping[str, str]]) -> QueueFacts:
    params: dict[str, tuple[int, int]] = {}
    members: list[ev.MemberFacts] = []
    entries: list[QueueEntry] = []
    for item in items:
        queue = item.get("Queue", "")
        if not queue:
            continue
        match item.get("Event"):
            case "QueueParams":
                params[queue] = (_count(item, "Completed"), _count(item, "Abandoned"))
            case "QueueMember" if item.get("Location"):
                members.append(ev.member_facts(item, 0.0))
            case "QueueEntry" if item.get("Uniqueid"):
                entries.append(_queue_entry(queue, item))
            case _:
                pass
    return QueueFacts(params, tuple(members), tuple(entries))


def _count(item: Mapping[str, str], key: str) -> int:
    text = item.get(key, "")
    return int(text) if text.isdecimal() and len(text) < 19 else 0  # noqa: PLR2004 - what fits 64 bits


def _queue_entry(queue: str, item: Mapping[str, str]) -> QueueEntry:
    number = item.get("CallerIDNum")
    party = ev.Party(
        item.get("Channel", ""),
        item["Uniqueid"],
        number=None if number == "unknown" else ev.text_or_none(number),
        name=None if item.get("CallerIDName") == "unknown" else ev.text_or_none(item.get("CallerIDName")),
    )
    return QueueEntry(queue, party, _count(item, "Position"), float(_count(item, "Wait")))


def link_up(book: CallBook, at: float) -> Step:
    """Begin a new link: everything known so far is older than what comes."""
    book.graph.generation += 1
    book.linked_since = at
    return Step((LinkChange(at, book.line.pbx, up=True),))


def link_down(book: CallBook, at: float, reason: str) -> Step:
    """Take note that nothing is heard any more; calls stay as they are until the next snapshot."""
    book.linked_since = None
    return Step((LinkChange(at, book.line.pbx, up=False, reason=reason),))


def adopt(book: CallBook, calls: Sequence[CallRecord]) -> None:
    """Take over the calls the database holds as running; the next snapshot tells what became of them."""
    for record in calls:
        present = record.channels[record.hung_up :]
        if record.id in book.calls or record.phase is CallPhase.ENDED or not present:
            continue
        held = restore(record.standing)
        if held is not None and held.call.id == record.id:
            _take_over(book, held)
        else:
            _take_from_row(book, record, present)
        book.told[record.id] = describe(book.graph, book.calls[record.id])


def _take_from_row(book: CallBook, record: CallRecord, present: Sequence[str]) -> None:
    """Go on with a call of which only its row is known."""
    call = _from_record(record)
    book.calls[call.id] = call
    book.adopted.add(call.id)
    for uniqueid in present:
        if uniqueid not in book.by_channel and uniqueid not in book.graph.gone:
            book.by_channel[uniqueid] = call.id
            call.channels.add(uniqueid)


def _take_over(book: CallBook, held: Standing) -> None:
    """Go on with a call as it was; its channels count as older than what this link tells."""
    graph, call = book.graph, held.call
    book.calls[call.id] = call
    book.adopted.add(call.id)
    book.by_channel |= dict.fromkeys(call.channels, call.id)
    for channel in held.channels:
        bridge, channel.bridge, channel.generation = channel.bridge, None, graph.generation - 1
        graph.channels[channel.uniqueid] = channel
        graph.names[channel.name] = channel.uniqueid
        if bridge is not None:
            enter(graph, channel, bridge, held.bridges[bridge])


def _from_record(record: CallRecord) -> Conversation:
    call = Conversation(record.id, record.pbx, record.started_at, record.channels[0])
    call.direction, call.visible = record.direction, True
    call.number, call.withheld, call.caller_name = record.number, record.withheld, record.caller_name
    call.did, call.called, call.queue = record.did, record.called, record.queue
    call.in_queue = record.phase is CallPhase.QUEUED
    call.queued_at = _queued_at(record)
    call.extension = record.extension if record.direction is not Direction.INBOUND else None
    call.caller = record.caller or record.channels[0]
    call.past = list(record.channels[: record.hung_up])
    call.number_final = True
    call.talking = record.phase in {CallPhase.TALKING, CallPhase.HELD}
    if record.answered_at is not None:
        call.talk_ended_at = None if call.talking else record.answered_at + record.talk_seconds
        call.far_rang_at = record.answered_at - record.wait_seconds
    call.transfers = list(record.transfers)
    call.holds, call.hold_seconds = record.holds, record.hold_seconds
    call.answered_at, call.answered_by = record.answered_at, record.answered_by
    call.linkedids, call.timeline = list(record.linkedids), list(record.timeline)
    call.recordings, call.dials_out = list(record.recordings), list(record.dials_out)
    call.source = record.source
    for told in record.participants:
        leg = Leg(told.extension, told.rang_at or record.started_at, told.rang_at, told.answered_at, told.left_at)
        leg.result, leg.talked = told.result, told.talk_seconds
        leg.ringing = told.rang_at is not None and told.result is None and told.left_at is None
        if call.talking and told.answered_at is not None and told.left_at is None:
            # The row was written when the talk began; it has gone on since.
            leg.talked, leg.talking_since = 0.0, told.answered_at
        call.legs[told.extension] = leg
    return call


def _queued_at(record: CallRecord) -> float | None:
    """Since when the caller waits or waited in the queue; None where there was no waiting."""
    joined = (step.at for step in record.timeline if step.what == "queue_join")
    return next(joined, record.started_at if record.phase is CallPhase.QUEUED else None)


def resync(book: CallBook, facts: Snapshot, at: float) -> Step:
    """Merge a snapshot: add what was missed, end what is gone, leave alone what this link's events have told."""
    draft = Draft(book, at, "snapshot")
    if facts.channels is not None:
        _merge_channels(draft, facts.channels)
    if facts.queues is not None:
        _merge_queues(draft, facts.queues)
    if facts.devices is not None:
        for device, word in facts.devices.items():
            endpoint = device.partition("/")[2]
            if endpoint and book.line.is_phone(endpoint):
                book.queues.devices[endpoint] = status_from_word(word)
    return draft.step()


def _merge_channels(draft: Draft, states: Sequence[ChannelState]) -> None:
    book = draft.book
    graph = book.graph
    fresh = {uniqueid for uniqueid, channel in graph.channels.items() if channel.generation == graph.generation}
    found: list[tuple[Channel, ChannelState]] = []
    unseen: list[Channel] = []
    families = {linkedid: call for call in book.calls.values() for linkedid in call.linkedids}
    for state in sorted(states, key=lambda s: s.party.uniqueid != s.party.linkedid):
        channel = find_channel(book, state.party, draft.at)
        if channel is None or channel.uniqueid in fresh:
            continue
        found.append((channel, state))
        if state.application.startswith("App") and channel.dialed_by is None:
            unseen.append(channel)
        _place(draft, channel, state, families)
        call = call_of(book, channel)
        if call is not None:
            call.source = Source.RECOVERED  # what happened to it while nobody listened is in no list
    for channel, state in found:
        if state.bridge:
            enter(graph, channel, state.bridge, _kind(state.application))
        else:
            leave(graph, channel)
    dials = {state.party.uniqueid: state.argument for state in states if state.application == "Dial"}
    for channel in unseen:
        channel.dial_string = dial_string_in(dials.get(channel.dialed_by or "", ""), channel.endpoint)
        dialled_unseen(draft, channel)
    for channel, state in found:
        _catch_up(draft, channel, state)
    _end_unseen(draft)
    for call in book.calls.values():
        check_talk(draft, call)  # a talk taken over from the database may have ended meanwhile


def _catch_up(draft: Draft, channel: Channel, state: ChannelState) -> None:
    """Take note of the talk or the ringing that began while nobody listened.

    The list tells since when a channel is there, not since when it talks: nearer than "now", and never too late.
    """
    now = draft.at
    draft.at = now - state.age
    if channel.state == "Up" and channel.up_at is None:
        channel.up_at = draft.at
    bridge = draft.book.graph.bridges.get(channel.bridge or "")
    if state.application == "ConfBridge" and bridge is not None and len(bridge.members) > 1:
        conference_join(draft, ev.ConfbridgeJoin(draft.at, state.party, ""))
    elif bridge is not None and bridge.kind == "basic":
        check_connected(draft, channel)
    elif channel.state == "Ringing":
        rings(draft, channel)
    draft.at = now


def _kind(application: str) -> str:
    if application == "ConfBridge":
        return "base/ConfBridge"
    return "parking" if application in {"Park", "ParkedCall"} else "basic"


def _place(draft: Draft, channel: Channel, state: ChannelState, families: dict[str, Conversation]) -> None:
    """Find the conversation of a channel that no event told of: by itself, by its linkedid, else it begins one."""
    book = draft.book
    called = state.application.startswith("App")  # AppDial, AppQueue: Asterisk called this party
    call = call_of(book, channel)
    if call is None:
        call = families.get(channel.linkedid)
        if call is not None and call.id in book.calls:
            attach(book, channel, call)
    if called:
        if call is not None and channel.dialed_by is None:
            channel.dialed_by = call.caller or channel.linkedid
        return
    if call is None and not channel.is_local:
        channel.state = "Ring"
        begin(draft, channel)
        channel.state = state.party.state
        call = call_of(book, channel)
        if call is not None:
            families[channel.linkedid] = call
            if call.did is not None and book.line.is_phone(call.did):
                call.did = None  # the dialplan is past the number that was called
            call.started_at = draft.at - state.age
            call.caller_was_up = channel.state == "Up"


def _end_unseen(draft: Draft) -> None:
    """End what was known before this link and is on neither the snapshot nor an event since."""
    book = draft.book
    graph = book.graph
    for channel in [c for c in graph.channels.values() if c.generation < graph.generation]:
        call = call_of(book, channel)
        if call is not None:
            call.source = Source.RECOVERED
        hang_up(draft, channel, None)
    for call in list(book.calls.values()):
        for uniqueid in [u for u in call.channels if u not in graph.channels]:
            _drop_placeholder(draft, call, uniqueid)


def _drop_placeholder(draft: Draft, call: Conversation, uniqueid: str) -> None:
    """Forget a channel that is only known from the database: it was not seen on the PBX any more."""
    book = draft.book
    if (channel := book.graph.channels.get(uniqueid)) is not None:
        call.source = Source.RECOVERED
        hang_up(draft, channel, None)
        return
    if len(call.channels) > 1:
        call.channels.discard(uniqueid)
        call.past.append(uniqueid)
        book.by_channel.pop(uniqueid, None)
        return
    call.source = Source.RECOVERED
    hang_up(draft, Channel(uniqueid, "", "", draft.at, book.graph.generation), None)


def _merge_queues(draft: Draft, facts: QueueFacts) -> None:
    book = draft.book
    changed = set(facts.params)
    for name, (completed, abandoned) in facts.params.items():
        queue = book.queues.queue(name)
        queue.completed, queue.abandoned = completed, abandoned
        told = {m.interface for m in facts.members if m.queue == name}
        for gone in [interface for interface in queue.members if interface not in told]:
            del queue.members[gone]
        waiting = {e.party.uniqueid for e in facts.entries if e.queue == name}
        for uniqueid in [u for u in queue.waiting if u not in waiting]:
            channel = book.graph.channels.get(uniqueid)
            if channel is None or channel.generation < book.graph.generation:
                del queue.waiting[uniqueid]
    for member in facts.members:
        book.queues.member(member, member_extension(book, member))
    for entry in facts.entries:
        _merge_entry(draft, entry)
    left_queues(draft, [book.queues.queues[name] for name in sorted(changed)])


def _merge_entry(draft: Draft, entry: QueueEntry) -> None:
    book = draft.book
    channel = book.graph.channels.get(entry.party.uniqueid)
    if channel is None:
        return
    call = call_of(book, channel) or new_call(book, channel, draft.at)
    if call.answered_at is not None:
        return
    since = draft.at - entry.wait
    call.queue, call.in_queue = entry.queue, True
    call.queued_at = call.queued_at or since
    book.queues.join(entry.queue, entry.party, entry.position, since, call.id)
    show(draft, call, Direction.INBOUND)


def sweep(book: CallBook, at: float) -> Step:
    """Decide what only time can tell; called by the tracker about twice a second."""
    draft = Draft(book, at, "sweep")
    due = [o for o in book.failed_originates if at - o.at >= ORIGINATE_GRACE_SECONDS]
    for response in due:
        book.failed_originates.remove(response)
        _failed_originate(draft, response)
    if book.adopted and book.linked_since is not None:
        _sweep_adopted(draft, waited=at - book.linked_since >= ADOPTED_GRACE_SECONDS)
    for call in book.calls.values():
        if call.visible and describe(book.graph, call) != book.told.get(call.id):
            draft.tell(ChangeKind.UPDATED, call)
    return draft.step()


def unseen(book: CallBook) -> bool:
    """Tell whether a call taken over from the database may have ended without anybody having noticed yet."""
    adopted = (book.calls[call] for call in book.adopted if call in book.calls)
    return any(_unseen(book.graph, uniqueid) for call in adopted for uniqueid in call.channels)


def _unseen(graph: Graph, uniqueid: str) -> bool:
    """Whether neither an event nor a list of this link has told of a channel."""
    channel = graph.channels.get(uniqueid)
    return channel is None or channel.generation < graph.generation


def _sweep_adopted(draft: Draft, *, waited: bool) -> None:
    """Take out channels that only the database knows, where the PBX does not say which there are."""
    book, graph = draft.book, draft.book.graph
    for call in [book.calls[i] for i in book.adopted if i in book.calls]:
        unseen = [uniqueid for uniqueid in call.channels if _unseen(graph, uniqueid)]
        heard = call.last_hangup_at
        over = (call.answered_at is not None or call.caller_hung_up) and len(unseen) == len(call.channels)
        silent = over and heard is not None and draft.at - heard >= LAST_WORD_SECONDS
        if waited or silent:
            ended = draft.at if call.talking else call.told_at or draft.at  # who knows: it was there until then
            now, draft.at = draft.at, ended if heard is None or waited else heard
            for uniqueid in unseen:
                _drop_placeholder(draft, call, uniqueid)
            draft.at = now
    if waited:
        book.adopted.clear()


def _failed_originate(draft: Draft, response: ev.OriginateResponse) -> None:
    """Make an Originate that never got a channel (phone not registered) a failed call of that phone."""
    book = draft.book
    endpoint = response.channel.partition("/")[2]
    number = response.number or response.exten
    if not book.line.is_phone(endpoint):
        return
    recent = book.recent_originates
    while recent and recent[0][0] < response.at - ORIGINATE_GRACE_SECONDS * 120:
        recent.popleft()
    if any(phone == endpoint and called == number for _, phone, called in recent):
        return
    call = Conversation(
        call_id(book.line.pbx, f"originate {response.action_id} {response.at}"), book.line.pbx, response.at, ""
    )
    inside = book.line.is_phone(number)
    call.originated, call.extension, call.called = True, endpoint, number
    call.number = endpoint if inside else number
    call.note(response.at, "dial", endpoint, number)
    draft.at = response.at
    show(draft, call, Direction.INTERNAL if inside else Direction.OUTBOUND)
    finish(draft, call)


def queues(book: CallBook) -> tuple[QueueRecord, ...]:
    """Give all queues as facts."""
    return tuple(queue.record(book.line.pbx) for queue in book.queues.queues.values())

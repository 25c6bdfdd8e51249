"""Who hears whom: bridges and Local wires make talkers of parties, hold keeps them waiting.

The one who answered is the one in the bridge, not the first one dialled.
"""

from typing import Final

from telephony import events as ev
from telephony.book import Draft, call_of, show, unite, wire
from telephony.channels import (
    Channel,
    connected_parties,
    consultation,
    dialled_by_local,
    enter,
    is_talk,
    leads_to_hold,
    leave,
)
from telephony.conversations import Conversation, name_target
from telephony.parties import call_in_midstream, join_call, known
from telephony.records import ChangeKind, Direction, LegResult, Source, TransferKind

PICKUP_SECONDS: Final = 2.0
"""A call picked up by a colleague leaves its phone this long before the colleague is bridged, at most."""


def bridge_enter(draft: Draft, event: ev.BridgeEnter) -> None:
    """Put a channel into a bridge and see who hears whom now."""
    channel = known(draft, event.party)
    if channel is None or not event.bridge:
        return
    draft.trigger = f"BridgeEnter {channel.name}"
    enter(draft.book.graph, channel, event.bridge, event.kind)
    _find_partner(draft, channel, event)
    _consults(draft, channel)
    if is_talk(event.kind):
        check_connected(draft, channel)


def _find_partner(draft: Draft, channel: Channel, event: ev.BridgeEnter) -> None:
    """Conclude who is in the bridge already, when a restart came between the two who entered it."""
    book = draft.book
    call = call_of(book, channel)
    if call is None or call.id not in book.adopted or event.count <= len(book.graph.bridges[event.bridge].members):
        return
    channels = (book.graph.channels.get(uniqueid) for uniqueid in call.channels)
    absent = [c for c in channels if c is not None and c.bridge is None and c.generation < book.graph.generation]
    named = [c for c in absent if channel.connected is not None and channel.connected in {c.endpoint, c.number}]
    up = [c for c in absent if c.state == "Up"]
    wires = [c for c in up if c.is_local]
    for candidates in (wires, named, up, absent):
        if len(candidates) == 1:
            enter(book.graph, candidates[0], event.bridge, event.kind)
            return
    call.source = Source.RECOVERED  # somebody is there of whom we do not know


def _consults(draft: Draft, channel: Channel) -> None:
    """Make a consultation over the PBX's own transfer part of the call from its first ring on."""
    call = call_of(draft.book, channel)
    other = consultation(draft.book.graph, channel) if call is not None and channel.uniqueid in call.held_by else None
    if call is not None and other is not None:
        join_call(draft, other, call)
        if not leads_to_hold(other):
            call.consulting = dialled_by_local(other)
            draft.tell(ChangeKind.UPDATED, call)


def check_connected(draft: Draft, channel: Channel) -> None:
    """See who hears whom now: two real parties in talk bridges are one conversation."""
    parties = connected_parties(draft.book.graph, channel)
    if len(parties) < 2:  # noqa: PLR2004 - it takes two to talk
        return
    call = None
    for party in parties:
        own = call_of(draft.book, party)
        if own is not None:
            call = own if call is None else unite(draft, call, own)
    if call is None:
        callers = [party for party in parties if party.uniqueid == party.linkedid]
        call = call_in_midstream(draft, callers[0] if callers else parties[0])
    for party in parties:
        join_call(draft, party, call)
    _talk(draft, call, parties)


def _talk(draft: Draft, call: Conversation, parties: list[Channel]) -> None:
    with_caller = any(party.uniqueid == call.caller for party in parties)
    caller_is_here = call.caller in draft.book.graph.channels
    if not with_caller and caller_is_here and call.answered_at is None:
        return
    fresh = not call.talking
    call.talking = True
    call.abandoned = False
    if call.direction is None:
        outside = any(not party.is_phone for party in parties)
        show(draft, call, Direction.OUTBOUND if outside else Direction.INTERNAL)
    answered = [extension for party in parties for extension in _answers(draft, call, party)]
    _reached(call, answered)
    for extension in answered:
        draft.tell(ChangeKind.ANSWERED, call, extension)
    if fresh and not answered:
        draft.tell(ChangeKind.UPDATED, call)


def _reached(call: Conversation, answered: list[str | None]) -> None:
    """End a move; a transfer to a group or a queue reached the one of its phones that took the call."""
    if not call.moving:
        return
    call.moving = False
    phone = next((extension for extension in answered if extension in call.legs), None)
    if phone is not None and call.transfers and call.transfers[-1].kind is not TransferKind.ATTENDED:
        name_target(call, phone)


def _answers(draft: Draft, call: Conversation, party: Channel) -> list[str | None]:
    """Take note of a party that talks; gives the phone for which this is news."""
    if not party.is_phone:
        if party.uniqueid == call.caller or call.answered_at is not None:
            return []
        call.answer(party, draft.at, ours=False)
        return [call.extension]
    leg = call.legs.get(party.endpoint)
    if leg is not None and leg.talking_since is not None:
        return []
    if party.uniqueid == call.caller:
        if call.originated:
            _own_leg_talks(call, party, draft.at)
        return []
    if leg is None:
        _picked_up(draft, call)
    call.answer(party, draft.at, ours=True)
    return [party.endpoint]


def _picked_up(draft: Draft, call: Conversation) -> None:
    """Correct the phones that just stopped ringing: a colleague who was not called took the call from them."""
    for leg in call.legs.values():
        if leg.result is LegResult.NO_ANSWER and leg.left_at is not None and draft.at - leg.left_at < PICKUP_SECONDS:
            leg.result = LegResult.ELSEWHERE


def originator_answers(draft: Draft, call: Conversation, channel: Channel) -> None:
    """Take note that the agent picked up the phone that a click made ring; the far side is called now."""
    leg = call.leg(channel.endpoint, draft.at)
    leg.ringing, leg.result = False, LegResult.ANSWERED
    leg.answered_at = leg.answered_at or draft.at
    call.note(draft.at, "pick_up", channel.endpoint)
    draft.tell(ChangeKind.UPDATED, call, channel.endpoint)


def _own_leg_talks(call: Conversation, party: Channel, at: float) -> None:
    leg = call.leg(party.endpoint, at)
    leg.ringing, leg.result, leg.left_at = False, LegResult.ANSWERED, None
    leg.answered_at = leg.answered_at or party.up_at or at
    leg.talking_since = at


def bridge_leave(draft: Draft, event: ev.BridgeLeave) -> None:
    """Take a channel out of its bridge; the talk may be over."""
    channel = known(draft, event.party, make=False)
    if channel is None or channel.bridge != event.bridge:
        return
    leave(draft.book.graph, channel)
    call = call_of(draft.book, channel)
    if call is None:
        return
    if channel.is_phone and channel.uniqueid not in call.held_by:
        call.leave_leg(channel.endpoint, draft.at)
    check_talk(draft, call)


def check_talk(draft: Draft, call: Conversation) -> None:
    """End the talk when nobody is left who hears another."""
    if not call.talking or call.conferring or _is_held(draft, call):
        return
    graph = draft.book.graph
    for uniqueid in call.channels:
        channel = graph.channels.get(uniqueid)
        if channel is None:
            return  # known from the database only: it may well be talking
        if channel.bridge is not None and len(connected_parties(graph, channel)) > 1:
            return
    call.talking = False
    call.talk_ended_at = draft.at


def _is_held(draft: Draft, call: Conversation) -> bool:
    """Whether a party that left the bridge will come back: holding and consulting by the PBX are part of the talk."""
    channels = draft.book.graph.channels
    both_there = call.caller in channels
    return both_there and any(uniqueid in channels for uniqueid in call.held_by)


def hold(draft: Draft, event: ev.Hold) -> None:
    """Begin a hold."""
    channel = known(draft, event.party)
    call = call_of(draft.book, channel) if channel is not None else None
    if channel is None or call is None or call.answered_at is None or channel.uniqueid in call.held_by:
        return
    call.holds += 1
    call.held_by[channel.uniqueid] = draft.at
    if channel.is_phone:
        call.holders[channel.uniqueid] = channel.endpoint
    call.note(draft.at, "hold", channel.endpoint if channel.is_phone else None)
    draft.tell(ChangeKind.UPDATED, call)


def unhold(draft: Draft, event: ev.Unhold) -> None:
    """End a hold; a spurious Unhold ends none."""
    channel = known(draft, event.party, make=False)
    call = call_of(draft.book, channel) if channel is not None else None
    if channel is not None and call is not None and call.end_hold(channel.uniqueid, draft.at):
        call.note(draft.at, "unhold", channel.endpoint if channel.is_phone else None)
        draft.tell(ChangeKind.UPDATED, call)


def local_bridge(draft: Draft, event: ev.LocalBridge) -> None:
    """Make two Local halves one wire."""
    one, two = known(draft, event.one), known(draft, event.two)
    if one is not None and two is not None:
        wire(draft.book, one, two)

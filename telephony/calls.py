"""The reducer: one typed event changes the call book, the step says what that means for calls, queues and phones.

`apply` never raises and knows no clock. Handlers are one per event type, in the order a call lives through them.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from telephony import events as ev
from telephony.book import (
    CallBook,
    Draft,
    Line,
    absorb,
    attach,
    call_of,
    find_channel,
    new_call,
    open_calls,
    show,
    unite,
    wire,
)
from telephony.channels import Channel, connected_parties, enter, forget, is_talk, leave
from telephony.conversations import Conversation, add_transfer, call_id, leg_result, name_target
from telephony.queues import Queue, status_from_word
from telephony.records import (
    ChangeKind,
    Direction,
    LegResult,
    MemberStatus,
    PhoneChange,
    QueueChange,
    Step,
    Transfer,
    TransferKind,
)

__all__ = ["CallBook", "Line", "apply", "call_id", "open_calls"]


def apply(book: CallBook, event: ev.Event) -> Step:
    """Take one event into the book."""
    draft = Draft(book, event.at)
    _HANDLERS[type(event)](draft, event)
    return draft.step()


# The life of a channel


def _newchannel(draft: Draft, event: ev.Newchannel | ev.Newstate) -> None:
    channel = _known(draft, event.party)
    if channel is None:
        return
    match channel.state:
        case "Ring" if not channel.is_local and channel.dialed_by is None and not channel.calling:
            begin(draft, channel)
        case "Ringing":
            rings(draft, channel)
        case "Up" if channel.up_at is None:
            channel.up_at = draft.at
            call = call_of(draft.book, channel)
            if call is not None and call.caller == channel.uniqueid:
                call.caller_was_up = True
                if channel.originated and channel.is_phone:
                    _originator_answers(draft, call, channel)


def _known(draft: Draft, party: ev.Party) -> Channel | None:
    channel = find_channel(draft.book, party, draft.at)
    draft.trigger = party.channel
    return channel


def begin(draft: Draft, channel: Channel) -> None:
    """Take an INVITE that reached Asterisk: an outside caller begins a conversation, one of our phones may."""
    channel.calling = True
    if call_of(draft.book, channel) is not None:
        return
    call = new_call(draft.book, channel, draft.at)
    call.caller = channel.uniqueid
    if channel.is_phone:
        call.extension = channel.endpoint
        call.called = channel.exten
        return
    call.did = channel.exten or None
    _take_number(call, channel)
    call.note(draft.at, "start", detail=call.did)
    show(draft, call, Direction.INBOUND)


def _take_number(call: Conversation, channel: Channel) -> None:
    call.withheld = channel.hidden
    call.number = None if channel.hidden else channel.number
    call.caller_name = channel.caller_name


def _newcallerid(draft: Draft, event: ev.NewCallerid) -> None:
    """Let the dialplan rewrite an outside caller's number until the first phone is called, not later."""
    channel = _known(draft, event.party)
    if channel is None:
        return
    call = call_of(draft.book, channel)
    if not channel.is_phone:
        if event.party.number is not None:
            channel.number = event.party.number
        if event.party.name is not None:
            channel.caller_name = event.party.name
    if call is None or call.caller != channel.uniqueid or call.number_final or call.direction is not Direction.INBOUND:
        return
    before = (call.number, call.caller_name, call.withheld)
    _take_number(call, channel)
    if (call.number, call.caller_name, call.withheld) != before:
        draft.tell(ChangeKind.UPDATED, call)


def _hangup_request(draft: Draft, event: ev.HangupRequest) -> None:
    channel = _known(draft, event.party)
    if channel is None:
        return
    channel.wants_hangup = True
    call = call_of(draft.book, channel)
    if call is None:
        return
    if call.caller == channel.uniqueid:
        call.caller_hung_up = True
    leg = call.legs.get(channel.endpoint) if channel.is_phone else None
    if leg is not None and leg.answered_at is not None:
        leg.hung_up = True


def _hangup(draft: Draft, event: ev.Hangup) -> None:
    channel = _known(draft, event.party)
    if channel is not None:
        hang_up(draft, channel, event.cause)


def hang_up(draft: Draft, channel: Channel, cause: int | None) -> None:
    """Take a channel out of the book, and out of its conversation, which ends with its last channel."""
    book = draft.book
    call = call_of(book, channel)
    left_queues(draft, book.queues.leave(channel.uniqueid))
    forget(book.graph, channel)
    book.by_channel.pop(channel.uniqueid, None)
    if call is None:
        return
    call.channels.discard(channel.uniqueid)
    call.past.append(channel.uniqueid)
    call.end_hold(channel.uniqueid, draft.at)
    if call.caller == channel.uniqueid:
        call.hangup_cause = cause
    elif not channel.is_local and (channel.dialed_by is not None or channel.originated):
        call.far_cause = cause
    _check_talk(draft, call)
    if channel.is_phone:
        _phone_gone(draft, call, channel, cause)
    if not call.channels:
        finish(draft, call)


def _phone_gone(draft: Draft, call: Conversation, channel: Channel, cause: int | None) -> None:
    leg = call.legs.get(channel.endpoint)
    if leg is None or _has_other_channel(draft.book, call, channel):
        return
    answered = leg.answered_at is not None
    if not answered:
        elsewhere = call.answered_at is not None or channel.picked_up_by is not None or cause == CAUSE_ELSEWHERE
        result = leg_result(channel.dial_status, cause, answered=elsewhere)
        if leg.result is not LegResult.ELSEWHERE or result in {LegResult.BUSY, LegResult.REJECTED}:
            _stop_ringing(draft, call, channel.endpoint, result)
        return
    call.leave_leg(channel.endpoint, draft.at)
    if call.channels and call.direction is not None:
        call.note(draft.at, "leave", channel.endpoint)
        draft.tell(ChangeKind.LEFT, call, channel.endpoint)


PICKUP_SECONDS: Final = 2.0
"""A call picked up by a colleague leaves its phone this long before the colleague is bridged, at most."""

CAUSE_ELSEWHERE: Final = 26
"""Q.850 26 as Asterisk uses it: "Answered elsewhere"."""


def _has_other_channel(book: CallBook, call: Conversation, channel: Channel) -> bool:
    return any(
        other != channel.uniqueid
        and (found := book.graph.channels.get(other)) is not None
        and found.endpoint == channel.endpoint
        and found.dialed_by is not None
        for other in call.channels
    )


def _stop_ringing(draft: Draft, call: Conversation, extension: str, result: LegResult) -> None:
    leg = call.legs[extension]
    was_ringing, leg.ringing = leg.ringing, False
    changed = leg.result is not result
    leg.result = result
    if leg.left_at is None:
        leg.left_at = draft.at
    if was_ringing:
        call.note(draft.at, "stop", extension, result.value)
        draft.tell(ChangeKind.STOPPED, call, extension, result)
    elif changed:
        draft.tell(ChangeKind.UPDATED, call, extension)


def finish(draft: Draft, call: Conversation) -> None:
    """End a conversation whose last party is gone, and judge it."""
    book = draft.book
    for extension, leg in call.legs.items():
        call.leave_leg(extension, draft.at)
        if leg.result is None:
            gone_elsewhere = call.answered_at is not None
            _stop_ringing(draft, call, extension, LegResult.ELSEWHERE if gone_elsewhere else LegResult.NO_ANSWER)
    for held in list(call.held_by):
        call.end_hold(held, draft.at)
    if call.talking:
        call.talking = False
        call.talk_ended_at = draft.at
    call.ended_at = draft.at
    book.calls.pop(call.id, None)
    book.adopted.discard(call.id)
    if not call.visible and _was_an_attempt(book, call):
        inside = book.line.is_phone(call.called or "")
        call.number = call.extension if inside else call.called
        show(draft, call, Direction.INTERNAL if inside else Direction.OUTBOUND)
    call.note(draft.at, "end", detail=None if call.hangup_cause is None else str(call.hangup_cause))
    draft.tell(ChangeKind.ENDED, call)


def _was_an_attempt(book: CallBook, call: Conversation) -> bool:
    """Whether one of our phones tried to reach somebody and nothing was dialled (phone not registered, no route).

    A code such as `*97`, and whatever Asterisk itself answered (an announcement, a feature), is a service.
    """
    called = (call.called or "").removeprefix("+")
    if call.extension is None or call.direction is not None or call.caller_was_up:
        return False
    return book.line.is_phone(called) or (called.isdecimal() and len(called) > 1)


# Dialling and ringing


def _dial_begin(draft: Draft, event: ev.DialBegin) -> None:
    dest = _known(draft, event.dest)
    source = _known(draft, event.source) if event.source is not None else None
    if dest is None:
        return
    draft.trigger = f"DialBegin {dest.name}"
    dest.dial_string = event.dial_string
    if source is None:
        _originated(draft, dest)
        return
    dest.dialed_by = source.uniqueid
    call = call_of(draft.book, source)
    if call is None:
        call = _call_in_midstream(draft, source)
    _join_call(draft, dest, call)
    call = call_of(draft.book, dest) or call
    if source.uniqueid == call.caller:
        call.number_final = True
    if dest.is_local:
        return
    if call.caller is None:
        _first_party(draft, call, dest)
    elif dest.is_phone:
        _dials_phone(draft, call, source, dest)
    else:
        _dials_out(draft, call, source, dest)
    if dest.state == "Ringing":
        rings(draft, dest)


def _join_call(draft: Draft, channel: Channel, call: Conversation) -> None:
    own = call_of(draft.book, channel)
    if own is None:
        attach(draft.book, channel, call)
    elif own is not call:
        unite(draft, call, own)


def _call_in_midstream(draft: Draft, channel: Channel) -> Conversation:
    """Begin a conversation that was under way before we listened (or the first half of a Local channel)."""
    call = new_call(draft.book, channel, draft.at)
    if channel.is_local:
        call.originated = True
        return call
    channel.calling = True
    call.caller = channel.uniqueid
    call.caller_was_up = channel.state == "Up"
    if channel.is_phone:
        call.extension = channel.endpoint
        call.called = channel.exten
    else:
        call.did = channel.exten or None
        _take_number(call, channel)
        show(draft, call, Direction.INBOUND)
    return call


def _originated(draft: Draft, dest: Channel) -> None:
    """Asterisk rings a channel on somebody's order: a click-to-call's first leg."""
    call = call_of(draft.book, dest) or new_call(draft.book, dest, draft.at)
    call.originated = True
    if not dest.is_local:
        _first_party(draft, call, dest)
        if dest.state == "Ringing":
            rings(draft, dest)


def _first_party(draft: Draft, call: Conversation, dest: Channel) -> None:
    """Name the one who will talk to whom an originated call reaches next; its connected line is the number to call."""
    dest.originated = True
    call.originated = True
    call.caller = dest.uniqueid
    number = dest.connected or (dest.number if dest.number != dest.endpoint else None)
    inside = number is not None and draft.book.line.is_phone(number)
    if not dest.is_phone:
        call.number = number or _dialled_number(dest)
        show(draft, call, Direction.OUTBOUND)
        return
    call.extension = dest.endpoint
    call.leg(dest.endpoint, draft.at)
    call.called = number
    draft.book.recent_originates.append((draft.at, dest.endpoint, number))
    call.number = dest.endpoint if inside else number
    call.note(draft.at, "dial", dest.endpoint, number)
    show(draft, call, Direction.INTERNAL if inside else Direction.OUTBOUND)
    draft.tell(ChangeKind.DIALING, call, dest.endpoint)


def _dials_phone(draft: Draft, call: Conversation, source: Channel, dest: Channel) -> None:
    leg = call.leg(dest.endpoint, draft.at)
    if leg.talking_since is None and leg.answered_at is None:
        leg.result, leg.left_at = None, None
    _name_redirect(draft, call, source, dest.endpoint)
    if call.direction is None or (call.originated and not _has_far_side(call)):
        call.direction = Direction.INTERNAL
        call.number = call.extension
        call.called = call.called or dest.endpoint
        call.note(draft.at, "dial", call.extension, dest.endpoint)
        show(draft, call, Direction.INTERNAL)
        if not call.originated:
            draft.tell(ChangeKind.DIALING, call, call.extension)


def _has_far_side(call: Conversation) -> bool:
    return call.far_status != "" or call.far_rang_at is not None or call.answered_at is not None


def _dials_out(draft: Draft, call: Conversation, source: Channel, dest: Channel) -> None:
    number = _dialled_number(dest)
    call.tried_outside = True
    _name_redirect(draft, call, source, number or dest.endpoint)
    call.note(draft.at, "dial_out", detail=number)
    if call.direction is Direction.INBOUND:
        return
    first = call.direction is None
    if first or (call.originated and call.answered_at is None):
        call.direction = Direction.OUTBOUND
        call.called = call.called or number
        if number is not None and call.extension is not None:
            call.number = number
        show(draft, call, Direction.OUTBOUND)
        draft.tell(ChangeKind.DIALING if first else ChangeKind.UPDATED, call, call.extension)


def _dialled_number(dest: Channel) -> str | None:
    """Read the outside number behind a dial: `8916...@trunk`, `trunk/8916...`, `trunk/sip:8916...@host`."""
    text = dest.dial_string.partition("!")[0]
    if "@" in text:
        text = text.rpartition("@")[0]
    parts = [part.removeprefix("sip:") for part in text.split("/") if part]
    for part in reversed(parts):
        digits = part.removeprefix("+")
        if digits.isdecimal() and len(digits) > 1:
            return part
    return dest.number or dest.connected


def _name_redirect(draft: Draft, call: Conversation, source: Channel, target: str) -> None:
    """Tell whom a transfer reaches; a party moved without any transfer event was redirected by a third one (AMI)."""
    if call.transfers and call.pending_transfer:
        call.pending_transfer = False
        name_target(call, target)
        return
    if call.parked:
        call.parked = False
        return
    if call.answered_at is None or call.talking or source.uniqueid != call.caller:
        return
    moved_from = [leg for leg in call.legs.values() if leg.answered_at is not None and leg.left_at is not None]
    if moved_from and not moved_from[-1].hung_up and moved_from[-1].extension != target:
        last = max(moved_from, key=lambda leg: leg.left_at or 0.0)
        add_transfer(call, Transfer(TransferKind.REDIRECT, last.extension, target, last.left_at or draft.at))
        call.pending_transfer = False
        draft.tell(ChangeKind.TRANSFERRED, call, last.extension)


def rings(draft: Draft, channel: Channel) -> None:
    """Take note that the phone said it rings; DialBegin alone is only an INVITE on its way."""
    call = call_of(draft.book, channel)
    if call is None or channel.is_local or not (channel.dialed_by or channel.originated):
        return
    if not draft.trigger.startswith("Dial"):
        draft.trigger = f"Ringing {channel.name}"
    if not channel.is_phone:
        if call.far_rang_at is None and channel.uniqueid != call.caller:
            call.far_rang_at = draft.at
            draft.tell(ChangeKind.UPDATED, call)
        return
    leg = call.leg(channel.endpoint, draft.at)
    if leg.ringing or leg.talking_since is not None or leg.result is not None:
        return
    leg.ringing = True
    if leg.rang_at is None:
        leg.rang_at = draft.at
    if channel.uniqueid == call.caller:
        draft.tell(ChangeKind.UPDATED, call, channel.endpoint)
        return
    if call.far_rang_at is None:
        call.far_rang_at = draft.at
    call.note(draft.at, "ring", channel.endpoint)
    draft.tell(ChangeKind.RINGING, call, channel.endpoint)


def _dial_state(draft: Draft, event: ev.DialState) -> None:
    dest = _known(draft, event.dest)
    if dest is not None and event.status in {"RINGING", "PROGRESS"}:
        draft.trigger = f"DialState {dest.name}"
        rings(draft, dest)


def _dial_end(draft: Draft, event: ev.DialEnd) -> None:
    dest = _known(draft, event.dest)
    if dest is None:
        return
    dest.dial_status = event.status
    source = _known(draft, event.source) if event.source is not None else None
    draft.trigger = f"DialEnd {dest.name}"
    if event.status == "ANSWER":
        if dest.up_at is None:
            dest.up_at = draft.at
        if source is not None and (call := call_of(draft.book, source)) is not None:
            _join_call(draft, dest, call)
        return
    call = call_of(draft.book, dest)
    if call is None or dest.is_local:
        return
    if dest.uniqueid != call.caller and call.direction is not Direction.INBOUND:
        call.far_status = event.status
    if dest.is_phone and dest.endpoint in call.legs and call.legs[dest.endpoint].answered_at is None:
        taken = _being_taken(draft.book, call) or bool(event.forward)
        _stop_ringing(draft, call, dest.endpoint, leg_result(event.status, None, answered=taken))


def _being_taken(book: CallBook, call: Conversation) -> bool:
    """Whether somebody answered: a bridge tells a moment later than the dial that was won."""
    if call.answered_at is not None:
        return True
    channels = (book.graph.channels.get(uniqueid) for uniqueid in call.channels)
    return any(not c.is_local and c.dial_status == "ANSWER" for c in channels if c is not None and c.dialed_by)


# Talking


def _bridge_enter(draft: Draft, event: ev.BridgeEnter) -> None:
    channel = _known(draft, event.party)
    if channel is None or not event.bridge:
        return
    draft.trigger = f"BridgeEnter {channel.name}"
    enter(draft.book.graph, channel, event.bridge, event.kind)
    if is_talk(event.kind):
        check_connected(draft, channel)


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
        call = _call_in_midstream(draft, callers[0] if callers else parties[0])
    for party in parties:
        _join_call(draft, party, call)
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
    talkers = [p for p in parties if p.is_phone and (p.uniqueid != call.caller or call.originated)]
    changed = []
    for party in talkers:
        leg = call.legs.get(party.endpoint)
        if leg is None or leg.talking_since is None:
            if party.uniqueid == call.caller:
                _own_leg_talks(call, party, draft.at)
            else:
                if leg is None:
                    _picked_up(draft, call)
                call.answer(party, draft.at, ours=True)
                changed.append(party.endpoint)
    for party in parties:
        if not party.is_phone and party.uniqueid != call.caller and call.answered_at is None:
            call.answer(party, draft.at, ours=False)
            changed.append(call.extension or "")
    for extension in changed:
        draft.tell(ChangeKind.ANSWERED, call, extension or None)
    if fresh and not changed:
        draft.tell(ChangeKind.UPDATED, call)


def _picked_up(draft: Draft, call: Conversation) -> None:
    """Correct the phones that just stopped ringing: a colleague who was not called took the call from them."""
    for leg in call.legs.values():
        if leg.result is LegResult.NO_ANSWER and leg.left_at is not None and draft.at - leg.left_at < PICKUP_SECONDS:
            leg.result = LegResult.ELSEWHERE


def _originator_answers(draft: Draft, call: Conversation, channel: Channel) -> None:
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


def _bridge_leave(draft: Draft, event: ev.BridgeLeave) -> None:
    channel = _known(draft, event.party)
    if channel is None or channel.bridge != event.bridge:
        return
    leave(draft.book.graph, channel)
    call = call_of(draft.book, channel)
    if call is None:
        return
    if channel.is_phone:
        call.leave_leg(channel.endpoint, draft.at)
    _check_talk(draft, call)


def _check_talk(draft: Draft, call: Conversation) -> None:
    if not call.talking or call.conference:
        return
    graph = draft.book.graph
    for uniqueid in call.channels:
        channel = graph.channels.get(uniqueid)
        if channel is not None and channel.bridge is not None and len(connected_parties(graph, channel)) > 1:
            return
    call.talking = False
    call.talk_ended_at = draft.at


def _hold(draft: Draft, event: ev.Hold) -> None:
    channel = _known(draft, event.party)
    call = call_of(draft.book, channel) if channel is not None else None
    if channel is None or call is None or call.answered_at is None or channel.uniqueid in call.held_by:
        return
    call.holds += 1
    call.held_by[channel.uniqueid] = draft.at
    call.note(draft.at, "hold", channel.endpoint if channel.is_phone else None)
    draft.tell(ChangeKind.UPDATED, call)


def _unhold(draft: Draft, event: ev.Unhold) -> None:
    channel = _known(draft, event.party)
    call = call_of(draft.book, channel) if channel is not None else None
    if channel is not None and call is not None and call.end_hold(channel.uniqueid, draft.at):
        call.note(draft.at, "unhold", channel.endpoint if channel.is_phone else None)
        draft.tell(ChangeKind.UPDATED, call)


def _local_bridge(draft: Draft, event: ev.LocalBridge) -> None:
    one, two = _known(draft, event.one), _known(draft, event.two)
    if one is not None and two is not None:
        wire(draft.book, one, two)


# Moving calls


def _blind_transfer(draft: Draft, event: ev.BlindTransfer) -> None:
    transferer = _known(draft, event.transferer)
    transferee = _known(draft, event.transferee) if event.transferee is not None else None
    mover = transferer or transferee
    if not event.success or mover is None:
        return
    call = call_of(draft.book, transferee or mover) or call_of(draft.book, mover)
    if call is None:
        return
    source = transferer.endpoint if transferer is not None else ""
    draft.trigger = f"BlindTransfer {event.transferer.channel}"
    add_transfer(call, Transfer(TransferKind.BLIND, source, event.exten, draft.at))
    draft.tell(ChangeKind.TRANSFERRED, call, source or None)


def _attended_transfer(draft: Draft, event: ev.AttendedTransfer) -> None:
    book = draft.book
    original, second = _known(draft, event.original), _known(draft, event.second)
    target = _known(draft, event.target) if event.target is not None else None
    transferee = _known(draft, event.transferee) if event.transferee is not None else None
    if not event.success:
        return
    draft.trigger = f"AttendedTransfer {event.original.channel}"
    call = next((c for ch in (original, transferee) if ch is not None and (c := call_of(book, ch))), None)
    if call is None:
        return
    if original is not None and original is second and call.end_hold(original.uniqueid, draft.at, counts=False):
        call.note(draft.at, "unhold", original.endpoint)
    source = original.endpoint if original is not None else event.original.channel
    consultation = call_of(book, second) if second is not None else None
    to = _transfer_target(draft, event, call, consultation if consultation is not call else None, source)
    for channel in (second, target):
        other = call_of(book, channel) if channel is not None else None
        if other is not None and other is not call:
            absorb(draft, call, other)
    add_transfer(call, Transfer(TransferKind.ATTENDED, source, to, draft.at))
    draft.tell(ChangeKind.TRANSFERRED, call, source)
    if target is not None and target.bridge is not None:
        check_connected(draft, target)


def _transfer_target(
    draft: Draft, event: ev.AttendedTransfer, call: Conversation, consultation: Conversation | None, source: str
) -> str:
    """Name who got the call: the target's phone, or the one the consultation talks to or rings.

    With a feature code the target is half of a Local channel; older releases name no target at all.
    """
    graph = draft.book.graph
    target = graph.channels.get(event.target.uniqueid) if event.target is not None else None
    if target is not None and target.is_phone:
        return target.endpoint
    legs = [leg for leg in (consultation or call).legs.values() if leg.extension != source]
    rank = sorted(legs, key=lambda leg: (leg.talking_since is None, not leg.ringing, -leg.dialed_at))
    if rank and (consultation is not None or rank[0].dialed_at > (call.answered_at or 0.0)):
        return rank[0].extension
    told = event.target.number if event.target is not None else None
    return told or (consultation.called if consultation is not None else None) or ""


def _pickup(draft: Draft, event: ev.Pickup) -> None:
    party, target = _known(draft, event.party), _known(draft, event.target)
    if party is None or target is None:
        return
    target.picked_up_by = party.uniqueid
    call = call_of(draft.book, target)
    if call is not None:
        call.note(draft.at, "pickup", party.endpoint)
        _join_call(draft, party, call)


def _parked(draft: Draft, event: ev.ParkedCall) -> None:
    channel = _known(draft, event.parkee)
    call = call_of(draft.book, channel) if channel is not None else None
    if call is None:
        return
    if call.pending_transfer and call.transfers and call.transfers[-1].kind is TransferKind.BLIND:
        call.transfers.pop()  # parking by transfer to the parking extension is no transfer
        call.pending_transfer = False
    call.parked = True
    call.note(draft.at, "park", detail=event.space)
    draft.tell(ChangeKind.UPDATED, call)


def _unparked(draft: Draft, event: ev.UnParkedCall) -> None:
    channel = _known(draft, event.parkee)
    retriever = _known(draft, event.retriever) if event.retriever is not None else None
    call = call_of(draft.book, channel) if channel is not None else None
    if call is None:
        return
    call.parked = False
    call.note(draft.at, "unpark", retriever.endpoint if retriever is not None else None, event.space)
    if retriever is not None:
        _join_call(draft, retriever, call)
    draft.tell(ChangeKind.UPDATED, call)


# Queues, conferences, applications


def _queue_join(draft: Draft, event: ev.QueueCallerJoin) -> None:
    channel = _known(draft, event.party)
    if channel is None or not event.queue:
        return
    call = call_of(draft.book, channel) or _call_in_midstream(draft, channel)
    call.number_final = True
    call.queue = event.queue
    call.in_queue = True
    call.abandoned = False
    if call.queued_at is None:
        call.queued_at = draft.at
    call.note(draft.at, "queue_join", detail=event.queue)
    if call.direction is None:
        call.number = call.extension
        show(draft, call, Direction.INTERNAL)
    draft.trigger = f"QueueCallerJoin {channel.name}"
    draft.tell(ChangeKind.UPDATED, call)
    party = ev.Party(channel.name, channel.uniqueid, number=call.number, name=call.caller_name, hidden=call.withheld)
    queue = draft.book.queues.join(event.queue, party, event.position, draft.at, call.id)
    left_queues(draft, [queue])


def left_queues(draft: Draft, queues: list[Queue]) -> None:
    """Tell of queues that changed."""
    draft.changes.extend(QueueChange(draft.at, queue.record(draft.book.line.pbx)) for queue in queues)


def _queue_leave(draft: Draft, event: ev.QueueCallerLeave) -> None:
    channel = _known(draft, event.party)
    left_queues(draft, draft.book.queues.leave(event.party.uniqueid, event.queue))
    call = call_of(draft.book, channel) if channel is not None else None
    if call is not None and call.in_queue:
        call.in_queue = False
        call.note(draft.at, "queue_leave", detail=event.queue)
        draft.tell(ChangeKind.UPDATED, call)


def _queue_abandon(draft: Draft, event: ev.QueueCallerAbandon) -> None:
    """Believe that the caller gave up only if it asked for the hang-up: the queue's own limit sends the same event."""
    channel = _known(draft, event.party)
    call = call_of(draft.book, channel) if channel is not None else None
    if channel is not None and call is not None:
        call.abandoned = channel.wants_hangup
        if call.abandoned and event.queue in draft.book.queues.queues:
            draft.book.queues.queues[event.queue].abandoned += 1


def _agent_complete(draft: Draft, event: ev.AgentComplete) -> None:
    if event.queue:
        queue = draft.book.queues.queue(event.queue)
        queue.completed += 1
        left_queues(draft, [queue])


def _member(draft: Draft, event: ev.MemberFacts) -> None:
    queue = draft.book.queues.member(event, member_extension(draft.book, event))
    if queue is not None:
        left_queues(draft, [queue])


def member_extension(book: CallBook, facts: ev.MemberFacts) -> str | None:
    """Name our phone behind a queue member: its device, or the extension a Local member dials."""
    for interface in (facts.state_interface, facts.interface):
        technology, _, rest = interface.partition("/")
        name = rest.partition("@")[0] if technology == "Local" else rest
        if book.line.is_phone(name):
            return name
    return None


def _conference_join(draft: Draft, event: ev.ConfbridgeJoin) -> None:
    channel = _known(draft, event.party)
    call = call_of(draft.book, channel) if channel is not None else None
    if channel is None or call is None or channel.is_local:
        return
    call.conference = True
    call.talking = True
    if call.direction is None:
        call.number = call.extension
        show(draft, call, Direction.INTERNAL)
    call.note(draft.at, "conference_join", channel.endpoint if channel.is_phone else None, event.conference)
    if call.answered_at is None:
        call.answered_at = draft.at
    draft.tell(ChangeKind.UPDATED, call)


def _conference_leave(draft: Draft, event: ev.ConfbridgeLeave) -> None:
    channel = _known(draft, event.party)
    call = call_of(draft.book, channel) if channel is not None else None
    if call is not None and call.conference:
        call.conference = False
        _check_talk(draft, call)
        draft.tell(ChangeKind.UPDATED, call)


def _application(draft: Draft, event: ev.ApplicationEntered) -> None:
    channel = _known(draft, event.party)
    call = call_of(draft.book, channel) if channel is not None else None
    if call is None:
        return
    name = event.argument.partition(",")[0]
    if event.application == "Queue":
        if call.queue is None:
            call.queue = name
            draft.tell(ChangeKind.UPDATED, call)
        return
    call.voicemail_entered = True
    call.note(draft.at, "voicemail", detail=name)
    if call.direction is None:
        call.number = call.extension
        show(draft, call, Direction.INTERNAL)
    draft.tell(ChangeKind.UPDATED, call)


def _voicemail_status(draft: Draft, event: ev.VoicemailStatus) -> None:
    channel = draft.book.graph.channels.get(event.uniqueid)
    call = call_of(draft.book, channel) if channel is not None else None
    if call is not None:
        call.voicemail_entered = True
        call.voicemail_saved = event.saved or call.voicemail_saved is True


def _spy(draft: Draft, event: ev.ChanSpyStart) -> None:
    channel = _known(draft, event.spyer)
    if channel is not None:
        channel.spying = True


# Without a channel


def _originate_response(draft: Draft, event: ev.OriginateResponse) -> None:
    if not event.success and event.uniqueid not in draft.book.graph.channels:
        draft.book.failed_originates.append(event)
        del draft.book.failed_originates[:-MOST_FAILED_ORIGINATES]


MOST_FAILED_ORIGINATES: Final = 1000


def _device_state(draft: Draft, event: ev.DeviceState) -> None:
    technology, _, endpoint = event.device.partition("/")
    book = draft.book
    if technology not in {"PJSIP", "SIP", "IAX2", "SCCP"} or not book.line.is_phone(endpoint):
        return
    status = status_from_word(event.state)
    if book.queues.devices.get(endpoint) is not status:
        book.queues.devices[endpoint] = status
        reachable = status not in {MemberStatus.UNAVAILABLE, MemberStatus.INVALID}
        draft.changes.append(PhoneChange(draft.at, book.line.pbx, endpoint, status, reachable))


def _shutdown(draft: Draft, event: ev.Shutdown) -> None:
    """Nothing to do: every channel's Hangup and the end of the link follow."""


_HANDLERS: Final[Mapping[type, Callable[[Draft, Any], None]]] = {
    ev.Newchannel: _newchannel,
    ev.Newstate: _newchannel,
    ev.NewCallerid: _newcallerid,
    ev.HangupRequest: _hangup_request,
    ev.Hangup: _hangup,
    ev.DialBegin: _dial_begin,
    ev.DialState: _dial_state,
    ev.DialEnd: _dial_end,
    ev.BridgeEnter: _bridge_enter,
    ev.BridgeLeave: _bridge_leave,
    ev.Hold: _hold,
    ev.Unhold: _unhold,
    ev.LocalBridge: _local_bridge,
    ev.BlindTransfer: _blind_transfer,
    ev.AttendedTransfer: _attended_transfer,
    ev.Pickup: _pickup,
    ev.ParkedCall: _parked,
    ev.UnParkedCall: _unparked,
    ev.QueueCallerJoin: _queue_join,
    ev.QueueCallerLeave: _queue_leave,
    ev.QueueCallerAbandon: _queue_abandon,
    ev.AgentComplete: _agent_complete,
    ev.MemberFacts: _member,
    ev.OriginateResponse: _originate_response,
    ev.ConfbridgeJoin: _conference_join,
    ev.ConfbridgeLeave: _conference_leave,
    ev.ApplicationEntered: _application,
    ev.VoicemailStatus: _voicemail_status,
    ev.ChanSpyStart: _spy,
    ev.DeviceState: _device_state,
    ev.Shutdown: _shutdown,
}

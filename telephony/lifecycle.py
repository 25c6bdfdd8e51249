"""A channel comes, changes and goes; a conversation begins with its first and ends with its last one."""

from typing import Final

from telephony import events as ev
from telephony.book import CallBook, Draft, call_of, new_call, show
from telephony.channels import Channel, forget, remember_gone
from telephony.conversations import Conversation, leg_result
from telephony.dialing import being_taken, rings, stop_ringing
from telephony.monitoring import stop_recordings
from telephony.parties import known, take_number
from telephony.records import ChangeKind, Direction, LegResult
from telephony.talking import check_talk, originator_answers
from telephony.waiting import left_queues

CAUSE_ELSEWHERE: Final = 26
"""Q.850 26 as Asterisk uses it: "Answered elsewhere"."""


def newchannel(draft: Draft, event: ev.Newchannel | ev.Newstate) -> None:
    """Take a new channel or its new state: Ring begins a conversation, Ringing rings, Up answers."""
    channel = known(draft, event.party)
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
                    originator_answers(draft, call, channel)


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
    take_number(call, channel)
    call.note(draft.at, "start", detail=call.did)
    show(draft, call, Direction.INBOUND)


def newcallerid(draft: Draft, event: ev.NewCallerid) -> None:
    """Let the dialplan rewrite an outside caller's number until the first phone is called, not later."""
    channel = known(draft, event.party, make=False)
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
    take_number(call, channel)
    if (call.number, call.caller_name, call.withheld) != before:
        draft.tell(ChangeKind.UPDATED, call)


def hangup_request(draft: Draft, event: ev.HangupRequest) -> None:
    """Take note who wants to end the call: a cause code does not tell."""
    channel = known(draft, event.party, make=False)
    if channel is None:
        return
    channel.wants_hangup = True
    call = call_of(draft.book, channel)
    if call is None:
        return
    if call.caller == channel.uniqueid:
        call.caller_hung_up, call.last_hangup_at = True, draft.at
        if call.answered_at is None:
            draft.tell(ChangeKind.UPDATED, call)  # gave up: a restart must not forget it
    leg = call.legs.get(channel.endpoint) if channel.is_phone else None
    if leg is not None and leg.answered_at is not None:
        leg.hung_up = True


def hangup(draft: Draft, event: ev.Hangup) -> None:
    """Take a finished channel out; one that was never seen is remembered as gone."""
    channel = known(draft, event.party, make=False)
    if channel is not None:
        hang_up(draft, channel, event.cause)
    else:
        left_queues(draft, draft.book.queues.leave(event.party.uniqueid))
        remember_gone(draft.book.graph, event.party.uniqueid)


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
    call.last_hangup_at = draft.at
    call.end_hold(channel.uniqueid, draft.at)
    call.conferring.discard(channel.uniqueid)
    stop_recordings(call, channel.uniqueid, draft.at)
    if call.caller == channel.uniqueid:
        call.hangup_cause = cause
    elif not channel.is_local and (channel.dialed_by is not None or channel.originated):
        call.far_cause = cause
        if call.answered_at is None and call.channels:
            draft.tell(ChangeKind.UPDATED, call)
    check_talk(draft, call)
    if channel.is_phone:
        _phone_gone(draft, call, channel, cause)
    if not call.channels:
        finish(draft, call)


def _phone_gone(draft: Draft, call: Conversation, channel: Channel, cause: int | None) -> None:
    leg = call.legs.get(channel.endpoint)
    book = draft.book
    if leg is None or _has_other_channel(book, call, channel):
        return
    answered = leg.answered_at is not None
    if not answered:
        elsewhere = being_taken(book, call, channel) or channel.picked_up_by is not None or cause == CAUSE_ELSEWHERE
        result = leg_result(channel.dial_status, cause, answered=elsewhere)
        if leg.result is not LegResult.ELSEWHERE or result in {LegResult.BUSY, LegResult.REJECTED}:
            stop_ringing(draft, call, channel.endpoint, result)
        return
    call.leave_leg(channel.endpoint, draft.at)
    if call.channels and call.direction is not None:
        call.note(draft.at, "leave", channel.endpoint)
        draft.tell(ChangeKind.LEFT, call, channel.endpoint)


def _has_other_channel(book: CallBook, call: Conversation, channel: Channel) -> bool:
    return any(
        other != channel.uniqueid
        and (found := book.graph.channels.get(other)) is not None
        and found.endpoint == channel.endpoint
        and found.dialed_by is not None
        for other in call.channels
    )


def finish(draft: Draft, call: Conversation) -> None:
    """End a conversation whose last party is gone, and judge it."""
    book = draft.book
    for extension, leg in call.legs.items():
        call.leave_leg(extension, draft.at)
        if leg.result is None:
            gone_elsewhere = any((other.answered_at or 0.0) >= leg.dialed_at for other in call.legs.values())
            stop_ringing(draft, call, extension, LegResult.ELSEWHERE if gone_elsewhere else LegResult.NO_ANSWER)
        elif leg.result is LegResult.ELSEWHERE and call.answered_at is None:
            leg.result = LegResult.NO_ANSWER  # where it was sent, or who took it first, did not talk either
    for held in list(call.held_by):
        call.end_hold(held, draft.at)
    if call.talking:
        call.talking = False
        call.talk_ended_at = draft.at
    call.ended_at = max(draft.at, call.started_at, call.answered_at or 0.0)  # the PBX's clock may be set back
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

"""Who is called by whom: dials, rings, and what came of them."""

from typing import Final

from telephony import events as ev
from telephony.book import CallBook, Draft, call_of, new_call, show
from telephony.channels import SPY_PREFIX, Channel
from telephony.conversations import (
    MOST_DIALS_OUT,
    PROMPT_DIAL_END_SECONDS,
    Conversation,
    add_transfer,
    leg_result,
    name_target,
)
from telephony.parties import call_in_midstream, join_call, known, take_number
from telephony.records import ChangeKind, DialOut, Direction, LegResult, Transfer, TransferKind

MOST_FAILED_ORIGINATES: Final = 1000


def dial_begin(draft: Draft, event: ev.DialBegin) -> None:
    """Take a dial into the graph: the called channel joins the conversation of the calling one."""
    dest = known(draft, event.dest)
    source = known(draft, event.source) if event.source is not None else None
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
        call = call_in_midstream(draft, source)
    join_call(draft, dest, call)
    call = call_of(draft.book, dest) or call
    if source.uniqueid == call.caller:
        if source.hidden and not call.withheld and call.direction is Direction.INBOUND:
            take_number(call, source)
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


def dialled_unseen(draft: Draft, dest: Channel) -> None:
    """Take a dial that began while nobody listened: a snapshot shows only who was called, and in whose call."""
    call = call_of(draft.book, dest)
    source = draft.book.graph.channels.get(dest.dialed_by or "")
    if call is None or source is None or dest.is_local or call.caller != source.uniqueid:
        return
    if dest.is_phone:
        _dials_phone(draft, call, source, dest)
    else:
        _dials_out(draft, call, source, dest)


def _originated(draft: Draft, dest: Channel) -> None:
    """Asterisk rings a channel on somebody's order: a click-to-call's first leg, or a supervisor who will listen."""
    if dest.uniqueid.startswith(SPY_PREFIX):
        dest.spying = True
        return
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
        call.number = number or dialled_number(dest)
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
    number = dialled_number(dest)
    call.tried_outside = True
    if len(call.dials_out) < MOST_DIALS_OUT and all(one.uniqueid != dest.uniqueid for one in call.dials_out):
        call.dials_out.append(DialOut(dest.uniqueid, draft.at, number))
    _name_redirect(draft, call, source, number or dest.endpoint)
    call.note(draft.at, "dial_out", detail=number)
    if call.direction is Direction.INBOUND:
        draft.tell(ChangeKind.UPDATED, call)
        return
    first = call.direction is None
    if first or (call.originated and call.answered_at is None):
        call.direction = Direction.OUTBOUND
        call.called = number if call.originated else call.called or number
        if number is not None and call.extension is not None:
            call.number = number
        show(draft, call, Direction.OUTBOUND)
        draft.tell(ChangeKind.DIALING if first else ChangeKind.UPDATED, call, call.extension)


def dial_string_in(argument: str, endpoint: str) -> str:
    """Pick the part of `PJSIP/8916...@trunk&PJSIP/2001,30,tT` that calls this endpoint; empty when none does."""
    parts = [part.partition("/")[2] for part in argument.partition(",")[0].split("&")]
    return next((part for part in parts if endpoint in part.replace("@", "/").split("/")), "")


def dialled_number(dest: Channel) -> str | None:
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
        if not call.in_queue and call.transfers[-1].target != target:
            name_target(call, target)
            draft.tell(ChangeKind.UPDATED, call)
        return
    if call.moving and call.moved_to is not None and call.transfers[-1].target != target:
        name_target(call, call.moved_to)  # a group: nobody in particular until one of them takes the call
        return
    if call.parked:
        call.parking = None
        draft.tell(ChangeKind.UPDATED, call)
        return
    if call.answered_at is None or call.talking or call.moving or source.uniqueid != call.caller:
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


def dial_state(draft: Draft, event: ev.DialState) -> None:
    """Take news of a dial: RINGING and PROGRESS both reach the phone."""
    dest = known(draft, event.dest)
    if dest is not None and event.status in {"RINGING", "PROGRESS"}:
        _dialled_before(draft, event, dest)
        draft.trigger = f"DialState {dest.name}"
        rings(draft, dest)


def _dialled_before(draft: Draft, event: ev.DialState | ev.DialEnd, dest: Channel) -> None:
    """Make up for the beginning of a dial that came before we listened."""
    if event.source is not None and dest.dialed_by is None and not dest.calling:
        dial_begin(draft, ev.DialBegin(event.at, event.source, event.dest, ""))


def dial_end(draft: Draft, event: ev.DialEnd) -> None:
    """Close a dial; one that was not won tells why the phone stopped ringing."""
    dest = known(draft, event.dest)
    if dest is None:
        return
    _dialled_before(draft, event, dest)
    dest.dial_status = event.status
    source = known(draft, event.source) if event.source is not None else None
    draft.trigger = f"DialEnd {dest.name}"
    if event.status == "ANSWER":
        late = dest.up_at is not None and draft.at - dest.up_at > PROMPT_DIAL_END_SECONDS
        if dest.up_at is None or (late and not dest.calling):  # who picks up a call went Up by itself
            dest.up_at = draft.at
        if source is not None and (call := call_of(draft.book, source)) is not None:
            join_call(draft, dest, call)
        return
    call = call_of(draft.book, dest)
    if call is None or dest.is_local:
        return
    if dest.uniqueid != call.caller and call.direction is not Direction.INBOUND:
        call.far_status = event.status
        draft.tell(ChangeKind.UPDATED, call)
    if dest.is_phone and dest.endpoint in call.legs and call.legs[dest.endpoint].answered_at is None:
        taken = being_taken(draft.book, call, dest) or bool(event.forward)
        stop_ringing(draft, call, dest.endpoint, leg_result(event.status, None, answered=taken))


def being_taken(book: CallBook, call: Conversation, lost: Channel) -> bool:
    """Whether somebody has taken the call since `lost` was called: a bridge tells it later than the dial that was won.

    Who had it before (and transferred it) does not count. A ring group's Dial closes the lost dials before the won one;
    that its phone is Up was told before.
    """
    if lost.dialed_by is None and call.talking:
        return True  # called before we listened
    if any(leg.talking_since is not None and leg.talking_since >= lost.seen_at for leg in call.legs.values()):
        return True
    channels = (book.graph.channels.get(uniqueid) for uniqueid in call.channels)
    dialled = (c for c in channels if c is not None and c.dialed_by and not c.is_local)
    won = (c for c in dialled if c.dial_status == "ANSWER" or c.state == "Up")
    return any(c.up_at is None or c.up_at >= lost.seen_at for c in won)


def stop_ringing(draft: Draft, call: Conversation, extension: str, result: LegResult) -> None:
    """Take note that one of our phones rings no more without having talked."""
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


def originate_response(draft: Draft, event: ev.OriginateResponse) -> None:
    """Keep a failed Originate that no channel answers for; `recovery.sweep` decides about it."""
    if not event.success and event.uniqueid not in draft.book.graph.channels:
        draft.book.failed_originates.append(event)
        del draft.book.failed_originates[:-MOST_FAILED_ORIGINATES]

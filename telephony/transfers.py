"""Calls that are moved: transfers, pickup, parking."""

from telephony import events as ev
from telephony.book import CallBook, Draft, absorb, call_of
from telephony.channels import Channel, leads_to_hold
from telephony.conversations import Conversation, add_transfer
from telephony.dialing import dialled_number
from telephony.parties import join_call, known
from telephony.records import ChangeKind, Parking, Transfer, TransferKind
from telephony.talking import check_connected, check_talk
from telephony.waiting import conference_join


def blind_transfer(draft: Draft, event: ev.BlindTransfer) -> None:
    """Move a party to an extension; who is reached is named by the next dial."""
    transferer = known(draft, event.transferer)
    transferee = known(draft, event.transferee) if event.transferee is not None else None
    mover = transferer or transferee
    if not event.success or mover is None:
        return
    call = call_of(draft.book, transferee or mover) or call_of(draft.book, mover)
    if call is None or call.parked:  # told after the ParkedCall it led to: parking is no transfer
        return
    source = transferer.endpoint if transferer is not None else ""
    if event.by_keys and transferer is not None:
        call.was_transfer_music(transferer.uniqueid, draft.at)
    draft.trigger = f"BlindTransfer {event.transferer.channel}"
    add_transfer(call, Transfer(TransferKind.BLIND, source, event.exten, draft.at))
    draft.tell(ChangeKind.TRANSFERRED, call, source or None)


def attended_transfer(draft: Draft, event: ev.AttendedTransfer) -> None:
    """Join the two calls of a transferer: the consultation becomes part of the first call."""
    book = draft.book
    original, second = known(draft, event.original), known(draft, event.second)
    target = known(draft, event.target) if event.target is not None else None
    transferee = known(draft, event.transferee) if event.transferee is not None else None
    if not event.success:
        return
    draft.trigger = f"AttendedTransfer {event.original.channel}"
    call = next((c for ch in (original, transferee) if ch is not None and (c := call_of(book, ch))), None)
    if call is None:
        return
    if original is not None and _was_on_hold(book, original):
        return
    if original is not None and original is second and call.end_hold(original.uniqueid, draft.at, counts=False):
        call.note(draft.at, "unhold", original.endpoint)
        if original.bridge is None:
            call.leave_leg(original.endpoint, draft.at)
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
    _confers(draft, event)
    talked = call.talking
    check_talk(draft, call)
    if talked and not call.talking:  # completed while the target still rings
        draft.tell(ChangeKind.UPDATED, call)


def _confers(draft: Draft, event: ev.AttendedTransfer) -> None:
    """Let a party that was transferred into a conference talk there; its own join is not always told."""
    if event.app in ev.CONFERENCES and event.transferee is not None:
        conference_join(draft, ev.ConfbridgeJoin(event.at, event.transferee, ""))


def _was_on_hold(book: CallBook, original: Channel) -> bool:
    """Whether the phone went away during a hold by the PBX, which ends the call then: nobody is handed over."""
    return any(leads_to_hold(one) and one.linkedid == original.linkedid for one in book.graph.channels.values())


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
    return told or (consultation.called if consultation is not None else None) or _dialled_by(target)


def _dialled_by(target: Channel | None) -> str:
    """Read whom a channel leads to: `Local/2002@from-internal-0000002d;1`, or the number called outside."""
    if target is None:
        return ""
    if target.is_local:
        return target.name.removeprefix("Local/").partition("@")[0]
    return dialled_number(target) or ""


def pickup(draft: Draft, event: ev.Pickup) -> None:
    """Let a colleague take the call that rings elsewhere."""
    party, target = known(draft, event.party), known(draft, event.target)
    if party is None or target is None:
        return
    target.picked_up_by = party.uniqueid
    call = call_of(draft.book, target)
    if call is not None:
        call.note(draft.at, "pickup", party.endpoint)
        join_call(draft, party, call)


def parked(draft: Draft, event: ev.ParkedCall) -> None:
    """Put a party into a parking space."""
    channel = known(draft, event.parkee)
    call = call_of(draft.book, channel) if channel is not None else None
    if call is None:
        return
    if call.pending_transfer and call.transfers and call.transfers[-1].kind is TransferKind.BLIND:
        call.transfers.pop()  # parking by transfer to the parking extension is no transfer
        call.pending_transfer = False
    parker = event.parker if draft.book.line.is_phone(event.parker) else None
    call.parking, call.moving = Parking(event.space, parker, draft.at), True
    call.note(draft.at, "park", parker, event.space)
    draft.tell(ChangeKind.UPDATED, call)


def unparked(draft: Draft, event: ev.UnParkedCall) -> None:
    """Fetch a party from its parking space."""
    channel = known(draft, event.parkee)
    retriever = known(draft, event.retriever) if event.retriever is not None else None
    call = call_of(draft.book, channel) if channel is not None else None
    if call is None:
        return
    call.parking = None
    call.note(draft.at, "unpark", retriever.endpoint if retriever is not None else None, event.space)
    if retriever is not None:
        join_call(draft, retriever, call)
    draft.tell(ChangeKind.UPDATED, call)

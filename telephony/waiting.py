"""Where a caller is while nobody talks to him (queue, voicemail), conferences, and the state of our phones."""

from telephony import events as ev
from telephony.book import CallBook, Draft, call_of, show
from telephony.channels import SPY_PREFIX, Channel
from telephony.conversations import Conversation, talks_since
from telephony.monitoring import message_saved
from telephony.parties import call_in_midstream, known
from telephony.queues import Queue, status_from_word
from telephony.records import ChangeKind, Direction, MemberStatus, PhoneChange, QueueChange, Spy
from telephony.talking import check_talk

MOST_SPIES = 20
"""Listeners remembered of one call."""


def queue_join(draft: Draft, event: ev.QueueCallerJoin) -> None:
    """Let a caller wait in a queue."""
    channel = known(draft, event.party)
    if channel is None or not event.queue:
        return
    call = call_of(draft.book, channel) or call_in_midstream(draft, channel)
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


def queue_leave(draft: Draft, event: ev.QueueCallerLeave) -> None:
    """End the wait in a queue."""
    channel = known(draft, event.party, make=False)
    left_queues(draft, draft.book.queues.leave(event.party.uniqueid, event.queue))
    call = call_of(draft.book, channel) if channel is not None else None
    if call is not None and call.in_queue:
        call.in_queue = False
        call.note(draft.at, "queue_leave", detail=event.queue)
        draft.tell(ChangeKind.UPDATED, call)


def queue_abandon(draft: Draft, event: ev.QueueCallerAbandon) -> None:
    """Believe that the caller gave up only if it asked for the hang-up: the queue's own limit sends the same event."""
    channel = known(draft, event.party, make=False)
    call = call_of(draft.book, channel) if channel is not None else None
    if channel is not None and call is not None:
        call.abandoned = channel.wants_hangup
        if call.abandoned and event.queue in draft.book.queues.queues:
            draft.book.queues.queues[event.queue].abandoned += 1
        draft.tell(ChangeKind.UPDATED, call)


def agent_complete(draft: Draft, event: ev.AgentComplete) -> None:
    """Count a completed queue call."""
    if event.queue:
        queue = draft.book.queues.queue(event.queue)
        queue.completed += 1
        left_queues(draft, [queue])


def member(draft: Draft, event: ev.MemberFacts) -> None:
    """Take over what is said of a queue member."""
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


def conference_join(draft: Draft, event: ev.ConfbridgeJoin) -> None:
    """Let a party into a conference, which counts as talking."""
    channel = known(draft, event.party)
    if channel is None or channel.is_local:
        return
    call = call_of(draft.book, channel) or call_in_midstream(draft, channel)
    if channel.uniqueid in call.conferring:
        return  # a transfer into the conference told it already
    call.conferring.add(channel.uniqueid)
    call.talking = True
    if call.direction is None:
        call.number = call.extension
        show(draft, call, Direction.INTERNAL)
    call.note(draft.at, "conference_join", channel.endpoint if channel.is_phone else None, event.conference)
    if channel.is_phone and channel.dialed_by is not None:
        _meets(draft, call, channel)
        return
    if call.answered_at is None:
        call.answered_at = talks_since(channel, draft.at)
    draft.tell(ChangeKind.UPDATED, call)


def _meets(draft: Draft, call: Conversation, channel: Channel) -> None:
    """Take note that a phone which was called talks in a conference; its caller may have been there before it."""
    leg = call.leg(channel.endpoint, draft.at)
    if leg.talking_since is not None:
        return
    first = call.answered_by is None and call.direction is not Direction.OUTBOUND and not call.transfers
    call.answer(channel, draft.at, ours=True)
    if first:
        call.answered_by = channel.endpoint
    draft.tell(ChangeKind.ANSWERED, call, channel.endpoint)


def conference_leave(draft: Draft, event: ev.ConfbridgeLeave) -> None:
    """Take a party out of a conference."""
    channel = known(draft, event.party, make=False)
    call = call_of(draft.book, channel) if channel is not None else None
    if channel is not None and call is not None and channel.uniqueid in call.conferring:
        call.conferring.discard(channel.uniqueid)
        if channel.is_phone:
            call.leave_leg(channel.endpoint, draft.at)
        check_talk(draft, call)
        draft.tell(ChangeKind.UPDATED, call)


def application(draft: Draft, event: ev.ApplicationEntered) -> None:
    """Take note of the application a caller is in: Queue names the queue, VoiceMail the mailbox."""
    channel = known(draft, event.party)
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


def voicemail_status(draft: Draft, event: ev.VoicemailStatus) -> None:
    """Take note whether a message was left."""
    channel = draft.book.graph.channels.get(event.uniqueid)
    call = call_of(draft.book, channel) if channel is not None else None
    if call is not None:
        call.voicemail_entered = True
        if event.file:
            message_saved(call, event)
        call.voicemail_saved = event.saved or call.voicemail_saved is True
        draft.tell(ChangeKind.UPDATED, call)


def spy_over(draft: Draft, event: ev.ChanSpyStop) -> None:
    """Write into the timeline who joins the call no more."""
    channel = known(draft, event.spyer, make=False)
    spied = known(draft, event.spyee, make=False) if event.spyee is not None else None
    call = call_of(draft.book, spied) if spied is not None else None
    if channel is None or call is None or spied is None:
        return
    spy = call.spies.pop(channel.uniqueid, None)
    who = spy.who if spy is not None else event.spyer.name or channel.endpoint
    call.note(draft.at, "spy_end", spied.endpoint if spied.is_phone else None, who or None)
    draft.tell(ChangeKind.UPDATED, call)


def spy(draft: Draft, event: ev.ChanSpyStart) -> None:
    """Mark a listener, who is no party, and write into the call's timeline who joined whom, and how."""
    channel = known(draft, event.spyer)
    if channel is None:
        return
    channel.spying = True
    spied = known(draft, event.spyee, make=False) if event.spyee is not None else None
    call = call_of(draft.book, spied) if spied is not None else None
    if call is None or spied is None:
        return
    mode = "spy"
    if channel.uniqueid.startswith(SPY_PREFIX):
        mode = channel.uniqueid.removeprefix(SPY_PREFIX).partition("-")[0]
    who = event.spyer.name or channel.endpoint
    if len(call.spies) < MOST_SPIES:
        call.spies[channel.uniqueid] = Spy(who, channel.endpoint, mode, draft.at)
    call.note(draft.at, mode, spied.endpoint if spied.is_phone else None, who or None)
    draft.tell(ChangeKind.UPDATED, call)


def device_state(draft: Draft, event: ev.DeviceState) -> None:
    """Take over the state of one of our phones."""
    technology, _, endpoint = event.device.partition("/")
    book = draft.book
    if technology not in {"PJSIP", "SIP", "IAX2", "SCCP"} or not book.line.is_phone(endpoint):
        return
    status = status_from_word(event.state)
    if book.queues.devices.get(endpoint) is not status:
        book.queues.devices[endpoint] = status
        reachable = status not in {MemberStatus.UNAVAILABLE, MemberStatus.INVALID}
        draft.changes.append(PhoneChange(draft.at, book.line.pbx, endpoint, status, reachable))


def shutdown(draft: Draft, event: ev.Shutdown) -> None:
    """Nothing to do: every channel's Hangup and the end of the link follow."""

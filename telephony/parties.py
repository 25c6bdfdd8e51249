"""How an event's parties come into the book: the channel, its conversation, its number."""

from telephony import events as ev
from telephony.book import Draft, attach, call_of, find_channel, new_call, show, unite
from telephony.channels import Channel
from telephony.conversations import Conversation
from telephony.records import Direction, Source


def known(draft: Draft, party: ev.Party, *, make: bool = True) -> Channel | None:
    """Find the channel an event speaks of; None when it is already gone.

    Events that only tell of an end, or may come after a Hangup, do not `make` a channel that was never seen.
    """
    channel = find_channel(draft.book, party, draft.at, make=make)
    draft.trigger = party.channel
    if channel is not None and channel.hidden:
        _hide_caller(draft, channel)
    return channel


def _hide_caller(draft: Draft, channel: Channel) -> None:
    """Forget the number: that the caller withholds it shows only with the dial, after the call began."""
    call = call_of(draft.book, channel)
    if call is not None and call.caller == channel.uniqueid and not call.withheld:
        take_number(call, channel)


def take_number(call: Conversation, channel: Channel) -> None:
    """Take the outside party as it shows itself; a hidden number is not taken at all."""
    call.withheld = channel.hidden
    call.number = None if channel.hidden else channel.number
    call.caller_name = channel.caller_name


def join_call(draft: Draft, channel: Channel, call: Conversation) -> None:
    """Make a channel part of a conversation; one it already had becomes part as well."""
    own = call_of(draft.book, channel)
    if own is None:
        attach(draft.book, channel, call)
    elif own is not call:
        unite(draft, call, own)


def call_in_midstream(draft: Draft, channel: Channel) -> Conversation:
    """Begin a conversation that was under way before we listened (or the first half of a Local channel)."""
    call = new_call(draft.book, channel, draft.at)
    if channel.is_local:
        call.originated = True
        return call
    channel.calling = True
    call.caller = channel.uniqueid
    call.source = Source.RECOVERED
    call.caller_was_up = channel.state == "Up"
    if channel.is_phone:
        call.extension = channel.endpoint
        call.called = channel.exten
    else:
        call.did = channel.exten or None
        take_number(call, channel)
        show(draft, call, Direction.INBOUND)
    return call

"""One framed AMI block -> one typed event.

Ten kinds of events are nearly all that is read. A block of theirs that has every header once, and in the order in which
Asterisk writes them, is matched whole by one pattern, which takes out what is read of it. Any other block is split into
its headers: that gives the same event, and takes twice as long.
"""

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from telephony import events as ev
from telephony.headers import headers

Told = Iterator[str]
"""The values that a pattern took out, in the order of the block; one that is missing is empty."""


def _party(told: Told) -> ev.Party:
    channel, state, number, name, connected, exten, uniqueid, linkedid, presentation = islice(told, 9)
    if not channel or not uniqueid:
        raise ev.MissingFieldError("Uniqueid")
    return ev.Party(
        channel,
        uniqueid,
        linkedid,
        state,
        None if number in ev.UNKNOWN_TEXTS else number,
        None if name in ev.UNKNOWN_TEXTS else name,
        None if connected in ev.UNKNOWN_TEXTS else connected,
        exten,
        presentation.startswith("prohib"),
    )


_CHANNEL: Final = (
    "*Channel ChannelState *ChannelStateDesc *CallerIDNum *CallerIDName *ConnectedLineNum ConnectedLineName Language"
    " AccountCode Context *Exten Priority *Uniqueid *Linkedid"
)
"""A channel's headers, as Asterisk orders them since version 12; its variables follow, if any."""
_VARIABLES: Final = (
    r"(?:\n{0}ChanVariable: (?!CALLERID\(pres\)=).*)*+"
    r"(?:\n{0}ChanVariable: CALLERID\(pres\)=(.*))?"
    r"(?:\n{0}ChanVariable: (?!CALLERID\(pres\)=).*)*+"
)
_ENTERED: Final = (
    "*BridgeUniqueid *BridgeType BridgeTechnology *BridgeCreator BridgeName *BridgeNumChannels"
    " ?BridgeVideoSourceMode <>"
)
_LEFT: Final = (
    "*BridgeUniqueid BridgeType BridgeTechnology BridgeCreator BridgeName BridgeNumChannels ?BridgeVideoSourceMode <>"
)
_KINDS: Final[dict[str, tuple[str, Callable[[float, Told], ev.Event]]]] = {
    "Newchannel": ("<>", lambda at, told: ev.Newchannel(at, _party(told))),
    "Newstate": ("<>", lambda at, told: ev.Newstate(at, _party(told))),
    "HangupRequest": ("<> ?Cause ?TechCause", lambda at, told: ev.HangupRequest(at, _party(told))),
    "Hangup": (
        "<> *Cause ?Cause-txt ?TechCause",
        lambda at, told: ev.Hangup(at, _party(told), ev.hangup_cause(next(told))),
    ),
    "BridgeEnter": (
        _ENTERED,
        lambda at, told: ev.BridgeEnter(
            at,
            bridge=next(told),
            kind=ev.bridge_kind(next(told), next(told)),
            count=ev.integer(next(told)),
            party=_party(told),
        ),
    ),
    "BridgeLeave": (_LEFT, lambda at, told: ev.BridgeLeave(at, bridge=next(told), party=_party(told))),
    "DialBegin": (
        "<> <Dest> *DialString",
        lambda at, told: ev.DialBegin(at, _party(told), _party(told), next(told)),
    ),
    "DialState": (
        "<> <Dest> *DialStatus",
        lambda at, told: ev.DialState(at, _party(told), _party(told), next(told)),
    ),
    "DialEnd": (
        "<> <Dest> *DialStatus",
        lambda at, told: ev.DialEnd(at, _party(told), _party(told), next(told), ""),
    ),
    "DeviceStateChange": ("*Device *State", lambda at, told: ev.DeviceState(at, next(told), next(told))),
}
"""The order of an event's headers, and how it is made: `<Prefix>` stands for a channel, a star marks what is read, a
question mark what may be missing."""


def _pattern(event: str, layout: str) -> re.Pattern[str]:
    lines = "".join(map(_lines, layout.split()))
    return re.compile(f"Event: {event}\r\nPrivilege: .*(?:\nTimestamp: (.*))?{lines}")


def _lines(word: str) -> str:
    if word[0] == "<":
        prefix = word[1:-1]
        named = (f"*{prefix}{name[1:]}" if name[0] == "*" else prefix + name for name in _CHANNEL.split())
        return "".join(map(_lines, named)) + _VARIABLES.format(prefix)
    if word[0] == "*":
        return f"\n{word[1:]}: (.*)"
    return f"(?:\n{word[1:]}: .*)?" if word[0] == "?" else f"\n{word}: .*"


_USUAL: Final = {
    f"Event: {event}".encode(): (_pattern(event, layout).fullmatch, make) for event, (layout, make) in _KINDS.items()
}


def read(block: bytes, at: float) -> ev.Event | None:
    """Read one framed block that arrived at `at` (epoch seconds); None for what we do not know or is malformed."""
    usual = _USUAL.get(block[: block.find(b"\r")])
    if usual is not None:
        matched, make = usual
        found = matched(block.decode("utf-8", "replace"))
        if found is not None:
            told = map(str.strip, found.groups(""))
            stamp = next(told)
            try:
                return make(ev.epoch(stamp, at) if stamp else at, told)
            except ev.MissingFieldError:
                pass
    return ev.parse(headers(block), at)

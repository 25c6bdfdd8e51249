"""The AMI event behind a change, as a fact that outlives the event. Pure."""

from typing import Final

from telephony import events as ev
from telephony.records import Cause

_NAMES: Final[dict[type, str]] = {
    ev.ApplicationEntered: "Newexten",
    ev.VoicemailStatus: "VarSet",
    ev.DeviceState: "DeviceStateChange",
    ev.MemberFacts: "QueueMemberStatus",
}
"""Events that go by another name here than on the wire."""
_PARTIES: Final = ("dest", "party", "transferee", "parkee", "original", "transferer", "spyer", "one")
"""Whose channel an event is about, the most telling first."""


def cause_of(event: ev.Event, arrived_at: float | None) -> Cause:
    """Tell which event it was, of which channel, and when: at the PBX and here (epoch seconds)."""
    party = next((found for name in _PARTIES if (found := getattr(event, name, None)) is not None), event)
    return Cause(
        _NAMES.get(type(event), type(event).__name__),
        getattr(party, "channel", ""),
        getattr(party, "uniqueid", ""),
        event.at,
        event.at if arrived_at is None else arrived_at,
    )

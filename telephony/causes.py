"""The AMI event behind a change, as a fact that outlives the event. Pure."""

from typing import Final, get_args

from telephony import events as ev
from telephony.records import Cause

_NAMES: Final[dict[type, str]] = {
    ev.ApplicationEntered: "Newexten",
    ev.VoicemailStatus: "VarSet",
    ev.DeviceState: "DeviceStateChange",
    ev.MemberFacts: "QueueMemberStatus",
}
"""Events that go by another name here than on the wire."""
_TELLING: Final = ("dest", "party", "transferee", "parkee", "original", "transferer", "spyer", "one")
"""Whose channel an event is about, the most telling first."""
_PARTIES: Final[dict[type, tuple[str, ...]]] = {
    kind: tuple(name for name in _TELLING if name in kind.__struct_fields__) for kind in get_args(ev.Event)
}


def cause_of(event: ev.Event, arrived_at: float | None) -> Cause:
    """Tell which event it was, of which channel, and when: at the PBX and here (epoch seconds)."""
    party: object = event
    for name in _PARTIES[type(event)]:
        found = getattr(event, name)
        if found is not None:
            party = found
            break
    return Cause(
        _NAMES.get(type(event), type(event).__name__),
        getattr(party, "channel", ""),
        getattr(party, "uniqueid", ""),
        event.at,
        event.at if arrived_at is None else arrived_at,
    )

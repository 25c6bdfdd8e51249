"""What the simulated PBX says on AMI: which headers each event carries, in which order, in which privilege class.

The tables are read off recordings of Asterisk 22 (tests/recordings/asterisk22): a test compares every frame with them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

UNKNOWN = "<unknown>"
"""AMI's text for an empty number, name or uniqueid."""

_PARTY = ("State", "StateDesc")
_CHANNEL_TAIL = (
    "CallerIDNum",
    "CallerIDName",
    "ConnectedLineNum",
    "ConnectedLineName",
    "Language",
    "AccountCode",
    "Context",
    "Exten",
    "Priority",
    "Uniqueid",
    "Linkedid",
)
CHANNEL = ("Channel", *(f"Channel{name}" for name in _PARTY), *_CHANNEL_TAIL)
"""The headers of one channel; in events about two channels the second one's carry a prefix."""

BRIDGE = (
    "BridgeUniqueid",
    "BridgeType",
    "BridgeTechnology",
    "BridgeCreator",
    "BridgeName",
    "BridgeNumChannels",
    "BridgeVideoSourceMode",
)
MEMBER = (
    "Queue",
    "MemberName",
    "Interface",
    "StateInterface",
    "Membership",
    "Penalty",
    "CallsTaken",
    "LastCall",
    "LastPause",
    "LoginTime",
    "InCall",
    "Status",
    "Paused",
    "PausedReason",
    "Ringinuse",
    "Wrapuptime",
)


def prefixed(prefix: str) -> tuple[str, ...]:
    """Name the headers of a second channel in an event (`Dest`, `Transferee`...)."""
    return tuple(prefix + name for name in CHANNEL)


_DIAL = (*CHANNEL, *prefixed("Dest"))
_AGENT = (*_DIAL, "Queue", "Interface", "MemberName")
_PARKING = ("ParkerDialString", "Parkinglot", "ParkingSpace", "ParkingTimeout", "ParkingDuration")
_CAUSES = ("Cause", "Cause-txt", "TechCause")

LAYOUTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "AgentCalled": ("agent", _AGENT),
    "AgentComplete": ("agent", (*_AGENT, "HoldTime", "TalkTime", "Reason")),
    "AgentConnect": ("agent", (*_AGENT, "HoldTime", "RingTime")),
    "AgentRingNoAnswer": ("agent", (*_AGENT, "RingTime")),
    "AttendedTransfer": (
        "call",
        (
            "Result",
            *prefixed("OrigTransferer"),
            *(f"Orig{name}" for name in BRIDGE),
            *prefixed("SecondTransferer"),
            *(f"Second{name}" for name in BRIDGE),
            *prefixed("Transferee"),
            *prefixed("TransferTarget"),
            "IsExternal",
            "DestType",
            "DestBridgeUniqueid",
        ),
    ),
    "BlindTransfer": (
        "call",
        ("Result", *prefixed("Transferer"), *prefixed("Transferee"), *BRIDGE, "IsExternal", "Context", "Extension"),
    ),
    "BridgeCreate": ("call", BRIDGE),
    "BridgeDestroy": ("call", BRIDGE),
    "BridgeEnter": ("call", (*BRIDGE, *CHANNEL)),
    "BridgeLeave": ("call", (*BRIDGE, *CHANNEL)),
    "ChanSpyStart": ("call", (*prefixed("Spyer"), *prefixed("Spyee"))),
    "ChanSpyStop": ("call", (*prefixed("Spyer"), *prefixed("Spyee"))),
    "DeviceStateChange": ("call", ("Device", "State")),
    "DialBegin": ("call", (*_DIAL, "DialString")),
    "DialEnd": ("call", (*_DIAL, "DialStatus")),
    "DialState": ("call", (*_DIAL, "DialStatus")),
    "ExtensionStatus": ("call", ("Exten", "Context", "Hint", "Status", "StatusText")),
    "FullyBooted": ("system", ("Uptime", "LastReload", "Status")),
    "Hangup": ("call", (*CHANNEL, *_CAUSES)),
    "HangupRequest": ("call", (*CHANNEL, *_CAUSES)),
    "Hold": ("call", (*CHANNEL, "MusicClass")),
    "LocalBridge": ("call", (*prefixed("LocalOne"), *prefixed("LocalTwo"), "Context", "Exten", "LocalOptimization")),
    "MessageWaiting": ("call", (*CHANNEL, "Mailbox", "Waiting", "New", "Old")),
    "MixMonitorMute": ("call", (*CHANNEL, "Direction", "State")),
    "MixMonitorStart": ("call", CHANNEL),
    "MixMonitorStop": ("call", CHANNEL),
    "MusicOnHoldStart": ("call", (*CHANNEL, "Class")),
    "MusicOnHoldStop": ("call", CHANNEL),
    "NewCallerid": ("call", (*CHANNEL, "CID-CallingPres")),
    "NewConnectedLine": ("call", CHANNEL),
    "Newchannel": ("call", CHANNEL),
    "Newexten": ("dialplan", (*CHANNEL, "Extension", "Application", "AppData")),
    "Newstate": ("call", CHANNEL),
    "OriginateResponse": (
        "call",
        ("ActionID", "Response", "Channel", "Context", "Exten", "Reason", "Uniqueid", "CallerIDNum", "CallerIDName"),
    ),
    "ParkedCall": ("call", (*prefixed("Parkee"), *_PARKING)),
    "ParkedCallTimeOut": ("call", (*prefixed("Parkee"), *_PARKING)),
    "PeerStatus": ("system", ("ChannelType", "Peer", "PeerStatus")),
    "Pickup": ("call", (*CHANNEL, *prefixed("Target"))),
    "QueueCallerAbandon": ("agent", (*CHANNEL, "Queue", "Position", "OriginalPosition", "HoldTime")),
    "QueueCallerJoin": ("agent", (*CHANNEL, "Queue", "Position", "Count")),
    "QueueCallerLeave": ("agent", (*CHANNEL, "Queue", "Position", "Count")),
    "QueueMemberAdded": ("agent", MEMBER),
    "QueueMemberPause": ("agent", MEMBER),
    "QueueMemberPenalty": ("agent", MEMBER),
    "QueueMemberRemoved": ("agent", MEMBER),
    "QueueMemberStatus": ("agent", MEMBER),
    "Shutdown": ("system", ("Shutdown", "Restart")),
    "SoftHangupRequest": ("call", (*CHANNEL, *_CAUSES)),
    "UnParkedCall": ("call", (*prefixed("Parkee"), *prefixed("Retriever"), *_PARKING)),
    "Unhold": ("call", CHANNEL),
    "VarSet": ("dialplan", (*CHANNEL, "Variable", "Value")),
}
"""Event name -> (privilege class, headers in order). A header without a value is left out, as Asterisk does."""

CAUSES: Mapping[int, str] = {
    0: "Unknown",
    1: "Unallocated (unassigned) number",
    3: "No route to destination",
    16: "Normal Clearing",
    17: "User busy",
    19: "User alerting, no answer",
    21: "Call Rejected",
    26: "Answered elsewhere",
    34: "Circuit/channel congestion",
    127: "Interworking, unspecified",
}
"""Hangup causes (Q.850) with Asterisk's texts."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One event: when (epoch seconds), which, in which privilege class, and its headers in order."""

    at: float
    name: str
    privilege: str
    headers: tuple[tuple[str, str], ...]

    def render(self, *, timestamps: bool = True) -> bytes:
        """Write the event as AMI does; `timestamps` is the manager's setting `timestampevents`."""
        lines = [f"Event: {self.name}", f"Privilege: {self.privilege},all"]
        if timestamps:
            lines.append(f"Timestamp: {self.at:.6f}")
        lines += [f"{name}: {value}" for name, value in self.headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", errors="surrogateescape")


def frame(at: float, name: str, values: Mapping[str, str]) -> Frame:
    """Put `values` into the order of the event's layout; a value the layout does not know is a mistake of ours."""
    privilege, layout = LAYOUTS[name]
    if unplaced := values.keys() - set(layout):
        raise ValueError(f"{name} has no header {', '.join(sorted(unplaced))}")
    return Frame(at, name, privilege, tuple((header, values[header]) for header in layout if header in values))

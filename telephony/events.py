"""AMI headers -> one typed event. The only list of AMI names the house knows.

Sources: the traces under tests/recordings (Asterisk 22 and 11/13); Asterisk's own documentation of each event.
An event we do not know, or one without the fields it needs, is None: one bad message costs one message.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

UNKNOWN_TEXTS: Final = frozenset({"", "<unknown>"})
"""What AMI writes where a number or name is not known."""
CONFERENCES: Final = frozenset({"ConfBridge", "MeetMe"})
"""Applications whose parties hear each other."""


class Party(msgspec.Struct, frozen=True):
    """A channel as an event describes it."""

    channel: str
    uniqueid: str
    linkedid: str = ""
    state: str = ""
    """Down, Ring (calling), Ringing (being called), Up..."""
    number: str | None = None
    name: str | None = None
    connected: str | None = None
    exten: str = ""
    hidden: bool = False
    """The caller asked not to be shown (presentation prohibited), whatever number the event carries."""


class Newchannel(msgspec.Struct, frozen=True):
    """A channel was made."""

    at: float
    party: Party


class Newstate(msgspec.Struct, frozen=True):
    """A channel's state changed."""

    at: float
    party: Party


class NewCallerid(msgspec.Struct, frozen=True):
    """The dialplan or the channel driver changed a channel's caller id."""

    at: float
    party: Party


class HangupRequest(msgspec.Struct, frozen=True):
    """The party on this channel wants to end the call (it is the one who hung up)."""

    at: float
    party: Party


class Hangup(msgspec.Struct, frozen=True):
    """A channel is gone."""

    at: float
    party: Party
    cause: int | None


class DialBegin(msgspec.Struct, frozen=True):
    """`dest` is being called, by `source` or (Originate) by nobody."""

    at: float
    source: Party | None
    dest: Party
    dial_string: str


class DialState(msgspec.Struct, frozen=True):
    """News of a dial under way: RINGING, PROGRESS, PROCEEDING."""

    at: float
    source: Party | None
    dest: Party
    status: str


class DialEnd(msgspec.Struct, frozen=True):
    """A dial is over: ANSWER, BUSY, NOANSWER, CANCEL, CONGESTION, CHANUNAVAIL..."""

    at: float
    source: Party | None
    dest: Party
    status: str
    forward: str


class BridgeEnter(msgspec.Struct, frozen=True):
    """A channel entered a bridge; only a `basic` bridge is a talk of two."""

    at: float
    party: Party
    bridge: str
    kind: str
    count: int = 0
    """How many are in it now; 0 when it was not told."""


class BridgeLeave(msgspec.Struct, frozen=True):
    """A channel left a bridge."""

    at: float
    party: Party
    bridge: str


class Hold(msgspec.Struct, frozen=True):
    """The party on this channel pressed hold."""

    at: float
    party: Party


class Unhold(msgspec.Struct, frozen=True):
    """The party on this channel took the call back (also sent, spuriously, before a blind transfer)."""

    at: float
    party: Party


class LocalBridge(msgspec.Struct, frozen=True):
    """Two halves of a Local channel are one wire."""

    at: float
    one: Party
    two: Party


class BlindTransfer(msgspec.Struct, frozen=True):
    """`transferer` sends `transferee` to `exten` and leaves."""

    at: float
    transferer: Party
    transferee: Party | None
    exten: str
    success: bool
    by_keys: bool = False
    """Asterisk itself took the keys (`##`) and played music meanwhile; a phone's own transfer is another's doing."""


class AttendedTransfer(msgspec.Struct, frozen=True):
    """The transferer joins its two calls and leaves; with a feature code both legs are one channel."""

    at: float
    original: Party
    second: Party
    transferee: Party | None
    target: Party | None
    success: bool
    app: str = ""
    """The application the transferee is in now, where it is no party."""


class Pickup(msgspec.Struct, frozen=True):
    """`party` takes the call that rings on `target`."""

    at: float
    party: Party
    target: Party


class ParkedCall(msgspec.Struct, frozen=True):
    """A party waits in a parking space."""

    at: float
    parkee: Party
    space: str
    parker: str = ""
    """Endpoint of who parked it, `2001` of `PJSIP/2001`; empty where it was not told."""


class UnParkedCall(msgspec.Struct, frozen=True):
    """A parked party was fetched by `retriever`."""

    at: float
    parkee: Party
    retriever: Party | None
    space: str


class QueueCallerJoin(msgspec.Struct, frozen=True):
    """A caller waits in a queue."""

    at: float
    party: Party
    queue: str
    position: int


class QueueCallerLeave(msgspec.Struct, frozen=True):
    """A caller is no longer waiting: answered, gave up, timed out or left by key."""

    at: float
    party: Party
    queue: str


class QueueCallerAbandon(msgspec.Struct, frozen=True):
    """The queue lost the caller; also sent when the queue's own limit ran out."""

    at: float
    party: Party
    queue: str


class AgentComplete(msgspec.Struct, frozen=True):
    """A queue call was completed (counts only; the talk itself is told by the bridges)."""

    at: float
    queue: str


class MemberFacts(msgspec.Struct, frozen=True):
    """A queue member as an event or a QueueStatus item describes it."""

    at: float
    queue: str
    interface: str
    name: str
    state_interface: str
    status: int
    paused: bool
    paused_reason: str
    penalty: int
    calls_taken: int
    in_call: bool
    removed: bool = False


class OriginateResponse(msgspec.Struct, frozen=True):
    """How an Originate ended; `uniqueid` is empty when no channel came of it."""

    at: float
    channel: str
    uniqueid: str
    number: str | None
    exten: str
    success: bool
    reason: int
    action_id: str


class ConfbridgeJoin(msgspec.Struct, frozen=True):
    """A party entered a conference."""

    at: float
    party: Party
    conference: str


class ConfbridgeLeave(msgspec.Struct, frozen=True):
    """A party left a conference."""

    at: float
    party: Party
    conference: str


class ApplicationEntered(msgspec.Struct, frozen=True):
    """The dialplan runs an application that matters to a call's outcome: VoiceMail or Queue."""

    at: float
    party: Party
    application: str
    argument: str


class VoicemailStatus(msgspec.Struct, frozen=True):
    """VoiceMail told what came of it: `saved` is whether a message was left."""

    at: float
    channel: str
    uniqueid: str
    saved: bool
    file: str = ""
    """The message as the PBX names it: a path without ending; empty when it was not told."""


class MonitorStart(msgspec.Struct, frozen=True):
    """MixMonitor records a channel; told twice (variable, then event), of which one may lack the file."""

    at: float
    party: Party
    file: str
    """Absolute path on the PBX; empty when it was not told."""


class MonitorStop(msgspec.Struct, frozen=True):
    """MixMonitor was told to stop recording a channel."""

    at: float
    party: Party


class MonitorMute(msgspec.Struct, frozen=True):
    """MixMonitor records silence on a channel from now on, or voices again."""

    at: float
    party: Party
    muted: bool


class ChanSpyStart(msgspec.Struct, frozen=True):
    """Somebody listens in: the spy's channel is no conversation."""

    at: float
    spyer: Party
    spyee: Party | None = None


class ChanSpyStop(msgspec.Struct, frozen=True):
    """Somebody listens in no more."""

    at: float
    spyer: Party
    spyee: Party | None = None


class DeviceState(msgspec.Struct, frozen=True):
    """A device's state by Asterisk's word: NOT_INUSE, INUSE, BUSY, UNAVAILABLE, RINGING, RINGINUSE, ONHOLD, INVALID."""

    at: float
    device: str
    state: str


class Shutdown(msgspec.Struct, frozen=True):
    """Asterisk is going down."""

    at: float


Event = (
    Newchannel
    | Newstate
    | NewCallerid
    | HangupRequest
    | Hangup
    | DialBegin
    | DialState
    | DialEnd
    | BridgeEnter
    | BridgeLeave
    | Hold
    | Unhold
    | LocalBridge
    | BlindTransfer
    | AttendedTransfer
    | Pickup
    | ParkedCall
    | UnParkedCall
    | QueueCallerJoin
    | QueueCallerLeave
    | QueueCallerAbandon
    | AgentComplete
    | MemberFacts
    | OriginateResponse
    | ConfbridgeJoin
    | ConfbridgeLeave
    | ApplicationEntered
    | VoicemailStatus
    | MonitorStart
    | MonitorStop
    | MonitorMute
    | ChanSpyStart
    | ChanSpyStop
    | DeviceState
    | Shutdown
)

Fields = Mapping[str, str]


class MissingFieldError(ValueError):
    """The event lacks a field without which it says nothing."""


def text_or_none(value: str | None) -> str | None:
    """AMI's texts for "not known" become None."""
    return None if value is None or value in UNKNOWN_TEXTS else value


def _party(fields: Fields, prefix: str = "") -> Party | None:
    channel = fields.get(prefix + "Channel")
    uniqueid = fields.get(prefix + "Uniqueid")
    if not channel or not uniqueid:
        return None
    number = fields.get(prefix + "CallerIDNum", "")
    name = fields.get(prefix + "CallerIDName", "")
    connected = fields.get(prefix + "ConnectedLineNum", "")
    return Party(
        channel,
        uniqueid,
        fields.get(prefix + "Linkedid", ""),
        fields.get(prefix + "ChannelStateDesc", ""),
        None if number in UNKNOWN_TEXTS else number,
        None if name in UNKNOWN_TEXTS else name,
        None if connected in UNKNOWN_TEXTS else connected,
        fields.get(prefix + "Exten", ""),
        _is_hidden(fields, prefix),
    )


def _is_hidden(fields: Fields, prefix: str) -> bool:
    presentation = fields.get("CID-CallingPres") if not prefix else None
    if presentation is None:
        presentation = fields.get(prefix + "ChanVariable(CALLERID(pres))")
        if presentation is None:
            return False
        return presentation.startswith("prohib")
    return "Prohibited" in presentation


def _need(fields: Fields, prefix: str = "") -> Party:
    party = _party(fields, prefix)
    if party is None:
        raise MissingFieldError(prefix + "Uniqueid")
    return party


def integer(value: str, default: int = 0) -> int:
    """Read a whole number; anything else is the default."""
    return int(value) if value.isdecimal() and len(value) < 19 else default  # noqa: PLR2004 - what fits 64 bits


def _integer(fields: Fields, key: str, default: int = 0) -> int:
    return integer(fields.get(key, ""), default)


def hangup_cause(value: str) -> int | None:
    """Read a Q.850 cause; None for anything else."""
    return int(value) if value.isdecimal() and len(value) < 4 else None  # noqa: PLR2004 - Q.850 causes have 3 digits


def member_facts(fields: Fields, at: float, *, removed: bool = False) -> MemberFacts:
    """Read a member from QueueMemberAdded/Status/Pause/... or from a QueueStatus list item.

    Raises:
        MissingFieldError: no queue or no interface is named.

    """
    interface = fields.get("Interface") or fields.get("Location")
    queue = fields.get("Queue")
    if not interface or not queue:
        raise MissingFieldError("Interface")
    return MemberFacts(
        at,
        queue,
        interface,
        fields.get("MemberName") or fields.get("Name") or interface,
        fields.get("StateInterface") or interface,
        _integer(fields, "Status"),
        fields.get("Paused") == "1",
        fields.get("PausedReason", ""),
        _integer(fields, "Penalty"),
        _integer(fields, "CallsTaken"),
        fields.get("InCall") == "1",
        removed,
    )


def _application(fields: Fields, at: float) -> Event | None:
    if fields.get("Application") not in {"VoiceMail", "Queue"}:
        return None
    return ApplicationEntered(at, _need(fields), fields["Application"], fields.get("AppData", ""))


def _variable(fields: Fields, at: float) -> Event | None:
    name, value = fields.get("Variable"), fields.get("Value", "")
    if name == "MIXMONITOR_FILENAME":
        return MonitorStart(at, _need(fields), value) if value else None
    if name == "VMSTATUS":
        saved = value == "SUCCESS"
    elif name == "VM_MESSAGEFILE":
        saved = bool(value)
        if not saved:
            return None
    else:
        return None
    channel, uniqueid = fields.get("Channel"), fields.get("Uniqueid")
    file = value if name == "VM_MESSAGEFILE" else ""
    return VoicemailStatus(at, channel, uniqueid, saved, file) if channel and uniqueid else None


def _originate(fields: Fields, at: float) -> Event:
    uniqueid = text_or_none(fields.get("Uniqueid")) or ""
    return OriginateResponse(
        at,
        fields.get("Channel", ""),
        uniqueid,
        text_or_none(fields.get("CallerIDNum")),
        fields.get("Exten", ""),
        fields.get("Response") == "Success",
        _integer(fields, "Reason"),
        fields.get("ActionID", ""),
    )


def bridge_kind(kind: str, creator: str) -> str:
    """Name the kind of a bridge, with the application that made it where one did: `base/ConfBridge`."""
    return kind if creator in UNKNOWN_TEXTS else f"{kind}/{creator}"


_PARSERS: Final[dict[str, Callable[[Fields, float], Event | None]]] = {
    "Newchannel": lambda f, at: Newchannel(at, _need(f)),
    "Newstate": lambda f, at: Newstate(at, _need(f)),
    "NewCallerid": lambda f, at: NewCallerid(at, _need(f)),
    "HangupRequest": lambda f, at: HangupRequest(at, _need(f)),
    "Hangup": lambda f, at: Hangup(at, _need(f), hangup_cause(f.get("Cause", ""))),
    "DialBegin": lambda f, at: DialBegin(at, _party(f), _need(f, "Dest"), f.get("DialString", "")),
    "DialState": lambda f, at: DialState(at, _party(f), _need(f, "Dest"), f.get("DialStatus", "")),
    "DialEnd": lambda f, at: DialEnd(at, _party(f), _need(f, "Dest"), f.get("DialStatus", ""), f.get("Forward", "")),
    "BridgeEnter": lambda f, at: BridgeEnter(
        at,
        _need(f),
        f.get("BridgeUniqueid", ""),
        bridge_kind(f.get("BridgeType", "basic"), f.get("BridgeCreator", "")),
        _integer(f, "BridgeNumChannels"),
    ),
    "BridgeLeave": lambda f, at: BridgeLeave(at, _need(f), f.get("BridgeUniqueid", "")),
    "Hold": lambda f, at: Hold(at, _need(f)),
    "Unhold": lambda f, at: Unhold(at, _need(f)),
    "LocalBridge": lambda f, at: LocalBridge(at, _need(f, "LocalOne"), _need(f, "LocalTwo")),
    "BlindTransfer": lambda f, at: BlindTransfer(
        at,
        _need(f, "Transferer"),
        _party(f, "Transferee"),
        f.get("Extension", ""),
        f.get("Result") == "Success",
        f.get("IsExternal") == "No",
    ),
    "AttendedTransfer": lambda f, at: AttendedTransfer(
        at,
        _need(f, "OrigTransferer"),
        _need(f, "SecondTransferer"),
        _party(f, "Transferee"),
        _party(f, "TransferTarget"),
        f.get("Result") == "Success",
        f.get("DestApp", ""),
    ),
    "Pickup": lambda f, at: Pickup(at, _need(f), _need(f, "Target")),
    "ParkedCall": lambda f, at: ParkedCall(
        at, _need(f, "Parkee"), f.get("ParkingSpace", ""), f.get("ParkerDialString", "").rpartition("/")[2]
    ),
    "UnParkedCall": lambda f, at: UnParkedCall(
        at, _need(f, "Parkee"), _party(f, "Retriever"), f.get("ParkingSpace", "")
    ),
    "QueueCallerJoin": lambda f, at: QueueCallerJoin(at, _need(f), f.get("Queue", ""), _integer(f, "Position")),
    "QueueCallerLeave": lambda f, at: QueueCallerLeave(at, _need(f), f.get("Queue", "")),
    "QueueCallerAbandon": lambda f, at: QueueCallerAbandon(at, _need(f), f.get("Queue", "")),
    "AgentComplete": lambda f, at: AgentComplete(at, f.get("Queue", "")),
    "QueueMemberAdded": member_facts,
    "QueueMemberStatus": member_facts,
    "QueueMemberPause": member_facts,
    "QueueMemberPenalty": member_facts,
    "QueueMemberRinginuse": member_facts,
    "QueueMemberRemoved": lambda f, at: member_facts(f, at, removed=True),
    "OriginateResponse": _originate,
    "ConfbridgeJoin": lambda f, at: ConfbridgeJoin(at, _need(f), f.get("Conference", "")),
    "ConfbridgeLeave": lambda f, at: ConfbridgeLeave(at, _need(f), f.get("Conference", "")),
    "Newexten": _application,
    "VarSet": _variable,
    "MixMonitorStart": lambda f, at: MonitorStart(at, _need(f), f.get("ChanVariable(MIXMONITOR_FILENAME)", "")),
    "MixMonitorStop": lambda f, at: MonitorStop(at, _need(f)),
    "MixMonitorMute": lambda f, at: MonitorMute(at, _need(f), f.get("State", "") == "1"),
    "ChanSpyStop": lambda f, at: ChanSpyStop(at, _need(f, "Spyer"), _party(f, "Spyee")),
    "ChanSpyStart": lambda f, at: ChanSpyStart(at, _need(f, "Spyer"), _party(f, "Spyee")),
    "DeviceStateChange": lambda f, at: DeviceState(at, f.get("Device", ""), f.get("State", "")),
    "Shutdown": lambda _, at: Shutdown(at),
}

WANTED: Final[frozenset[bytes]] = frozenset(name.encode() for name in _PARSERS)
"""Events that are parsed; all others are skipped by name before they are looked into."""

Telling = tuple[bytes, tuple[bytes, ...]]
"""A header, with the line end before it, and the beginnings of the values that matter."""

TELLING: Final[dict[bytes, Telling]] = {
    b"Newexten": (b"\nApplication: ", (b"VoiceMail\r", b"Queue\r")),
    b"VarSet": (b"\nVariable: ", (b"VMSTATUS", b"VM_MESSAGEFILE", b"MIXMONITOR_FILENAME")),
    b"DeviceStateChange": (b"\nDevice: ", (b"PJSIP/", b"SIP/")),
}
"""Frequent events of which few matter: one whose telling header says nothing of interest is skipped as well."""


def epoch(stamp: str, arrival: float) -> float:
    """Seconds of a `Timestamp` header; a mangled stamp costs the stamp, not the event."""
    whole, _, fraction = stamp.partition(".")
    if whole.isdecimal() and len(whole) < 12 and (not fraction or fraction.isdecimal()):  # noqa: PLR2004 - up to year 5138
        return float(stamp)
    return arrival


def parse(fields: Fields, at: float) -> Event | None:
    """Read one event; `at` is its arrival (epoch seconds), a `Timestamp` header (timestampevents) wins over it."""
    parser = _PARSERS.get(fields.get("Event", ""))
    if parser is None:
        return None
    stamp = fields.get("Timestamp")
    if stamp is not None:
        at = epoch(stamp, at)
    try:
        return parser(fields, at)
    except MissingFieldError:
        return None

"""The simulated switch itself: channels, bridges and phones, and the events their changes cause.

Nothing here decides what a call does next; that is the business of the applications (`dialing`, `queueing`...).
"""

import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from telephony.simulator.frames import CAUSES, UNKNOWN, Frame, frame
from telephony.simulator.timeline import Timeline

TRUNK = "trunk"
_NAMESPACE = uuid.UUID("6f1c3f0a-5a0e-4a57-9a4e-2f2f6f0f7c11")


class State(IntEnum):
    """A channel's state, with Asterisk's numbers."""

    Down = 0
    Ring = 4
    Ringing = 5
    Up = 6
    Busy = 7


class DeviceState(IntEnum):
    """A phone's state, with the numbers of queue members."""

    NOT_INUSE = 1
    INUSE = 2
    BUSY = 3
    UNAVAILABLE = 5
    RINGING = 6
    RINGINUSE = 7
    ONHOLD = 8


EXTENSION_STATUS = {
    DeviceState.NOT_INUSE: (0, "Idle"),
    DeviceState.INUSE: (1, "InUse"),
    DeviceState.BUSY: (2, "Busy"),
    DeviceState.UNAVAILABLE: (4, "Unavailable"),
    DeviceState.RINGING: (8, "Ringing"),
    DeviceState.RINGINUSE: (9, "InUse&Ringing"),
    DeviceState.ONHOLD: (16, "Hold"),
}
"""Device state -> number and text of ExtensionStatus."""


SIP_STATUS = {1: 404, 3: 404, 17: 486, 19: 480, 21: 403, 34: 503}
"""Hangup cause -> the SIP status by which the switch tells it to a phone."""


@dataclass(frozen=True, slots=True)
class Party:
    """A number and a name as they stand on the wire; empty = not given."""

    number: str = ""
    name: str = ""


NOBODY = Party()


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a called party does, in seconds after its invitation; None = it does not do that by itself."""

    ring_after: float | None = 0.001
    answer_after: float | None = None
    refuse_after: float | None = None
    refuse_with: int = 486
    """SIP status of a refusal: 486 busy, 603 declined, 404 unknown number, 503 unavailable."""


@dataclass(frozen=True, slots=True)
class CallPlan:
    """What the party that starts a call intends, in seconds; None = it waits to be told."""

    patience: float | None = None
    """Gives up when nobody has answered by then."""
    talk: float | None = None
    hung_up_by_called: bool = False
    """Who ends the talk: the called side instead of the calling one."""
    voicemail: float | None = None
    """How long it speaks on the answering machine."""


NO_PLAN = CallPlan()


class Owner(Protocol):
    """The application that holds a channel."""

    def hung_up(self, channel: "Channel", *, asked: bool) -> None:
        """Take notice that the channel is gone; `asked`: its own party hung up (else AMI or the dialplan did)."""


@dataclass(slots=True, eq=False)
class Channel:
    """One leg of a call."""

    name: str
    uniqueid: str
    linkedid: str
    endpoint: str
    state: State
    created_at: float
    caller: Party
    context: str
    exten: str
    connected: Party = NOBODY
    priority: int = 1
    application: str = ""
    data: str = ""
    plan: CallPlan = NO_PLAN
    owner: Owner | None = None
    bridge: "Bridge | None" = None
    cause: int = 0
    tech_cause: int | None = None
    held: bool = False
    gone: bool = False
    did: str = ""
    recorded: bool = False
    watchers: list[Callable[["Channel"], None]] = field(default_factory=list)
    """Told when it changes its state, and when it is gone."""

    @property
    def is_local(self) -> bool:
        """Whether it is half of a Local channel."""
        return self.name.startswith("Local/")

    def headers(self, prefix: str = "") -> dict[str, str]:
        """Give the channel's headers as every event about it carries them."""
        values = (
            self.name,
            str(self.state.value),
            self.state.name,
            self.caller.number or UNKNOWN,
            self.caller.name or UNKNOWN,
            self.connected.number or UNKNOWN,
            self.connected.name or UNKNOWN,
            "en",
            "",
            self.context,
            self.exten,
            str(self.priority),
            self.uniqueid,
            self.linkedid,
        )
        return dict(zip((prefix + name for name in _CHANNEL_HEADERS), values, strict=True))


_CHANNEL_HEADERS = (
    "Channel",
    "ChannelState",
    "ChannelStateDesc",
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


@dataclass(slots=True, eq=False)
class Bridge:
    """A mixing bridge of two channels."""

    uniqueid: str
    channels: list[Channel] = field(default_factory=list)
    technology: str = "simple_bridge"
    kind: str = "basic"
    creator: str = UNKNOWN

    def headers(self, prefix: str = "") -> dict[str, str]:
        """Give the bridge's headers as every event about it carries them."""
        return {
            f"{prefix}BridgeUniqueid": self.uniqueid,
            f"{prefix}BridgeType": self.kind,
            f"{prefix}BridgeTechnology": self.technology,
            f"{prefix}BridgeCreator": self.creator,
            f"{prefix}BridgeName": "default" if self.kind == "parking" else UNKNOWN,
            f"{prefix}BridgeNumChannels": str(len(self.channels)),
            f"{prefix}BridgeVideoSourceMode": "none",
        }


@dataclass(slots=True, eq=False)
class Phone:
    """One of the company's desk phones."""

    extension: str
    name: str
    registered: bool = True
    reaction: Callable[[], Reaction] = Reaction
    """What it does with the next call."""
    click_reaction: Callable[[], Reaction] = Reaction
    """What it does when it rings because its own agent dialled from the page."""
    state: DeviceState = DeviceState.NOT_INUSE


class Switch:
    """All channels, bridges and phones, and the events about them. Events go to `listeners` in order."""

    def __init__(self, timeline: Timeline, phones: list[Phone]) -> None:
        self.timeline = timeline
        self.phones = {phone.extension: phone for phone in phones}
        self.channels: dict[str, Channel] = {}
        self.bridges: dict[str, Bridge] = {}
        self.listeners: list[Callable[[Frame], None]] = []
        self.device_listeners: list[Callable[[Phone], None]] = []
        self._uniqueids = itertools.count()
        self._names = itertools.count()
        self._locals = itertools.count()
        self._bridges = itertools.count()

    def emit(self, name: str, *parts: dict[str, str], **headers: str) -> None:
        """Say an event now; `parts` are the headers of channels and bridges, `headers` the event's own."""
        values = dict(headers)
        for part in parts:
            values |= part
        said = frame(self.timeline.now, name, values)
        for listener in self.listeners:
            listener(said)

    def new_channel(
        self, endpoint: str, state: State, caller: Party, exten: str, *, of: Channel | None = None, uniqueid: str = ""
    ) -> Channel:
        """Begin a channel; a called one (`of`) inherits the caller's linkedid."""
        own = uniqueid or f"{int(self.timeline.now)}.{next(self._uniqueids)}"
        channel = Channel(
            name=f"PJSIP/{endpoint}-{next(self._names):08x}",
            uniqueid=own,
            linkedid=of.linkedid if of else own,
            endpoint=endpoint,
            state=state,
            created_at=self.timeline.now,
            caller=caller,
            context="from-trunk" if endpoint == TRUNK else "from-internal",
            exten=exten,
        )
        self.channels[channel.name] = channel
        self.emit("Newchannel", channel.headers())
        if state is not State.Down:
            self.refresh(endpoint)
        return channel

    def new_local(self, exten: str, context: str, of: Channel) -> tuple[Channel, Channel]:
        """Begin both halves of a Local channel to `exten`; the second one is to run the dialplan."""
        name = f"Local/{exten}@{context}-{next(self._locals):08x}"
        halves = [
            Channel(
                name=f"{name};{half}",
                uniqueid=f"{int(self.timeline.now)}.{next(self._uniqueids)}",
                linkedid=of.linkedid,
                endpoint="",
                state=state,
                created_at=self.timeline.now,
                caller=NOBODY if half == 1 else of.caller,
                context=context,
                exten=exten,
            )
            for half, state in ((1, State.Down), (2, State.Ring))
        ]
        for channel in halves:
            self.channels[channel.name] = channel
            self.emit("Newchannel", channel.headers())
        near, far = halves
        facts = {"Context": context, "Exten": exten, "LocalOptimization": "Yes"}
        self.emit("LocalBridge", near.headers("LocalOne"), far.headers("LocalTwo"), facts)
        return near, far

    def set_state(self, channel: Channel, state: State) -> None:
        """Change a channel's state and say so."""
        channel.state = state
        self.emit("Newstate", channel.headers())
        self.refresh(channel.endpoint)
        self._tell(channel)

    def run_application(self, channel: Channel, application: str, data: str = "", *, exten: str | None = None) -> None:
        """Let a channel execute a dialplan step."""
        if exten is not None:
            channel.exten = exten
        channel.application, channel.data = application, data
        self.emit("Newexten", channel.headers(), Extension=channel.exten, Application=application, AppData=data)

    def connect_line(self, channel: Channel, other: Party) -> None:
        """Tell a channel whom it is (going to be) connected to."""
        channel.connected = other
        self.emit("NewConnectedLine", channel.headers())

    def set_caller(self, channel: Channel, caller: Party) -> None:
        """Change a channel's own number and name."""
        channel.caller = caller
        headers = channel.headers() | {"CID-CallingPres": "0 (Presentation Allowed, Not Screened)"}
        self.emit("NewCallerid", headers)

    def new_bridge(self, kind: str = "basic", technology: str = "simple_bridge", creator: str = UNKNOWN) -> Bridge:
        """Make an empty bridge."""
        name = f"{self.timeline.started}.{next(self._bridges)}"
        bridge = Bridge(str(uuid.uuid5(_NAMESPACE, name)), [], technology, kind, creator)
        self.bridges[bridge.uniqueid] = bridge
        self.emit("BridgeCreate", bridge.headers())
        return bridge

    def enter(self, bridge: Bridge, channel: Channel) -> None:
        """Put a channel into a bridge."""
        bridge.channels.append(channel)
        channel.bridge = bridge
        self.emit("BridgeEnter", bridge.headers(), channel.headers())

    def leave(self, channel: Channel) -> None:
        """Take a channel out of its bridge; the last one takes the bridge along."""
        bridge = channel.bridge
        if bridge is None:
            return
        if bridge.kind == "basic":
            bridge.technology = "native_rtp"
        bridge.channels.remove(channel)
        channel.bridge = None
        self.emit("BridgeLeave", bridge.headers(), channel.headers())
        if not bridge.channels:
            del self.bridges[bridge.uniqueid]
            self.emit("BridgeDestroy", bridge.headers())

    def request_hangup(self, channel: Channel, cause: int | None) -> None:
        """Say that the channel's own party hung up."""
        if cause is not None:
            channel.cause = cause
        self.emit("HangupRequest", channel.headers(), self._causes(channel, cause))

    def soft_hangup(self, channel: Channel) -> None:
        """Say that the dialplan of this channel is over."""
        self.emit("SoftHangupRequest", channel.headers(), self._causes(channel, 16))

    def hang_up(self, channel: Channel, cause: int) -> None:
        """End a channel for good."""
        channel.gone = True
        channel.owner = None
        if channel.tech_cause is None:
            channel.tech_cause = SIP_STATUS.get(cause)
        self.channels.pop(channel.name, None)
        headers = self._causes(channel, cause) | {"Cause-txt": CAUSES.get(cause, "Unknown")}
        self.emit("Hangup", channel.headers(), headers)
        self.refresh(channel.endpoint)
        self._tell(channel)

    @staticmethod
    def _tell(channel: Channel) -> None:
        for watcher in tuple(channel.watchers):
            watcher(channel)

    @staticmethod
    def _causes(channel: Channel, cause: int | None) -> dict[str, str]:
        headers = {} if cause is None else {"Cause": str(cause)}
        if channel.tech_cause is not None:
            headers["TechCause"] = str(channel.tech_cause)
        return headers

    def hold(self, channel: Channel, peer: Channel, *, held: bool) -> None:
        """Let the party of `channel` put its `peer` on hold, or take it back."""
        if channel.held == held:
            return
        channel.held = held
        if held:
            self.emit("Hold", channel.headers(), MusicClass="default")
            self.emit("MusicOnHoldStart", peer.headers(), Class="default")
        else:
            self.emit("Unhold", channel.headers())
            self.emit("MusicOnHoldStop", peer.headers())

    def is_talking(self, extension: str) -> bool:
        """Whether somebody talks at this phone of ours."""
        return extension in self.phones and any(
            channel.endpoint == extension and channel.state is State.Up for channel in self.channels.values()
        )

    def device_state(self, endpoint: str) -> DeviceState:
        """Work out a phone's state from its channels."""
        phone = self.phones.get(endpoint)
        if phone is not None and not phone.registered:
            return DeviceState.UNAVAILABLE
        states = {channel.state for channel in self.channels.values() if channel.endpoint == endpoint} - {State.Down}
        if State.Ringing in states:
            return DeviceState.RINGING if states == {State.Ringing} else DeviceState.RINGINUSE
        if State.Busy in states:
            return DeviceState.BUSY
        return DeviceState.INUSE if states else DeviceState.NOT_INUSE

    def refresh(self, endpoint: str) -> None:
        """Work out a phone's state again and say what changed."""
        phone = self.phones.get(endpoint)
        state = self.device_state(endpoint)
        if phone is None or phone.state is state:
            return
        phone.state = state
        self.emit("DeviceStateChange", Device=f"PJSIP/{endpoint}", State=state.name)
        number, text = EXTENSION_STATUS[state]
        self.emit(
            "ExtensionStatus",
            Exten=endpoint,
            Context="from-internal",
            Hint=f"PJSIP/{endpoint}",
            Status=str(number),
            StatusText=text,
        )
        for listener in self.device_listeners:
            listener(phone)

"""What the simulated PBX answers when AMI asks for its present state."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from telephony.simulator.frames import UNKNOWN
from telephony.simulator.pbx import Pbx
from telephony.simulator.queueing import Queueing, WaitingQueue
from telephony.simulator.switch import EXTENSION_STATUS, TRUNK, Channel, DeviceState
from telephony.simulator.talking import Talk

Headers = dict[str, str]
ENDPOINT_TEXT = {
    DeviceState.NOT_INUSE: "Not in use",
    DeviceState.INUSE: "In use",
    DeviceState.BUSY: "Busy",
    DeviceState.UNAVAILABLE: "Unavailable",
    DeviceState.RINGING: "Ringing",
    DeviceState.RINGINUSE: "Ring+Inuse",
    DeviceState.ONHOLD: "On Hold",
}


@dataclass(slots=True)
class Listing:
    """A list answer: items as (event name, headers), and the event that ends it."""

    message: str
    complete: str
    items: list[tuple[str, Headers]]
    totals: Headers = field(default_factory=dict)
    """Headers of the last event beside the common ones; `*` as value = the number of items."""
    id_last: bool = False
    """Whether ActionID stands at the end of an item instead of at its beginning."""


def clock(seconds: float) -> str:
    """Write a duration as `hh:mm:ss`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest:02}"


def _bridge_id(channel: Channel) -> str:
    return channel.bridge.uniqueid if channel.bridge else ""


def core_show_channels(pbx: Pbx, _asked: Mapping[str, str]) -> Listing:
    """List every channel, as CoreShowChannels does."""
    items = [
        (
            "CoreShowChannel",
            channel.headers()
            | {
                "Application": channel.application,
                "ApplicationData": channel.data,
                "Duration": clock(pbx.timeline.now - channel.created_at),
                "BridgeId": _bridge_id(channel),
            },
        )
        for channel in pbx.switch.channels.values()
    ]
    return Listing("Channels will follow", "CoreShowChannelsComplete", items)


def _status_of(pbx: Pbx, channel: Channel) -> Headers:
    return (
        {"Privilege": "Call"}
        | channel.headers()
        | {
            "Type": "PJSIP",
            "DNID": channel.did,
            "EffectiveConnectedLineNum": channel.connected.number or UNKNOWN,
            "EffectiveConnectedLineName": channel.connected.name or UNKNOWN,
            "TimeToHangup": "0",
            "BridgeID": _bridge_id(channel),
            "Application": channel.application,
            "Data": channel.data,
            "Nativeformats": "(ulaw)",
            "Readformat": "ulaw",
            "Readtrans": "",
            "Writeformat": "ulaw",
            "Writetrans": "",
            "Callgroup": "0",
            "Pickupgroup": "0",
            "Seconds": str(int(pbx.timeline.now - channel.created_at)),
        }
    )


def status(pbx: Pbx, asked: Mapping[str, str]) -> Listing:
    """List every channel, or the one asked for, as Status does."""
    wanted = asked.get("channel")
    items = [
        ("Status", _status_of(pbx, channel))
        for channel in pbx.switch.channels.values()
        if wanted in {None, "", channel.name}
    ]
    return Listing("Channel status will follow", "StatusComplete", items, {"Items": "*"}, id_last=True)


def _mean(values: Collection[int]) -> str:
    return str(sum(values) // len(values) if values else 0)


def _queue_params(queue: WaitingQueue) -> Headers:
    return {
        "Queue": queue.name,
        "Max": "0",
        "Strategy": queue.strategy,
        "Calls": str(len(queue.callers)),
        "Holdtime": _mean(queue.hold_times),
        "TalkTime": _mean(queue.talk_times),
        "Completed": str(queue.completed),
        "Abandoned": str(queue.abandoned),
        "ServiceLevel": "0",
        "ServicelevelPerf": "0.0",
        "ServicelevelPerf2": "0.0",
        "Weight": "0",
    }


def _queue_members(queue: WaitingQueue) -> Iterable[Headers]:
    for member in queue.members.values():
        headers = queue.member_headers(member)
        headers |= {"Name": headers["MemberName"], "Location": headers["Interface"]}
        yield {name: headers[name] for name in _QUEUE_MEMBER}


_QUEUE_MEMBER = (
    "Queue",
    "Name",
    "Location",
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
    "Wrapuptime",
)


def _queue_entry(pbx: Pbx, queue: WaitingQueue, waiting: Queueing) -> Headers:
    # QueueEntry is the one place where Asterisk writes `unknown` without its angle brackets.
    caller = waiting.caller
    return {
        "Queue": queue.name,
        "Position": str(waiting.position),
        "Channel": caller.name,
        "Uniqueid": caller.uniqueid,
        "CallerIDNum": caller.caller.number or "unknown",
        "CallerIDName": caller.caller.name or "unknown",
        "ConnectedLineNum": caller.connected.number or "unknown",
        "ConnectedLineName": caller.connected.name or "unknown",
        "Wait": str(int(pbx.timeline.now - waiting.joined_at)),
        "Priority": str(waiting.priority),
    }


def _queues(pbx: Pbx, asked: Mapping[str, str]) -> list[WaitingQueue]:
    return [queue for queue in pbx.queues.values() if asked.get("queue") in {None, "", queue.name}]


def queue_status(pbx: Pbx, asked: Mapping[str, str]) -> Listing:
    """List queues with their members and waiting callers, as QueueStatus does."""
    items: list[tuple[str, Headers]] = []
    for queue in _queues(pbx, asked):
        items.append(("QueueParams", _queue_params(queue)))
        items += [("QueueMember", headers) for headers in _queue_members(queue)]
        items += [("QueueEntry", _queue_entry(pbx, queue, waiting)) for waiting in queue.callers]
    return Listing("Queue status will follow", "QueueStatusComplete", items, id_last=True)


def queue_summary(pbx: Pbx, asked: Mapping[str, str]) -> Listing:
    """List the queues' figures, as QueueSummary does."""
    items = [("QueueSummary", _summary_of(pbx, queue)) for queue in _queues(pbx, asked)]
    return Listing("Queue summary will follow", "QueueSummaryComplete", items, id_last=True)


def _summary_of(pbx: Pbx, queue: WaitingQueue) -> Headers:
    signed_in = [member for member in queue.members.values() if member.phone.state is not DeviceState.UNAVAILABLE]
    waits = [int(pbx.timeline.now - waiting.joined_at) for waiting in queue.callers]
    return {
        "Queue": queue.name,
        "LoggedIn": str(len(signed_in)),
        "Available": str(len(queue.free_members(pbx.timeline.now))),
        "Callers": str(len(queue.callers)),
        "HoldTime": _mean(queue.hold_times),
        "TalkTime": _mean(queue.talk_times),
        "LongestHoldTime": str(max(waits, default=0)),
    }


def bridge_list(pbx: Pbx, _asked: Mapping[str, str]) -> Listing:
    """List the bridges, as BridgeList does."""
    items = [("BridgeListItem", bridge.headers()) for bridge in pbx.switch.bridges.values()]
    return Listing("Bridge listing will follow", "BridgeListComplete", items)


def bridge_info(pbx: Pbx, asked: Mapping[str, str]) -> Listing | None:
    """List the channels of one bridge, as BridgeInfo does; None = there is no such bridge."""
    bridge = pbx.switch.bridges.get(asked.get("bridgeuniqueid", ""))
    if bridge is None:
        return None
    items = [("BridgeInfoChannel", channel.headers()) for channel in bridge.channels]
    return Listing("Bridge channel listing will follow", "BridgeInfoComplete", items, bridge.headers())


def extension_states(pbx: Pbx, _asked: Mapping[str, str]) -> Listing:
    """List the extensions with hints, as ExtensionStateList does."""
    items = []
    for phone in pbx.switch.phones.values():
        number, text = EXTENSION_STATUS[phone.state]
        headers = {"Exten": phone.extension, "Context": "from-internal", "Hint": f"PJSIP/{phone.extension}"}
        items.append(("ExtensionStatus", headers | {"Status": str(number), "StatusText": text}))
    return Listing("Extension Statuses will follow", "ExtensionStateListComplete", items)


def _held(pbx: Pbx, extension: str) -> bool:
    """Whether the other side put this phone on hold: only the held device shows it."""
    return any(
        isinstance(talk := channel.owner, Talk) and (talk.caller if channel is talk.called else talk.called).held
        for channel in pbx.channels_at(extension)
    )


def device_states(pbx: Pbx, _asked: Mapping[str, str]) -> Listing:
    """List the devices, as DeviceStateList does."""
    items = []
    for phone in pbx.switch.phones.values():
        state = "ONHOLD" if _held(pbx, phone.extension) else phone.state.name
        items.append(("DeviceStateChange", {"Device": f"PJSIP/{phone.extension}", "State": state}))
    trunk = pbx.switch.device_state(TRUNK).name
    items.append(("DeviceStateChange", {"Device": f"PJSIP/{TRUNK}", "State": trunk}))
    return Listing("Device State Changes will follow", "DeviceStateListComplete", items)


def endpoints(pbx: Pbx, _asked: Mapping[str, str]) -> Listing:
    """List the phones, as PJSIPShowEndpoints does."""
    items = [
        (
            "EndpointList",
            {
                "ObjectType": "endpoint",
                "ObjectName": phone.extension,
                "Transport": "transport-udp",
                "Aor": phone.extension,
                "Auths": "",
                "OutboundAuths": "",
                "Contacts": f"{phone.extension}/sip:{phone.extension}@127.0.0.1," if phone.registered else "",
                "DeviceState": ENDPOINT_TEXT[phone.state],
                "ActiveChannels": str(len(pbx.channels_at(phone.extension))),
            },
        )
        for phone in pbx.switch.phones.values()
    ]
    message = "A listing of Endpoints follows, presented as EndpointList events"
    return Listing(message, "EndpointListComplete", items)


def parked_calls(pbx: Pbx, _asked: Mapping[str, str]) -> Listing:
    """List the parked calls, as ParkedCalls does."""
    items = [
        (
            "ParkedCall",
            parked.channel.headers("Parkee")
            | {"ParkerDialString": f"PJSIP/{parked.parker}", "Parkinglot": "default", "ParkingSpace": space},
        )
        for space, parked in pbx.lot.spaces.items()
    ]
    return Listing("Parked calls will follow", "ParkedCallsComplete", items, {"Total": "*"})


def _nothing(message: str, complete: str, _pbx: Pbx, _asked: Mapping[str, str]) -> Listing:
    return Listing(message, complete, [])


LISTINGS: Mapping[str, Callable[[Pbx, Mapping[str, str]], Listing | None]] = {
    "coreshowchannels": core_show_channels,
    "status": status,
    "queuestatus": queue_status,
    "queuesummary": queue_summary,
    "bridgelist": bridge_list,
    "bridgeinfo": bridge_info,
    "extensionstatelist": extension_states,
    "devicestatelist": device_states,
    "pjsipshowendpoints": endpoints,
    "parkedcalls": parked_calls,
    "presencestatelist": partial(_nothing, "Presence State Changes will follow", "PresenceStateListComplete"),
}
"""Action (lower case) -> the list it gives."""

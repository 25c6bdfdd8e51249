"""The channel graph: who is called by whom, which Local halves are one wire, who sits in which bridge.

A call is a connected part of this graph, not a linkedid: Asterisk re-stamps every channel of a bridge to the oldest
linkedid (`main/bridge_channel.c`, `ast_bridge_channel_update_linkedids`).
"""

from collections import OrderedDict

import msgspec

from telephony.events import Party

TALK_BRIDGES = ("basic",)
"""Bridge kinds in which parties talk to each other as one conversation; parking and conferences are not."""

HOLD_EXTENSION = "*4653"
"""Where an agent's phone waits while Callcard holds the caller (`*HOLD` on the keys); see asterisk_conf/README.md."""

SPY_PREFIX = "callcard-spy-"
"""How the uniqueid of a listening supervisor's channel begins; the mode follows."""

REMEMBERED_HANGUPS = 8192
"""How many finished channels are remembered, so that a late event does not bring one back."""


class Channel(msgspec.Struct, omit_defaults=True):
    """One channel as far as it is known."""

    uniqueid: str
    name: str
    linkedid: str
    seen_at: float
    generation: int
    endpoint: str = ""
    """`2001` of `PJSIP/2001-0000001a`; empty for the halves of a Local channel."""
    is_local: bool = False
    is_phone: bool = False
    state: str = ""
    number: str | None = None
    caller_name: str | None = None
    connected: str | None = None
    exten: str = ""
    hidden: bool = False
    calling: bool = False
    """It began by itself (an INVITE reached Asterisk on it)."""
    originated: bool = False
    """Asterisk rang it on somebody's order, no channel dialled it (Originate)."""
    dialed_by: str | None = None
    dial_string: str = ""
    dial_status: str = ""
    up_at: float | None = None
    bridge: str | None = None
    twin: str | None = None
    held_at: float | None = None
    wants_hangup: bool = False
    spying: bool = False
    picked_up_by: str | None = None


class Bridge(msgspec.Struct):
    """A bridge and who is in it."""

    kind: str
    members: set[str] = set()


class Graph(msgspec.Struct):
    """All channels and bridges of one PBX; `generation` counts the links to it, so a snapshot knows what is newer."""

    channels: dict[str, Channel] = {}
    bridges: dict[str, Bridge] = {}
    names: dict[str, str] = {}
    gone: "OrderedDict[str, None]" = msgspec.field(default_factory=OrderedDict)
    generation: int = 0


def endpoint_of(name: str) -> tuple[str, bool]:
    """Tell the endpoint in a channel's name, and whether it is half of a Local channel.

    `PJSIP/2001-0000001a` -> ("2001", False); `Local/2003@internal-00000002;1` -> ("", True); names without a technology
    give ("", False).
    """
    technology, slash, rest = name.partition("/")
    if not slash:
        return "", False
    if technology == "Local":
        return "", True
    head, dash, tail = rest.rpartition("-")
    return (head if dash and tail else rest), False


def local_twin_name(name: str) -> str:
    """Name the other half: `...;1` <-> `...;2`."""
    return name[:-1] + ("2" if name.endswith("1") else "1")


def forget(graph: Graph, channel: Channel) -> None:
    """Take a finished channel out of the graph and remember that it is gone."""
    leave(graph, channel)
    graph.channels.pop(channel.uniqueid, None)
    if graph.names.get(channel.name) == channel.uniqueid:
        del graph.names[channel.name]
    if channel.twin is not None and (twin := graph.channels.get(channel.twin)) is not None:
        twin.twin = None
    remember_gone(graph, channel.uniqueid)


def remember_gone(graph: Graph, uniqueid: str) -> None:
    """Remember that a channel is finished, so that a late event does not bring it back."""
    graph.gone[uniqueid] = None
    while len(graph.gone) > REMEMBERED_HANGUPS:
        graph.gone.popitem(last=False)


def update(channel: Channel, party: Party, generation: int) -> None:
    """Take over what an event says of a channel; numbers are not taken here (the dialplan rewrites them)."""
    channel.generation = generation
    if party.state:
        channel.state = party.state
    if party.linkedid:
        channel.linkedid = party.linkedid
    if party.connected is not None:
        channel.connected = party.connected
    if party.hidden:
        channel.hidden = True


def enter(graph: Graph, channel: Channel, bridge_id: str, kind: str) -> None:
    """Put a channel into a bridge; it is in one at most."""
    if channel.bridge == bridge_id:
        return
    leave(graph, channel)
    bridge = graph.bridges.get(bridge_id)
    if bridge is None:
        bridge = graph.bridges[bridge_id] = Bridge(kind)
    bridge.members.add(channel.uniqueid)
    channel.bridge = bridge_id


def leave(graph: Graph, channel: Channel) -> None:
    """Take a channel out of its bridge; an empty bridge is forgotten."""
    if channel.bridge is None:
        return
    bridge = graph.bridges.get(channel.bridge)
    if bridge is not None:
        bridge.members.discard(channel.uniqueid)
        if not bridge.members:
            del graph.bridges[channel.bridge]
    channel.bridge = None


def consultation(graph: Graph, channel: Channel) -> Channel | None:
    """Give the Local channel a party consults over while its peer is held by the PBX; None when it does not."""
    members = graph.bridges[channel.bridge].members if channel.bridge is not None else set()
    others = (graph.channels.get(uniqueid) for uniqueid in members if uniqueid != channel.uniqueid)
    return next((other for other in others if other is not None and other.is_local), None)


def leads_to_hold(channel: Channel) -> bool:
    """Whether a Local channel leads to where a phone waits during a hold."""
    return channel.is_local and channel.name.startswith(f"Local/{HOLD_EXTENSION}@")


def dialled_by_local(channel: Channel) -> str:
    """Name the extension a Local channel dials: `2002` of `Local/2002@internal-00000002;1`."""
    return channel.name.removeprefix("Local/").partition("@")[0]


def is_talk(kind: str) -> bool:
    """Whether being together in a bridge of this kind means talking to each other."""
    return kind in TALK_BRIDGES


def join_twins(one: Channel, two: Channel) -> None:
    """Make two Local halves one wire."""
    one.twin, two.twin = two.uniqueid, one.uniqueid


def connected_parties(graph: Graph, start: Channel) -> list[Channel]:
    """List the real (not Local) channels that hear each other with `start`, over talk bridges and Local wires.

    A Local wire conducts only when both its halves are in a bridge.
    """
    seen = {start.uniqueid}
    queue = [start]
    parties: list[Channel] = []
    while queue:
        channel = queue.pop()
        if not channel.is_local:
            parties.append(channel)
        neighbours: list[str] = []
        if channel.bridge is not None and is_talk(graph.bridges[channel.bridge].kind):
            neighbours.extend(graph.bridges[channel.bridge].members)
        if channel.is_local and channel.twin is not None and channel.bridge is not None:
            twin = graph.channels.get(channel.twin)
            if twin is not None and twin.bridge is not None:
                neighbours.append(twin.uniqueid)
        for uniqueid in neighbours:
            if uniqueid not in seen and uniqueid in graph.channels:
                seen.add(uniqueid)
                queue.append(graph.channels[uniqueid])
    return parties

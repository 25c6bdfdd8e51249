"""What AMI lets people do with calls that run: consult, hold, park, fetch, pick up, listen in, record."""

from telephony.simulator.consulting import WAITING_ROOM, Consultation
from telephony.simulator.dialing import Dial
from telephony.simulator.parking import Parked
from telephony.simulator.pbx import QUEUE_CONTEXT, Pbx
from telephony.simulator.queueing import Queueing
from telephony.simulator.spying import Spying
from telephony.simulator.switch import Channel, Party
from telephony.simulator.talking import Talk

MOST_DIGITS = 15


def knows(pbx: Pbx, context: str, exten: str) -> bool:
    """Whether the dialplan leads somewhere."""
    if context == QUEUE_CONTEXT:
        return exten in pbx.queues
    inside = exten in pbx.routes or exten in pbx.switch.phones or exten == WAITING_ROOM
    return inside or (exten.removeprefix("+").isdecimal() and len(exten) <= MOST_DIGITS)


def consult(pbx: Pbx, channel: Channel, exten: str) -> None:
    """Let a party talk to `exten` while its peer waits; nothing when it does not talk."""
    talk = channel.owner
    if isinstance(talk, Talk) and channel.bridge is not None:
        Consultation(talk, channel, exten, pbx.run).start()


def park(pbx: Pbx, channel: Channel, parker: str, timeout: float) -> bool:
    """Park a party of a talk; False when it does not talk or no space is free."""
    talk, space = channel.owner, pbx.lot.free()
    if not isinstance(talk, Talk) or space is None:
        return False
    other = talk.other(channel)
    talk.ended("transfer")
    Parked(pbx.switch, pbx.lot, channel, parker or other.endpoint, pbx.run).start(space, timeout)
    pbx.switch.leave(other)
    pbx.switch.hang_up(other, 16)
    return True


def run_application(pbx: Pbx, channel: Channel, application: str, data: str) -> None:
    """Run one application on a phone that has been taken."""
    arguments = data.split(",")
    target = pbx.switch.channels.get(arguments[0])
    if application == "PickupChan" and target is not None and _pick_up(pbx, channel, target):
        return
    if application == "ChanSpy" and target is not None:
        Spying(pbx.switch, channel, target).start(arguments[1] if len(arguments) > 1 else "")
        return
    pbx.switch.soft_hangup(channel)
    pbx.switch.hang_up(channel, 16)


def _pick_up(pbx: Pbx, channel: Channel, target: Channel) -> bool:
    """Give a colleague the call that rings on `target`; False when it rings no more."""
    calling = target.owner
    if not isinstance(calling, Dial | Queueing):
        return False
    leg = calling.leg_of(target)
    if leg is None:
        return False
    phone = pbx.switch.phones.get(channel.endpoint)
    if phone is not None:
        channel.caller = Party(phone.extension, phone.name)
    channel.connected = calling.caller.caller
    pbx.switch.emit("Pickup", channel.headers(), target.headers("Target"))
    calling.picked_up(leg, channel)
    return True


def record(pbx: Pbx, channel: Channel) -> None:
    """Begin to record."""
    channel.recorded = True
    pbx.switch.emit("MixMonitorStart", channel.headers())


def stop_recording(pbx: Pbx, channel: Channel) -> bool:
    """End the recording; False when there is none."""
    if not channel.recorded:
        return False
    channel.recorded = False
    pbx.switch.emit("MixMonitorStop", channel.headers())
    return True


def mute_recording(pbx: Pbx, channel: Channel, *, muted: bool) -> bool:
    """Record silence, or voices again; False when nothing is recorded."""
    if not channel.recorded:
        return False
    pbx.switch.emit("MixMonitorMute", channel.headers(), Direction="both", State=str(int(muted)))
    return True


def prioritise(pbx: Pbx, queue: str, channel: Channel, priority: int, *, at_once: bool) -> bool:
    """Give a waiting caller a priority, and (`at_once`) its place; False when it does not wait there."""
    waiting = channel.owner
    if not isinstance(waiting, Queueing) or waiting.queue is not pbx.queues.get(queue):
        return False
    waiting.priority = priority
    if at_once:
        # Callers of one priority keep their order.
        waiting.queue.callers.sort(key=lambda other: -other.priority)
    return True

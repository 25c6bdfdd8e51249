"""What a PBX would answer to CoreShowChannels and QueueStatus at a moment: from a book that followed everything."""

from telephony.calls import CallBook
from telephony.channels import Channel
from telephony.conversations import Conversation
from telephony.recovery import Snapshot, snapshot

Item = dict[str, str]


def lists_of(book: CallBook, at: float) -> Snapshot:
    return snapshot([channel_item(book, one, at) for one in book.graph.channels.values()], queue_items(book, at))


def channel_item(book: CallBook, channel: Channel, at: float) -> Item:
    call = next((one for one in book.calls.values() if channel.uniqueid in one.channels), None)
    dialled = [one for one in book.graph.channels.values() if one.dialed_by == channel.uniqueid]
    seconds = int(at - channel.seen_at)
    return {
        "Channel": channel.name,
        "Uniqueid": channel.uniqueid,
        "Linkedid": channel.linkedid,
        "ChannelStateDesc": channel.state,
        "CallerIDNum": channel.number or "<unknown>",
        "CallerIDName": channel.caller_name or "<unknown>",
        "ConnectedLineNum": channel.connected or "<unknown>",
        "Exten": channel.exten,
        "Application": application(book, channel, call),
        "ApplicationData": "&".join(f"PJSIP/{one.dial_string}" for one in dialled if one.dial_string),
        "BridgeId": channel.bridge or "",
        "Duration": f"{seconds // 3600:02}:{seconds % 3600 // 60:02}:{seconds % 60:02}",
    }


def application(book: CallBook, channel: Channel, call: Conversation | None) -> str:
    if channel.bridge is not None and "ConfBridge" in book.graph.bridges[channel.bridge].kind:
        return "ConfBridge"
    queued = call is not None and call.queue is not None
    if channel.dialed_by is not None or channel.originated:
        return "AppQueue" if queued else "AppDial"
    return "Queue" if queued else "Dial"


def queue_items(book: CallBook, at: float) -> list[Item]:
    items: list[Item] = []
    for queue in book.queues.queues.values():
        counts = {"Completed": str(queue.completed), "Abandoned": str(queue.abandoned)}
        items.append({"Event": "QueueParams", "Queue": queue.name} | counts)
        for waiting in queue.waiting.values():
            channel = book.graph.channels[waiting.uniqueid]
            where = {"Event": "QueueEntry", "Queue": queue.name, "Position": str(waiting.position)}
            who = {"Channel": channel.name, "Uniqueid": waiting.uniqueid, "CallerIDNum": waiting.number or "unknown"}
            items.append(where | who | {"Wait": str(int(at - waiting.since))})
    return items

"""Queues as they are now: who waits, who serves, and in which state the servers' phones are."""

import msgspec
from msgspec.structs import replace

from telephony.events import MemberFacts, Party
from telephony.records import Member, MemberStatus, QueueRecord, Waiting

_STATUS = (
    MemberStatus.UNKNOWN,
    MemberStatus.NOT_IN_USE,
    MemberStatus.IN_USE,
    MemberStatus.BUSY,
    MemberStatus.INVALID,
    MemberStatus.UNAVAILABLE,
    MemberStatus.RINGING,
    MemberStatus.RING_IN_USE,
    MemberStatus.ON_HOLD,
)
"""Asterisk's device state numbers, in their order (`include/asterisk/devicestate.h`)."""

_WORDS = {
    "NOT_INUSE": MemberStatus.NOT_IN_USE,
    "INUSE": MemberStatus.IN_USE,
    "BUSY": MemberStatus.BUSY,
    "INVALID": MemberStatus.INVALID,
    "UNAVAILABLE": MemberStatus.UNAVAILABLE,
    "RINGING": MemberStatus.RINGING,
    "RINGINUSE": MemberStatus.RING_IN_USE,
    "ONHOLD": MemberStatus.ON_HOLD,
}


def status_of(number: int) -> MemberStatus:
    """Read a member's `Status` number; unknown numbers are UNKNOWN."""
    return _STATUS[number] if 0 <= number < len(_STATUS) else MemberStatus.UNKNOWN


def status_from_word(word: str) -> MemberStatus:
    """Read DeviceStateChange's `State`."""
    return _WORDS.get(word, MemberStatus.UNKNOWN)


class Queue(msgspec.Struct):
    """One queue, mutable."""

    name: str
    waiting: dict[str, Waiting] = {}
    members: dict[str, Member] = {}
    completed: int = 0
    abandoned: int = 0

    def record(self, pbx: str) -> QueueRecord:
        """Give it as a fact: callers in the order they will be served."""
        ordered = sorted(self.waiting.values(), key=lambda w: (w.since, w.position))
        waiting = tuple(replace(w, position=place) for place, w in enumerate(ordered, 1))
        return QueueRecord(pbx, self.name, waiting, tuple(self.members.values()), self.completed, self.abandoned)


class QueueBook(msgspec.Struct):
    """All queues of one PBX, and the last known state of each device."""

    queues: dict[str, Queue] = {}
    devices: dict[str, MemberStatus] = {}

    def queue(self, name: str) -> Queue:
        """Give a queue, made on first sight."""
        queue = self.queues.get(name)
        if queue is None:
            queue = self.queues[name] = Queue(name)
        return queue

    def join(self, name: str, party: Party, position: int, at: float, call_id: str | None) -> Queue:
        """Take note that a caller waits; joining twice changes nothing."""
        queue = self.queue(name)
        if party.uniqueid not in queue.waiting:
            number = None if party.hidden else party.number
            queue.waiting[party.uniqueid] = Waiting(party.uniqueid, number, party.name, position, at, call_id)
        return queue

    def leave(self, uniqueid: str, name: str | None = None) -> list[Queue]:
        """Take a caller out of that queue or (None) of all; gives the queues that changed."""
        return [
            queue
            for queue in self.queues.values()
            if (name is None or queue.name == name) and queue.waiting.pop(uniqueid, None) is not None
        ]

    def member(self, facts: MemberFacts, extension: str | None) -> Queue | None:
        """Take over what is said of a member; None when nothing changed."""
        queue = self.queue(facts.queue)
        if facts.removed:
            return queue if queue.members.pop(facts.interface, None) is not None else None
        old = queue.members.get(facts.interface)
        status = status_of(facts.status)
        since = facts.at
        if old is not None and old.since is not None and (old.status, old.paused) == (status, facts.paused):
            since = old.since
        new = Member(
            facts.interface,
            facts.name,
            extension,
            status,
            facts.paused,
            facts.paused_reason or None,
            facts.penalty,
            facts.calls_taken,
            facts.in_call,
            since,
        )
        if new == old:
            return None
        queue.members[facts.interface] = new
        return queue

"""The Queue application: callers wait, free members ring, one of them takes the caller."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from telephony.simulator.dialing import Leg, find_leg, invite, mark_refusal
from telephony.simulator.switch import Channel, DeviceState, Party, Phone, State, Switch
from telephony.simulator.talking import Talk
from telephony.simulator.timeline import Timer

REMEMBERED = 500
"""Calls whose times make a queue's averages."""


@dataclass(slots=True, eq=False)
class QueueMember:
    """One phone signed in to a queue."""

    phone: Phone
    name: str
    membership: str = "dynamic"
    penalty: int = 0
    paused: bool = False
    paused_reason: str = ""
    calls_taken: int = 0
    last_call: int = 0
    last_pause: int = 0
    login_time: int = 0
    in_call: bool = False
    rung_by: "Queueing | None" = None

    @property
    def interface(self) -> str:
        """The member's device as AMI names it."""
        return f"PJSIP/{self.phone.extension}"


@dataclass(slots=True, eq=False)
class WaitingQueue:
    """One queue: its rules, members, waiting callers and counts since start. Times in seconds."""

    name: str
    strategy: str = "ringall"
    ring_timeout: float = 15.0
    retry: float = 1.0
    wrapup: float = 0.0
    join_empty: bool = True
    members: dict[str, QueueMember] = field(default_factory=dict)
    callers: list["Queueing"] = field(default_factory=list)
    completed: int = 0
    abandoned: int = 0
    hold_times: deque[int] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    talk_times: deque[int] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def free_members(self, now: float) -> list[QueueMember]:
        """Members that may be rung now, by the order in which this queue's strategy takes them."""
        free = [
            member
            for member in self.members.values()
            if not member.paused
            and member.rung_by is None
            and member.phone.state is DeviceState.NOT_INUSE
            and not (member.last_call and now < member.last_call + self.wrapup)
        ]
        if self.strategy in {"leastrecent", "rrmemory"}:
            free.sort(key=lambda member: (member.penalty, member.last_call))
        else:
            free.sort(key=lambda member: member.penalty)
        return free

    def member_headers(self, member: QueueMember) -> dict[str, str]:
        """Give a member's headers as every QueueMember... event carries them."""
        values = (
            self.name,
            member.name,
            member.interface,
            member.interface,
            member.membership,
            str(member.penalty),
            str(member.calls_taken),
            str(member.last_call),
            str(member.last_pause),
            str(member.login_time),
            str(int(member.in_call)),
            str(member.phone.state.value),
            str(int(member.paused)),
            member.paused_reason,
            "0",
            str(int(self.wrapup)),
        )
        return dict(zip(_MEMBER_HEADERS, values, strict=True))


_MEMBER_HEADERS = (
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


class Queueing:
    """One caller in a queue. `done` gets the queue status when nobody took the call."""

    def __init__(
        self,
        switch: Switch,
        queue: WaitingQueue,
        caller: Channel,
        done: Callable[[str], None],
        talking: Callable[[Talk], None] = lambda _talk: None,
    ) -> None:
        self.switch = switch
        self.legs: list[Leg] = []
        self.queue = queue
        self.caller = caller
        self.done = done
        self.talking = talking
        self.music = caller.state is State.Up
        self.joined_at = switch.timeline.now
        self.original_position = 0
        self.priority = 0
        self._rang_at = 0.0
        self._called: dict[str, QueueMember] = {}
        self._tried: set[str] = set()
        self._over = False
        self._timers: list[Timer] = []
        self._ring_timer: Timer | None = None

    @property
    def position(self) -> int:
        """The caller's place, 1 = next."""
        return self.queue.callers.index(self) + 1

    def start(self, timeout: float) -> None:
        """Join and wait at most `timeout` seconds."""
        self.caller.owner = self
        self.switch.run_application(self.caller, "Queue", f"{self.queue.name},t,,,{int(timeout)}")
        if not self.queue.join_empty and not any(self._serves(member) for member in self.queue.members.values()):
            self._finish("JOINEMPTY")
            return
        self.queue.callers.append(self)
        self.original_position = self.position
        place = {"Queue": self.queue.name, "Position": str(self.position), "Count": str(len(self.queue.callers))}
        self.switch.emit("QueueCallerJoin", self.caller.headers(), place)
        self._music(on=True)
        later = self.switch.timeline.after
        self._timers.append(later(timeout, self._time_out))
        if self.caller.plan.patience is not None:
            self._timers.append(later(self.caller.plan.patience, self._give_up))
        self._ring_next()

    @staticmethod
    def _serves(member: QueueMember) -> bool:
        return not member.paused and member.phone.state is not DeviceState.UNAVAILABLE

    def _ring_next(self) -> None:
        if self._over:
            return
        free = self.queue.free_members(self.switch.timeline.now)
        ahead = sum(not other.legs for other in self.queue.callers[: self.position - 1])
        if len(free) <= ahead:
            self._tried.clear()
            self._retry()
            return
        if self.queue.strategy != "ringall":
            untried = [member for member in free if member.phone.extension not in self._tried]
            if not untried:
                self._tried.clear()
            free = (untried or free)[:1]
        self._rang_at = self.switch.timeline.now
        for member in free:
            self._call(member)
        if self.queue.strategy != "ringall":
            self.switch.connect_line(self.caller, self.legs[0].channel.caller)
        self._ring_timer = self.switch.timeline.after(self.queue.ring_timeout, self._rang_out)
        for leg, member in zip(list(self.legs), free, strict=True):
            invite(self.switch, leg, member.phone.reaction(), self)

    def _retry(self) -> None:
        self._timers.append(self.switch.timeline.after(self.queue.retry, self._ring_next))

    def _call(self, member: QueueMember) -> None:
        member.rung_by = self
        self._tried.add(member.phone.extension)
        party = Party(member.phone.extension, member.phone.name)
        channel = self.switch.new_channel(member.phone.extension, State.Down, party, "s", of=self.caller)
        channel.owner = self
        self._called[channel.name] = member
        leg = Leg(channel, member.interface, [])
        self.legs.append(leg)
        channel.connected, channel.exten = self.caller.caller, self.caller.exten
        self.switch.emit("AgentCalled", self._pair(leg), self._agent(leg))
        self.switch.emit("DialBegin", self._pair(leg), DialString=member.interface)

    def _pair(self, leg: Leg) -> dict[str, str]:
        return self.caller.headers() | leg.channel.headers("Dest")

    def _agent(self, leg: Leg) -> dict[str, str]:
        member = self._called[leg.channel.name]
        return {"Queue": self.queue.name, "Interface": member.interface, "MemberName": member.name}

    def leg_of(self, channel: Channel) -> Leg | None:
        """Find the leg of a called channel; None when it is not (or no longer) called from here."""
        return find_leg(self.legs, channel)

    def rings(self, leg: Leg) -> None:
        """Say that the member's phone rings."""
        self.switch.set_state(leg.channel, State.Ringing)
        self.switch.run_application(leg.channel, "AppQueue", "(Outgoing Line)")
        self.switch.connect_line(leg.channel, self.caller.caller)
        self.switch.emit("DialState", self._pair(leg), DialStatus="RINGING")

    def picked_up(self, leg: Leg, channel: Channel) -> None:
        """Give the caller to a colleague who was not called; to the queue it is still the member who was."""
        leg.stop()
        rang, leg.channel = leg.channel, channel
        self._called[channel.name] = self._called.pop(rang.name)
        self.switch.hang_up(rang, 16)
        self.answered(leg)

    def answered(self, leg: Leg) -> None:
        """Give the caller to the first member who answers."""
        others = [other for other in self.legs if other is not leg]
        member = self._called[leg.channel.name]
        member.in_call = True
        self._stop()
        if leg.channel.state is not State.Up:
            self.switch.set_state(leg.channel, State.Up)
            self.switch.emit("DialEnd", self._pair(leg), DialStatus="ANSWER")
        self._cancel(others)
        if self.queue.strategy == "ringall":
            self.switch.connect_line(self.caller, leg.channel.caller)
        self._cancel(others)
        self._music(on=False)
        hold_time = self._waited()
        self._leave()
        ring_time = int(self.switch.timeline.now) - int(self._rang_at)
        times = {"HoldTime": str(hold_time), "RingTime": str(ring_time)}
        self.switch.emit("AgentConnect", self._pair(leg), self._agent(leg), times)
        if self.caller.state is not State.Up:
            self.switch.set_state(self.caller, State.Up)
        self._forget(others, cause=26)
        talk = Talk(self.switch, self.caller, leg.channel, queued=True)
        talk.ended = lambda reason: self._complete(talk, leg, member, hold_time, reason)
        self.talking(talk)

    def _cancel(self, legs: list[Leg]) -> None:
        # Asterisk says it twice for members that lose the race; readers must bear it.
        for leg in legs:
            self.switch.emit("DialEnd", self._pair(leg), DialStatus="CANCEL")

    def _complete(self, talk: Talk, leg: Leg, member: QueueMember, hold_time: int, reason: str) -> None:
        now = int(self.switch.timeline.now)
        talked = now - int(talk.started_at)
        member.in_call, member.last_call, member.rung_by = False, now, None
        member.calls_taken += 1
        self.queue.completed += 1
        self.queue.hold_times.append(hold_time)
        self.queue.talk_times.append(talked)
        times = {"HoldTime": str(hold_time), "TalkTime": str(talked), "Reason": reason}
        self.switch.emit("AgentComplete", self._pair(leg), self._agent(leg), times)

    def refused(self, leg: Leg, status: int | None) -> None:
        """Pass over a member that refuses: to the queue it is one that did not answer."""
        cause, _ = mark_refusal(self.switch, leg, status)
        self._no_answer(leg)
        self._forget([leg], cause)
        if not self.legs:
            self._stop_ringing()
            self._retry()

    def _no_answer(self, leg: Leg) -> None:
        ring_time = {"RingTime": str(int(self.switch.timeline.now - self._rang_at) * 1000)}
        self.switch.emit("AgentRingNoAnswer", self._pair(leg), self._agent(leg), ring_time)
        self.switch.emit("DialEnd", self._pair(leg), DialStatus="NOANSWER")

    def _rang_out(self) -> None:
        legs, self.legs = self.legs, []
        for leg in legs:
            leg.stop()
            self._no_answer(leg)
        self._cancel(legs)
        self._forget(legs, cause=0)
        self._retry()

    def _forget(self, legs: list[Leg], cause: int) -> None:
        for leg in legs:
            member = self._called.pop(leg.channel.name)
            member.rung_by = None
            self.switch.hang_up(leg.channel, cause)
        self.legs = [leg for leg in self.legs if leg not in legs]

    def hung_up(self, channel: Channel, *, asked: bool) -> None:
        """End all when the caller leaves; one leg when a ringing member's channel is ended from outside."""
        leg = self.leg_of(channel)
        if leg is not None:
            self.refused(leg, 603 if asked else None)
            return
        if asked:
            self.switch.request_hangup(self.caller, None)
        self._stop()
        self._music(on=False)
        legs = list(self.legs)
        self._cancel(legs)
        self._cancel(legs)
        self._abandon()
        self.switch.soft_hangup(self.caller)
        self._forget(legs, cause=0)
        self.switch.hang_up(self.caller, 0)

    def _abandon(self) -> None:
        self.queue.abandoned += 1
        place = {"Position": str(self.position), "OriginalPosition": str(self.original_position)}
        times = {"Queue": self.queue.name, "HoldTime": str(self._waited())}
        self.switch.emit("QueueCallerAbandon", self.caller.headers(), place, times)
        self._leave()

    def _leave(self) -> None:
        position = self.position
        self.queue.callers.remove(self)
        place = {"Queue": self.queue.name, "Position": str(position), "Count": str(len(self.queue.callers))}
        self.switch.emit("QueueCallerLeave", self.caller.headers(), place)

    def _music(self, *, on: bool) -> None:
        # A caller that was not answered first hears ringing instead (option r).
        if self.music and on:
            self.switch.emit("MusicOnHoldStart", self.caller.headers(), Class="default")
        elif self.music:
            self.switch.emit("MusicOnHoldStop", self.caller.headers())

    def _waited(self) -> int:
        return int(self.switch.timeline.now) - int(self.joined_at)

    def _time_out(self) -> None:
        legs = list(self.legs)
        self._stop()
        for leg in legs:
            self._no_answer(leg)
        self._cancel(legs)
        self._forget(legs, cause=0)
        # Asterisk calls it an abandon although the caller is still there.
        place = {"Position": str(self.position), "OriginalPosition": str(self.original_position)}
        times = {"Queue": self.queue.name, "HoldTime": str(self._waited())}
        self.switch.emit("QueueCallerAbandon", self.caller.headers(), place, times)
        self._music(on=False)
        self._leave()
        self._finish("TIMEOUT")

    def release(self) -> None:
        """Let the caller leave the queue alive: somebody moves it elsewhere."""
        self._stop()
        legs = list(self.legs)
        self._cancel(legs)
        self._forget(legs, cause=0)
        self._music(on=False)
        self._leave()
        self.caller.owner = None

    def _give_up(self) -> None:
        if self.caller.owner is self:
            self.hung_up(self.caller, asked=True)

    def _finish(self, status: str) -> None:
        self._stop()
        self.caller.owner = None
        self.done(status)

    def _stop(self) -> None:
        self._over = True
        for timer in self._timers:
            timer.cancel()
        self._stop_ringing()

    def _stop_ringing(self) -> None:
        if self._ring_timer is not None:
            self._ring_timer.cancel()
        for leg in self.legs:
            leg.stop()

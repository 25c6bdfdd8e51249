"""A believable day at a company with eight agents, three queues, a ring group and direct numbers.

Everything is drawn from one seed, so the same day can be played again. Whose numbers call is the caller's choice.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from telephony.simulator.pbx import Company, Pbx, Route, ToPhones, ToQueue
from telephony.simulator.queueing import QueueMember, WaitingQueue
from telephony.simulator.switch import CallPlan, Channel, DeviceState, Phone, Reaction

AGENTS: Mapping[str, str] = {
    "2001": "Ana Torres",
    "2002": "Bruno Costa",
    "2003": "Carla Puig",
    "2004": "Dmitri Orlov",
    "2005": "Elena Ruiz",
    "2006": "Linh Tran",
    "2007": "Gabriel Vidal",
    "2008": "Helen Reed",
}
COMPANY_NUMBER = "74950000000"
RING_GROUP, SUPPORT, SALES, BILLING = "74950000002", "74950000003", "74950000004", "74950000005"
OUT_OF_REACH = "2008"
"""The phone that is unplugged now and then."""
BREAKS = ("lunch", "break", "training")


def direct_number(extension: str) -> str:
    """Give the direct number of an extension."""
    return f"7495000{extension}"


def example_company() -> Company:
    """Set up the company of asterisk_conf/, everybody signed in."""
    phones = {extension: Phone(extension, name) for extension, name in AGENTS.items()}
    routes: dict[str, Route] = {
        RING_GROUP: ToPhones(("2001", "2002", "2003"), timeout=30),
        SUPPORT: ToQueue("support", timeout=120, mailbox="2000"),
        SALES: ToQueue("sales", timeout=120),
        BILLING: ToQueue("billing", timeout=120, mailbox="2000"),
        "501": ToQueue("support"),
        "502": ToQueue("sales"),
        "503": ToQueue("billing", mailbox="2000"),
    }
    routes |= {direct_number(extension): ToPhones((extension,), 20, mailbox=extension) for extension in phones}
    return Company(
        phones=tuple(phones.values()),
        queues=(
            _queue("support", "ringall", ("2001", "2002", "2003", "2008"), phones, ring_timeout=20),
            _queue("sales", "linear", ("2004", "2005"), phones, ring_timeout=8),
            _queue("billing", "leastrecent", ("2006", "2007"), phones, join_empty=False, ring_timeout=12),
        ),
        routes=routes,
        number=COMPANY_NUMBER,
    )


def _queue(
    name: str,
    strategy: str,
    extensions: Sequence[str],
    phones: Mapping[str, Phone],
    *,
    ring_timeout: float,
    join_empty: bool = True,
) -> WaitingQueue:
    members = {each: QueueMember(phones[each], phones[each].name, membership="static") for each in extensions}
    return WaitingQueue(name, strategy, ring_timeout, wrapup=3, join_empty=join_empty, members=members)


@dataclass(frozen=True, slots=True)
class Callers:
    """Whose numbers take part, as the wire carries them."""

    known: tuple[str, ...]
    shared: tuple[str, ...]
    """Numbers that several clients have."""
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pace:
    """How busy it is. Times in seconds."""

    between_calls: tuple[float, float] = (3.5, 6.5)
    talk: tuple[float, float] = (8.0, 35.0)
    manned_talk: tuple[float, float] = (45.0, 120.0)
    """Talks with an agent who is a real person at a screen."""
    first_call: float = 3.0
    """A person who has just signed in is called after that."""
    manned_gap: tuple[float, float] = (20.0, 40.0)
    """A person whose phone was idle for so long is called again."""
    manned_answer: float = 8.0
    """The phone of a person picks up by itself after that."""


@dataclass(slots=True)
class Seat:
    """A phone at which a person sits, and who will call it next."""

    turn: int = 0
    idle_since: float = 0.0
    gap: float = 0.0
    expected: list[Channel] = field(default_factory=list)


class Day:
    """Plays callers and agents on a PBX, for as long as its time runs."""

    def __init__(self, pbx: Pbx, callers: Callers, *, seed: int = 1, pace: Pace | None = None) -> None:
        self.pbx = pbx
        self.callers = callers
        self.pace = pace or Pace()
        self.seats: dict[str, Seat] = {}
        self._dice = random.Random(seed)  # noqa: S311 - a day at a call centre is no secret
        self._last_caller = ""
        for phone in pbx.switch.phones.values():
            phone.reaction = partial(self._react, phone.extension)
            phone.click_reaction = lambda: Reaction(answer_after=1.0)
        pbx.far_side = self._far_side
        pbx.outbound_plan = lambda: CallPlan(patience=40.0, talk=self._between(self.pace.manned_talk))

    def begin(self) -> None:
        """Let the day begin."""
        later = self.pbx.timeline.after
        later(1.0, self._next_call)
        later(30.0, self._next_break)
        later(60.0, self._unplug)
        later(1.0, self._look_after_seats)

    def man(self, extension: str) -> None:
        """Let a person sit down at a phone: it becomes free, and somebody calls it soon."""
        if extension not in self.pbx.switch.phones:
            return
        for channel in self.pbx.channels_at(extension):
            self.pbx.hang_up(channel)
        seat = self.seats.setdefault(extension, Seat())
        seat.turn = 0
        self.pbx.timeline.after(self.pace.first_call, lambda: self._call_seat(extension, seat))

    def leave(self, extension: str) -> None:
        """Let the person go: the phone is played by the day again."""
        self.seats.pop(extension, None)

    # People at phones of ours.

    def _react(self, extension: str) -> Reaction:
        if self.pbx.switch.phones[extension].state in {DeviceState.INUSE, DeviceState.RINGINUSE}:
            return Reaction(ring_after=None, refuse_after=0.05, refuse_with=486)
        if extension in self.seats:
            return Reaction(ring_after=0.001, answer_after=self.pace.manned_answer)
        match self._draw({"answers": 86, "silent": 10, "declines": 4}):
            case "answers":
                return Reaction(ring_after=0.02, answer_after=self._between((1.5, 7.0)))
            case "declines":
                return Reaction(ring_after=0.02, refuse_after=self._between((1.5, 4.0)), refuse_with=603)
            case _:
                return Reaction(ring_after=0.02)

    def _far_side(self, _number: str) -> Reaction:
        match self._draw({"answers": 78, "silent": 10, "busy": 8, "wrong": 2, "unavailable": 2}):
            case "answers":
                return Reaction(ring_after=0.2, answer_after=self._between((2.0, 4.0)))
            case "busy":
                return Reaction(ring_after=None, refuse_after=0.4, refuse_with=486)
            case "wrong":
                return Reaction(ring_after=None, refuse_after=0.3, refuse_with=404)
            case "unavailable":
                return Reaction(ring_after=None, refuse_after=0.3, refuse_with=503)
            case _:
                return Reaction(ring_after=0.2)

    def _look_after_seats(self) -> None:
        now = self.pbx.timeline.now
        for extension, seat in self.seats.items():
            if self.pbx.switch.phones[extension].state is not DeviceState.NOT_INUSE or seat.gap == 0.0:
                seat.idle_since = now
                seat.gap = seat.gap or self._between(self.pace.manned_gap)
            elif now - seat.idle_since > seat.gap:
                seat.gap = self._between(self.pace.manned_gap)
                seat.idle_since = now
                self._call_seat(extension, seat)
        self.pbx.timeline.after(1.0, self._look_after_seats)

    def _call_seat(self, extension: str, seat: Seat) -> None:
        if self.seats.get(extension) is not seat or not self.pbx.switch.phones[extension].registered:
            return
        kinds = (self.callers.known, self.callers.unknown, self.callers.known, self.callers.shared, ("",))
        # The first caller is always somebody with a history: that is what one wants to see first.
        number = self._dice.choice(kinds[seat.turn % len(kinds)] or ("",))
        seat.turn += 1
        plan = CallPlan(patience=30.0, talk=self._between(self.pace.manned_talk), voicemail=6.0)
        self._ring_in(number, direct_number(extension), plan)

    # People outside.

    def _next_call(self) -> None:
        match self._draw({"in": 86, "out": 10, "internal": 4}):
            case "out":
                self._agent_dials()
            case "internal":
                self._colleague_calls()
            case _:
                self._caller_calls()
        self.pbx.timeline.after(self._between(self.pace.between_calls), self._next_call)

    def _caller_calls(self) -> None:
        line = self._draw({SUPPORT: 40, SALES: 20, BILLING: 14, RING_GROUP: 10, "direct": 16})
        if line == "direct":
            free = [extension for extension in AGENTS if extension not in self.seats]
            line = direct_number(self._dice.choice(free))
        patience = {"impatient": (3.0, 9.0), "patient": (25.0, 70.0)}
        plan = CallPlan(
            patience=self._between(patience[self._draw({"patient": 88, "impatient": 12})]),
            talk=self._between(self.pace.talk),
            hung_up_by_called=self._draw({"caller": 7, "agent": 3}) == "agent",
            voicemail=self._between((4.0, 9.0)),
        )
        self._ring_in(self._some_number(), line, plan)

    def _ring_in(self, number: str, did: str, plan: CallPlan) -> None:
        if number:
            self.pbx.inbound(number, did, plan=plan)
        else:
            self.pbx.inbound("anonymous", did, name="Anonymous", plan=plan)

    def _some_number(self) -> str:
        kind = self._draw({"known": 58, "unknown": 14, "shared": 12, "withheld": 8, "again": 8})
        if kind == "withheld":
            return ""
        pools = {"known": self.callers.known, "unknown": self.callers.unknown, "shared": self.callers.shared}
        if kind in pools:
            self._last_caller = self._dice.choice(pools[kind] or ("",))
        return self._last_caller

    def _agent_dials(self) -> None:
        agent = self._idle_agent()
        if agent and self.callers.known:
            plan = CallPlan(patience=20.0, talk=self._between(self.pace.talk))
            self.pbx.dial(agent, self._dice.choice(self.callers.known), plan)

    def _colleague_calls(self) -> None:
        agent, other = self._idle_agent(), self._idle_agent()
        if agent and other and agent != other:
            self.pbx.dial(agent, other, CallPlan(patience=30.0, talk=self._between((4.0, 12.0))))

    def _idle_agent(self) -> str:
        idle = [
            phone.extension
            for phone in self.pbx.switch.phones.values()
            if phone.state is DeviceState.NOT_INUSE and phone.extension not in self.seats
        ]
        return self._dice.choice(idle) if idle else ""

    # What else happens.

    def _next_break(self) -> None:
        agent = self._idle_agent()
        if agent and agent not in self.seats:
            self.pbx.pause_member(agent, paused=True, reason=self._dice.choice(BREAKS))
            self.pbx.timeline.after(self._between((15.0, 40.0)), partial(self._back_to_work, agent))
        self.pbx.timeline.after(self._between((40.0, 80.0)), self._next_break)

    def _back_to_work(self, agent: str) -> None:
        self.pbx.pause_member(agent, paused=False)

    def _unplug(self) -> None:
        phone = self.pbx.switch.phones[OUT_OF_REACH]
        if phone.registered and phone.state is DeviceState.NOT_INUSE and OUT_OF_REACH not in self.seats:
            self.pbx.register(OUT_OF_REACH, registered=False)
        elif not phone.registered:
            self.pbx.register(OUT_OF_REACH, registered=True)
        self.pbx.timeline.after(45.0, self._unplug)

    def _draw(self, weights: Mapping[str, int]) -> str:
        return self._dice.choices(tuple(weights), weights=tuple(weights.values()))[0]

    def _between(self, bounds: tuple[float, float]) -> float:
        return round(self._dice.uniform(*bounds), 3)

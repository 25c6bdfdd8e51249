"""The Dial application: one channel calls one or several parties until one answers, all refuse or time is up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from telephony.simulator.switch import TRUNK, Channel, Party, Reaction, State, Switch
from telephony.simulator.talking import Talk
from telephony.simulator.timeline import Timer

REFUSALS = {486: (17, "BUSY"), 603: (21, "NOANSWER"), 404: (1, "NOANSWER"), 503: (34, "CONGESTION")}
"""SIP status of a refusal -> hangup cause and dial status."""


CANCELED, CANCEL_SENT = 487, 500
"""TechCause of a caller that canceled, and of the phones that were ringing then."""


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to call: a phone of ours (`endpoint` is its extension) or `number` over the trunk."""

    endpoint: str
    number: str

    @property
    def dial_string(self) -> str:
        """The target as DialBegin names it."""
        return f"{self.number}@{TRUNK}" if self.endpoint == TRUNK else self.endpoint


@dataclass(slots=True, eq=False)
class Leg:
    """One called channel while it is being called."""

    channel: Channel
    dial_string: str
    timers: list[Timer]

    def stop(self) -> None:
        """Let the called party do nothing more by itself."""
        for timer in self.timers:
            timer.cancel()


class Calling(Protocol):
    """What Dial, Queue and Originate have in common, seen from the called party."""

    def leg_of(self, channel: Channel) -> Leg | None:
        """Find the leg of a called channel; None when it is not (or no longer) called from here."""

    def rings(self, leg: Leg) -> None:
        """Take notice that the party's phone rings."""

    def answered(self, leg: Leg) -> None:
        """Take notice that the party answers."""

    def refused(self, leg: Leg, status: int | None) -> None:
        """Take notice of a refusal with a SIP status; None: the channel was hung up from outside."""


def find_leg(legs: Sequence[Leg], channel: Channel) -> Leg | None:
    """Find the leg of a channel."""
    return next((leg for leg in legs if leg.channel is channel), None)


def invite(switch: Switch, leg: Leg, reaction: Reaction, calling: Calling) -> None:
    """Let the called party react as it intends to."""
    later = switch.timeline.after
    if reaction.ring_after is not None:
        leg.timers.append(later(reaction.ring_after, lambda: calling.rings(leg)))
    if reaction.answer_after is not None:
        leg.timers.append(later(reaction.answer_after, lambda: _pick_up(switch, leg, calling)))
    if reaction.refuse_after is not None:
        leg.timers.append(later(reaction.refuse_after, lambda: calling.refused(leg, reaction.refuse_with)))


def _pick_up(switch: Switch, leg: Leg, calling: Calling) -> None:
    # Nobody picks up a second call while talking.
    if not switch.is_talking(leg.channel.endpoint):
        calling.answered(leg)


def mark_refusal(switch: Switch, leg: Leg, status: int | None) -> tuple[int, str]:
    """Note a refusal on the leg's channel; gives the hangup cause and the dial status."""
    leg.stop()
    if status is None:
        return 16, "NOANSWER"
    cause, dial_status = REFUSALS.get(status, (21, "NOANSWER"))
    leg.channel.tech_cause = status
    switch.request_hangup(leg.channel, cause)
    return cause, dial_status


class Dial:
    """One execution of Dial. `done` gets the dial status when nobody answered; a talk begins when somebody did."""

    def __init__(
        self,
        switch: Switch,
        caller: Channel,
        done: Callable[[str, int], None],
        talking: Callable[[Talk], None] = lambda _talk: None,
    ) -> None:
        self.switch = switch
        self.legs: list[Leg] = []
        self.caller = caller
        self.done = done
        self.talking = talking
        self._timers: list[Timer] = []

    def start(self, targets: Sequence[Target], reactions: Sequence[Reaction], timeout: float, data: str = "") -> None:
        """Call every target that can be called; `timeout` in seconds."""
        self.caller.owner = self
        self.switch.run_application(self.caller, "Dial", data)
        for target in targets:
            phone = self.switch.phones.get(target.endpoint)
            if target.endpoint == TRUNK or (phone is not None and phone.registered):
                self.legs.append(self._new_leg(target))
        if not self.legs:
            self._finish(3, "CHANUNAVAIL")
            return
        for leg in self.legs:
            self.switch.emit(
                "DialBegin", self.caller.headers(), leg.channel.headers("Dest"), DialString=leg.dial_string
            )
        if len(self.legs) == 1 and self.caller.connected != self.legs[0].channel.caller:
            self.switch.connect_line(self.caller, self.legs[0].channel.caller)
        self._timers.append(self.switch.timeline.after(timeout, self._time_out))
        if self.caller.plan.patience is not None:
            self._timers.append(self.switch.timeline.after(self.caller.plan.patience, self._give_up))
        for leg, reaction in zip(list(self.legs), reactions, strict=False):
            invite(self.switch, leg, reaction, self)

    def _new_leg(self, target: Target) -> Leg:
        phone = self.switch.phones.get(target.endpoint)
        party = Party(phone.extension, phone.name) if phone else Party()
        channel = self.switch.new_channel(target.endpoint, State.Down, party, "s", of=self.caller)
        channel.owner = self
        channel.connected = self.caller.caller
        if phone is None:
            channel.caller = self.caller.connected if self.caller.state is State.Up else Party(target.number)
        self.switch.run_application(channel, "AppDial", "(Outgoing Line)", exten=self.caller.exten)
        if phone is None:
            self.switch.set_caller(channel, channel.caller)
        self.switch.connect_line(channel, self.caller.caller)
        return Leg(channel, target.dial_string, [])

    def leg_of(self, channel: Channel) -> Leg | None:
        """Find the leg of a called channel; None when it is not (or no longer) called from here."""
        return find_leg(self.legs, channel)

    def rings(self, leg: Leg) -> None:
        """Say Newstate Ringing of the phone, then DialState of the pair."""
        self.switch.set_state(leg.channel, State.Ringing)
        self.switch.emit("DialState", self.caller.headers(), leg.channel.headers("Dest"), DialStatus="RINGING")

    def answered(self, leg: Leg) -> None:
        """Give the call to the first who answers; the other phones stop."""
        self._stop()
        if leg.channel.state is not State.Up:
            self.switch.set_state(leg.channel, State.Up)
        others = [other for other in self.legs if other is not leg]
        if others:
            self.switch.connect_line(self.caller, leg.channel.caller)
        for other in others:
            self._dial_end(other, "CANCEL")
        self._dial_end(leg, "ANSWER")
        if self.caller.state is not State.Up:
            self.switch.set_state(self.caller, State.Up)
        talk = Talk(self.switch, self.caller, leg.channel)
        for other in others:
            self.switch.hang_up(other.channel, 26)
        self.legs.clear()
        self.talking(talk)

    def picked_up(self, leg: Leg, channel: Channel) -> None:
        """Give the call to a colleague who was not called, instead of the phone that rings."""
        leg.stop()
        rang, leg.channel = leg.channel, channel
        self.switch.hang_up(rang, 16)
        self.answered(leg)

    def refused(self, leg: Leg, status: int | None) -> None:
        """Drop one party; when the last one has refused, the dialplan goes on."""
        cause, dial_status = mark_refusal(self.switch, leg, status)
        self.legs.remove(leg)
        self._dial_end(leg, dial_status)
        self.switch.hang_up(leg.channel, cause)
        if not self.legs:
            self.caller.cause = cause
            if dial_status == "BUSY" and self.caller.state is State.Ring:
                self.caller.tech_cause = status
            self._finish(cause, dial_status)

    def hung_up(self, channel: Channel, *, asked: bool) -> None:
        """End all when the caller gives up; one leg when a ringing phone's channel is ended from outside."""
        leg = self.leg_of(channel)
        if leg is not None:
            self.refused(leg, 603 if asked else None)
            return
        self._stop()
        if asked:
            self.caller.tech_cause = CANCELED
            self.switch.request_hangup(self.caller, 127)
        for other in self.legs:
            self._dial_end(other, "CANCEL")
        self.switch.soft_hangup(self.caller)
        for other in self.legs:
            other.channel.tech_cause = CANCEL_SENT
            self.switch.hang_up(other.channel, 127)
        self.legs.clear()
        self.switch.hang_up(self.caller, 127)

    def _time_out(self) -> None:
        self._stop()
        for leg in self.legs:
            self._dial_end(leg, "NOANSWER")
        legs, self.legs = self.legs, []
        for leg in legs:
            self.switch.hang_up(leg.channel, 0)
        self._finish(0, "NOANSWER")

    def _give_up(self) -> None:
        if self.caller.owner is self:
            self.hung_up(self.caller, asked=True)

    def _finish(self, cause: int, dial_status: str) -> None:
        self._stop()
        self.caller.owner = None
        self.done(dial_status, cause)

    def _stop(self) -> None:
        for timer in self._timers:
            timer.cancel()
        for leg in self.legs:
            leg.stop()

    def _dial_end(self, leg: Leg, status: str) -> None:
        self.switch.emit("DialEnd", self.caller.headers(), leg.channel.headers("Dest"), DialStatus=status)

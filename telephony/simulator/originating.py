"""AMI's Originate: a phone of ours rings first, then the dialplan calls the other side."""

from collections.abc import Callable
from dataclasses import dataclass

from telephony.simulator.dialing import Leg, find_leg, invite, mark_refusal
from telephony.simulator.frames import UNKNOWN
from telephony.simulator.switch import NOBODY, Channel, Party, State, Switch
from telephony.simulator.timeline import Timer


@dataclass(frozen=True, slots=True)
class Origination:
    """What an Originate action asks for; `timeout` in seconds."""

    extension: str
    context: str
    exten: str
    caller: Party = NOBODY
    timeout: float = 30.0
    action_id: str = ""
    channel_id: str = ""
    run: Callable[[Channel], None] | None = None
    """What happens once the phone is taken, instead of the dialplan."""


class Originate:
    """One Originate. `done` gets the answered phone's channel."""

    def __init__(self, switch: Switch, order: Origination, done: Callable[[Channel], None]) -> None:
        self.switch = switch
        self.legs: list[Leg] = []
        self.order = order
        self.done = done
        self._timer: Timer | None = None

    def start(self) -> None:
        """Ring the phone, or report at once that it cannot be reached."""
        phone = self.switch.phones.get(self.order.extension)
        if phone is None or not phone.registered:
            self._respond(None, reason=0)
            return
        own = Party(phone.extension, phone.name)
        channel = self.switch.new_channel(phone.extension, State.Down, own, "s", uniqueid=self.order.channel_id)
        channel.owner = self
        self.switch.run_application(channel, "AppDial2", "(Outgoing Line)")
        if self.order.caller != NOBODY:
            self.switch.set_caller(channel, self.order.caller)
            self.switch.connect_line(channel, self.order.caller)
        self.switch.emit("DialBegin", channel.headers("Dest"), DialString=phone.extension)
        leg = Leg(channel, phone.extension, [])
        self.legs.append(leg)
        self._timer = self.switch.timeline.after(self.order.timeout, lambda: self._time_out(leg))
        invite(self.switch, leg, phone.click_reaction(), self)

    def leg_of(self, channel: Channel) -> Leg | None:
        """Find the leg of a called channel; None when it is not (or no longer) called from here."""
        return find_leg(self.legs, channel)

    def rings(self, leg: Leg) -> None:
        """Say that the phone of the one who clicked rings."""
        self.switch.set_state(leg.channel, State.Ringing)
        self.switch.emit("DialState", leg.channel.headers("Dest"), DialStatus="RINGING")

    def answered(self, leg: Leg) -> None:
        """Go on in the dialplan: the agent is there."""
        self._stop(leg)
        self.switch.set_state(leg.channel, State.Up)
        self.switch.emit("DialEnd", leg.channel.headers("Dest"), DialStatus="ANSWER")
        self._respond(leg.channel, reason=4)
        leg.channel.owner = None
        leg.channel.context = self.order.context
        self.done(leg.channel)

    def refused(self, leg: Leg, status: int | None) -> None:
        """Report failure: the agent's phone refuses its own call."""
        if self._timer is not None:
            self._timer.cancel()
        cause, dial_status = mark_refusal(self.switch, leg, status)
        self.legs.remove(leg)
        self.switch.emit("DialEnd", leg.channel.headers("Dest"), DialStatus=dial_status)
        self._respond(None, reason=0)
        self.switch.hang_up(leg.channel, cause)

    def hung_up(self, channel: Channel, *, asked: bool) -> None:
        """Report failure: the agent declines, or the channel is ended from outside."""
        leg = self.leg_of(channel)
        if leg is not None:
            self.refused(leg, 603 if asked else None)

    def _time_out(self, leg: Leg) -> None:
        self._stop(leg)
        self._respond(None, reason=3)
        self.switch.hang_up(leg.channel, 19)

    def _stop(self, leg: Leg) -> None:
        leg.stop()
        self.legs.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _respond(self, channel: Channel | None, reason: int) -> None:
        caller = self.order.caller
        headers = {"ActionID": self.order.action_id} if self.order.action_id else {}
        self.switch.emit(
            "OriginateResponse",
            headers,
            Response="Success" if channel else "Failure",
            Channel=channel.name if channel else f"PJSIP/{self.order.extension}",
            Context=self.order.context,
            Exten=self.order.exten,
            Reason=str(reason),
            Uniqueid=channel.uniqueid if channel else UNKNOWN,
            CallerIDNum=caller.number or UNKNOWN,
            CallerIDName=caller.name or UNKNOWN,
        )

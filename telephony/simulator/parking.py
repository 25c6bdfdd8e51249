"""The parking lot: callers wait in numbered spaces until somebody dials the number, or come back to who parked them."""

from collections.abc import Callable
from dataclasses import dataclass, field

from telephony.simulator.switch import Channel, Switch
from telephony.simulator.talking import Talk
from telephony.simulator.timeline import Timer

LOT = range(701, 721)
"""The numbers of the spaces."""
TIMEOUT = 45.0
"""Seconds after which nobody's call rings again where it was parked."""


@dataclass(slots=True)
class ParkingLot:
    """Who is parked where."""

    spaces: dict[str, "Parked"] = field(default_factory=dict)

    def free(self) -> str | None:
        """Give the first free space; None when the lot is full."""
        return next((str(number) for number in LOT if str(number) not in self.spaces), None)


class Parked:
    """One parked caller; `come_back` gets the channel and the extension that parked it when nobody fetched it."""

    def __init__(
        self, switch: Switch, lot: ParkingLot, channel: Channel, parker: str, come_back: Callable[[Channel, str], None]
    ) -> None:
        self.switch = switch
        self.lot = lot
        self.channel = channel
        self.parker = parker
        self.space = ""
        self.since = switch.timeline.now
        self._come_back = come_back
        self._timer: Timer | None = None
        self._timeout = TIMEOUT

    def start(self, space: str, timeout: float = TIMEOUT) -> None:
        """Let the caller wait."""
        self.space, self._timeout = space, timeout
        self.lot.spaces[space] = self
        self.channel.owner = self
        self.switch.emit("ParkedCall", self.channel.headers("Parkee"), self._facts())
        bridge = self.switch.new_bridge("parking", "holding_bridge", "Parking")
        self.switch.leave(self.channel)
        self.switch.enter(bridge, self.channel)
        self.switch.emit("MusicOnHoldStart", self.channel.headers(), Class="default")
        self._timer = self.switch.timeline.after(timeout, self._time_out)

    def _facts(self) -> dict[str, str]:
        waited = int(self.switch.timeline.now - self.since)
        return {
            "ParkerDialString": f"PJSIP/{self.parker}",
            "Parkinglot": "default",
            "ParkingSpace": self.space,
            "ParkingTimeout": str(max(0, int(self._timeout) - waited)),
            "ParkingDuration": str(waited),
        }

    def fetched_by(self, retriever: Channel) -> Talk:
        """Connect the caller with who dialled the space."""
        self._stop()
        self.switch.emit("UnParkedCall", self.channel.headers("Parkee"), retriever.headers("Retriever"), self._facts())
        self.switch.emit("MusicOnHoldStop", self.channel.headers())
        self.switch.leave(self.channel)
        return Talk(self.switch, retriever, self.channel, queued=True)

    def hung_up(self, channel: Channel, *, asked: bool) -> None:
        """End the call of a caller who waits no longer."""
        self._stop()
        if asked:
            self.switch.request_hangup(channel, 16)
        self.switch.leave(channel)
        self.switch.soft_hangup(channel)
        self.switch.hang_up(channel, 16)

    def _time_out(self) -> None:
        self._stop()
        self.switch.emit("ParkedCallTimeOut", self.channel.headers("Parkee"), self._facts())
        self.switch.emit("MusicOnHoldStop", self.channel.headers())
        self.switch.leave(self.channel)
        self.channel.owner = None
        self._come_back(self.channel, self.parker)

    def _stop(self) -> None:
        self.lot.spaces.pop(self.space, None)
        if self._timer is not None:
            self._timer.cancel()

"""ChanSpy: somebody hears a call, or speaks into it, without being a party of it."""

from telephony.simulator.switch import Channel, Switch


class Spying:
    """One listener; it ends with the channel that is listened to, or when the listener hangs up."""

    def __init__(self, switch: Switch, spyer: Channel, spyee: Channel) -> None:
        self.switch = switch
        self.spyer = spyer
        self.spyee = spyee

    def start(self, options: str) -> None:
        """Begin to listen."""
        self.spyer.owner = self
        self.switch.run_application(self.spyer, "ChanSpy", f"{self.spyee.name},{options}")
        self.switch.emit("ChanSpyStart", self._both())
        self.spyee.watchers.append(self._spyee_changed)

    def _both(self) -> dict[str, str]:
        return self.spyer.headers("Spyer") | self.spyee.headers("Spyee")

    def _spyee_changed(self, spyee: Channel) -> None:
        if spyee.gone and not self.spyer.gone:
            self._end()

    def hung_up(self, channel: Channel, *, asked: bool) -> None:
        """Stop listening."""
        if asked:
            self.switch.request_hangup(channel, None)
        self._end()

    def _end(self) -> None:
        self.spyee.watchers.remove(self._spyee_changed)
        self.switch.emit("ChanSpyStop", self._both())
        self.switch.soft_hangup(self.spyer)
        self.switch.hang_up(self.spyer, 16)

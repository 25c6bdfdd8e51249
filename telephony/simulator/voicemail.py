"""The VoiceMail application, and playing an announcement: things a caller hears instead of a person."""

from collections import Counter
from collections.abc import Callable

from telephony.simulator.switch import Channel, State, Switch

SHORTEST_MESSAGE = 3.0
"""Seconds below which nothing was said: no message is kept."""


class VoiceMail:
    """A caller on the answering machine until it hangs up."""

    def __init__(self, switch: Switch, caller: Channel, mailbox: str, messages: Counter[str]) -> None:
        self.switch = switch
        self.caller = caller
        self.mailbox = mailbox
        self.messages = messages
        self.started_at = switch.timeline.now

    def start(self) -> None:
        """Answer the caller; a planned message ends by itself."""
        self.caller.owner = self
        self.switch.run_application(self.caller, "VoiceMail", f"{self.mailbox}@default,u")
        if self.caller.state is not State.Up:
            self.switch.set_state(self.caller, State.Up)
        plan = self.caller.plan
        seconds = plan.voicemail if plan.voicemail is not None else plan.talk
        if seconds is not None:
            self.switch.timeline.after(seconds, self._put_down)

    def _put_down(self) -> None:
        if self.caller.owner is self:
            self.hung_up(self.caller, asked=True)

    def hung_up(self, channel: Channel, *, asked: bool) -> None:
        """Keep the message, if there is one, and end the call."""
        if asked:
            self.switch.request_hangup(channel, channel.cause or None)
        kept = self.switch.timeline.now - self.started_at > SHORTEST_MESSAGE
        if kept:
            self._keep_message(channel)
        self.switch.emit("VarSet", channel.headers(), Variable="VMSTATUS", Value="SUCCESS" if kept else "FAILED")
        self.switch.soft_hangup(channel)
        self.switch.hang_up(channel, channel.cause)

    def _keep_message(self, channel: Channel) -> None:
        file = f"/var/spool/asterisk/voicemail/default/{self.mailbox}/INBOX/msg{self.messages[self.mailbox]:04}"
        self.messages[self.mailbox] += 1
        self.switch.emit("VarSet", channel.headers(), Variable="VM_MESSAGEFILE", Value=file)
        waiting = {"Waiting": "1", "New": str(self.messages[self.mailbox]), "Old": "0"}
        self.switch.emit("MessageWaiting", channel.headers(), waiting, Mailbox=f"{self.mailbox}@default")


class Announcement:
    """A caller hears a text of `seconds`, then `done` is called."""

    def __init__(self, switch: Switch, caller: Channel, seconds: float, done: Callable[[], None]) -> None:
        self.switch = switch
        self.caller = caller
        self.seconds = seconds
        self.done = done

    def start(self) -> None:
        """Play it."""
        self.caller.owner = self
        self.switch.run_application(self.caller, "Playback", "tt-weasels")
        self.switch.timeline.after(self.seconds, self._over)

    def _over(self) -> None:
        if self.caller.owner is self:
            self.done()

    def hung_up(self, channel: Channel, *, asked: bool) -> None:
        """End the call of a caller who does not listen to the end."""
        if asked:
            self.switch.request_hangup(channel, 16)
        self.switch.soft_hangup(channel)
        self.switch.hang_up(channel, 16)

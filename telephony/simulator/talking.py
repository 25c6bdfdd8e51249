"""Two parties in a bridge, and how their talk ends."""

from collections.abc import Callable

from telephony.simulator.switch import Channel, Switch


class Talk:
    """The bridged part of a call. `ended` is told who left first, before the others are taken apart."""

    def __init__(self, switch: Switch, caller: Channel, called: Channel, *, queued: bool = False) -> None:
        self.switch = switch
        self.caller = caller
        self.called = called
        self.queued = queued
        self.started_at = switch.timeline.now
        self.ended: Callable[[str], None] = lambda _reason: None
        self._bridge_up()
        self._plan_end()

    @property
    def channels(self) -> tuple[Channel, Channel]:
        """Who talks."""
        return self.caller, self.called

    def other(self, channel: Channel) -> Channel:
        """Give the one the party on `channel` talks to."""
        return self.called if channel is self.caller else self.caller

    def resume(self) -> None:
        """Go on after a consultation; a planned talk goes on for as long again."""
        for channel in self.channels:
            channel.owner = self
        self._plan_end()

    def _plan_end(self) -> None:
        plan = self.caller.plan
        if plan.talk is not None:
            leaver = self.called if plan.hung_up_by_called else self.caller
            self.switch.timeline.after(plan.talk, lambda: self._put_down(leaver))

    def _put_down(self, channel: Channel) -> None:
        if channel.owner is self:
            self.hung_up(channel, asked=True)

    def _bridge_up(self) -> None:
        for channel in (self.caller, self.called):
            channel.owner = self
        bridge = self.switch.new_bridge()
        if not self.queued:
            self.switch.run_application(self.called, "AppDial", "(Outgoing Line)", exten="")
        self.switch.enter(bridge, self.called)
        self.switch.enter(bridge, self.caller)

    def hung_up(self, channel: Channel, *, asked: bool) -> None:
        """Take the talk apart in the order Asterisk does: it depends on which side left."""
        if asked:
            self.switch.request_hangup(channel, None if self.queued else 16)
        self.ended("caller" if channel is self.caller else "agent")
        self.switch.leave(channel)
        if channel is self.called:
            self.switch.hang_up(self.called, 16)
            self.switch.leave(self.caller)
            self.switch.soft_hangup(self.caller)
            self.switch.hang_up(self.caller, 16)
        elif self.queued:
            self.switch.leave(self.called)
            self.switch.hang_up(self.called, 16)
            self.switch.soft_hangup(self.caller)
            self.switch.hang_up(self.caller, 16)
        else:
            self.switch.soft_hangup(self.caller)
            self.switch.leave(self.called)
            self.switch.hang_up(self.called, 16)
            self.switch.hang_up(self.caller, 16)

    def release(self, stays: Channel) -> None:
        """Take the talk apart but keep `stays` alive: it is going elsewhere (redirect, transfer)."""
        other = self.other(stays)
        self.ended("transfer")
        self.switch.leave(other)
        self.switch.leave(stays)
        self.switch.hang_up(other, 16)
        stays.owner = None

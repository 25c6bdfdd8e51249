"""AMI's Atxfer: a party talks to somebody else while its peer hears music; holding by click is one with nobody.

The events, and their order, are those of a real Asterisk 22 under tests/e2e/test_control.py.
"""

from collections.abc import Callable

from telephony.simulator.switch import Channel, Party, State, Switch
from telephony.simulator.talking import Talk

KEYS_SECONDS = 0.23
"""Asterisk plays the digits of the target to itself."""
WAITING_ROOM = "*4653"
"""The extension that only waits; see asterisk_conf/extensions.conf."""

RunDialplan = Callable[[Channel, str], None]


class Consultation:
    """One Atxfer. It owns the talk's channels until the party comes back, hands over or goes."""

    def __init__(self, talk: Talk, party: Channel, exten: str, run: RunDialplan) -> None:
        self.switch: Switch = talk.switch
        self.talk = talk
        self.party = party
        self.peer = talk.other(party)
        self.exten = exten
        self.handed_over = False
        self._run = run
        self._near: Channel | None = None
        self._far: Channel | None = None
        self._over = False

    def start(self) -> None:
        """Let the peer hear music, then call."""
        self.party.owner = self.peer.owner = self
        self.switch.hold(self.party, self.peer, held=True)
        self.switch.timeline.after(KEYS_SECONDS, self._call)

    def _call(self) -> None:
        if self._over:
            return
        near, far = self.switch.new_local(self.exten, "from-internal", self.party)
        self._near, self._far = near, far
        near.owner = self
        self._move(near, None)
        self._move(self.party, near)
        self.switch.set_caller(near, Party(self.exten))
        far.watchers.append(self._far_side)
        if self.exten == WAITING_ROOM:
            self.switch.run_application(far, "Answer")
            far.owner = self
            self.switch.set_state(far, State.Up)
        else:
            self._run(far, self.exten)

    def _move(self, channel: Channel, to: Channel | None) -> None:
        """Put a channel into the bridge of another one, or into a new one."""
        bridge = to.bridge if to is not None and to.bridge is not None else self.switch.new_bridge()
        self.switch.leave(channel)
        self.switch.enter(bridge, channel)

    def _far_side(self, far: Channel) -> None:
        """Follow what becomes of the one who is called."""
        near = self._near
        if near is None or near.gone:
            return
        if far.gone:
            if self.handed_over:
                self._end(near, asked=False)
            else:
                self._come_back()
        elif far.state is State.Up and near.state is not State.Up:
            self.switch.set_state(near, State.Up)
            self.switch.emit("DialEnd", near.headers("Dest"), DialStatus="ANSWER")

    def hung_up(self, channel: Channel, *, asked: bool) -> None:
        """Come back when the one consulted goes, hand over when the party goes, end all when the peer goes."""
        if self.handed_over or channel is self.peer or self._near is None:
            self._end(channel, asked=asked)
        elif channel is self.party:
            if self.exten == WAITING_ROOM:
                self._end(channel, asked=asked)
            else:
                self._hand_over(self._near)
        else:
            self._come_back()

    def _come_back(self) -> None:
        """Let party and peer talk again."""
        near = self._near
        if self._over or near is None:
            return
        self._over = True
        self.switch.leave(near)
        self._move(self.party, self.peer)
        self.switch.hold(self.party, self.peer, held=False)
        self.talk.resume()
        self._drop_call()

    def _hand_over(self, near: Channel) -> None:
        """Connect the peer with the one who was called, also while that phone still rings."""
        self.handed_over = True
        consulted, first = self.party.bridge, self.peer.bridge
        if consulted is None or first is None:
            self._end(self.party, asked=False)
            return
        facts = self.party.headers("OrigTransferer") | first.headers("Orig")
        facts |= self.party.headers("SecondTransferer") | consulted.headers("Second")
        self.talk.ended("transfer")
        self.switch.leave(self.party)
        self._move(near, self.peer)
        self.switch.emit("MusicOnHoldStop", self.peer.headers())
        people = self.peer.headers("Transferee") | near.headers("TransferTarget")
        kind = {"Result": "Success", "IsExternal": "No", "DestType": "Bridge", "DestBridgeUniqueid": first.uniqueid}
        self.switch.emit("AttendedTransfer", facts, people, kind)
        self.switch.hang_up(self.party, 16)
        plan = self.peer.plan
        if plan.talk is not None:
            self.switch.timeline.after(plan.talk, self._peer_leaves)

    def _peer_leaves(self) -> None:
        if self.peer.owner is self:
            self._end(self.peer, asked=True)

    def _end(self, first: Channel, *, asked: bool) -> None:
        """Take everything apart, beginning with the one who goes."""
        if self._over:
            return
        self._over = True
        if asked:
            self.switch.request_hangup(first, 16)
        if not self.handed_over:
            self.talk.ended("caller" if first is self.talk.caller else "agent")
        others = [one for one in (self.party, self.peer, self._near) if one is not None and one is not first]
        for channel in (first, *others):
            if channel.gone:
                continue
            self.switch.leave(channel)
            self.switch.hang_up(channel, 16)
        self._drop_call()

    def _drop_call(self) -> None:
        """End what is left of the call to the one who was consulted."""
        far = self._far
        if far is not None and not far.gone:
            if far.owner is not None and far.owner is not self:
                far.owner.hung_up(far, asked=True)
            else:
                self.switch.request_hangup(far, 16)
                self.switch.hang_up(far, 16)
        if self._near is not None and not self._near.gone:
            self.switch.hang_up(self._near, 16)

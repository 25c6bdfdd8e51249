"""Asking one PBX to do something with calls and queues, in the words of the product."""

import asyncio
import secrets
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from telephony import actions
from telephony.book import call_of
from telephony.calls import CallBook, call_id, open_calls
from telephony.channels import HOLD_EXTENSION, Channel, connected_parties, consultation, leads_to_hold
from telephony.conversations import Conversation
from telephony.links import ActionRefused, AmiError, Link, NotSupported
from telephony.records import CallRecord
from telephony.recovery import queues

ALREADY_THERE = "already there"
EFFECT_SECONDS = 3.0
"""How long the events may take to show what an action that only says "queued" did."""
LOOK_SECONDS = 0.05


class Control:
    """What a person may do with the calls of one PBX; every method raises `AmiError` when it was not done."""

    def __init__(self, link: Link, book: CallBook, plan: actions.DialPlan) -> None:
        self.link = link
        self.book = book
        self.plan = plan

    @property
    def pbx(self) -> str:
        """Name of the PBX."""
        return self.book.line.pbx

    async def dial(self, extension: str, to: str, *, timeout: float = 30.0) -> str:  # noqa: ASYNC109 - how long to ring
        """Ring a phone for at most `timeout` seconds and call `to` from it; gives the id the call will have."""
        uniqueid = f"callcard-{secrets.token_hex(8)}"
        name, fields = actions.originate(self.plan, extension, to, channel_id=uniqueid, ring_seconds=timeout)
        await self.link.action(name, fields)
        return call_id(self.pbx, uniqueid)

    async def sip_call_id(self, uniqueid: str) -> str | None:
        """Ask which SIP Call-ID a channel has; None where it has none."""
        channel = self.book.graph.channels.get(uniqueid)
        if channel is None or not channel.name.startswith("PJSIP/"):
            return None
        name, fields = actions.sip_call_id(channel.name)
        return (await self.link.action(name, fields, timeout=2.0)).fields.get("Value") or None

    async def answer(self, call: str, extension: str) -> None:
        """Let the desk phone `extension` take the call that rings there, where the phone obeys."""
        if not any(one.is_phone and one.endpoint == extension for one in self._channels(self._call(call))):
            raise ActionRefused(f"the call does not ring at {extension}")
        await self._ask(actions.answer(extension))

    async def hangup(self, call: str) -> None:
        """End a running call."""
        refusal = ActionRefused("the call has ended")
        channels = self._channels(self._call(call))
        held = any(self._holds(channel) for channel in channels)
        done = False
        for channel in channels:
            try:
                await self._ask(actions.hangup(channel.name))
            except ActionRefused as error:
                refusal = error
            else:
                done = True
                # One end takes the other with it, unless the PBX keeps them apart.
                if not held:
                    return
        if not done:
            raise refusal

    async def transfer(self, call: str, to: str, kind: str = "blind", *, by: AbstractSet[str] = frozenset()) -> None:
        """Let the agent who talks (one of the phones `by`, where given) send the other party to `to`.

        Attended: the agent talks to `to` first; `complete` hands over, `unhold` goes back to the caller.
        """
        channel = self._talking(call, by)
        if kind == "blind":
            await self._ask(actions.blind_transfer(self.plan, channel.name, to))
        else:
            await self._consult(channel, actions.attended_transfer(self.plan, channel.name, to))

    async def complete(self, call: str, *, by: AbstractSet[str] = frozenset()) -> None:
        """Hand the caller over to the one who is consulted, also while that phone still rings."""
        channel = self._talking(call, by)
        other = consultation(self.book.graph, channel)
        if other is None or leads_to_hold(other):
            raise ActionRefused("nobody is consulted")
        await self._ask(actions.hangup(channel.name))

    async def hold(self, call: str, *, by: AbstractSet[str] = frozenset()) -> None:
        """Let the caller hear music while the agent's phone waits at `HOLD_EXTENSION`.

        It works with every phone; should Callcard stop meanwhile, the keys *1 take the caller back.
        """
        channel = self._talking(call, by)
        if self._holds(channel):
            return
        await self._must_know(HOLD_EXTENSION)
        await self._ask(actions.remember(channel.name, "CALLCARD_HOLDER", channel.uniqueid))
        await self._consult(channel, actions.hold(self.plan, channel.name, HOLD_EXTENSION))

    async def unhold(self, call: str, *, by: AbstractSet[str] = frozenset()) -> None:
        """Take the caller back from a hold or a consultation."""
        channel = self._talking(call, by)
        if not self._holds(channel):
            return
        other = consultation(self.book.graph, channel)
        if other is None:
            raise ActionRefused("it was put on hold at the phone: press its hold key again")
        # CancelAtxfer plays keys, which arrive late and garble a next Atxfer; without its target it is over as well.
        await self._ask(actions.hangup(other.name))
        await self._seen(lambda: not self._holds(channel), "the caller is still on hold")

    async def park(self, call: str, *, by: AbstractSet[str] = frozenset()) -> None:
        """Park the other party; nobody fetching it, the agent's phone rings again after the lot's time."""
        channel = self._talking(call, by)
        peers = [one for one in connected_parties(self.book.graph, channel) if one is not channel]
        if not peers:
            raise ActionRefused("take the caller back first")
        # The phone's own part of the call ends with it, as when one parks by key.
        await self._ask(actions.park(peers[0].name, announce_to=channel.name))
        await self._seen(lambda: self._conversation(call).parked, "the call was not parked")

    async def fetch(self, call: str, extension: str) -> None:
        """Ring a phone of ours and connect it with the parked caller once it is taken."""
        conversation = self._conversation(call)
        space = next((step.detail for step in reversed(conversation.timeline) if step.what == "park"), None)
        if not conversation.parked or not space:
            raise ActionRefused("the call is not parked")
        uniqueid = f"callcard-{secrets.token_hex(8)}"
        name, fields = actions.originate(self.plan, extension, space, channel_id=uniqueid)
        await self._ask((name, fields))

    async def pickup(self, call: str, extension: str) -> None:
        """Ring a phone of ours and give it the call that rings elsewhere, once it is taken."""
        ringing = [one for one in self._channels(self._call(call)) if one.is_phone and one.state == "Ringing"]
        if not ringing:
            raise ActionRefused("the call does not ring any more")
        uniqueid = f"callcard-{secrets.token_hex(8)}"
        caller_id = f"<{extension}>"
        await self._ask(
            actions.run_at(
                self.plan, extension, "PickupChan", f"{ringing[0].name},p", channel_id=uniqueid, caller_id=caller_id
            )
        )

    async def queue_pause(
        self,
        extension: str,
        paused: bool,  # noqa: FBT001 - says what is done
        reason: str | None = None,
        queue: str | None = None,
    ) -> None:
        """Pause or unpause a member, in every queue when none is named."""
        for interface in self._interfaces(extension, queue):
            await self._ask(actions.queue_pause(interface, paused=paused, reason=reason or "", queue=queue))

    async def queue_add(self, extension: str, queue: str | None = None) -> None:
        """Log a phone into a queue, or into every queue."""
        interface = self.plan.interface(extension)
        names = [queue] if queue is not None else [known.name for known in queues(self.book)]
        if not names:
            raise ActionRefused("the PBX has no queues")
        await self._each([actions.queue_add(name, interface) for name in names])

    async def queue_remove(self, extension: str, queue: str | None = None) -> None:
        """Log a phone out of a queue, or out of every queue it is in."""
        wanted = [
            actions.queue_remove(known.name, member.interface)
            for known in queues(self.book)
            for member in known.members
            if member.extension == extension and queue in {None, known.name}
        ]
        if not wanted and queue is not None:
            wanted = [actions.queue_remove(queue, self.plan.interface(extension))]
        await self._each(wanted)

    async def _ask(self, action: actions.Action) -> None:
        name, fields = action
        await self.link.action(name, fields)

    async def _each(self, wanted: list[actions.Action]) -> None:
        """Do all of them even when one is refused; the first refusal is told."""
        refusal: AmiError | None = None
        for action in wanted:
            try:
                await self._ask(action)
            except ActionRefused as error:
                if ALREADY_THERE not in str(error).lower():
                    refusal = refusal or ActionRefused(f"queue {action[1].get('Queue')}: {error}")
        if refusal is not None:
            raise refusal

    async def _consult(self, channel: Channel, action: actions.Action) -> None:
        """Send an Atxfer and see it work: Asterisk says that it is queued whatever comes of it."""
        if self._holds(channel):
            raise ActionRefused("the caller is on hold already: take the call back first")
        refusal = "the PBX did not do it: does the call have the options t and T, and the key of an attended transfer?"
        await self._ask(action)
        await self._seen(lambda: consultation(self.book.graph, channel) is not None, refusal)

    async def _must_know(self, extension: str, plan: actions.DialPlan | None = None) -> None:
        """Ask first where a wrong guess would cost the call.

        Raises:
            NotSupported: the dialplan leads nowhere there.

        """
        plan = plan or self.plan
        name, fields = actions.knows(plan, extension)
        answer = await self.link.action(name, fields)
        if answer.fields.get("Value") != "1":
            raise NotSupported(f"the dialplan has no {extension} in {plan.context}: see asterisk_conf/README.md")

    async def _seen(self, happened: Callable[[], bool], refusal: str) -> None:
        """Wait until the events tell that it happened; refuse where they do not."""
        for _ in range(round(EFFECT_SECONDS / LOOK_SECONDS)):
            if happened():
                return
            await asyncio.sleep(LOOK_SECONDS)
        raise ActionRefused(refusal)

    def _talking(self, call: str, by: AbstractSet[str]) -> Channel:
        """Give the channel of our phone that talks, or consults."""
        record = self._call(call)
        phones = [one for one in self._channels(record) if one.is_phone and one.bridge is not None]
        phones.sort(key=lambda one: (one.endpoint not in by, one.endpoint != record.extension))
        if not phones or (by and phones[0].endpoint not in by):
            raise ActionRefused("nobody talks on this call")
        return phones[0]

    def _holds(self, channel: Channel) -> bool:
        call = call_of(self.book, channel)
        return call is not None and channel.uniqueid in call.held_by

    def _conversation(self, call: str) -> Conversation:
        found = self.book.calls.get(call)
        if found is None:
            raise ActionRefused("the call has ended")
        return found

    def _call(self, call: str) -> CallRecord:
        for record in open_calls(self.book):
            if record.id == call:
                return record
        raise ActionRefused("the call has ended")

    def _channels(self, call: CallRecord) -> list[Channel]:
        """Give the call's living channels, oldest first."""
        channels = self.book.graph.channels
        return [channels[uniqueid] for uniqueid in call.channels if uniqueid in channels]

    def _interfaces(self, extension: str, queue: str | None) -> list[str]:
        """Name the interfaces an agent is a queue member with: not every member is called like the phone."""
        found = {
            member.interface
            for known in queues(self.book)
            for member in known.members
            if member.extension == extension and queue in {None, known.name}
        }
        return sorted(found) or [self.plan.interface(extension)]

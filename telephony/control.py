"""Asking one PBX to do something with calls and queues, in the words of the product."""

import secrets

from telephony import actions
from telephony.calls import CallBook, call_id, open_calls
from telephony.channels import Channel
from telephony.links import ActionRefused, AmiError, Link, NotSupported
from telephony.records import CallRecord
from telephony.recovery import queues

ALREADY_THERE = "already there"


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

    async def answer(self, call: str, extension: str) -> None:
        """Let the desk phone `extension` take the call that rings there, where the phone obeys."""
        if not any(one.is_phone and one.endpoint == extension for one in self._channels(self._call(call))):
            raise ActionRefused(f"the call does not ring at {extension}")
        await self._ask(actions.answer(extension))

    async def hangup(self, call: str) -> None:
        """End a running call."""
        refusal = ActionRefused("the call has ended")
        for channel in self._channels(self._call(call)):
            try:
                await self._ask(actions.hangup(channel.name))
            except ActionRefused as error:
                refusal = error
            else:
                return
        raise refusal

    async def transfer(self, call: str, to: str, kind: str = "blind") -> None:
        """Let the agent who talks send the other party to `to`."""
        if kind != "blind":
            raise NotSupported("attended transfers are made with the phone, for now")
        record = self._call(call)
        for channel in self._channels(record):
            if channel.is_phone and channel.bridge is not None and channel.endpoint == record.extension:
                await self._ask(actions.blind_transfer(self.plan, channel.name, to))
                return
        raise ActionRefused("nobody talks on this call")

    async def hold(self, call: str) -> None:
        """Put the other party on hold."""
        raise NotSupported(f"holding {call} is done with the phone, for now")

    async def unhold(self, call: str) -> None:
        """Take the other party back."""
        raise NotSupported(f"taking {call} back is done with the phone, for now")

    async def park(self, call: str) -> None:
        """Park the other party."""
        raise NotSupported(f"parking {call} is done with the phone, for now")

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

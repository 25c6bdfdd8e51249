"""What supervisors ask of a PBX: to join a call, to move who waits, to record."""

import secrets
from typing import Final

from telephony import actions
from telephony.channels import SPY_PREFIX
from telephony.control import Control
from telephony.links import ActionRefused, NotSupported

SPY_OPTIONS: Final = {"listen": "qES", "whisper": "qESw", "barge": "qESB"}
"""ChanSpy: no announcement, end with the call; `w` talks to the agent alone, `B` to both."""
QUEUE_CONTEXT: Final = "callcard-queues"
"""The dialplan's context with one extension per queue, named like it; see asterisk_conf/README.md."""


class Supervision(Control):
    """A `Control` that may also act on other people's calls."""

    async def spy(self, call: str, extension: str, mode: str, who: str) -> None:
        """Ring the supervisor's phone `extension` and let it join once it is taken.

        `who` is written into the call's timeline, with the mode and the agent.
        """
        channel = self._talking(call, frozenset())
        name = actions.listener_name(who)
        await self._ask(
            actions.run_at(
                self.plan,
                extension,
                "ChanSpy",
                f"{channel.name},{SPY_OPTIONS[mode]}",
                channel_id=f"{SPY_PREFIX}{mode}-{secrets.token_hex(8)}",
                caller_id=f'"{name}" <{channel.endpoint}>',
            )
        )

    async def leave(self, call: str, extension: str) -> None:
        """Let who joined the call with the phone `extension` listen no longer."""
        spies = self._conversation(call).spies
        found = [uniqueid for uniqueid, spy in spies.items() if spy.phone == extension]
        channels = [channel for one in found if (channel := self.book.graph.channels.get(one)) is not None]
        if not channels:
            raise ActionRefused(f"{extension} does not listen to this call")
        for channel in channels:
            await self._ask(actions.hangup(channel.name))

    async def take(self, call: str, extension: str) -> None:
        """Send a waiting caller to a phone of ours."""
        channel, _ = self._waiting(call)
        await self._must_know(extension)
        await self._ask(actions.redirect(self.plan, channel, extension))

    async def move(self, call: str, queue: str) -> None:
        """Send a waiting caller into another queue."""
        channel, _ = self._waiting(call)
        if queue not in self.book.queues.queues:
            raise ActionRefused(f"there is no queue {queue}")
        plan = actions.DialPlan(self.plan.technology, QUEUE_CONTEXT)
        await self._must_know(queue, plan)
        await self._ask(actions.redirect(plan, channel, queue))

    async def prioritise(self, call: str, priority: int) -> None:
        """Let a waiting caller be served before those with a lower priority."""
        channel, queue = self._waiting(call)
        await self._ask(actions.prioritise(queue, channel, priority))

    async def record(self, call: str, what: str) -> None:
        """Start, stop, pause or resume the recording of a call.

        Raises:
            NotSupported: the PBX does not let our user begin a recording.

        """
        record = self._call(call)
        refusal = ActionRefused("nobody talks on this call")
        for channel in self._channels(record):
            if channel.is_local or channel.spying:
                continue
            match what:
                case "start":
                    action = actions.record(channel.name, f"callcard-{record.id}.wav")
                case "stop":
                    action = actions.stop_recording(channel.name)
                case _:
                    action = actions.mute_recording(channel.name, muted=what == "pause")
            try:
                await self._ask(action)
            except ActionRefused as error:
                if what == "start" and "permission" in str(error).lower():
                    text = "the PBX lets Callcard start no recording: its manager user lacks the write class system"
                    raise NotSupported(text) from error
                refusal = error
            else:
                return
        raise refusal

    def _waiting(self, call: str) -> tuple[str, str]:
        """Give the channel of a caller who waits, and the queue."""
        conversation = self._conversation(call)
        channel = self.book.graph.channels.get(conversation.caller or "")
        if channel is None or not conversation.in_queue or conversation.queue is None:
            raise ActionRefused("the caller does not wait any more")
        return channel.name, conversation.queue

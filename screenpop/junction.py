"""Lets calls between our PBXs be told as one: asks them what the linker wants to know, and lets time pass for it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from screenpop.halves import Question
from screenpop.linking import Linker
from telephony.records import CallRecord, Change

TICK_SECONDS: Final = 0.05
FORGET_SECONDS: Final = 5.0
MOST_ASKED: Final = 200
"""Questions under way at the same time; past that calls are told without an answer."""

AskSip = Callable[[str, str], Awaitable[str | None]]
"""Asks a PBX, by its name, which SIP Call-ID a channel (by uniqueid) has; None: it does not say."""
logger = logging.getLogger(__name__)


async def nobody_says(_pbx: str, _uniqueid: str) -> str | None:
    """Know no SIP Call-ID."""
    return None


class Junction:
    """Stands between the PBXs and the service, where there are several."""

    def __init__(self, clock: Callable[[], float], deliver: Callable[[Sequence[Change]], None]) -> None:
        self.ask_sip: AskSip = nobody_says
        self._clock = clock
        self._deliver = deliver
        self._linker = Linker()
        self._questions: asyncio.Queue[Question] = asyncio.Queue()
        self._waits = asyncio.Event()

    def clear(self) -> None:
        """Forget all halves: another owner may go on with them."""
        self._linker = Linker()

    def adopt(self, call: CallRecord) -> None:
        """Take over a call that was running before the start."""
        self._linker.adopt(call, self._clock())

    def take(self, change: Change) -> list[Change]:
        """Take a change of one PBX; gives what shall be heard of it now."""
        told = self._linker.take(change, self._clock())
        self._look_after()
        return told

    async def run(self) -> None:
        """Ask and let time pass, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._let_pass(), name="halves: time")
            group.create_task(self._forget(), name="halves: forget")
            asking: set[asyncio.Task[None]] = set()
            while True:
                question = await self._questions.get()
                if len(asking) < MOST_ASKED:
                    task = group.create_task(self._ask(question))
                    asking.add(task)
                    task.add_done_callback(asking.discard)

    def _look_after(self) -> None:
        for question in self._linker.questions:
            self._questions.put_nowait(question)
        self._linker.questions.clear()
        if self._linker.waiting:
            self._waits.set()

    async def _ask(self, question: Question) -> None:
        try:
            sip_id = await self.ask_sip(question.pbx, question.uniqueid)
        except Exception as error:  # noqa: BLE001 - number and time decide then
            logger.debug("%s: no SIP Call-ID of %s: %r", question.pbx, question.uniqueid, error)
            sip_id = None
        told = self._linker.answered(question, sip_id, self._clock())
        self._look_after()
        if told:
            self._deliver(told)

    async def _let_pass(self) -> None:
        while True:
            await self._waits.wait()
            await asyncio.sleep(TICK_SECONDS)
            told = self._linker.pass_time(self._clock())
            if not self._linker.waiting:
                self._waits.clear()
            if told:
                self._deliver(told)

    async def _forget(self) -> None:
        while True:
            await asyncio.sleep(FORGET_SECONDS)
            self._linker.forget(self._clock())

"""Carries wrap-ups through the day: their timers, their rows, and what is said of them beside the cards."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from crm_core.agents.rules import QueueRules
from crm_core.agents.store import Agents
from crm_core.agents.wrap_ups import WrapUpStore
from crm_core.calls.dispositions_store import Dispositions
from screenpop.messages import PopsState
from screenpop.pops import PopAction, PopBook, Update
from screenpop.wrapups import WrapUps

LOOK_SECONDS: Final = 0.2
"""How late a timer may be."""
SAVE_SECONDS: Final = 5.0
"""A write that takes longer has failed."""

logger = logging.getLogger(__name__)


class Wrapping:
    """Owner of the wrap-ups of one service."""

    def __init__(self, agents: Agents, results: Dispositions, rows: WrapUpStore, clock: Callable[[], float]) -> None:
        self._agents = agents
        self._results = results
        self.rows = rows
        self._clock = clock
        self._failing = False
        self._due = asyncio.Event()
        self.book = WrapUps()
        self.changed = asyncio.Event()
        """Set whenever somebody begins or ends to wrap up."""
        self.known = False
        """Whether what lasted before the start is taken in: until then nobody's pause is touched."""

    async def reload(self) -> None:
        """Read again what queues ask; a result only where one can be chosen. Raises CrmError."""
        tree = await self._results.tree()
        self.book.rules = QueueRules(await self._agents.queue_settings(), lambda queue: bool(tree.choices(queue)))

    def joined(self, actions: Sequence[PopAction], pops: PopBook) -> list[PopAction]:
        """Return what agents are told, with what it means for their wrap-ups."""
        told, before = list(actions), self.book.changes
        for user in {action.user for action in actions}:
            for update in self.updates(user, self.book.follow(user, pops.wrapping_up(user))):
                _join(told, update)
        if self.book.changes != before:  # most cards come and change without anybody's wrapping up
            self.notice()
        return told

    def notice(self) -> None:
        """Let those know at once who act on wrap-ups: rows are written, members paused or let go."""
        self._due.set()
        self.changed.set()

    def updates(self, user: str, calls: Collection[str]) -> list[Update]:
        """Return what cards say of their wrap-ups now."""
        return [Update(user, call_id, wrap_up=self.book.told(user, call_id)) for call_id in calls]

    def onto(self, user: str, state: PopsState) -> PopsState:
        """Return an agent's cards with what they say of their wrap-ups."""
        pops = (msgspec.structs.replace(pop, wrap_up=self.book.told(user, pop.call_id)) for pop in state.pops)
        return PopsState(tuple(pops))

    async def run(self, online: Callable[[], Collection[str]], tell: Callable[[str, Collection[str]], None]) -> None:
        """End what timers end and keep the rows up to date, until cancelled; `tell` gets the user and the calls."""
        while True:
            self._due.clear()
            self.book.attend(online())
            for user, calls in self.book.sweep(self._clock()).items():
                tell(user, calls)
            await self.write()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._due.wait()

    async def write(self) -> None:
        """Write what began and what ended; what fails is kept."""
        kept, ended = self.book.take()
        if not kept and not ended:
            return
        try:
            async with asyncio.timeout(SAVE_SECONDS):
                await self.rows.write(kept, ended)
        except asyncio.CancelledError:
            self.book.give_back(kept, ended)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, a restart must find the wrap-ups
            self.book.give_back(kept, ended)
            if not self._failing:
                logger.warning("wrap-ups are not written yet: %r", error)
            self._failing = True
        else:
            self._failing = False

    async def finish(self, seconds: float) -> None:
        """Write what is left, at the stop, within `seconds`, and give the picture up."""
        try:
            async with asyncio.timeout(seconds):
                await self.write()
        except TimeoutError:
            logger.error("the last wrap-ups could not be written before the stop")  # noqa: TRY400 - no traceback helps
        rules, self.book = self.book.rules, WrapUps()
        self.book.rules = rules
        self.known = False


def _join(told: list[PopAction], update: Update) -> None:
    """Say it in the same frame as what else the card says, where there is one."""
    for place, action in enumerate(told):
        if isinstance(action, Update) and (action.user, action.call_id) == (update.user, update.call_id):
            told[place] = replace(action, wrap_up=update.wrap_up)
            return
    told.append(update)

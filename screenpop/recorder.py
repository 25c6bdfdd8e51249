"""Writes what agents do all day: the intervals of their states, off the path of the pops.

A heartbeat says until when agents were watched: after a crash that is where the last intervals end. It is written
together with the intervals, so that nothing before it is missing.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from crm_core.agents.states import after_restart
from crm_core.agents.states_store import AgentStates
from crm_core.errors import CrmError
from screenpop.board import Board
from screenpop.timelines import Timelines

WRITE_SECONDS: Final = 1.0
"""How often intervals are written."""
HEARTBEAT_SECONDS: Final = 5.0
SAVE_SECONDS: Final = 10.0
"""A write that takes longer has failed."""

logger = logging.getLogger(__name__)


class StateRecorder:
    """Owner of the intervals on their way to the database."""

    def __init__(self, states: AgentStates, clock: Callable[[], float]) -> None:
        self._states = states
        self._clock = clock
        self._timelines: Timelines | None = None
        self._beat: float | None = None
        self._failing = False

    @property
    def lost(self) -> int:
        """How many intervals were not kept because too many waited for the database."""
        return self._timelines.lost if self._timelines else 0

    async def begin(self) -> None:
        """End what lasted when the service was last alive; raises CrmError. Does nothing when begun already."""
        if self._timelines is not None:
            return
        lasting, heartbeat = await self._states.lasting()
        found = after_restart(lasting, heartbeat)
        await self._states.save(found, None)
        self._timelines = Timelines(self._clock(), [one for one in found if one.ended_at is None])

    def look(self, board: Board) -> None:
        """Take in what the board says of agents now; nothing before `begin`."""
        if self._timelines is not None:
            self._timelines.look(board.moves(), self._clock())

    async def run(self, board: Callable[[], Board]) -> None:
        """Begin, then look and write every second until cancelled."""
        while True:
            try:
                await self.begin()
                self.look(board())
                await self.write()
            except CrmError as error:  # away at the very start: begun again in a second
                self._warn(error)
            except Exception:
                logger.exception("the states of agents cannot be followed")
            await asyncio.sleep(WRITE_SECONDS)

    async def write(self, *, stopping: bool = False) -> None:
        """Write what is new, and the heartbeat when it is due or the service stops; what fails is kept."""
        lines = self._timelines
        if lines is None:
            return
        at = lines.watched_until(self._clock())
        due = stopping or self._beat is None or not 0 <= at - self._beat < HEARTBEAT_SECONDS
        if not (lines.unwritten or due):
            return
        intervals = lines.take()
        try:
            async with asyncio.timeout(SAVE_SECONDS):
                await self._states.save(intervals, at)
        except asyncio.CancelledError:
            lines.give_back(intervals)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the intervals must not be lost
            lines.give_back(intervals)
            self._warn(error)
        else:
            self._beat, self._failing = at, False

    async def finish(self, board: Board, seconds: float) -> None:
        """Write what is left, at the stop, within `seconds`, and give the picture up."""
        try:
            async with asyncio.timeout(seconds):
                self.look(board)
                await self.write(stopping=True)
        except TimeoutError:
            logger.error("the last states of agents could not be written before the stop")  # noqa: TRY400 - no traceback helps
        self._timelines = self._beat = None

    def _warn(self, error: Exception) -> None:
        if not self._failing:
            logger.warning("states of agents are not written yet: %r", error)
        self._failing = True

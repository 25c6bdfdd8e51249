"""Pauses queue members whose agents wrap up or are away, and lets them go again."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Final

from screenpop.pauses import Patience, PauseOrder, wanted
from screenpop.service import Service
from telephony.links import AmiError
from telephony.recovery import queues
from telephony.tracker import Tracker

LOOK_SECONDS: Final = 0.5
"""How often members are compared with what they should be, when nothing says that something changed."""
REST_SECONDS: Final = 0.05
"""Between two looks: in a storm of changes all members are looked at twenty times a second, not once per change."""

logger = logging.getLogger(__name__)


class Pausing:
    """Gives the orders to the PBXs this node owns; one that is away gets them when it is back."""

    def __init__(
        self,
        service: Service,
        trackers: Mapping[str, Tracker],
        clock: Callable[[], float],
        away_seconds: float | None = None,
    ) -> None:
        self._service = service
        self._trackers = trackers
        self._clock = clock
        self._away_seconds = away_seconds
        self._patience = Patience()
        self._refused: set[PauseOrder] = set()

    async def run(self) -> None:
        """Look and give orders until cancelled."""
        changed = self._service.wrapping.changed
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await changed.wait()
            changed.clear()
            await self._look()
            await asyncio.sleep(REST_SECONDS)

    async def _look(self) -> None:
        at, service = self._clock(), self._service
        if not service.wrapping.known:
            return
        known = [record for tracker in self._trackers.values() if tracker.settled for record in queues(tracker.book)]
        service.wrapping.book.attend(service.online)
        holding, away = service.wrapping.book.holding(), service.absences.away(at, self._away_seconds)
        orders = wanted(known, service.user_at, holding, away, self._still_away)
        await asyncio.gather(*map(self._give, self._patience.due(orders, at)))

    def _still_away(self, user: str) -> bool:
        return self._away_seconds is not None and not self._service.absences.is_here(user)

    async def _give(self, order: PauseOrder) -> None:
        tracker = self._trackers.get(order.pbx)
        if tracker is None:
            return
        try:
            await tracker.queue_pause(order.extension, order.reason is not None, order.reason, order.queue)
        except AmiError as error:
            if order not in self._refused:
                self._refused.add(order)
                logger.warning("%s could not be paused or let go in queue %s: %s", order.extension, order.queue, error)
        else:
            self._refused.discard(order)

"""Watches how the links to the PBXs do: shows it on the board, and tells the log when one is late and when no more."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Final

from screenpop.service import Service
from telephony.tracker import Tracker

LOOK_SECONDS: Final = 1.0
logger = logging.getLogger(__name__)


class LinkWatch:
    """The one who looks at the trackers; `run` it where the PBXs are watched."""

    def __init__(
        self, trackers: Mapping[str, Tracker], service: Service, clock: Callable[[], float] = time.time
    ) -> None:
        self._trackers = trackers
        self._service = service
        self._clock = clock
        self._late: dict[str, float] = {}

    async def run(self) -> None:
        """Look once a second, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Look at every link now."""
        at = self._clock()
        for pbx, tracker in list(self._trackers.items()):
            health = tracker.look(at)
            self._alarm(pbx, health.late_since, health.lag_seconds, at)
            self._service.look(pbx, health)

    def _alarm(self, pbx: str, late_since: float | None, lag: float, at: float) -> None:
        """Say once that the alarm begins, and once that it ends."""
        if late_since is not None and pbx not in self._late:
            self._late[pbx] = late_since
            logger.warning("PBX %s is late: its events are worked on %.1f s after they happened", pbx, lag)
        elif late_since is None and pbx in self._late:
            logger.warning("PBX %s is no longer late, after %.0f s", pbx, at - self._late.pop(pbx))

"""Saves that come at the same time share one transaction: the first one through writes for all who wait."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from crm_core.calls.rules import CallToSave, newest
from crm_core.calls.saving import Findable, batch, findable
from crm_core.db import Database
from crm_core.errors import DatabaseUnavailable

TOGETHER = 100
"""Calls in one transaction: enough to catch up with a burst, few enough to be over soon."""
FOUND = 2_000
"""Calls of which it is remembered how they can be found; more than run at once."""


@dataclass(slots=True, eq=False)
class _Waiting:
    save: CallToSave
    done: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None


class SavingLane:
    """The way of every live call into the log, in the order of the calls to `save`.

    Nothing is kept here beyond the tasks that wait, so the lane is as long as its callers let it be, and how the last
    calls can be found: a call is saved four or five times, its words and linkedids only when they are new.
    """

    def __init__(self, db: Database, followed_from: Callable[[], float]) -> None:
        self._db = db
        self._followed_from = followed_from
        self._turn = asyncio.Lock()
        self._waiting: deque[_Waiting] = deque()
        self._found: dict[str, Findable] = {}

    def forget(self, call_id: str) -> None:
        """Take it that a call's row is gone, with all it was found by."""
        self._found.pop(call_id, None)

    async def save(self, save: CallToSave) -> None:
        """Write a call and return when it is committed; raises DatabaseUnavailable."""
        mine = _Waiting(save)
        self._waiting.append(mine)
        async with self._turn:
            while not mine.done.is_set():
                await self._write_some()
        if mine.error is not None:
            raise mine.error

    async def _write_some(self) -> None:
        together = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
        try:
            await self._write(together)
        except DatabaseUnavailable as error:
            _finish(together, error)
        except Exception:  # noqa: BLE001 one call the database refuses must not take the others with it
            await self._write_each(together)
        except BaseException:
            # The one who wrote for all was cancelled: the next in turn writes for the others.
            self._waiting.extendleft(reversed(together))
            raise

    async def _write_each(self, together: list[_Waiting]) -> None:
        for waiting in together:
            try:
                await self._write([waiting])
            except Exception as error:  # noqa: BLE001 handed to the one whose call it is
                _finish([waiting], error)

    async def _write(self, together: list[_Waiting]) -> None:
        saves = [waiting.save for waiting in together]
        await self._db.write_batch(batch(saves, self._followed_from(), self._found))
        for save in newest(saves).values():
            self._found.pop(save.call.id, None)
            self._found[save.call.id] = findable(save)
        while len(self._found) > FOUND:
            del self._found[next(iter(self._found))]
        _finish(together)


def _finish(together: list[_Waiting], error: Exception | None = None) -> None:
    for waiting in together:
        waiting.error = error
        waiting.done.set()

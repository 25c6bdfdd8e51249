"""Who has a browser open, on whatever node: every node tells the others, so that any of them can become the owner."""

import asyncio
import secrets
from collections.abc import Callable
from typing import Final

from screenpop.bus import Bus, frames
from screenpop.messages import PRESENCE_SUBJECT, Online, decode_online, encode

TELL_SECONDS: Final = 5.0
"""How often a node repeats who is there."""
FORGET_SECONDS: Final = 15.0
"""A node that said nothing for this long is gone, and its browsers with it."""


class Presence:
    """Open sockets per user, here and elsewhere."""

    def __init__(self, bus: Bus, clock: Callable[[], float], changed: Callable[[str, bool], None]) -> None:
        self._bus = bus
        self._clock = clock
        self._changed = changed
        self._node = secrets.token_hex(8)
        self._here: dict[str, int] = {}
        self._elsewhere: dict[str, tuple[frozenset[str], float]] = {}
        self._online: frozenset[str] = frozenset()

    @property
    def online(self) -> frozenset[str]:
        """Who is there."""
        return self._online

    def enter(self, user: str) -> None:
        """Count one more open socket."""
        self._here[user] = self._here.get(user, 0) + 1
        if self._here[user] == 1:
            self._tell()

    def leave(self, user: str) -> None:
        """Count one open socket less."""
        count = self._here.get(user, 0) - 1
        if count > 0:
            self._here[user] = count
        elif self._here.pop(user, None) is not None:
            self._tell()

    async def run(self) -> None:
        """Tell the other nodes and listen to them, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(), name="tell who is there")
            group.create_task(self._listen(), name="hear who is there")

    async def _repeat(self) -> None:
        while True:
            self._tell()
            await asyncio.sleep(TELL_SECONDS)

    async def _listen(self) -> None:
        async for frame in frames(self._bus, PRESENCE_SUBJECT):
            self._hear(decode_online(frame))

    def _hear(self, told: Online | None) -> None:
        if told is not None and told.node != self._node:
            self._elsewhere[told.node] = (frozenset(told.users), self._clock())
            self._settle()

    def _tell(self) -> None:
        self._settle()
        self._bus.publish(PRESENCE_SUBJECT, encode(Online(self._node, tuple(self._here))))

    def _settle(self) -> None:
        now = self._clock()
        for node, (_, at) in list(self._elsewhere.items()):
            if now - at > FORGET_SECONDS:
                del self._elsewhere[node]
        online = frozenset(self._here).union(*(users for users, _ in self._elsewhere.values()))
        before, self._online = self._online, online
        for user in online - before:
            self._changed(user, True)  # noqa: FBT003 - the callback says what the flag means
        for user in before - online:
            self._changed(user, False)  # noqa: FBT003

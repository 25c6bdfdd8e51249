"""A network cable between Callcard and a PBX that can go dead without anybody being told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Self


class Cable:
    """Forwards TCP to a port of this machine; `cut` leaves all connections open and carries nothing any more."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._cut = False
        self._times_touched = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def to(cls, port: int) -> AsyncIterator[Self]:
        """Lay a cable to `port` for the block."""
        cable = cls(port)
        server = await asyncio.start_server(cable._plug_in, "127.0.0.1", 0)
        cable.port = server.sockets[0].getsockname()[1]
        try:
            yield cable
        finally:
            server.close()
            for task in cable._tasks:
                task.cancel()
            await asyncio.gather(*cable._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Carry nothing from now on; who connects is accepted and hears nothing."""
        self._cut = True
        self._times_touched += 1

    def mend(self) -> None:
        """Carry what connects from now on; connections of before stay dead."""
        self._cut = False
        self._times_touched += 1

    async def _plug_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._carry(reader, far_writer))
                    group.create_task(self._carry(far_reader, writer))
            finally:
                far_writer.close()
        except* (OSError, asyncio.CancelledError):
            pass  # an end was unplugged
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        laid = self._times_touched
        while data := await reader.read(65536):
            if laid == self._times_touched and not self._cut:
                writer.write(data)
                await writer.drain()
        if laid == self._times_touched and not self._cut:
            writer.close()

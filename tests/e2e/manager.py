"""Reads AMI without any code of the product, to see what Asterisk really sends to the user `callcard`."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Self

Fields = Mapping[str, str]


class Manager:
    """One AMI connection that remembers every event."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._news = asyncio.Condition()
        self._number = 0
        self.events: list[Fields] = []
        self.responses: dict[str, Fields] = {}
        self.bytes = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(cls, port: int, user: str, secret: str) -> AsyncIterator[Self]:
        """Sign in, listen until the end of the block."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        manager = cls(reader, writer)
        listening = asyncio.create_task(manager._listen())
        try:
            answer = await manager.action("Login", Username=user, Secret=secret)
            assert answer["Response"] == "Success", answer
            yield manager
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            await listening

    async def action(self, name: str, **fields: str) -> Fields:
        """Send an action and return its response."""
        self._number += 1
        number = f"e2e-{self._number}"
        lines = [f"Action: {name}", f"ActionID: {number}", *(f"{key}: {value}" for key, value in fields.items())]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        async with asyncio.timeout(5), self._news:
            await self._news.wait_for(lambda: number in self.responses)
        return self.responses[number]

    async def wait_for(self, name: str, seconds: float = 10, **fields: str) -> Fields:
        """Return the first event of that name with these fields, past or to come."""
        matches: Callable[[Fields], bool] = lambda event: event["Event"] == name and fields.items() <= event.items()  # noqa: E731
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: any(map(matches, self.events)))
        return next(filter(matches, self.events))

    def names(self) -> Counter[str]:
        """Count the events by name."""
        return Counter(event["Event"] for event in self.events)

    async def _listen(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            await self._reader.readline()  # the banner
            while True:
                block = await self._reader.readuntil(b"\r\n\r\n")
                fields = dict(line.split(": ", 1) for line in block.decode().split("\r\n") if ": " in line)
                self.bytes += len(block)
                async with self._news:
                    if "Response" in fields:
                        self.responses[fields.get("ActionID", "")] = fields
                    else:
                        self.events.append({"Event": "", **fields})
                    self._news.notify_all()

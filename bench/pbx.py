"""The other end of the AMI socket: says what Asterisk says at a login, then writes recorded calls."""

import asyncio
import time
from contextlib import suppress
from typing import Final

from bench.recordings import Call

BANNER: Final = b"Asterisk Call Manager/11.0.0\r\n"
RING_SECONDS: Final = 0.3
TALK_SECONDS: Final = 0.3
SIGN_IN_SECONDS: Final = 30.0
_LISTS: Final = {
    "CoreShowChannels": "CoreShowChannelsComplete",
    "QueueStatus": "QueueStatusComplete",
    "DeviceStateList": "DeviceStateListComplete",
}


class Pbx:
    """A PBX without phones of its own: everything it tells comes from `begin`."""

    def __init__(self) -> None:
        self.port = 0
        self.running: set[asyncio.Task[None]] = set()
        self.rang: dict[str, float] = {}
        """When (`perf_counter`) the ring event was written, by the call's uniqueid."""
        self._server: asyncio.Server | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._signed_in = asyncio.Event()

    async def start(self) -> None:
        """Listen on a free loopback port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Hang up on everybody."""
        if self._writer is not None:
            self._writer.close()
        if self._server is not None:
            self._server.close()

    async def signed_in(self) -> None:
        """Wait for somebody to sign in. Raises TimeoutError."""
        async with asyncio.timeout(SIGN_IN_SECONDS):
            await self._signed_in.wait()

    def begin(self, call: Call, gap: float, talk: float = TALK_SECONDS) -> None:
        """Begin a call that rings `gap` seconds after its first event, 0: in one burst; `talk` seconds are talked."""
        task = asyncio.create_task(self._tell(call, gap, talk))
        self.running.add(task)
        task.add_done_callback(self.running.discard)

    async def _tell(self, call: Call, gap: float, talk: float) -> None:
        if gap:
            self._write(call.setup)
            await asyncio.sleep(gap)
            self.rang[call.uniqueid] = time.perf_counter()
            self._write(call.ring)
        else:
            self.rang[call.uniqueid] = time.perf_counter()
            self._write(call.setup + call.ring)
        self._write(call.rung)
        await asyncio.sleep(RING_SECONDS)
        self._write(call.answer)
        await asyncio.sleep(talk)
        self._write(call.hangup)

    def _write(self, burst: bytes) -> None:
        if self._writer is None:
            raise ConnectionError("nobody is signed in")
        self._writer.write(burst)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        writer.write(BANNER)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                action = (await reader.readuntil(b"\r\n\r\n")).decode()
                fields = dict(line.partition(": ")[::2] for line in action.splitlines())
                writer.write(_answer(fields.get("Action", ""), fields.get("ActionID", "")))
                if fields.get("Action") == "Login":
                    self._signed_in.set()


def _answer(action: str, identity: str) -> bytes:
    if action in _LISTS:
        lines = f"Response: Success\r\nActionID: {identity}\r\nEventList: start\r\nMessage: follows\r\n\r\n"
        lines += f"Event: {_LISTS[action]}\r\nActionID: {identity}\r\nEventList: Complete\r\nListItems: 0\r\n\r\n"
    elif action == "Challenge":
        lines = f"Response: Success\r\nActionID: {identity}\r\nChallenge: 123456789\r\n\r\n"
    else:
        lines = f"Response: Success\r\nActionID: {identity}\r\nMessage: {action} accepted\r\n\r\n"
    return lines.encode()

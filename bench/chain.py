"""The floor: the shortest way from a ring event to a browser. `python -m bench.chain DATABASE HTTP_PORT AMI_PORT`.

Names are tested before anything is parsed, the number is read through a cache, one statement fetches the card, aiohttp
carries it: no call book, no seats, no rows written, no recovery. What Callcard takes longer is the price of the rest.
"""

import asyncio
import sys
from functools import lru_cache
from typing import Any, Final, cast

import aiosqlite
import msgspec
import phonenumbers
from aiohttp import WSMsgType, web
from typing_extensions import override
from uvloop import Loop

from crm_core.people.lookup import CARD
from telephony.conversations import call_id

WANTED: Final = frozenset({
    b"Newchannel", b"Newstate", b"NewCallerid", b"Hangup", b"HangupRequest", b"DialBegin", b"DialState", b"DialEnd",
    b"BridgeEnter", b"BridgeLeave", b"Hold", b"Unhold", b"QueueCallerJoin", b"QueueCallerLeave", b"QueueCallerAbandon",
    b"BlindTransfer", b"AttendedTransfer",
})  # fmt: skip


class Chain(asyncio.Protocol):
    """Reader of the AMI socket, and all there is behind it."""

    def __init__(self, database: aiosqlite.Connection) -> None:
        self.sockets: dict[str, web.WebSocketResponse] = {}
        self._database = database
        self._rest = b""
        self._tasks: set[asyncio.Task[None]] = set()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        cast("asyncio.WriteTransport", transport).write(
            b"Action: Login\r\nActionID: 1\r\nUsername: bench\r\nSecret: bench\r\n\r\n"
        )

    @override
    def data_received(self, data: bytes) -> None:
        *blocks, self._rest = (self._rest + data).split(b"\r\n\r\n")
        for block in blocks:
            if block[7 : block.find(b"\r", 7)] in WANTED:
                fields = dict(line.partition(": ")[::2] for line in block.decode("utf-8", "replace").split("\r\n"))
                if fields["Event"] == "Newstate" and fields["ChannelStateDesc"] == "Ringing":
                    task = asyncio.create_task(self._pop(fields))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)

    async def _pop(self, fields: dict[str, str]) -> None:
        number = _e164(fields["ConnectedLineNum"])
        rows = await self._database.execute_fetchall(CARD.sqlite, (number, "", 0.0, None))
        card = msgspec.Raw(next(iter(rows))[0].encode())
        extension = fields["Channel"].partition("/")[2].partition("-")[0]
        frame = {"type": "pop.show", "seq": 1, "call_id": call_id("main", fields["Linkedid"]), "card": card}
        await self.sockets[extension].send_frame(msgspec.json.encode(frame), WSMsgType.TEXT)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Keep an agent's socket; its token is its extension."""
        socket = web.WebSocketResponse(compress=False, heartbeat=16.0, protocols=("callcard.v1",))
        await socket.prepare(request)
        auth: dict[str, Any] = await socket.receive_json()
        self.sockets[auth["token"]] = socket
        await socket.send_str('{"type":"snapshot"}')
        async for _ in socket:
            pass
        return socket


@lru_cache(maxsize=10_000)
def _e164(number: str) -> str:
    return phonenumbers.format_number(phonenumbers.parse(number), phonenumbers.PhoneNumberFormat.E164)


async def ready(_: web.Request) -> web.Response:
    """Say that the first request can come."""
    return web.Response()


async def main(database: str, http_port: int, ami_port: int) -> None:
    """Run until killed."""
    async with aiosqlite.connect(f"file:{database}?mode=ro", uri=True, isolation_level=None) as connection:
        chain = Chain(connection)
        await asyncio.get_running_loop().create_connection(lambda: chain, "127.0.0.1", ami_port)
        app = web.Application()
        app.add_routes([web.get("/ws", chain.serve), web.get("/readyz", ready)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", http_port).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=Loop) as loop:
        loop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))

"""A process full of agents: sockets that note when a card came. `python -m bench.agents`, orders on its stdin.

Orders and answers are JSON lines: `{"open": {"url", "tokens"}}` -> `{"open": how many}`; `{"shown": true}` ->
`{"shown": [[call id, perf_counter], ...]}`, which empties the list. `perf_counter` is one clock for all processes.
"""

import asyncio
import json
import sys
import time
from typing import Any, Final

from uvloop import Loop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Data, Subprotocol

AT_ONCE: Final = 20
LONGEST_ORDER: Final = 1024 * 1024


class Agents:
    """All sockets, and the cards that came."""

    def __init__(self) -> None:
        self._sockets: list[ClientConnection] = []
        self._shown: list[tuple[float, Data]] = []
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Obey until stdin ends."""
        orders = asyncio.StreamReader(limit=LONGEST_ORDER)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
        async with asyncio.TaskGroup() as self._group:
            while line := await orders.readline():
                sys.stdout.write(json.dumps(await self._obey(json.loads(line))) + "\n")
                sys.stdout.flush()
            async with asyncio.TaskGroup() as closing:
                for socket in self._sockets:
                    closing.create_task(socket.close())

    async def _obey(self, order: dict[str, Any]) -> dict[str, Any]:
        if "open" in order:
            url, tokens = order["open"]["url"], order["open"]["tokens"]
            for start in range(0, len(tokens), AT_ONCE):
                async with asyncio.TaskGroup() as group:
                    for token in tokens[start : start + AT_ONCE]:
                        group.create_task(self._open(url, token))
            return {"open": len(self._sockets)}
        shown, self._shown = self._shown, []
        return {"shown": [(json.loads(frame)["call_id"], at) for at, frame in shown]}

    async def _open(self, url: str, token: str) -> None:
        socket = await connect(url, subprotocols=[Subprotocol("callcard.v1")], compression=None)
        await socket.send(json.dumps({"type": "auth", "token": token}))
        await socket.send(json.dumps({"type": "subscribe", "topic": "pops"}))
        while json.loads(await socket.recv())["type"] != "snapshot":
            pass
        self._sockets.append(socket)
        if self._group is not None:
            self._group.create_task(self._listen(socket))

    async def _listen(self, socket: ClientConnection) -> None:
        try:
            while True:
                frame = await socket.recv(decode=False)
                at = time.perf_counter()
                if b'"pop.show"' in frame:
                    self._shown.append((at, frame))
        except ConnectionClosed:
            return


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(Agents().run())

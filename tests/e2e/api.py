"""What a program sees of Callcard: the API of `docs`, and the live messages through the `websockets` library."""

import asyncio
import contextlib
import http
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Self

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

Row = dict[str, Any]
POLL_SECONDS = 0.05


class Api:
    """The API with one person's token."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    @classmethod
    @contextlib.asynccontextmanager
    async def at(cls, url: str, token: str) -> AsyncIterator[Self]:
        """Open a session for the block."""
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession(f"{url}/api/v1/", headers=headers) as session:
            yield cls(session)

    async def get(self, path: str, **query: str) -> Row:
        """GET a resource."""
        return await self._ask("GET", path, query, None)

    async def post(self, path: str, **body: Any) -> Row:  # noqa: ANN401
        """POST a body."""
        return await self._ask("POST", path, {}, body)

    async def put(self, path: str, **body: Any) -> Row:  # noqa: ANN401
        """PUT a body."""
        return await self._ask("PUT", path, {}, body)

    async def patch(self, path: str, **body: Any) -> Row:  # noqa: ANN401
        """PATCH with a body."""
        return await self._ask("PATCH", path, {}, body)

    async def ready(self) -> bool:
        """Ask whether database, bus and PBX link are all up."""
        async with self._session.get("/readyz") as answer:
            return answer.status == http.HTTPStatus.OK

    async def board(self) -> Row | None:
        """Return the live board, or None while no node watches the PBX."""
        async with self._session.get("board") as answer:
            return dict(await answer.json()) if answer.status == http.HTTPStatus.OK else None

    async def calls(self, **query: str) -> list[Row]:
        """Return the newest rows of the call log."""
        return list((await self.get("calls", **query))["items"])

    async def only_call(self, *, ended: bool = True, seconds: float = 10, **query: str) -> Row:
        """Return the one row there is, as soon as it is there (and ended)."""
        rows = await self.until(
            lambda: self.calls(**query),
            lambda rows: bool(rows) and (not ended or all(row["ended_at"] for row in rows)),
            seconds,
        )
        assert len(rows) == 1, rows
        row: Row = rows[0]
        return row

    async def talking(self, seconds: float = 10) -> None:
        """Wait until the newest call is answered: whoever hangs up before the PBX has connected them never talked."""
        await self.until(self.calls, lambda rows: bool(rows) and bool(rows[0]["answered_at"]), seconds)

    async def until(self, ask: Any, satisfied: Callable[[Any], bool], seconds: float = 10) -> Any:  # noqa: ANN401
        """Ask again until the answer satisfies; fail with the last answer."""
        deadline = time.monotonic() + seconds
        while not satisfied(answer := await ask()):
            assert time.monotonic() < deadline, f"not within {seconds} s; last answer: {json.dumps(answer, indent=1)}"
            await asyncio.sleep(POLL_SECONDS)
        return answer

    async def keeps_draft(self, call_id: str, text: str, seconds: float = 3) -> bool:
        """Save one's note as it is typed; False when it was not taken within `seconds`."""
        with contextlib.suppress(TimeoutError, aiohttp.ServerDisconnectedError):
            async with (
                asyncio.timeout(seconds),
                self._session.put(f"calls/{call_id}/draft", json={"text": text}) as answer,
            ):
                return answer.status == http.HTTPStatus.OK
        return False

    async def metrics(self) -> dict[str, float]:
        """Return the figures that carry no labels."""
        async with self._session.get("/metrics") as answer:
            lines = [line.split() for line in (await answer.text()).splitlines() if line[:1] not in {"#", ""}]
        return {name: float(value) for name, value in lines if "{" not in name}

    async def _ask(self, method: str, path: str, query: dict[str, str], body: Row | None) -> Row:
        async with self._session.request(method, path, params=query, json=body) as answer:
            text = await answer.text()
            assert answer.status < 400, f"{method} {path}: {answer.status} {text}"
            return dict(json.loads(text)) if text else {}


class Live:
    """One WebSocket subscription; every message is kept in order."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._news = asyncio.Condition()
        self.messages: list[Row] = []

    @classmethod
    @contextlib.asynccontextmanager
    async def at(cls, url: str, token: str, topic: str) -> AsyncIterator[Self]:
        """Sign in, subscribe and listen for the block."""
        address = url.replace("http://", "ws://") + "/ws"
        async with connect(address, subprotocols=[Subprotocol("callcard.v1")], proxy=None) as socket:
            live = cls(socket)
            await socket.send(json.dumps({"type": "auth", "token": token}))
            await socket.send(json.dumps({"type": "subscribe", "topic": topic}))
            listening = asyncio.create_task(live._listen())
            try:
                await live.wait_for("snapshot")
                yield live
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    async def wait_for(self, kind: str, seconds: float = 5, **fields: str) -> Row:
        """Return the first message of that type with these fields, past or to come."""

        def matching() -> list[Row]:
            return [
                message for message in self.messages if message["type"] == kind and fields.items() <= message.items()
            ]

        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: bool(matching()))
        return matching()[0]

    def of(self, kind: str) -> list[Row]:
        """Return the messages of one type so far."""
        return [message for message in self.messages if message["type"] == kind]

    async def _listen(self) -> None:
        async for text in self._socket:
            async with self._news:
                self.messages.append(json.loads(text))
                self._news.notify_all()

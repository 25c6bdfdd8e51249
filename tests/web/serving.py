"""A running service for tests: the real thing on a free port, with a database of its own and, when asked, a PBX."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from aiohttp import ClientResponse, ClientSession, CookieJar
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from crm_core.db import Database, upgrade
from crm_core.staff.rules import Role, Scope
from crm_core.staff.store import Staff
from web.__main__ import Node, serve
from web.settings import load

PASSWORD = "correct horse"
USERS = {
    "ana": (Role.AGENT, ["2001"]),
    "bruno": (Role.AGENT, ["2002"]),
    "sam": (Role.SUPERVISOR, []),
    "hugo": (Role.SALES_HEAD, []),
    "root": (Role.ADMIN, []),
}
DEADLINE = 10.0
Json: TypeAlias = Any
"""JSON as it came."""
Option: TypeAlias = Any
"""What is handed on to the client library."""


@dataclass(frozen=True)
class Template:
    """A database with users and a token for each user and scope, to be copied for each test."""

    file: Path
    tokens: dict[tuple[str, Scope], str]


def make_template(folder: Path) -> Template:
    """Create the database; expensive for its passwords, so once per run."""

    async def make() -> dict[tuple[str, Scope], str]:
        url = f"sqlite+aiosqlite:///{folder / 'template.db'}"
        await upgrade(url)
        db = await Database.open(url)
        try:
            staff = Staff(db)
            for name, (role, extensions) in USERS.items():
                await staff.add_user(name, role, extensions, PASSWORD)
            return {(name, scope): await staff.create_token(name, scope) for name in USERS for scope in Scope}
        finally:
            await db.close()

    return Template(folder / "template.db", asyncio.run(make()))


@dataclass(frozen=True)
class Answer:
    """What came back: status, headers, and the body where it was JSON."""

    status: int
    headers: Mapping[str, str]
    body: Json
    text: str


@dataclass(frozen=True)
class Running:
    """A service that runs, and the ways to talk to it."""

    url: str
    folder: Path
    node: Node
    http: ClientSession
    template: Template

    def token(self, who: str, scope: Scope = Scope.ADMIN) -> str:
        return self.template.tokens[who, scope]

    async def ask(
        self, method: str, path: str, who: str | None = "ana", *, scope: Scope = Scope.ADMIN, **request: Option
    ) -> Answer:
        headers = dict(request.pop("headers", {}))
        if who is not None:
            headers["Authorization"] = f"Bearer {self.token(who, scope)}"
        if not path.startswith("/"):
            path = f"/api/v1/{path}"
        options = {"allow_redirects": False, **request}
        async with self.http.request(method, f"{self.url}{path}", headers=headers, **options) as response:
            return await _read(response)

    async def sign_in(self, who: str = "ana", password: str = PASSWORD, **request: Option) -> Answer:
        data = {"name": who, "password": password, "next": "/"}
        async with self.http.post(f"{self.url}/login", data=data, allow_redirects=False, **request) as response:
            return await _read(response)

    def socket(self, **options: Option) -> connect:
        address = self.url.replace("http://", "ws://") + "/ws"
        return connect(address, subprotocols=[Subprotocol("callcard.v1")], **options)

    @asynccontextmanager
    async def live(self, who: str, *topics: str) -> AsyncIterator[ClientConnection]:
        """Give a socket that is signed in and subscribed; `ready` is read already."""
        async with self.socket() as socket:
            await say(socket, type="auth", token=self.token(who))
            for topic in topics:
                await say(socket, type="subscribe", topic=topic)
            assert (await hear(socket))["type"] == "ready"
            yield socket


async def _read(response: ClientResponse) -> Answer:
    text = await response.text()
    body = json.loads(text) if "json" in response.content_type and text else None
    return Answer(response.status, response.headers, body, text)


async def say(socket: ClientConnection, **message: Json) -> None:
    await socket.send(json.dumps(message))


async def hear(socket: ClientConnection) -> dict[str, Any]:
    frame: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), DEADLINE))
    return frame


async def hear_until(socket: ClientConnection, type_: str, **facts: Json) -> dict[str, Any]:
    """Read frames until one of that type holds these facts."""
    async with asyncio.timeout(DEADLINE):
        while True:
            frame = await hear(socket)
            print(frame["type"], frame.get("status"), frame.get("reason"))  # noqa: T201 - pytest shows it on failure
            if frame["type"] == type_ and all(frame.get(name) == value for name, value in facts.items()):
                return frame


async def closed(socket: ClientConnection) -> int:
    """Read until the server closes; give its code."""
    async with asyncio.timeout(DEADLINE):
        with suppress(ConnectionClosed):
            while True:
                await socket.recv()
    code = socket.close_code
    assert code is not None
    return code


@asynccontextmanager
async def running(template: Template, folder: Path, **settings: str) -> AsyncIterator[Running]:
    """Run the service until the block ends."""
    var = folder / "var"
    await asyncio.to_thread(var.mkdir, exist_ok=True)
    await asyncio.to_thread(shutil.copy, template.file, var / "callcard.db")
    environ = {"CALLCARD_HTTP": "127.0.0.1:0", "CALLCARD_VAR_DIR": str(var), **settings}
    chosen = await asyncio.to_thread(load, environ, folder / "callcard.toml")
    stop, nodes = asyncio.Event(), list[Node]()
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(chosen, stop=stop, started=started.set_result, prepared=nodes.append))
    try:
        ready: list[asyncio.Future[Any]] = [serving, started]
        await asyncio.wait(ready, timeout=DEADLINE, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            await serving
        async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as http:
            yield Running(started.result(), folder, nodes[0], http, template)
    finally:
        stop.set()
        await asyncio.wait_for(serving, DEADLINE)


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Give the environment for a command run as a program of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CALLCARD_")}
    return kept | {"PYTHONPATH": str(Path(__file__).parents[2]), "CALLCARD_VAR_DIR": str(folder / "var")} | settings

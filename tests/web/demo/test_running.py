"""The demo as a newcomer meets it: signs in, and within ten seconds a client's card is there."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, CookieJar, WSMsgType

from web.demo.running import run_demo
from web.settings import Settings, load

CLIENTS, CALLS = 80, 200
READY = 30.0
RINGS_WITHIN = 10.0


def settings_in(folder: Path) -> Settings:
    return load({"CALLCARD_VAR_DIR": str(folder), "CALLCARD_HTTP": "127.0.0.1:0"}, folder / "none.toml")


async def printed(capsys: pytest.CaptureFixture[str], task: asyncio.Task[None]) -> list[str]:
    """Wait for all the demo prints; what it prints last are the URL and the sign-ins."""
    text = ""
    async with asyncio.timeout(READY):
        while "admin " not in text:
            assert not task.done(), task.exception()
            text += capsys.readouterr().out
            await asyncio.sleep(0.01)
    return text.splitlines()


@asynccontextmanager
async def demo(folder: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[tuple[str, dict[str, str]]]:
    """Run a small demo; gives its URL and the password of each name."""
    stop = asyncio.Event()
    task = asyncio.create_task(run_demo(settings_in(folder), clients=CLIENTS, calls=CALLS, stop=stop))
    try:
        _, url, *signs = await printed(capsys, task)
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        assert all(re.fullmatch(r"(agent|supervisor|admin) [a-z]+ \S+", sign) for sign in signs)
        yield url, {name: password for _, name, password in map(str.split, signs)}
    finally:
        stop.set()
        async with asyncio.timeout(READY):
            await task
    assert capsys.readouterr().out == ""


@asynccontextmanager
async def signed_in(url: str, name: str, password: str) -> AsyncIterator[ClientSession]:
    async with ClientSession(url, cookie_jar=CookieJar(unsafe=True)) as http:
        form = {"name": name, "password": password, "next": "/"}
        async with http.post("/login", data=form, allow_redirects=False) as answer:
            assert answer.status == 303
        yield http


async def message(socket: ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    """Wait for a message of that type."""
    async with asyncio.timeout(RINGS_WITHIN):
        while True:
            received = await socket.receive()
            assert received.type is WSMsgType.TEXT, received
            told: dict[str, Any] = json.loads(received.data)
            if told["type"] == kind:
                return told


async def csrf_of(http: ClientSession) -> dict[str, str]:
    async with http.get("/") as page:
        found = re.search(r'csrf[^>]*?(?:content|value)="([^"]+)"', await page.text())
    assert found
    return {"X-CSRF-Token": found[1]}


async def test_a_client_calls_who_signs_in_and_the_page_answers_and_hangs_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        demo(tmp_path, capsys) as (url, passwords),
        signed_in(url, "ana", passwords["ana"]) as http,
        http.ws_connect("/ws", protocols=["callcard.v1"], headers={"Origin": url}) as socket,
    ):
        await socket.send_json({"type": "subscribe", "topic": "pops"})
        pop = await message(socket, "pop.show")
        assert pop["reason"] == "ring"
        headers = {**await csrf_of(http), "Origin": url}
        live = f"/api/v1/live/{pop['call_id']}"
        async with http.post(f"{live}/answer", json={}, headers=headers) as answer:
            assert answer.status == 204
        while (update := await message(socket, "pop.update")).get("status") != "talking":
            assert update["call_id"] == pop["call_id"]
        async with http.post(f"{live}/hangup", json={}, headers=headers) as answer:
            assert answer.status == 204
        while (await message(socket, "pop.update")).get("status") != "wrap_up":
            pass


async def test_dialling_from_the_page_rings_the_desk_phone_and_reaches_the_client(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        demo(tmp_path, capsys) as (url, passwords),
        signed_in(url, "linh", passwords["linh"]) as http,
        http.ws_connect("/ws", protocols=["callcard.v1"], headers={"Origin": url}) as socket,
    ):
        await socket.send_json({"type": "subscribe", "topic": "pops"})
        headers = {**await csrf_of(http), "Origin": url}
        async with http.get("/api/v1/contacts?limit=1") as answer:
            client = (await answer.json())["items"][0]
        async with http.post("/api/v1/dial", json={"to": client["phones"][0]["e164"]}, headers=headers) as answer:
            assert answer.status == 201
            call_id = (await answer.json())["call_id"]
        while (pop := await message(socket, "pop.show"))["call_id"] != call_id:
            pass
        assert pop["reason"] == "dial"
        named = pop["card"]["contact"] or pop["card"]["candidates"][0]
        assert named["name"]


async def test_the_supervisors_board_lives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with (
        demo(tmp_path, capsys) as (url, passwords),
        signed_in(url, "sofia", passwords["sofia"]) as http,
        http.ws_connect("/ws", protocols=["callcard.v1"], headers={"Origin": url}) as socket,
    ):
        await socket.send_json({"type": "subscribe", "topic": "board"})
        state = (await message(socket, "snapshot"))["state"]
        assert set(state["queues"]) == {"support", "sales", "billing"}
        while not (await message(socket, "board.delta"))["calls"]["set"]:
            pass


async def test_the_data_is_there_and_a_real_database_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real, left_over = tmp_path / "callcard.db", tmp_path / "demo" / "demo.db"
    real.write_bytes(b"somebody's work")
    left_over.parent.mkdir()
    left_over.write_bytes(b"what an earlier demo left")
    async with demo(tmp_path, capsys) as (url, passwords), signed_in(url, "admin", passwords["admin"]) as http:
        async with http.get("/api/v1/contacts?limit=500") as answer:
            assert len((await answer.json())["items"]) == CLIENTS
        async with http.get("/api/v1/calls?limit=500") as answer:
            assert len((await answer.json())["items"]) >= CALLS
    assert real.read_bytes() == b"somebody's work"

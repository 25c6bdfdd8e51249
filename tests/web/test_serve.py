"""The running service seen from the operating system, and from beside it: ports, signals, links, other processes."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession

from telephony.simulator.day import direct_number, example_company
from telephony.simulator.pbx import Pbx
from telephony.simulator.server import AmiServer
from telephony.simulator.timeline import Timeline
from tests.web.serving import Running, Template, closed, environment, hear, hear_until, running


@asynccontextmanager
async def program(folder: Path, **settings: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Run `callcard serve` as a program; gives it and its URL."""
    chosen = environment(folder, **({"CALLCARD_HTTP": "127.0.0.1:0"} | settings))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "web", "serve", env=chosen, cwd=folder, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        yield process, line.split()[-1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    async with program(tmp_path) as (process, url):
        async with ClientSession() as http, http.get(f"{url}/healthz") as response:
            assert response.status == 200
        process.send_signal(number)
        assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    """Before the PBX hears of it: the service that has the port may be ours."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        chosen = environment(tmp_path, CALLCARD_HTTP=address, CALLCARD_AMI_URL="ami://crm:secret@127.0.0.1:1")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "web", "serve", env=chosen, cwd=tmp_path, stderr=asyncio.subprocess.PIPE
        )
        _, stderr = await asyncio.wait_for(process.communicate(), 30)
    lines = stderr.decode().splitlines()
    assert process.returncode == 1
    assert len(lines) == 1
    assert "CALLCARD_HTTP" in lines[0]
    assert address in lines[0]


async def ready(service: Running, *, wanted: int) -> dict[str, object]:
    async with asyncio.timeout(20):
        while True:
            answer = await service.ask("GET", "/readyz", who=None)
            if answer.status == wanted:
                found: dict[str, object] = answer.body
                return found


async def test_readiness_follows_the_link_to_the_pbx(template: Template, tmp_path: Path) -> None:
    pbx = AmiServer(Pbx(Timeline(1_763_750_000.0), example_company()))
    port = await pbx.start()
    async with running(template, tmp_path, CALLCARD_AMI_URL=pbx.url) as service:
        assert (await ready(service, wanted=200))["checks"] == {"database": "up", "bus": "up", "pbx main": "up"}
        await pbx.stop()
        down = await ready(service, wanted=503)
        assert down["status"] == 503
        assert down["checks"] == {"database": "up", "bus": "up", "pbx main": "down"}
        assert "pbx main" in str(down["detail"])
        assert (await service.ask("GET", "/healthz", who=None)).status == 200
        dialled = await service.ask("POST", "dial", json={"to": "+33601020304"})
        assert dialled.status == 503
        again = AmiServer(Pbx(Timeline(1_763_750_000.0), example_company()))
        await again.start(port=port)
        await ready(service, wanted=200)
        await again.stop()


async def callcard(service: Running, *arguments: str, stdin: bytes = b"") -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "web", *arguments, env=environment(service.folder), cwd=service.folder,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    stdout, _ = await asyncio.wait_for(process.communicate(stdin), 30)
    assert process.returncode == 0
    return stdout.decode().strip()


async def test_what_a_command_writes_takes_effect_in_the_running_service(with_pbx: Running) -> None:
    """A user with a phone is added beside the service: their sign-in works, and so does their card, at once."""
    async with with_pbx.live("bruno", "pops") as bruno:
        await callcard(with_pbx, "user", "add", "carla", "--role", "agent", "--extension", "2003", "--password-stdin",
                       stdin=b"correct horse\n")  # fmt: skip
        assert (await with_pbx.sign_in("carla")).status == 303
        token = await callcard(with_pbx, "token", "create", "--user", "carla")
        headers = {"Authorization": f"Bearer {token}"}
        assert (await with_pbx.ask("GET", "me", who=None, headers=headers)).body["extensions"] == ["2003"]
        async with asyncio.timeout(10):
            agents: dict[str, object] = {}
            while "carla" not in agents:
                agents = (await with_pbx.ask("GET", "board", who="sam")).body["agents"]
        await callcard(with_pbx, "user", "deactivate", "bruno")
        assert await closed(bruno) == 4401


async def test_open_calls_are_taken_over_after_a_restart(template: Template, tmp_path: Path, pbx: AmiServer) -> None:
    async with running(template, tmp_path, CALLCARD_AMI_URL=pbx.url) as service, service.live("ana", "pops") as socket:
        call = pbx.act(lambda world: world.inbound("+33601020304", direct_number("2001")))
        shown = await hear_until(socket, "pop.show")
        pbx.act(lambda world: world.answer("2001"))
        await hear_until(socket, "pop.update", status="talking")
    database = tmp_path / "var" / "callcard.db"
    again = Template(database.rename(tmp_path / "kept.db"), template.tokens)
    async with running(again, tmp_path, CALLCARD_AMI_URL=pbx.url) as service, service.live("ana", "pops") as socket:
        snapshot = await hear(socket)
        while not snapshot["state"]["pops"]:
            await socket.send('{"type": "resync", "topic": "pops"}')
            snapshot = await hear_until(socket, "snapshot")
        assert snapshot["state"]["pops"][0]["call_id"] == shown["call_id"]
        await ready(service, wanted=200)
        pbx.act(lambda world: world.hang_up(call))
        await hear_until(socket, "pop.update", status="wrap_up")
        rows = (await service.ask("GET", "calls")).body["items"]
        assert [(row["id"], row["outcome"]) for row in rows] == [(shown["call_id"], "answered")]

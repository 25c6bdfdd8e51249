"""Who may still be here: sockets end with their session, and a call is no business of a phone that left it."""

import asyncio
import re
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from telephony.simulator.day import RING_GROUP
from telephony.simulator.server import AmiServer
from tests.web.serving import DEADLINE, Running, closed, hear, hear_until, say
from web import sockets


async def cookie_and_csrf(service: Running, who: str) -> tuple[dict[str, str], str]:
    """Sign in a browser; give its cookie and what its forms must send."""
    cookie = {"Cookie": (await service.sign_in(who)).headers["Set-Cookie"].partition(";")[0]}
    service.http.cookie_jar.clear()
    page = await service.ask("GET", "/calls", who=None, headers=cookie)
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found is not None
    return cookie, found[1]


async def test_signing_out_closes_the_sockets_of_that_browser_only(service: Running) -> None:
    cookie, csrf = await cookie_and_csrf(service, "ana")
    other, _ = await cookie_and_csrf(service, "ana")
    ours = Origin(service.url)
    async with (
        service.socket(additional_headers=cookie, origin=ours) as gone,
        service.socket(additional_headers=other, origin=ours) as stays,
    ):
        for socket in (gone, stays):
            assert (await hear(socket))["type"] == "ready"
        answer = await service.ask("POST", "/logout", who=None, headers=cookie, data={"csrf": csrf})
        assert answer.status == 303
        assert await closed(gone) == 4401
        await say(stays, type="ping")
        assert (await hear(stays))["type"] == "pong"


async def test_a_session_that_ran_out_ends_its_socket_at_the_next_check(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookie, _ = await cookie_and_csrf(service, "ana")
    async with service.socket(additional_headers=cookie, origin=Origin(service.url)) as socket:
        assert (await hear(socket))["type"] == "ready"
        staff = service.node.services.staff
        monkeypatch.setattr(staff, "_clock", lambda: 4e9)
        await service.node.app[sockets.SOCKETS].recheck()
        assert await closed(socket) == 4401


async def test_pings_do_not_put_off_the_sign_in(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "SIGN_IN_SECONDS", 0.5)
    async with service.socket() as socket, asyncio.timeout(DEADLINE):
        ending = asyncio.create_task(closed(socket))
        while not ending.done():
            with suppress(ConnectionClosed):
                _ = await socket.ping()
            await asyncio.wait({ending}, timeout=0.05)
        assert await ending == 4401


async def test_a_client_that_does_not_read_delays_nobody_elses_end(service: Running) -> None:
    reader, writer = await asyncio.open_connection(*service.url.removeprefix("http://").split(":"))
    try:
        request = [
            "GET /ws HTTP/1.1",
            "Host: localhost",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
            f"Authorization: Bearer {service.token('bruno')}",
        ]
        writer.write("\r\n".join([*request, "", ""]).encode())
        await asyncio.wait_for(reader.readuntil(b'"ready"'), DEADLINE)
        async with service.live("ana") as socket:
            for name in ("bruno", "ana"):
                answer = await service.ask("PATCH", f"users/{name}", who="root", json={"active": False})
                assert answer.status == 200
            # Bruno's browser answers no close frame; Ana's ends while the server still waits for that.
            assert await asyncio.wait_for(closed(socket), sockets.SEND_SECONDS) == 4401
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_phone_that_only_rang_cannot_end_its_colleagues_call(with_pbx: Running, pbx: AmiServer) -> None:
    async with with_pbx.live("ana", "pops") as first, with_pbx.live("bruno", "pops") as second:
        pbx.act(lambda world: world.inbound("+33601020304", RING_GROUP))
        show = await hear_until(first, "pop.show")
        await hear_until(second, "pop.show")
        pbx.act(lambda world: world.answer("2001"))
        await hear_until(second, "pop.close", reason="answered_elsewhere")
        await hear_until(first, "pop.update", status="talking")
        path = f"live/{show['call_id']}/hangup"
        assert (await with_pbx.ask("POST", path, who="bruno")).status == 403
        assert (await with_pbx.ask("POST", path, who="ana")).status == 204

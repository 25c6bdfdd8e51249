"""The WebSocket, from the outside, with a library that is not the server's."""

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from telephony.simulator.day import RING_GROUP, SUPPORT, direct_number
from telephony.simulator.server import AmiServer
from tests.web.serving import Json, Running, Template, closed, environment, hear, hear_until, running, say
from web import sockets


async def test_a_token_signs_in_and_messages_need_not_wait_for_ready(service: Running) -> None:
    async with service.socket() as socket:
        assert socket.subprotocol == "callcard.v1"
        await say(socket, type="auth", token=service.token("ana"))
        await say(socket, type="subscribe", topic="pops")
        assert await hear(socket) == {"type": "ready", "user": "ana", "role": "agent", "extensions": ["2001"]}
        snapshot = await hear(socket)
        assert (snapshot["type"], snapshot["topic"], snapshot["state"]) == ("snapshot", "pops", {"pops": []})


async def test_live_frames_are_not_compressed(service: Running) -> None:
    async with service.socket() as socket:
        assert socket.response is not None
        assert "Sec-WebSocket-Extensions" not in socket.response.headers


@pytest.mark.parametrize(
    "first",
    [
        {"type": "auth", "token": "wrong"},
        {"type": "auth"},
        {"type": "subscribe", "topic": "pops"},
        ["no", "object"],
        "nonsense",
    ],
)
async def test_anything_but_a_valid_sign_in_closes(service: Running, first: Json) -> None:
    async with service.socket() as socket:
        await socket.send(json.dumps(first))
        assert await closed(socket) == 4401


async def test_silence_instead_of_a_sign_in_closes(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "SIGN_IN_SECONDS", 0.2)
    async with service.socket() as socket:
        assert await closed(socket) == 4401


async def cookie_of(service: Running, who: str) -> str:
    cookie = (await service.sign_in(who)).headers["Set-Cookie"].partition(";")[0]
    service.http.cookie_jar.clear()
    return cookie


async def test_a_cookie_signs_in_from_our_own_pages_only(service: Running) -> None:
    cookie = {"Cookie": await cookie_of(service, "ana")}
    async with service.socket(additional_headers=cookie, origin=Origin(service.url)) as socket:
        assert (await hear(socket))["user"] == "ana"
    async with service.socket(additional_headers=cookie, origin=Origin("https://evil.example")) as socket:
        assert await closed(socket) == 4401


async def test_a_token_needs_no_origin(service: Running) -> None:
    async with service.socket(origin=Origin("https://dashboard.example")) as socket:
        await say(socket, type="auth", token=service.token("ana"))
        assert (await hear(socket))["type"] == "ready"


@pytest.mark.parametrize(("who", "topic"), [("ana", "board"), ("ana", "everything"), ("sam", "pops.ana")])
async def test_a_forbidden_topic_closes(service: Running, who: str, topic: str) -> None:
    async with service.live(who, topic) as socket:
        assert await closed(socket) == 4403


@pytest.mark.parametrize("who", ["sam", "hugo", "root"])
async def test_supervisors_may_have_the_board(service: Running, who: str) -> None:
    async with service.live(who, "board") as socket:
        snapshot = await hear(socket)
        assert (snapshot["type"], snapshot["topic"]) == ("snapshot", "board")
        assert {"calls", "queues", "agents"} <= snapshot["state"].keys()


async def test_another_protocol_is_refused(service: Running) -> None:
    address = service.url.replace("http://", "ws://") + "/ws"
    with pytest.raises(InvalidStatus) as refused:
        async with connect(address, subprotocols=[Subprotocol("callcard.v9")]):
            pass
    assert refused.value.response.status_code == 400
    assert refused.value.response.headers["Content-Type"].startswith("application/problem+json")


async def test_a_plain_request_is_told_what_is_missing(service: Running) -> None:
    answer = await service.ask("GET", "/ws", who=None)
    assert answer.status == 400
    assert answer.headers["Content-Type"].startswith("application/problem+json")


async def test_mistakes_are_answered_and_too_many_end_it(service: Running) -> None:
    async with service.live("ana") as socket:
        await socket.send("{")
        assert (await hear(socket))["type"] == "error"
        await say(socket, type="ping")
        assert (await hear(socket))["type"] == "pong"
        await say(socket, type="resync", topic="pops")
        assert (await hear(socket))["type"] == "error"
        for _ in range(30):
            await socket.send("{")
        assert await closed(socket) == 1008


async def test_resync_gives_the_snapshot_again(service: Running) -> None:
    async with service.live("ana", "pops") as socket:
        first = await hear(socket)
        await say(socket, type="resync", topic="pops")
        assert await hear(socket) == first


async def test_a_user_who_is_shut_out_loses_the_socket_and_a_new_phone_is_told(service: Running) -> None:
    async with service.live("bruno", "pops") as socket:
        await hear(socket)
        await service.ask("PATCH", "users/bruno", who="root", json={"extensions": ["2002", "2009"]})
        assert (await hear_until(socket, "ready"))["extensions"] == ["2002", "2009"]
        await service.ask("PATCH", "users/bruno", who="root", json={"active": False})
        assert await closed(socket) == 4401


async def test_a_server_that_goes_down_says_so(template: Template, tmp_path: Path) -> None:
    async with running(template, tmp_path) as service:
        socket = await service.socket()
        await say(socket, type="auth", token=service.token("ana"))
        await hear(socket)
    assert await closed(socket) == 1012


async def test_a_client_that_does_not_read_is_cut_off(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "SEND_SECONDS", 0.3)
    for number in range(30):
        name = f"{number:02}" + "x" * 190
        await service.ask("POST", "contacts", who="ana", json={"name": name})
    async with service.live("sam", "board") as socket:
        await hear(socket)
        frame = b'{"type":"board.delta","seq":1,"calls":{"set":{"x":"' + b"x" * 1_000_000 + b'"}}}'
        socket.transport.pause_reading()
        subject = "board"
        before = (await service.ask("GET", "/metrics", who=None)).text
        seq = (await service.ask("GET", "board", who="sam")).body["seq"]
        for step in range(1, 60):
            service.node.services.bus.publish(subject, frame.replace(b'"seq":1', b'"seq":%d' % (seq + step)))
        async with asyncio.timeout(10):
            while slow_sockets(before) == slow_sockets((await service.ask("GET", "/metrics", who=None)).text):
                pass
        socket.transport.resume_reading()
        assert await closed(socket) == 4408


def slow_sockets(metrics: str) -> str:
    found = re.search(r"^callcard_slow_sockets_total (.*)$", metrics, re.MULTILINE)
    assert found is not None
    return found[1]


async def test_a_call_pops_once_on_every_tab_of_its_agent_and_closes_on_all(with_pbx: Running, pbx: AmiServer) -> None:
    contact = await with_pbx.ask(
        "POST", "contacts", json={"name": "Claire Durand", "phones": [{"number": "+33601020304"}]}
    )
    async with (
        with_pbx.live("ana", "pops") as tab,
        with_pbx.live("ana", "pops") as other,
        with_pbx.live("bruno", "pops") as colleague,
    ):
        for socket in (tab, other, colleague):
            assert (await hear(socket))["type"] == "snapshot"
        call = pbx.act(lambda world: world.inbound("+33601020304", direct_number("2001")))
        show = await hear_until(tab, "pop.show")
        assert show == await hear_until(other, "pop.show")
        assert show["reason"] == "ring"
        assert show["card"]["contact"]["name"] == "Claire Durand"
        assert show["card"]["number"]["e164"] == "+33601020304"
        pbx.act(lambda world: world.answer("2001"))
        talking = await hear_until(tab, "pop.update", status="talking")
        assert talking["call_id"] == show["call_id"]
        pbx.act(lambda world: world.hang_up(call))
        await hear_until(tab, "pop.update", status="wrap_up")
        assert (await with_pbx.ask("POST", f"pops/{show['call_id']}/dismiss")).status == 204
        for socket in (tab, other):
            assert (await hear_until(socket, "pop.close"))["reason"] == "dismissed"
        await say(colleague, type="ping")
        assert (await hear(colleague))["type"] == "pong", "a colleague's card came up"
    row = (await with_pbx.ask("GET", f"calls/{show['call_id']}")).body
    assert (row["outcome"], row["answered_by"], row["contact"]["id"]) == ("answered", "2001", contact.body["id"])
    assert [one["user"] for one in row["participants"]] == ["ana"]
    assert row["timeline"]


async def test_a_ring_group_closes_on_the_others(with_pbx: Running, pbx: AmiServer) -> None:
    async with with_pbx.live("ana", "pops") as ana, with_pbx.live("bruno", "pops") as bruno:
        call = pbx.act(lambda world: world.inbound("+33601020304", RING_GROUP))
        show = await hear_until(ana, "pop.show")
        assert (await hear_until(bruno, "pop.show"))["call_id"] == show["call_id"]
        pbx.act(lambda world: world.answer("2002"))
        assert (await hear_until(ana, "pop.close"))["reason"] == "answered_elsewhere"
        await hear_until(bruno, "pop.update", status="talking")
        pbx.act(lambda world: world.hang_up(call))


def holds(fresh: dict[str, Any], state: dict[str, Any]) -> bool:
    return {part: fresh[part] for part in state} == state


async def test_the_board_is_the_snapshot_plus_its_deltas(with_pbx: Running, pbx: AmiServer) -> None:
    async with with_pbx.live("sam", "board") as socket:
        snapshot = await hear(socket)
        state, seq = snapshot["state"], snapshot["seq"]
        call = pbx.act(lambda world: world.inbound("+33601020304", SUPPORT))
        fresh: dict[str, Any] = {}
        async with asyncio.timeout(10):
            while not fresh.get("queues", {}).get("support", {}).get("waiting") or not holds(fresh, state):
                delta = await hear(socket)
                assert delta["type"] == "board.delta"
                assert delta["seq"] == seq + 1
                seq = delta["seq"]
                for part in ("calls", "queues", "agents", "links"):
                    state[part].update(delta[part]["set"])
                    for key in delta[part]["gone"]:
                        del state[part][key]
                fresh = (await with_pbx.ask("GET", "board", who="sam")).body
        listed = (await with_pbx.ask("GET", "queues")).body["items"]
        assert [one["id"] for one in listed] == ["billing", "sales", "support"]
        pbx.act(lambda world: world.hang_up(call))


async def test_watch_prints_frames(with_pbx: Running, pbx: AmiServer) -> None:
    command = asyncio.create_subprocess_exec(
        sys.executable, "-m", "web", "watch", "--url", with_pbx.url.replace("http", "ws") + "/ws", "--count", "3",
        env=environment(with_pbx.folder, CALLCARD_TOKEN=with_pbx.token("ana")), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    program = await command
    assert program.stdout is not None
    async with asyncio.timeout(20):
        assert json.loads(await program.stdout.readline())["type"] == "ready"
        assert json.loads(await program.stdout.readline())["type"] == "snapshot"
        pbx.act(lambda world: world.inbound("+33601020304", direct_number("2001")))
        assert json.loads(await program.stdout.readline())["type"] == "pop.show"
        assert await program.wait() == 0


async def test_the_trace_tells_which_tab_got_the_card_and_that_it_showed_it(with_pbx: Running, pbx: AmiServer) -> None:
    async with with_pbx.socket() as socket:
        await say(socket, type="auth", token=with_pbx.token("ana"))
        await say(socket, type="subscribe", topic="pops", tab="t-1")
        await hear_until(socket, "snapshot")
        pbx.act(lambda world: world.inbound("+33601020304", direct_number("2001")))
        call_id = (await hear_until(socket, "pop.show"))["call_id"]
        await say(socket, type="shown", call_id=call_id)
        steps: dict[str, Json] = {}
        async with asyncio.timeout(10):
            while "pop.shown" not in steps:
                trace = (await with_pbx.ask("GET", f"calls/{call_id}")).body["trace"]
                steps = {step["what"]: step for step in trace}
    assert steps["number"]["facts"] == {"raw": "+33601020304", "e164": "+33601020304", "kind": "external"}
    assert steps["match"]["detail"] == "No client has this number"
    assert steps["agent"]["detail"] == "ana sits at 2001"
    assert steps["ringing"]["facts"]["event"] in {"Newstate", "DialState"}
    assert steps["pop.sent"]["facts"]["tab"] == steps["pop.shown"]["facts"]["tab"] == "t-1"
    assert 0 <= steps["pop.sent"]["facts"]["ms"] <= steps["pop.shown"]["facts"]["ms"]
    figures = (await with_pbx.ask("GET", "/metrics", who=None)).text
    assert "callcard_pop_shown_seconds_count 1.0" in figures


async def test_a_client_without_cards_has_none_to_show(service: Running) -> None:
    async with service.live("sam", "board") as socket:
        await say(socket, type="shown", call_id="C1")
        await say(socket, type="ping")
        await hear_until(socket, "pong")

"""What strangers and broken programs send: refused with a reason, never a failure of ours."""

import asyncio
import base64
import gzip
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from aiohttp import FormData

from telephony.simulator.day import direct_number
from telephony.simulator.server import AmiServer
from tests.web.serving import DEADLINE, Running, hear_until
from web.api import reading

FORM = "application/x-www-form-urlencoded"
JSON_TYPE = {"Content-Type": "application/json"}


@pytest.mark.parametrize("path", ["/login", "/language"])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (f"{FORM}; charset=nonsense", b"name=ana"),
        (f"{FORM}; charset=utf-8", b"name=\xff"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"rubbish"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\na\r\n--x--"),
    ],
)
async def test_a_form_that_cannot_be_read_is_refused(service: Running, path: str, kind: str, body: bytes) -> None:
    answer = await service.ask("POST", path, who=None, data=body, headers={"Content-Type": kind})
    assert (answer.status, answer.body["detail"]) == (400, "The form cannot be read.")


async def test_a_password_of_no_characters_is_wrong_like_any_other(service: Running) -> None:
    headers = {"Content-Type": f"{FORM}; charset=unicode_escape"}
    answer = await service.ask("POST", "/login", who=None, data=b"name=ana&password=\\ud800", headers=headers)
    assert answer.status == 401


async def test_a_file_in_place_of_a_name_is_no_name(service: Running) -> None:
    form = FormData()
    form.add_field("name", b"ana", filename="ana", content_type="image/png")
    form.add_field("password", "x")
    assert (await service.ask("POST", "/login", who=None, data=form)).status == 401


async def test_a_broken_compression_is_refused(service: Running) -> None:
    headers = {"Content-Encoding": "gzip", **JSON_TYPE}
    answer = await service.ask("POST", "contacts", data=b"no gzip", headers=headers)
    assert (answer.status, answer.body["detail"]) == (400, "The request's body cannot be read.")


async def test_a_small_body_that_unpacks_to_a_large_one_is_refused(service: Running) -> None:
    bomb = gzip.compress(b"{" + b" " * 20_000_000)
    answer = await service.ask("POST", "contacts", data=bomb, headers={"Content-Encoding": "gzip", **JSON_TYPE})
    assert answer.status == 413


async def test_json_nested_too_deeply_is_refused(service: Running) -> None:
    body = '{"name": "x", "custom": {"a": ' + "[" * 20_000 + "]" * 20_000 + "}}"
    answer = await service.ask("POST", "contacts", data=body.encode(), headers=JSON_TYPE)
    assert (answer.status, answer.body["detail"]) == (422, "nested too deeply")


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
@pytest.mark.parametrize("path", ["contacts", "/contacts"])
async def test_a_cursor_beyond_every_id_is_no_cursor(service: Running, path: str, number: int) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(["a", number]).encode()).decode().rstrip("=")
    answer = await service.ask("GET", path, params={"cursor": cursor})
    assert answer.status == (303 if path.startswith("/") else 422)


async def test_a_body_that_never_comes_is_not_waited_for(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BODY_SECONDS", 0.1)

    reader, writer = await asyncio.open_connection(*service.url.removeprefix("http://").split(":"))
    try:
        head = [
            "POST /api/v1/contacts HTTP/1.1",
            "Host: localhost",
            "Content-Type: application/json",
            "Content-Length: 100",
            f"Authorization: Bearer {service.token('ana')}",
        ]
        writer.write("\r\n".join([*head, "", "{"]).encode())
        assert await asyncio.wait_for(reader.readline(), DEADLINE) == b"HTTP/1.1 408 Request Timeout\r\n"
        writer.write(b" " * 99)  # what comes late is read and thrown away
    finally:
        writer.close()
        await writer.wait_closed()


@contextmanager
def write_lock(path: Path) -> Iterator[None]:
    """Keep everybody else from writing to a database that can still be read."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


async def test_a_note_on_a_call_that_waits_for_the_database_is_asked_for_again(
    with_pbx: Running, pbx: AmiServer
) -> None:
    async with with_pbx.live("ana", "pops") as socket:
        with write_lock(with_pbx.folder / "var" / "callcard.db"):
            pbx.act(lambda world: world.inbound("+33601020304", direct_number("2001")))
            show = await hear_until(socket, "pop.show")
            note = f"calls/{show['call_id']}/draft"
            # A 404 would tell the browser to throw away what it keeps.
            assert (await with_pbx.ask("PUT", note, json={"text": "wants the price list"})).status == 503
        async with asyncio.timeout(DEADLINE):
            while (await with_pbx.ask("PUT", note, json={"text": "wants the price list"})).status != 200:
                pass
    assert (await with_pbx.ask("PUT", "calls/NOSUCHCALL/draft", json={"text": "x"})).status == 404

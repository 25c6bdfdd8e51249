"""What strangers and broken programs send: refused with a reason, never a failure of ours."""

import base64
import gzip
import json

import pytest
from aiohttp import FormData

from tests.web.serving import Running

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

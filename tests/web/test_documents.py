"""The API's document, and the service held against it by a program that reads nothing else."""

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest

from tests.web.serving import Running
from web.api.documents import document
from web.api.routes import PREFIX
from web.api.table import ROUTES


async def test_the_service_and_the_command_give_the_same_document(service: Running) -> None:
    served = await service.ask("GET", "openapi.json", who=None)
    assert served.status == 200
    assert served.body == json.loads(json.dumps(document(ROUTES)))
    assert served.body["openapi"] == "3.1.0"


async def test_every_route_of_the_api_is_in_the_document(service: Running) -> None:
    paths = document(ROUTES)["paths"]
    served = {
        (route.method, route.resource.canonical)
        for route in service.node.app.router.routes()
        if route.resource is not None and route.resource.canonical.startswith(PREFIX) and route.method != "HEAD"
    }
    described = {
        (method.upper(), path) for path, methods in paths.items() for method in methods if path.startswith(PREFIX)
    }
    assert served == described


def test_public_operations_say_so_and_only_they() -> None:
    public = {
        path
        for path, methods in document(ROUTES)["paths"].items()
        for operation in methods.values()
        if operation.get("security") == []
    }
    assert public == {"/healthz", "/readyz", "/metrics", "/api/v1/openapi.json"}


def test_the_document_holds_together() -> None:
    described = document(ROUTES)
    text = json.dumps(described)
    referred = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert referred <= described["components"]["schemas"].keys()
    ids = [operation["operationId"] for methods in described["paths"].values() for operation in methods.values()]
    assert len(ids) == len(set(ids))


async def test_the_document_is_browsable_without_a_sign_in(service: Running) -> None:
    page = await service.ask("GET", "/api/docs", who=None)
    assert page.status == 200
    assert "/api/v1/calls/{call_id}" in page.text
    assert not re.search(r"<script(?![^>]*(?:src=|application/json))", page.text)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page.text)


@pytest.mark.timeout(120)
async def test_a_program_that_knows_only_the_document_finds_nothing_else(with_pbx: Running) -> None:
    """Schemathesis asks every operation for right and wrong things: no server error, no answer the document lacks."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")), "run", f"{with_pbx.url}/api/v1/openapi.json",
        "--header", f"Authorization: Bearer {with_pbx.token('root')}", "--seed", "1", "--workers", "1", "--no-color",
        "--phases", "fuzzing", "--max-examples", "2", "--max-time", "25",
        # A cursor is opaque and a name may be taken: the document cannot say which valid text is refused.
        "--exclude-checks", "positive_data_acceptance",
        cwd=with_pbx.folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 55)
    assert process.returncode == 0, output.decode()

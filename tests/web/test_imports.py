"""Clients from a file over the API and in the pages: sent, tried, imported, refused rows told, undone, exported."""

import asyncio
import re

import pytest

from crm_core.people.rules import ContactDraft, PhoneDraft
from tests.web.serving import DEADLINE, Json, Running
from tests.web.test_api import is_problem

HTML = {"Accept": "text/html"}
FILE = "Kunde,Tel.,Mail\nClaire,+33 6 01 02 03 04,c@d.example\nBob,12,\n<b>Zoe,+7 916 123 45 67,\n"


async def send(service: Running, content: bytes | str = FILE, name: str = "clients.csv", who: str = "root") -> Json:
    answer = await service.ask("POST", f"imports?name={name}", who=who, data=content)
    assert answer.status == 201, answer.text
    assert answer.headers["Location"] == f"/api/v1/imports/{answer.body['id']}"
    return answer.body


async def until(service: Running, import_id: int, *states: str) -> Json:
    """Wait until an import is in one of these states."""
    async with asyncio.timeout(DEADLINE):
        while True:
            job = (await service.ask("GET", f"imports/{import_id}", who="root")).body
            if job["state"] in states:
                return job
            await asyncio.sleep(0.01)


async def test_a_file_is_tried_imported_and_undone(service: Running) -> None:
    job = await send(service)
    assert (job["state"], job["total"], job["headers"]) == ("ready", 3, ["Kunde", "Tel.", "Mail"])
    assert job["columns"] == ["name", "phone", "email"]
    assert job["samples"][0] == ["Claire", "+33 6 01 02 03 04", "c@d.example"]
    path, columns = f"imports/{job['id']}", job["columns"]

    tried = await service.ask("POST", f"{path}/start", who="hugo", json={"columns": columns, "dry_run": True})
    assert tried.status == 200
    checked = await until(service, job["id"], "checked")
    assert (checked["created"], checked["refused"]) == (2, 1)
    assert (await service.ask("GET", "contacts")).body["items"] == []

    await service.ask("POST", f"{path}/start", who="root", json={"columns": columns})
    done = await until(service, job["id"], "done")
    assert (done["created"], done["updated"], done["known"], done["refused"]) == (2, 0, 0, 1)
    assert [one["name"] for one in (await service.ask("GET", "contacts")).body["items"]] == ["<b>Zoe", "Claire"]
    errors = await service.ask("GET", f"{path}/errors", who="root")
    assert errors.headers["Content-Disposition"] == 'attachment; filename="clients.errors.csv"'
    assert errors.text.lstrip("\ufeff").splitlines() == [
        "Kunde,Tel.,Mail,error",
        "Bob,12,,\"phones[0].number: '12' is an extension of ours, not a client's number\"",
    ]
    assert list((service.folder / "var" / "imports").iterdir()) == []

    page = await service.ask("GET", f"/contacts/import/{job['id']}", who="root", headers=HTML)
    assert {'data-testid="import-undo"' in page.text, "is an extension of ours" in page.text} == {True}
    assert is_problem(await service.ask("POST", f"{path}/start", who="root", json={"columns": columns}), 409)
    await service.ask("POST", f"{path}/undo", who="root")
    undone = await until(service, job["id"], "undone")
    assert (undone["undone"], undone["kept"]) == (2, 0)
    assert (await service.ask("GET", "contacts")).body["items"] == []
    listed = (await service.ask("GET", "imports", who="root")).body
    assert [one["state"] for one in listed["items"]] == ["undone"]
    assert listed["next"] is None


async def test_only_who_runs_the_client_base_imports(service: Running) -> None:
    for who in ("ana", "sam"):
        assert is_problem(await service.ask("POST", "imports", who=who, data="Name\nAna\n"), 403)
        assert is_problem(await service.ask("GET", "imports", who=who), 403)
        assert (await service.ask("GET", "/contacts/import", who=who, headers=HTML)).status == 403
    assert is_problem(await service.ask("GET", "contacts/export", who="ana"), 403)
    page = await service.ask("GET", "/contacts", who="ana", headers=HTML)
    assert 'data-testid="import-contacts"' not in page.text
    assert 'data-testid="export-contacts"' not in page.text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"Name\n", "the file has a header and no rows"),
        (b"\x89PNG\r\n" + bytes(100), "it is no CSV, XLSX or vCard file: save it as one of these"),
        (b"x," * 1000 + b"\nAna\n", "the file has 1,000 columns, 300 are the most that are read"),
    ],
)
async def test_what_is_no_file_of_clients_is_refused_and_not_kept(
    service: Running, content: bytes, reason: str
) -> None:
    answer = await service.ask("POST", "imports?name=../../etc/passwd", who="root", data=content)
    assert is_problem(answer, 422, "file")
    assert answer.body["errors"][0]["message"] == reason
    assert list((service.folder / "var" / "imports").iterdir()) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"columns": ["name"]}, "columns"),
        ({"columns": [None, None, "email"]}, "columns"),
        ({"columns": ["name", "shoe", None]}, "columns[1]"),
        ({"columns": ["name", None, None], "duplicates": "guess"}, "duplicates"),
        ({}, "columns"),
    ],
)
async def test_columns_that_make_no_client_are_refused(service: Running, body: Json, field: str) -> None:
    job = await send(service)
    assert is_problem(await service.ask("POST", f"imports/{job['id']}/start", who="root", json=body), 422, field)
    assert (await until(service, job["id"], "ready"))["position"] == 0


async def test_an_import_that_is_not_there_is_told(service: Running) -> None:
    for method, path in [("GET", ""), ("POST", "/start"), ("POST", "/cancel"), ("POST", "/undo"), ("GET", "/errors")]:
        assert is_problem(await service.ask(method, f"imports/77{path}", who="root"), 404), path
    page = await service.ask("GET", "/contacts/import/77", who="root", headers=HTML)
    assert page.status == 404


async def test_a_file_is_shown_with_its_columns_to_be_named(service: Running) -> None:
    job = await send(service, FILE.replace("Kunde", "<i>Kunde"), name="<b>.csv")
    page = await service.ask("GET", f"/contacts/import/{job['id']}", who="root", headers=HTML)
    assert page.text.count('data-testid="import-column"') == 3
    assert "&lt;i&gt;Kunde" in page.text
    assert not re.search(r"<i>Kunde|<b>Zoe|<b>\.csv", page.text)
    listed = await service.ask("GET", "/contacts/import", who="hugo", headers=HTML)
    assert listed.text.count('data-testid="import-row"') == 1


async def test_clients_are_given_out_as_a_file(service: Running) -> None:
    people = service.node.services.people
    await people.create_contact(ContactDraft("=1+1", phones=(PhoneDraft("+33601020304"),)), "root")
    await people.create_contact(ContactDraft("Zoë", phones=(PhoneDraft("+33601020305"),)), "root")
    whole = await service.ask("GET", "contacts/export", who="sam")
    assert whole.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert [line.split(",")[0] for line in whole.text.lstrip("\ufeff").splitlines()] == ["name", "'=1+1", "Zoë"]
    some = await service.ask("GET", "contacts/export?format=vcf&q=zoe", who="sam")
    assert some.text.count("BEGIN:VCARD") == 1
    assert "TEL;TYPE=VOICE:+33601020305" in some.text
    assert is_problem(await service.ask("GET", "contacts/export?format=doc", who="sam"), 422, "format")

"""Clients merged, brought back and told of, over the API and in the pages, by those who may."""

from datetime import UTC, datetime

import pytest

from crm_core.people.rules import ContactDraft, PhoneDraft
from tests.web.serving import Running
from tests.web.test_api import is_problem
from web.nightly import seconds_until

HTML = {"Accept": "text/html"}
CLAIRE = "+33601020304"


async def add(service: Running, name: str, number: str = CLAIRE) -> int:
    draft = ContactDraft(name, phones=(PhoneDraft(number),))
    return (await service.node.services.people.create_contact(draft, "ana")).id


async def test_two_clients_are_compared_merged_and_taken_apart(service: Running) -> None:
    kept, gone = await add(service, "Claire <b>Durand"), await add(service, "Clare <b>Durand")
    assert (await service.ask("POST", "contacts/duplicates/look", who="sam")).body == {"pairs": 1}
    (pair,) = (await service.ask("GET", "contacts/duplicates", who="sam")).body["items"]
    assert (pair["first"]["id"], pair["second"]["id"], pair["reason"]) == (kept, gone, "number")
    for path in ("/contacts/duplicates", f"/contacts/{kept}/merge/{gone}"):
        page = await service.ask("GET", path, who="sam", headers=HTML)
        assert page.status == 200
        assert "Clare &lt;b&gt;Durand" in page.text

    body = {"duplicate_id": gone, "take": ["name"]}
    merged = await service.ask("POST", f"contacts/{kept}/merge", who="sam", json=body)
    assert (merged.status, merged.body["id"], merged.body["name"]) == (200, kept, "Clare <b>Durand")
    assert is_problem(await service.ask("GET", f"contacts/{gone}"), 404)
    (merge,) = (await service.ask("GET", "merges", who="sam")).body["items"]
    assert (merge["kept"]["id"], merge["gone"]["id"], merge["undoable"]) == (kept, gone, True)
    assert (
        'data-testid="merge-undo"' in (await service.ask("GET", "/contacts/duplicates", who="sam", headers=HTML)).text
    )
    undone = await service.ask("POST", f"merges/{merge['id']}/undo", who="sam")
    assert (undone.status, undone.body["id"]) == (200, gone)
    assert (await service.ask("GET", f"contacts/{kept}")).body["name"] == "Claire <b>Durand"
    assert is_problem(await service.ask("POST", f"merges/{merge['id']}/undo", who="sam"), 409)


async def test_the_bin_gives_back_what_was_deleted(service: Running) -> None:
    claire = await add(service, "Claire")
    await service.ask("DELETE", f"contacts/{claire}")
    (one,) = (await service.ask("GET", "contacts/deleted", who="sam")).body["items"]
    assert (one["id"], one["deleted_by"]) == (claire, "ana")
    page = await service.ask("GET", "/contacts/deleted", who="sam", headers=HTML)
    assert f'data-restore="{claire}"' in page.text
    assert (await service.ask("POST", f"contacts/{claire}/restore", who="sam")).status == 200
    assert (await service.ask("GET", f"contacts/{claire}")).status == 200
    assert is_problem(await service.ask("POST", f"contacts/{claire}/restore", who="sam"), 404)


async def test_everybody_sees_who_changed_a_client_and_administrators_all_of_it(service: Running) -> None:
    made = await service.ask("POST", "contacts", json={"name": "Claire"})
    path = f"contacts/{made.body['id']}"
    await service.ask("PATCH", path, who="sam", json={"name": "<b>Claire"})
    await service.ask("GET", "contacts/export", who="sam")
    changed, created = (await service.ask("GET", f"{path}/changes", who="bruno")).body["items"]
    assert (created["by"], created["deed"], created["origin"]) == ("ana", "created", "127.0.0.1")
    assert changed["changes"] == [{"field": "name", "old": "Claire", "new": "<b>Claire"}]
    part = await service.ask("GET", f"/{path}/changes", who="bruno", headers=HTML)
    assert part.text.count('data-testid="contact-change"') == 2
    assert "&lt;b&gt;Claire" in part.text
    audit = (await service.ask("GET", "audit?deed=exported", who="root")).body["items"]
    assert [(one["by"], one["area"], one["changes"][0]["new"]) for one in audit] == [("sam", "contacts", "csv")]
    page = await service.ask("GET", "/admin/audit?by=sam&deed=nonsense", who="root", headers=HTML)
    assert page.text.count('data-testid="audit-row"') == 2


async def test_a_client_that_is_there_already_is_told_while_one_types(service: Running) -> None:
    claire = await add(service, "Claire Durand")
    for query in ("name=clair+durand", "phone=%2B33+6+01+02+03+04"):
        found = (await service.ask("GET", f"contacts/similar?{query}")).body["items"]
        assert [one["id"] for one in found] == [claire], query
    assert 'data-testid="similar"' in (await service.ask("GET", "/contacts/new", headers=HTML)).text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "contacts/duplicates"),
        ("GET", "contacts/deleted"),
        ("GET", "merges"),
        ("GET", "audit"),
        ("POST", "contacts/1/merge"),
        ("POST", "contacts/1/restore"),
        ("POST", "merges/1/undo"),
        ("POST", "contacts/duplicates/look"),
        ("POST", "contacts/duplicates/dismiss"),
        ("GET", "/contacts/duplicates"),
        ("GET", "/contacts/deleted"),
        ("GET", "/contacts/1/merge/2"),
        ("GET", "/admin/audit"),
    ],
)
async def test_agents_do_none_of_it(service: Running, method: str, path: str) -> None:
    assert (await service.ask(method, path, who="ana", headers=HTML)).status == 403


def test_the_night_is_the_next_one() -> None:
    noon = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
    assert seconds_until(3, noon) == 15 * 3600
    assert seconds_until(13, noon) == 3600
    assert seconds_until(12, noon) == 24 * 3600

"""Results over the API and in the pages: who changes the tree, what a call takes, and finding calls by it."""

from crm_core.calls.rules import CallToSave
from crm_core.numbers import Number, NumberKind
from tests.contracts.records import answered
from tests.web.serving import Running
from tests.web.test_api import is_problem

HTML = {"Accept": "text/html"}


async def grow(service: Running) -> dict[str, int]:
    """Put two results below Complaint, and one that only billing has; gives ids by name."""
    ids = {}
    tree = (await service.ask("GET", "dispositions/tree?limit=500")).body["items"]
    ids["complaint"] = next(one["id"] for one in tree if one["path"] == "complaint")
    for name, more in (
        ("Delivery", {"parent_id": ids["complaint"]}),
        ("Debt", {"queues": ["billing"], "color": "red"}),
    ):
        made = await service.ask("POST", "dispositions", who="root", json={"name": name, **more})
        assert made.status == 201
        ids[name] = made.body["id"]
    return ids


async def call_of(service: Running, queue: str | None, call_id: str = "C1") -> str:
    record = answered(call_id, 1_763_726_400.0, queue=queue)
    await service.node.services.calls.add_many([CallToSave(record, Number("+1", "+1", NumberKind.EXTERNAL))])
    return call_id


async def test_administrators_grow_the_tree_and_everybody_chooses(service: Running) -> None:
    ids = await grow(service)
    listed = (await service.ask("GET", "dispositions?limit=500")).body["items"]
    assert {"complaint / Delivery", "Debt", "sold"} <= set(listed)
    assert "complaint" not in listed
    assert "Debt" not in (await service.ask("GET", "dispositions?queue=support&limit=500")).body["items"]
    changed = await service.ask(
        "PATCH", f"dispositions/{ids['Delivery']}", who="root", json={"name": "Late", "icon": "clock"}
    )
    assert (changed.body["path"], changed.body["icon"], changed.body["choosable"]) == (
        "complaint / Late",
        "clock",
        True,
    )
    assert (await service.ask("DELETE", f"dispositions/{ids['Delivery']}", who="root")).status == 204
    assert "complaint" in (await service.ask("GET", "dispositions?limit=500")).body["items"]
    retired = (await service.ask("GET", "dispositions/tree?retired=true&limit=500")).body["items"]
    assert next(one["retired"] for one in retired if one["id"] == ids["Delivery"])
    for who, status in (("sam", 403), ("ana", 403)):
        assert is_problem(await service.ask("POST", "dispositions", who=who, json={"name": "x"}), status)
    twice = await service.ask("POST", "dispositions", who="root", json={"name": "SOLD"})
    assert is_problem(twice, 422, "name")
    assert is_problem(await service.ask("PATCH", "dispositions/999", who="root", json={}), 404)


async def test_a_call_takes_any_word_until_the_tree_is_made_and_then_what_its_queue_offers(service: Running) -> None:
    call = await call_of(service, "support")
    assert (await service.ask("PATCH", f"calls/{call}", json={"disposition": "our own word"})).status == 200
    await grow(service)
    assert (await service.ask("PATCH", f"calls/{call}", json={"disposition": "our own word"})).status == 200
    for wrong in ("another word", "Debt", "complaint"):
        assert is_problem(await service.ask("PATCH", f"calls/{call}", json={"disposition": wrong}), 422, "disposition")
    right = await service.ask("PATCH", f"calls/{call}", json={"disposition": "complaint / Delivery"})
    assert right.body["disposition"] == "complaint / Delivery"
    assert (await service.ask("PATCH", f"calls/{call}", json={"disposition": None})).body["disposition"] is None


async def test_calls_are_found_by_their_result_and_by_what_is_above_it(service: Running) -> None:
    ids = await grow(service)
    for number, result in enumerate(("complaint / Delivery", "sold")):
        call = await call_of(service, None, f"C{number}")
        assert (await service.ask("PATCH", f"calls/{call}", json={"disposition": result})).status == 200
    for wanted, found in (("complaint", ["C0"]), ("complaint / Delivery", ["C0"]), ("sold", ["C1"]), ("sol", [])):
        listed = await service.ask("GET", "calls", params={"disposition": wanted})
        assert [one["id"] for one in listed.body["items"]] == found
    await service.ask("DELETE", f"dispositions/{ids['Delivery']}", who="root")
    page = await service.ask("GET", "/calls?disposition=complaint+/+Delivery", headers=HTML)
    assert (page.status, page.text.count('data-testid="call-row"')) == (200, 1)


async def test_the_page_shows_the_tree_as_text(service: Running) -> None:
    await grow(service)
    await service.ask("POST", "dispositions", who="root", json={"name": "<b>x", "queues": ["<i>q"]})
    page = await service.ask("GET", "/admin/dispositions", who="root", headers=HTML)
    assert page.status == 200
    assert 'data-result="complaint / Delivery"' in page.text
    assert "&lt;b&gt;x" in page.text
    assert not {"<b>x", "<i>q"} & set(page.text.split())
    assert (await service.ask("GET", "/admin/dispositions", who="sam", headers=HTML)).status == 403

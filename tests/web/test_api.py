"""Reading and writing through the REST API, as the public contract describes it."""

import asyncio
import io
import re

import pytest
from websockets.asyncio.client import ClientConnection

from telephony.simulator.day import direct_number
from telephony.simulator.server import AmiServer
from telephony.simulator.switch import Channel
from tests.web.serving import Answer, Json, Running, hear_until

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def is_problem(answer: Answer, status: int, field: str | None = None) -> bool:
    fields = [error["field"] for error in answer.body.get("errors", ())]
    return (
        answer.status == status
        and answer.headers["Content-Type"].startswith("application/problem+json")
        and answer.body["status"] == status
        and answer.body["type"] == "about:blank"
        and (field is None or field in fields)
    )


CLAIRE = {
    "name": "Claire Durand",
    "company": "Durand & Fils",
    "phones": [{"number": "+33 6 01 02 03 04", "type": "mobile"}],
    "emails": ["claire@durand.example"],
    "groups": ["VIP"],
    "owner": "ana",
    "notes": "prefers mornings",
    "custom": {"size": 12},
}


async def test_a_contact_is_created_read_changed_and_deleted(service: Running) -> None:
    created = await service.ask("POST", "contacts", json=CLAIRE)
    assert created.status == 201
    contact = created.body
    assert created.headers["Location"] == f"/api/v1/contacts/{contact['id']}"
    assert contact["phones"] == [{"number": "+33 6 01 02 03 04", "e164": "+33601020304", "type": "mobile"}]
    assert MOMENT.fullmatch(contact["created_at"])
    assert {key: contact[key] for key in CLAIRE if key != "phones"} == {
        k: v for k, v in CLAIRE.items() if k != "phones"
    }
    read = await service.ask("GET", f"contacts/{contact['id']}")
    assert read.body == contact
    changed = await service.ask(
        "PATCH", f"contacts/{contact['id']}", json={"company": None}, headers={"If-Match": read.headers["ETag"]}
    )
    assert (changed.status, changed.body["company"], changed.body["name"]) == (200, None, "Claire Durand")
    assert changed.headers["ETag"] != read.headers["ETag"]
    late = await service.ask(
        "PATCH", f"contacts/{contact['id']}", json={"name": "X"}, headers={"If-Match": read.headers["ETag"]}
    )
    assert is_problem(late, 412)
    assert (await service.ask("GET", f"contacts/{contact['id']}")).body["name"] == "Claire Durand"
    whole = await service.ask("PATCH", f"contacts/{contact['id']}", json=changed.body | {"notes": "read and sent back"})
    assert (whole.status, whole.body["notes"]) == (200, "read and sent back")
    assert (await service.ask("DELETE", f"contacts/{contact['id']}")).status == 204
    assert is_problem(await service.ask("GET", f"contacts/{contact['id']}"), 404)
    assert is_problem(await service.ask("DELETE", f"contacts/{contact['id']}"), 404)


@pytest.mark.parametrize("q", ["durand", "CLAIRE", "+33601020304", "06 01 02 03 04", "0304", "claire@durand.example"])
async def test_a_contact_is_found_however_it_is_typed(service: Running, q: str) -> None:
    await service.ask("POST", "contacts", json=CLAIRE)
    await service.ask("POST", "contacts", json={"name": "Somebody Else"})
    found = await service.ask("GET", "contacts", params={"q": q})
    assert [contact["name"] for contact in found.body["items"]] == ["Claire Durand"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, None),
        ({"name": 5}, "name"),
        ({"name": "X", "phones": [{"number": "12"}]}, None),
        ({"name": "X", "phones": [{"number": "+33601020304", "type": "pager"}]}, "phones[0].type"),
        ({"name": "X", "nmae": "typo"}, "nmae"),
        ({"name": "X" * 201}, "name"),
        ([], None),
        ({"name": "nul\0"}, None),
    ],
)
async def test_a_wrong_contact_is_refused_and_nothing_is_stored(
    service: Running, body: Json, field: str | None
) -> None:
    answer = await service.ask("POST", "contacts", json=body)
    assert is_problem(answer, 422, field), answer
    assert (await service.ask("GET", "contacts")).body["items"] == []


async def test_a_body_that_is_no_json_is_refused(service: Running) -> None:
    json_type = {"Content-Type": "application/json"}
    assert is_problem(await service.ask("POST", "contacts", data=b"{", headers=json_type), 422)
    assert is_problem(await service.ask("POST", "contacts", data=b'{"name": "\xff"}', headers=json_type), 422)
    assert is_problem(await service.ask("POST", "contacts", data=b"{", skip_auto_headers=["Content-Type"]), 422)
    assert is_problem(await service.ask("POST", "contacts", data={"name": "X"}), 415)
    huge = b'{"name": "' + b"x" * 3_000_000 + b'"}'
    assert is_problem(await service.ask("POST", "contacts", data=io.BytesIO(huge), headers=json_type), 413)


async def test_a_word_that_is_far_too_long_is_refused_like_any_other(service: Running) -> None:
    assert is_problem(await service.ask("GET", "contacts", params={"q": "x" * 20_000}), 422, "q")


async def test_lists_are_read_page_by_page(service: Running) -> None:
    for number in range(7):
        await service.ask("POST", "contacts", json={"name": f"Contact {number}"})
    names, cursor = [], ""
    for _ in range(4):
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = await service.ask("GET", "contacts", params=query)
        names += [contact["name"] for contact in page.body["items"]]
        cursor = page.body["next"]
        if cursor is None:
            break
    assert names == [f"Contact {number}" for number in range(7)]
    assert cursor is None


@pytest.mark.parametrize(
    "path",
    ["contacts", "calls", "users", "agents", "queues", "dispositions", "tasks", "phones/unassigned"],
)
@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=many", "limit=", "cursor=nonsense!"])
async def test_wrong_pages_are_refused(service: Running, path: str, query: str) -> None:
    answer = await service.ask("GET", f"{path}?{query}", who="root")
    assert is_problem(answer, 422, query.partition("=")[0]), answer


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=yesterday", "from"),
        ("to=2026-13-01T00:00:00Z", "to"),
        ("from=2026-11-21T10:00:00", "from"),
        ("contact_id=x", "contact_id"),
        ("contact_id=99999999999999999999", "contact_id"),
        ("direction=sideways", "direction"),
        ("outcome=lost", "outcome"),
        ("q=%00", "q"),
    ],
)
async def test_wrong_filters_are_refused(service: Running, query: str, field: str) -> None:
    assert is_problem(await service.ask("GET", f"calls?{query}"), 422, field)


async def test_right_filters_are_taken(service: Running) -> None:
    query = (
        "calls?from=2026-11-21T10:00:00.000Z&to=2026-11-22T10:00:00+01:00&contact_id=1&number=8%20(495)%20123-45-67"
        "&agent=ana&queue=support&direction=inbound&outcome=answered&linkedid=1.2&q=durand&limit=500"
    )
    answer = await service.ask("GET", query)
    assert (answer.status, answer.body) == (200, {"items": [], "next": None})


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/contacts/1/2/3", "/api/nothing", "/nothing"])
async def test_unknown_paths_are_problems(service: Running, path: str) -> None:
    for headers in ({}, {"Accept": "text/html"}):
        answer = await service.ask("GET", path, headers=headers)
        if path.startswith("/api/") or not headers:
            assert is_problem(answer, 404)
        else:
            assert (answer.status, "<html" in answer.text) == (404, True)


async def test_a_method_that_is_not_there_names_those_that_are(service: Running) -> None:
    answer = await service.ask("DELETE", "me")
    assert is_problem(answer, 405)
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "path", ["calls/nope", "contacts/nope", "contacts/0", "contacts/99999999999999999999", "users/nope"]
)
async def test_what_does_not_exist_is_not_found_before_the_body_is_looked_at(service: Running, path: str) -> None:
    assert is_problem(await service.ask("GET", path, who="root"), 404)
    answer = await service.ask("PATCH", path, who="root", data=b"{", headers={"Content-Type": "application/json"})
    assert is_problem(answer, 404)


async def test_users_are_managed_by_administrators(service: Running) -> None:
    new = {"name": "clara", "role": "agent", "password": "a good password", "extensions": ["2003"]}
    created = await service.ask("POST", "users", who="root", json=new)
    assert (created.status, created.body["extensions"]) == (201, ["2003"])
    assert is_problem(await service.ask("POST", "users", who="root", json=new), 422, "name")
    assert is_problem(
        await service.ask("POST", "users", who="root", json=new | {"name": "x", "role": "boss"}), 422, "role"
    )
    short = new | {"name": "dora", "password": "short"}
    assert is_problem(await service.ask("POST", "users", who="root", json=short), 422, "password")
    changed = await service.ask(
        "PATCH", "users/clara", who="root", json={"role": "supervisor", "password": "another one"}
    )
    assert (changed.status, changed.body["role"]) == (200, "supervisor")
    assert (await service.sign_in("clara", "another one")).status == 303
    listed = await service.ask("GET", "users", who="root")
    assert "clara" in [user["name"] for user in listed.body["items"]]
    assert "password" not in listed.text


async def test_a_seat_is_taken_from_whoever_sat_there(service: Running) -> None:
    assert (await service.ask("GET", "me/seat")).body["extension"] == "2001"
    taken = await service.ask("POST", "me/seat", json={"extension": "2002"})
    assert taken.body == {"extension": "2002", "taken_from": "bruno"}
    assert (await service.ask("GET", "me")).body["extensions"] == ["2002"]
    assert is_problem(await service.ask("POST", "me/seat", json={"extension": "no such\nphone"}), 422)
    assert (await service.ask("GET", "me/seat")).body["last"] == "2002"


async def test_dispositions_and_agents_are_listed(service: Running) -> None:
    assert (await service.ask("GET", "dispositions")).body["items"]
    agents = (await service.ask("GET", "agents")).body["items"]
    assert {agent["id"] for agent in agents} == {"ana", "bruno", "sam", "hugo", "root"}


async def test_without_a_pbx_what_needs_one_is_away(service: Running) -> None:
    assert is_problem(await service.ask("POST", "dial", json={"to": "+33601020304"}), 503)
    assert is_problem(await service.ask("POST", "agents/ana/pause", json={"reason": "lunch"}), 503)
    assert is_problem(await service.ask("POST", "live/nope/hangup"), 404)
    ready = await service.ask("GET", "/readyz", who=None)
    assert (ready.status, ready.body["checks"]) == (200, {"database": "up", "bus": "up"})


async def ring(service: Running, pbx: AmiServer, socket: ClientConnection) -> tuple[Channel, str]:
    """Let an unknown caller ring at ana's phone; gives the caller's channel and the call's id."""
    call = pbx.act(lambda world: world.inbound("+33601020304", direct_number("2001"), name="Claire"))
    call_id = str((await hear_until(socket, "pop.show"))["call_id"])
    row = (await service.ask("GET", f"calls/{call_id}")).body
    assert (row["direction"], row["outcome"], row["ended_at"], row["contact"]) == ("inbound", None, None, None)
    assert row["number"] == {"raw": "+33601020304", "e164": "+33601020304", "kind": "external"}
    return call, call_id


async def test_a_card_follows_its_client_wherever_that_was_written(with_pbx: Running, pbx: AmiServer) -> None:
    async with with_pbx.live("ana", "pops") as socket:
        await ring(with_pbx, pbx, socket)
        created = await with_pbx.ask("POST", "contacts", json=CLAIRE)
        name = {"id": created.body["id"], "name": "Claire Durand", "company": "Durand & Fils"}
        assert (await hear_until(socket, "pop.update"))["card"]["contact"] == name
        await with_pbx.ask("PATCH", f"contacts/{name['id']}", json={"company": None})
        assert (await hear_until(socket, "pop.update"))["card"]["contact"] == name | {"company": None}
        await with_pbx.ask("DELETE", f"contacts/{name['id']}")
        assert (await hear_until(socket, "pop.update"))["card"]["contact"] is None


async def test_a_call_gets_notes_result_and_tags(with_pbx: Running, pbx: AmiServer) -> None:
    async with with_pbx.live("ana", "pops") as socket:
        call, call_id = await ring(with_pbx, pbx, socket)
        draft = await with_pbx.ask("PUT", f"calls/{call_id}/draft", json={"text": "wants a qu"})
        again = await with_pbx.ask("PUT", f"calls/{call_id}/draft", json={"text": "wants a quote"})
        assert draft.body["id"] == again.body["id"]
        assert MOMENT.fullmatch(again.body["saved_at"])
        note = await with_pbx.ask("POST", f"calls/{call_id}/notes", json={"text": "called back"})
        assert (note.status, note.body["author"]) == (201, "ana")
        patch = {"disposition": "sold", "tags": ["quote"]}
        patched = await with_pbx.ask("PATCH", f"calls/{call_id}", json=patch)
        assert (patched.status, patched.body["disposition"], patched.body["tags"]) == (200, "sold", ["quote"])
        pbx.act(lambda world: world.hang_up(call))
        await hear_until(socket, "pop.close", reason="caller_gone")
    row = (await with_pbx.ask("GET", f"calls/{call_id}")).body
    assert (row["outcome"], row["disposition"]) == ("missed", "sold")
    assert {one["text"] for one in row["notes"]} == {"wants a quote", "called back"}
    assert all(MOMENT.fullmatch(row[key]) for key in ("started_at", "ended_at"))
    mine = (await with_pbx.ask("GET", "me/calls")).body["items"]
    assert [one["id"] for one in mine] == [call_id]
    assert is_problem(await with_pbx.ask("PATCH", f"calls/{call_id}", json={"contact_id": 4711}), 422)
    assert is_problem(await with_pbx.ask("POST", f"calls/{call_id}/notes", json={}), 422, "text")
    assert (await with_pbx.ask("POST", f"pops/{call_id}/reopen")).status == 204
    assert is_problem(await with_pbx.ask("POST", "pops/nope/reopen"), 404)


async def test_a_client_is_created_from_an_unknown_call(with_pbx: Running, pbx: AmiServer) -> None:
    async with with_pbx.live("ana", "pops") as socket:
        call, call_id = await ring(with_pbx, pbx, socket)
        created = await with_pbx.ask("POST", "contacts", json={"name": "Claire Durand", "call_id": call_id})
        assert created.body["phones"][0]["e164"] == "+33601020304"
        update = await hear_until(socket, "pop.update")
        while update.get("card", {}).get("contact") is None:
            update = await hear_until(socket, "pop.update")
        assert update["card"]["contact"]["name"] == "Claire Durand"
        pbx.act(lambda world: world.hang_up(call))
    row = (await with_pbx.ask("GET", f"calls/{call_id}")).body
    assert row["contact"] == {"id": created.body["id"], "name": "Claire Durand"}
    async with asyncio.timeout(10):
        # Why it popped is written beside the call, a moment later; each question gives the writer its turn.
        while not (await with_pbx.ask("GET", f"calls/{call_id}")).body["trace"]:
            pass


async def test_dialling_and_hanging_up_from_the_page(with_pbx: Running, pbx: AmiServer) -> None:
    async with with_pbx.live("ana", "pops") as socket:
        dialled = await with_pbx.ask("POST", "dial", json={"to": "+33 6 01 02 03 04"})
        assert (dialled.status, dialled.body["extension"]) == (201, "2001")
        pbx.act(lambda world: world.answer("2001"))
        show = await hear_until(socket, "pop.show")
        assert (show["call_id"], show["reason"]) == (dialled.body["call_id"], "dial")
        assert is_problem(await with_pbx.ask("POST", f"live/{show['call_id']}/hangup", who="bruno"), 403)
        assert is_problem(await with_pbx.ask("POST", f"live/{show['call_id']}/hold", who="bruno"), 403)
        assert is_problem(await with_pbx.ask("POST", f"live/{show['call_id']}/complete"), 409)
        assert is_problem(await with_pbx.ask("POST", f"live/{show['call_id']}/fetch"), 409)
        assert is_problem(await with_pbx.ask("POST", f"live/{show['call_id']}/record", json={"action": "x"}), 422)
        moving = await with_pbx.ask("POST", f"live/{show['call_id']}/queue/move", json={"queue": "sales"})
        assert is_problem(moving, 403)
        assert is_problem(await with_pbx.ask("POST", f"live/{show['call_id']}/spy", json={"mode": "listen"}), 403)
        spying = await with_pbx.ask("POST", f"live/{show['call_id']}/spy", who="sam", json={"mode": "listen"})
        assert is_problem(spying, 422, "extension")
        assert (await with_pbx.ask("POST", f"live/{show['call_id']}/hangup")).status == 204
        await hear_until(socket, "pop.update", status="wrap_up")
    assert is_problem(await with_pbx.ask("POST", f"live/{show['call_id']}/hangup"), 409)


async def test_dialling_is_refused_with_the_reason(with_pbx: Running) -> None:
    assert is_problem(await with_pbx.ask("POST", "dial", json={"to": "+1", "extension": "2002"}), 403)
    assert is_problem(await with_pbx.ask("POST", "dial", who="sam", json={"to": "+33601020304"}), 422, "extension")
    assert is_problem(await with_pbx.ask("POST", "dial", json={"to": "1\r\nAction: Command"}), 422)
    assert is_problem(await with_pbx.ask("POST", "dial", json={"to": ""}), 422, "to")


async def test_agents_pause_themselves_and_supervisors_everybody(with_pbx: Running) -> None:
    async with with_pbx.live("sam", "board") as socket:
        assert (await with_pbx.ask("POST", "agents/ana/pause", json={"reason": "lunch"})).status == 204
        await _until_state(socket, "ana", "lunch")
        assert is_problem(await with_pbx.ask("POST", "agents/bruno/pause", json={"reason": "x"}), 403)
        assert is_problem(await with_pbx.ask("POST", "agents/nobody/pause", json={"reason": "x"}), 403)
        assert is_problem(await with_pbx.ask("POST", "agents/nobody/pause", who="sam", json={"reason": "x"}), 404)
        assert is_problem(await with_pbx.ask("POST", "agents/ana/pause", who="sam", json={"reason": 1}), 422, "reason")
        assert (await with_pbx.ask("POST", "agents/ana/unpause", who="sam", json={})).status == 204
        await _until_state(socket, "ana", None)
        assert (await with_pbx.ask("POST", "agents/ana/logout", json={"queue": "support"})).status == 204
        assert (await with_pbx.ask("POST", "agents/ana/login", json={"queue": "support"})).status == 204
        assert is_problem(await with_pbx.ask("POST", "agents/ana/login", json={"queue": "nowhere"}), 409)


async def _until_state(socket: ClientConnection, agent: str, reason: str | None) -> None:
    while True:
        frame = await hear_until(socket, "board.delta")
        if agent in frame["agents"]["set"] and frame["agents"]["set"][agent]["paused_reason"] == reason:
            return

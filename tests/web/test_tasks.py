"""Callbacks over the API: the simulated PBX rings, nobody answers, and the rest follows by itself."""

import asyncio
from collections.abc import Callable

from websockets.asyncio.client import ClientConnection

from telephony.simulator.day import RING_GROUP
from telephony.simulator.server import AmiServer
from telephony.simulator.switch import Channel
from tests.web.serving import DEADLINE, Json, Running, hear_until

CLAIRE = "+33601020304"


async def task_when(service: Running, wanted: Callable[[Json], bool]) -> Json:
    """Wait until the first task is as wanted."""
    async with asyncio.timeout(DEADLINE):
        while True:
            items = (await service.ask("GET", "tasks")).body["items"]
            if items and wanted(items[0]):
                return items[0]
            await asyncio.sleep(0.05)


async def ring_and_give_up(pbx: AmiServer, socket: ClientConnection) -> None:
    """Let a caller ring everybody and hang up."""
    callers = list[Channel]()
    pbx.act(lambda world: callers.append(world.inbound(CLAIRE, RING_GROUP)))
    await hear_until(socket, "pop.show")
    pbx.act(lambda world: world.hang_up(callers[0]))
    await hear_until(socket, "pop.close")


async def test_a_missed_call_is_called_back_and_closes_by_itself(with_pbx: Running, pbx: AmiServer) -> None:
    contact = await with_pbx.ask("POST", "contacts", json={"name": "Claire", "phones": [{"number": CLAIRE}]})
    async with with_pbx.live("ana", "pops") as socket:
        await ring_and_give_up(pbx, socket)
        await task_when(with_pbx, lambda one: one["missed"] == 1)
        await ring_and_give_up(pbx, socket)
        task = await task_when(with_pbx, lambda one: one["missed"] == 2)
        assert task["contact"] == {"id": contact.body["id"], "name": "Claire"}
        assert (task["state"], task["number"], task["owner"]) == ("open", CLAIRE, None)
        taken = await with_pbx.ask("PATCH", f"tasks/{task['id']}", json={"owner": "ana", "priority": 1})
        assert (taken.status, taken.body["owner"], taken.body["priority"]) == (200, "ana", 1)
        pbx.act(lambda world: world.inbound(CLAIRE, RING_GROUP))
        await hear_until(socket, "pop.show")
        pbx.act(lambda world: world.answer("2001"))
        closed = await task_when(with_pbx, lambda one: one["state"] == "closed")
        assert (closed["id"], closed["ending"], closed["closed_by"]) == (task["id"], "got_through", "ana")
        call = await with_pbx.ask("GET", f"calls/{closed['closed_call']}")
        assert call.body["answered_by"] == "2001"


async def test_a_callback_is_promised_put_off_closed_and_reopened(service: Running) -> None:
    due = "2026-12-01T10:00:00.000Z"
    made = await service.ask("POST", "tasks", json={"due_at": due, "number": CLAIRE, "owner": "bruno"})
    assert (made.status, made.body["due_at"], made.body["promised"], made.body["owner"]) == (201, due, True, "bruno")
    path = f"tasks/{made.body['id']}"
    changed = await service.ask("PATCH", path, json={"due_at": "2026-12-01T11:00:00Z", "owner": None})
    assert (changed.body["due_at"], changed.body["owner"]) == ("2026-12-01T11:00:00.000Z", None)
    closed = await service.ask("PATCH", path, json={"state": "closed", "reason": "by mail"})
    assert (closed.body["closed_by"], closed.body["reason"], closed.body["ending"]) == ("ana", "by mail", "by_hand")
    assert (await service.ask("GET", "tasks?state=open")).body["items"] == []
    assert (await service.ask("PATCH", path, json={"state": "open"})).body["state"] == "open"
    listed = await service.ask("GET", "tasks?state=open&kind=callback&owner=&due=2026-12-02T00:00:00Z")
    assert [one["id"] for one in listed.body["items"]] == [made.body["id"]]
    steps = [step["what"] for step in (await service.ask("GET", path)).body["history"]]
    assert steps == ["promised", "assigned", "put_off", "closed", "reopened"]


async def test_of_two_who_take_the_same_callback_the_second_hears_who_has_it(service: Running) -> None:
    made = await service.ask("POST", "tasks", json={"due_at": "2026-12-01T10:00:00Z", "number": CLAIRE})
    path = f"tasks/{made.body['id']}"
    takes = [service.ask("PATCH", path, who, json={"owner": who, "taken_from": None}) for who in ("ana", "bruno")]
    answers = await asyncio.gather(*takes)
    first, second = sorted(answers, key=lambda one: one.status)
    assert (first.status, second.status) == (200, 409)
    assert first.body["owner"] in second.body["detail"]
    has = first.body["owner"]
    other = "bruno" if has == "ana" else "ana"
    assert (await service.ask("PATCH", path, other, json={"owner": other})).status == 409
    taken = await service.ask("PATCH", path, other, json={"owner": other, "taken_from": has})
    assert (taken.status, taken.body["owner"]) == (200, other)
    assert (await service.ask("PATCH", path, "sam", json={"owner": "ana"})).body["owner"] == "ana"
    promised = await service.ask("POST", "tasks", "sam", json={"due_at": "2026-12-01T11:00:00Z", "number": CLAIRE})
    assert (promised.body["id"], promised.body["owner"]) == (made.body["id"], "ana")


async def test_what_is_no_callback_is_refused(service: Running) -> None:
    due = "2026-12-01T10:00:00Z"
    for body, field in (
        ({"due_at": due, "number": "anonymous"}, "number"),
        ({"due_at": due, "owner": "nobody", "number": CLAIRE}, "owner"),
        ({"due_at": due, "call_id": "none"}, "call_id"),
        ({"number": CLAIRE}, "due_at"),
    ):
        answer = await service.ask("POST", "tasks", json=body)
        assert (answer.status, answer.body["errors"][0]["field"]) == (422, field)
    assert (await service.ask("GET", "tasks/99")).status == 404
    assert (await service.ask("PATCH", "tasks/zero", json={})).status == 404

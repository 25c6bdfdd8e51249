"""The page of callbacks: who is shown what, in which order, and what a client's card says of it."""

import re
import time
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from crm_core.calls.rules import CallToSave
from crm_core.people.rules import ContactDraft, PhoneDraft
from telephony.records import Direction
from tests.contracts.records import answered, missed
from tests.web.pages.test_pages import EVIL, HTML, Inline, page
from tests.web.serving import Json, Running

PAST, NEXT, LATER = "2026-01-05T10:00:00Z", "2099-12-01T10:00:00Z", "2099-12-02T10:00:00Z"


async def promise(service: Running, number: str, due: str, **values: Json) -> int:
    made = await service.ask("POST", "tasks", json={"number": number, "due_at": due, **values})
    assert made.status == 201
    return int(made.body["id"])


def shown(text: str) -> list[int]:
    return [int(task) for task in re.findall(r'data-testid="callback-row" data-task="(\d+)"', text)]


async def test_each_begins_with_what_is_theirs_to_do_and_the_overdue_come_first(service: Running) -> None:
    free = await promise(service, "+33140000001", LATER)
    own = await promise(service, "+33140000002", NEXT, owner="ana")
    other = await promise(service, "+33140000003", PAST, owner="bruno")
    late = await promise(service, "+33140000004", PAST)
    for who, path, expected in [
        ("ana", "/callbacks", [late, own, free]),
        ("ana", "/callbacks?view=mine", [own]),
        ("ana", "/callbacks?view=all", [other, late, own, free]),
        ("ana", "/callbacks?view=nonsense", [late, own, free]),
        ("ana", "/callbacks?queue=sales", []),
        ("sam", "/callbacks", [other, late, own, free]),
        ("sam", "/callbacks?view=mine", []),
    ]:
        assert shown((await page(service, path, who=who)).text) == expected, (who, path)
    for who, counted in [("ana", (3, 1)), ("bruno", (3, 2)), ("sam", (4, 2))]:
        body = (await service.ask("GET", "/callbacks/count", who=who)).body
        assert (body["open"], body["overdue"]) == counted
    text = (await page(service, "/callbacks")).text
    assert text.count('data-testid="callback-overdue"') == 1
    assert 'data-dial="+33140000004"' in text
    assert 'data-testid="callback-count"' in text
    assert "data-assign" not in text
    assert (await page(service, "/callbacks", who="sam")).text.count("data-assign") == 4


async def test_a_clients_card_says_who_calls_back(service: Running) -> None:
    draft = ContactDraft(name="Claire Durand", phones=(PhoneDraft("+33140000001"),))
    contact = (await service.node.services.people.create_contact(draft, "ana")).id
    assert "open-callback" not in (await page(service, f"/contacts/{contact}")).text
    task = await promise(service, "+33140000001", LATER)
    assert "nobody has taken it" in (await page(service, f"/contacts/{contact}")).text
    await service.ask("PATCH", f"tasks/{task}", json={"owner": "ana"})
    text = (await page(service, f"/contacts/{contact}")).text
    assert re.search(r"Callback open since <time", text)
    assert "taken by ana" in text
    await service.ask("PATCH", f"tasks/{task}", json={"state": "closed", "reason": "by mail"})
    assert "open-callback" not in (await page(service, f"/contacts/{contact}")).text


async def test_a_long_list_is_continued_and_nothing_stored_becomes_markup(service: Running) -> None:
    draft = ContactDraft(name=EVIL, phones=(PhoneDraft("+33140000001"),))
    await service.node.services.people.create_contact(draft, "ana")
    for index in range(52):
        await promise(service, f"+331400000{index:02}", NEXT, subject=EVIL)
    first = await page(service, "/callbacks?view=all")
    inline = Inline()
    inline.feed(first.text)
    assert inline.found == []
    assert EVIL not in first.text
    more = re.search(r'hx-get="(/callbacks\?[^"]+)"', first.text)
    assert more is not None
    rest = await page(service, more.group(1).replace("&amp;", "&"))
    assert len({*shown(first.text), *shown(rest.text)}) == 52
    assert (await page(service, "/callbacks?cursor=nonsense")).status == 303


@pytest.mark.parametrize(("tag", "said"), [("en", "2 hours late"), ("es", "con retraso de 2 horas")])
async def test_how_late_is_told_in_the_readers_words(service: Running, tag: str, said: str) -> None:
    due = datetime.fromtimestamp(service.node.services.clock() - 2 * 3600 - 60, UTC)
    await promise(service, "+33140000001", due.isoformat())
    answer = await service.ask("GET", "/callbacks", headers={**HTML, "Accept-Language": tag})
    assert said in answer.text


async def test_a_promise_that_is_due_is_told_to_whose_it_is(service: Running) -> None:
    task = await promise(service, "+33140000001", PAST, owner="ana", subject="the offer")
    await promise(service, "+33140000002", PAST)
    await promise(service, "+33140000003", LATER, owner="ana")
    due = (await service.ask("GET", "/callbacks/count", "ana")).body["due"]
    assert due == [
        {"id": task, "due_at": PAST.replace("Z", ".000Z"), "name": "+33 140 000 001", "subject": "the offer"}
    ]
    assert (await service.ask("GET", "/callbacks/count", "bruno")).body["due"] == []


async def test_lists_say_who_was_called_back(service: Running) -> None:
    parts, now = service.node.services, time.time()
    back = replace(answered("back", now - 900, number="+33140000001"), direction=Direction.OUTBOUND, answered_by=None)
    told = (missed("lost", now - 1000, number="+33140000001"), missed("open", now - 800, number="+33140000002"), back)
    await parts.calls.add_many(
        [CallToSave(one, parts.numbering.read(one.number), users={"2001": "ana"}) for one in told]
    )
    text = (await page(service, "/calls")).text
    assert text.count('data-testid="called-back"') == text.count('data-testid="not-called-back"') == 1
    assert "called back by ana" in text
    assert 'href="/calls/back" data-testid="called-back"' in text
    shown = re.findall(r'data-call-id="(\w+)"', (await page(service, "/calls?called_back=no")).text)
    assert shown == ["open"]
    listed = (await service.ask("GET", "calls?called_back=true")).body["items"]
    assert [(one["id"], one["called_back"]["by"], one["called_back"]["by_us"]) for one in listed] == [
        ("lost", "ana", True)
    ]
    mine = (await service.ask("GET", "me/calls", "ana")).body["items"]
    assert {one["id"]: one["called_back"] and one["called_back"]["call_id"] for one in mine}["lost"] == "back"
    assert 'data-promise-call="open"' in (await page(service, "/calls/open")).text

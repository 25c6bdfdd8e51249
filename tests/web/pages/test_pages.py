"""Pages over the running service: who sees what, what a form says when it is wrong, and that nothing runs inline."""

import asyncio
import re
from html.parser import HTMLParser

import pytest
from typing_extensions import override

from crm_core.calls.rules import CallPatch
from crm_core.numbers import Number, NumberKind
from crm_core.people.rules import ContactDraft, PhoneDraft
from telephony.records import CallPhase, CallRecord, Direction, Outcome
from telephony.simulator.server import AmiServer
from tests.web.serving import DEADLINE, PASSWORD, Answer, Running

HTML = {"Accept": "text/html"}
EVIL = "<script>alert(1)</script>"


async def page(service: Running, path: str, who: str | None = "ana") -> Answer:
    return await service.ask("GET", path, who=who, headers=HTML)


async def add_client(service: Running, name: str, number: str = "+34600112233") -> int:
    draft = ContactDraft(name=name, company="Acme", phones=(PhoneDraft(number),), notes=name, tags=(name[:20],))
    return (await service.node.services.people.create_contact(draft, "ana")).id


async def add_call(service: Running, call_id: str, *, at: float, contact_id: int | None = None) -> None:
    record = CallRecord(
        id=call_id,
        pbx="main",
        direction=Direction.INBOUND,
        phase=CallPhase.ENDED,
        started_at=at,
        number="+34600112233",
        caller_name=EVIL,
        queue="support",
        outcome=Outcome.ANSWERED,
        extension="2001",
        answered_at=at + 5,
        ended_at=at + 65,
        wait_seconds=5.0,
        talk_seconds=60.0,
    )
    number = Number("+34600112233", "+34600112233", NumberKind.EXTERNAL)
    await service.node.services.calls.save(record, number, contact_id, 1, {"2001": "ana"})


async def test_a_person_without_a_sign_in_is_shown_the_way_and_comes_back(service: Running) -> None:
    answer = await page(service, "/calls?outcome=missed", who=None)
    assert answer.status == 303
    assert answer.headers["Location"] == "/login?next=%2Fcalls%3Foutcome%3Dmissed"
    form = await page(service, answer.headers["Location"], who=None)
    assert 'name="next" value="/calls?outcome=missed"' in form.text
    assert '<form class="card card-md" method="post" action="/login"' in form.text


async def test_a_wrong_password_says_so_and_keeps_the_name(service: Running) -> None:
    answer = await service.sign_in("ana", "not the password")
    assert answer.status == 401
    assert "The name or the password is wrong." in answer.text
    assert 'value="ana"' in answer.text
    assert "not the password" not in answer.text
    unknown = await service.sign_in("nobody", "not the password")
    assert (unknown.status, "The name or the password is wrong." in unknown.text) == (401, True)


async def test_signing_in_leads_where_it_should_and_nowhere_else(service: Running) -> None:
    for wanted, reached in [
        ("/contacts", "/contacts"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("", "/"),
    ]:
        data = {"name": "ana", "password": PASSWORD, "next": wanted}
        async with service.http.post(f"{service.url}/login", data=data, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, reached)


@pytest.mark.parametrize(("who", "place"), [("ana", None), ("sam", "/board"), ("root", "/board")])
async def test_the_day_starts_where_the_job_is(service: Running, who: str, place: str | None) -> None:
    answer = await page(service, "/", who=who)
    assert answer.headers.get("Location") == place
    assert answer.status == (200 if place is None else 303)


@pytest.mark.parametrize(
    ("who", "path", "status"),
    [
        ("ana", "/board", 403),
        ("sam", "/board", 200),
        ("ana", "/admin/users", 403),
        ("sam", "/admin/users", 403),
        ("root", "/admin/users", 200),
        ("sam", "/admin/pauses", 403),
        ("root", "/admin/pauses", 200),
        ("ana", "/contacts/999", 404),
        ("ana", "/contacts/abc", 404),
        ("ana", "/contacts/99999999999999999999999", 404),
        ("ana", "/calls/nothing", 404),
        ("ana", "/nowhere", 404),
    ],
)
async def test_pages_refuse_with_a_page(service: Running, who: str, path: str, status: int) -> None:
    answer = await page(service, path, who=who)
    assert answer.status == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "Traceback" not in answer.text


class Inline(HTMLParser):
    """Collects what a strict content security policy would block."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.found += [f"{tag} {name}" for name in named if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in named and named.get("type") != "application/json"):
            self.found.append(tag)


async def test_no_page_runs_or_styles_anything_inline_and_nothing_stored_becomes_markup(service: Running) -> None:
    contact = await add_client(service, EVIL)
    await add_call(service, "C1", at=1795219200.0, contact_id=contact)
    await add_call(service, "C2", at=1795219300.0)
    await service.node.services.calls.add_note("C1", "ana", EVIL)
    await service.node.services.calls.patch("C1", CallPatch(tags=(EVIL,)), "ana")
    await service.node.services.staff.note_phone("2099", 1795219200.0)
    paths = ["/", "/contacts", f"/contacts?q={EVIL}", "/contacts?q=nobody-has-this", f"/contacts/{contact}"]
    paths += ["/contacts/new?name=" + EVIL, "/calls", "/calls?q=" + EVIL, "/calls/C1", "/calls/C2", "/nowhere"]
    for who, path in [
        *(("ana", path) for path in paths),
        ("root", "/admin/users"),
        ("root", "/admin/pauses"),
        ("root", "/board"),
        (None, "/login"),
    ]:
        answer = await page(service, path, who=who)
        inline = Inline()
        inline.feed(answer.text)
        assert inline.found == [], path
        assert EVIL not in answer.text, path
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy


async def test_clients_are_found_while_typing_and_listed_page_by_page(service: Running) -> None:
    for index in range(45):
        await add_client(service, f"Client {index:02}", f"+3460011{index:04}")
    first = await page(service, "/contacts")
    assert first.text.count('data-testid="contact-row"') == 40
    assert "45 clients" in first.text
    more = re.search(r'hx-get="(/contacts\?[^"]+)"', first.text.split('id="more"')[1])
    assert more is not None
    rest = await page(service, more.group(1).replace("&amp;", "&"))
    assert rest.text.count('data-testid="contact-row"') == 5
    found = await page(service, "/contacts?q=600 11 00 07")
    assert set(re.findall(r"Client \d+", found.text)) == {"Client 07"}
    assert (await page(service, "/contacts?cursor=nonsense")).status == 303


async def test_a_client_card_tells_the_whole_story(service: Running) -> None:
    contact = await add_client(service, "Claire Durand")
    await add_call(service, "C1", at=1795219200.0, contact_id=contact)
    await service.node.services.calls.add_note("C1", "ana", "Wants the quote by Friday")
    await service.node.services.calls.patch("C1", CallPatch(disposition="sold"), "ana")
    answer = await page(service, f"/contacts/{contact}")
    for fact in ("Claire Durand", "Acme", "+34 600 112 233", "Wants the quote by Friday", "Sold", "support", "1:00"):
        assert fact in answer.text


async def test_the_log_is_filtered_by_the_readers_day(service: Running) -> None:
    midnight_in_madrid = 1795219200.0 - 3600
    await add_call(service, "BEFORE", at=midnight_in_madrid - 1)
    await add_call(service, "WITHIN", at=midnight_in_madrid + 1)
    headers = {**HTML, "Cookie": "callcard_zone=Europe/Madrid"}
    answer = await service.ask("GET", "/calls?from=2026-11-21&to=2026-11-21", headers=headers)
    assert re.findall(r'data-call-id="(\w+)"', answer.text) == ["WITHIN"]
    for query, ids in [
        ("outcome=answered&direction=inbound", ["WITHIN", "BEFORE"]),
        ("outcome=missed", []),
        ("outcome=nonsense", ["WITHIN", "BEFORE"]),
        ("agent=bruno", []),
        ("queue=support&number=%2B34 600 112 233", ["WITHIN", "BEFORE"]),
    ]:
        answer = await page(service, f"/calls?{query}")
        assert re.findall(r'data-call-id="(\w+)"', answer.text) == ids, query


async def test_the_language_is_the_readers(service: Running) -> None:
    spanish = await service.ask("GET", "/login", who=None, headers={**HTML, "Accept-Language": "es-ES,es;q=0.9"})
    assert '<html lang="es"' in spanish.text
    assert "Contraseña" in spanish.text
    data = {"language": "es", "next": "/contacts"}
    async with service.http.post(f"{service.url}/language", data=data, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/contacts")
        assert answer.cookies["callcard_language"].value == "es"
    foreign = {"Origin": "https://evil.example"}
    async with service.http.post(
        f"{service.url}/language", data=data, headers=foreign, allow_redirects=False
    ) as answer:
        assert "callcard_language" not in answer.cookies


async def test_administrators_see_phones_that_belong_to_nobody(service: Running) -> None:
    await service.node.services.staff.note_phone("2099", 1795219200.0)
    answer = await page(service, "/admin/users", who="root")
    assert 'data-assign="2099"' in answer.text
    assert answer.text.count('data-testid="user-row"') == 5


async def told(service: Running, state: str) -> Answer:
    """Ask until the PBX is said to be in that state."""
    async with asyncio.timeout(DEADLINE):
        while True:
            answer = await service.ask("GET", "/status")
            if answer.body["checks"]["pbx main"] == state:
                return answer
            await asyncio.sleep(0.05)


async def test_the_banner_is_told_what_is_down(with_pbx: Running, pbx: AmiServer) -> None:
    await told(with_pbx, "up")
    await pbx.stop()
    answer = await told(with_pbx, "down")
    assert (answer.status, answer.body["checks"]["database"]) == (200, "up")
    assert (await with_pbx.ask("GET", "/status", who=None)).status == 303

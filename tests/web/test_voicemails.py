"""Voicemail over the API and in the pages: whose messages they are, heard in parts, marked, deleted, written down."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from crm_core.calls.rules import CallToSave
from crm_core.people.rules import ContactDraft, PhoneDraft
from tests.contracts.records import CLAIRE
from tests.contracts.test_voicemail_store import to_voicemail
from tests.crm_core.mailboxes import leave, move
from tests.crm_core.test_recording_paths import sound
from tests.web.pages.test_pages import page
from tests.web.serving import DEADLINE, Json, Running, Template, running

SOUND = sound(3.0)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "voicemail"


def fill(folder: Path) -> None:
    """Fill a team's mailbox (2000) and those of ana (2001) and bruno (2002)."""
    now = time.time()
    leave(folder, "2001/INBOX/msg0000", "own", now - 3600)
    leave(folder, "2002/INBOX/msg0000", "bruno", now - 3000, number="+33140000002")
    leave(folder, "2000/INBOX/msg0000", "team", now - 2000, number="+33140000001", name="<b>Ivan</b>")
    leave(folder, "2000/Old/msg0000", "old", now - 1000, ending=".gsm")


@pytest.fixture
async def post(template: Template, tmp_path: Path, spool: Path) -> AsyncIterator[Running]:
    async with running(template, tmp_path, CALLCARD_VOICEMAIL=str(spool)) as service:
        parts = service.node.services
        draft = ContactDraft(name="Claire Durand", phones=(PhoneDraft(CLAIRE),))
        await parts.people.create_contact(draft, "ana")
        call = to_voicemail("a", time.time() - 3610)
        await parts.calls.add_many([CallToSave(call, parts.numbering.read(call.number), users={"2001": "ana"})])
        fill(spool)
        async with asyncio.timeout(DEADLINE):
            while len(await listed(service, "root")) < 4:  # noqa: ASYNC110 - the watcher tells nobody
                await asyncio.sleep(0.05)
        yield service


async def listed(service: Running, who: str, query: str = "") -> list[Json]:
    items: list[Json] = (await service.ask("GET", f"voicemails{query}", who)).body["items"]
    return items


async def at(service: Running, mailbox: str, who: str = "root") -> Json:
    return next(one for one in await listed(service, who, f"?mailbox={mailbox}"))


async def test_whose_messages_they_are(post: Running) -> None:
    boxes = {who: [one["mailbox"] for one in await listed(post, who)] for who in ("ana", "bruno", "sam", "root")}
    assert boxes["ana"] == ["2000", "2000", "2001"]
    assert boxes["bruno"] == ["2000", "2000", "2002"]
    assert boxes["sam"] == boxes["root"] == ["2000", "2000", "2002", "2001"]
    other = (await at(post, "2002"))["id"]
    for method, path, body in (("GET", "", None), ("GET", "/audio", None), ("PATCH", "", {"heard": True})):
        assert (await post.ask(method, f"voicemails/{other}{path}", "ana", json=body)).status == 404
    assert (await post.ask("HEAD", f"voicemails/{other}/audio", "bruno")).status == 200
    assert (await listed(post, "root", "?state=heard"))[0]["heard_by"] is None
    assert [one["mailbox"] for one in await listed(post, "root", "?queue=support&state=new")] == ["2001"]


async def test_a_message_is_on_its_call_and_on_its_clients_card(post: Running) -> None:
    own = await at(post, "2001")
    assert (own["call_id"], own["contact"]["name"], own["seconds"], own["size"]) == ("a", "Claire Durand", 3, 48044)
    assert (await post.ask("GET", "calls/a")).body["voicemails"] == [own]
    text = (await page(post, "/calls/a")).text
    assert f'src="{own["audio"]}"' in text
    assert "mailbox of a colleague" in (await page(post, "/calls/a", who="bruno")).text
    card = f"/contacts/{own['contact']['id']}"
    text = (await page(post, card)).text
    assert 'data-testid="new-message"' in text
    assert 'data-testid="left-message"' in text
    assert 'data-testid="new-message"' not in (await page(post, card, who="bruno")).text


async def test_heard_in_parts_and_written_down(post: Running, spool: Path) -> None:
    message = await at(post, "2001")
    url, token = f"{post.url}{message['audio']}", {"Authorization": f"Bearer {post.token('ana')}"}
    async with post.http.get(url, headers=token) as whole:
        assert (whole.status, whole.headers["Content-Type"], await whole.read()) == (200, "audio/wav", SOUND)
    move(spool, "2001/INBOX/msg0000", "2001/Old/msg0004")
    async with post.http.get(url, headers=token | {"Range": "bytes=100-199"}) as some:
        assert (some.status, await some.read()) == (206, SOUND[100:200])
    assert (await post.ask("GET", message["audio"], headers={"Range": "bytes=99999-"})).status == 416
    assert (await post.ask("HEAD", message["audio"], "root")).status == 200
    told = (await post.ask("GET", f"voicemails/{message['id']}", "sam")).body["accesses"]
    assert [(one["user"], one["what"]) for one in told] == [("ana", "played")]
    assert (await post.ask("GET", f"voicemails/{message['id']}", "ana")).body["accesses"] == []
    gsm = next(one for one in await listed(post, "root") if not one["playable"])
    async with post.http.get(f"{post.url}{gsm['audio']}", headers=token) as saved:
        assert saved.headers["Content-Disposition"].startswith("attachment")


async def test_marked_as_heard_and_as_new_again(post: Running) -> None:
    path = f"voicemails/{(await at(post, '2001'))['id']}"
    heard = (await post.ask("PATCH", path, json={"heard": True})).body
    assert (heard["state"], heard["heard_by"]) == ("heard", "ana")
    assert (await post.ask("PATCH", path, json={"heard": False})).body["state"] == "new"
    assert (await post.ask("PATCH", path, json={})).status == 422
    assert (await post.ask("GET", "voicemails/99/audio")).status == 404


async def test_deleted_by_who_supervises(post: Running, spool: Path) -> None:
    message = await at(post, "2000", "ana")
    assert (await post.ask("DELETE", f"voicemails/{message['id']}", "ana")).status == 403
    for _ in range(2):
        assert (await post.ask("DELETE", f"voicemails/{message['id']}", "sam")).status == 204
    assert sorted(one.name for one in (spool / "default/2000").rglob("msg*")) == ["msg0000.txt", "msg0000.wav"]
    assert (await post.ask("GET", f"voicemails/{message['id']}/audio", "sam")).status == 404
    told = (await post.ask("GET", f"voicemails/{message['id']}", "sam")).body
    assert (told["state"], told["audio"]) == ("deleted", None)
    assert [(one["user"], one["what"]) for one in told["accesses"]] == [("sam", "deleted")]


async def test_a_spool_that_is_away_is_no_lost_message(post: Running, spool: Path) -> None:
    message = await at(post, "2001")
    spool.rename(spool.with_name("away"))
    for method, path in (("GET", message["audio"]), ("DELETE", f"voicemails/{message['id']}")):
        assert (await post.ask(method, path, "root")).status == 503
    assert (await at(post, "2001"))["state"] == "new"


async def test_the_page_begins_with_what_nobody_has_heard(post: Running) -> None:
    text = (await page(post, "/voicemail")).text
    assert text.count('data-testid="voicemail-row"') == 2
    assert "<b>Ivan" not in text
    assert "&lt;b&gt;Ivan" in text
    assert "data-delete aria" not in text
    assert 'data-dial="+33140000001"' in text
    assert (await post.ask("GET", "/voicemail/count", "ana")).body == {"new": 2}
    assert (await page(post, "/voicemail?view=all&mailbox=2000", who="sam")).text.count("data-delete aria") == 2
    assert "voicemail-download" in (await page(post, "/voicemail?view=heard")).text
    assert (await post.ask("GET", "/voicemail?cursor=nonsense", "ana")).status == 303


async def test_without_a_spool_there_is_no_page_in_the_navigation(service: Running) -> None:
    assert 'href="/voicemail"' not in (await page(service, "/calls")).text
    assert "CALLCARD_VOICEMAIL" in (await page(service, "/voicemail")).text

"""A message left on a real Asterisk is played in Chromium, and stays itself when its file is renumbered."""

import asyncio
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.api import Api
from tests.e2e.asterisk import Asterisk
from tests.e2e.callers import customer
from tests.e2e.conftest import Furnished, Node
from tests.e2e.desk import Desk
from tests.e2e.product import Callcard
from tests.e2e.test_recordings import PLAYED

pytestmark = pytest.mark.e2e

DIRECT, CLAIRE, DARIO = "74950000006", "+33601020304", "+33601020305"
"""Nobody is at that phone: the caller goes to its mailbox at once."""
MESSAGE_SECONDS = 4


@pytest.fixture
def spool(asterisk: Asterisk) -> Path:
    """Name the folder of the mailboxes, with nothing in them."""
    folder = asterisk.root / asterisk.home.relative_to("/") / "spool/voicemail"
    for kept in folder.glob("*/*/*/msg*"):
        kept.unlink()
    return folder


@pytest.fixture
def voicemail_node(asterisk: Asterisk, furnished: Furnished, spool: Path, tmp_path: Path) -> Iterator[Node]:
    """Start Callcard with the mailboxes of this Asterisk."""
    folder = tmp_path / "callcard"
    shutil.copytree(furnished.folder, folder)
    callcard = Callcard(folder, {"CALLCARD_AMI_URL": asterisk.ami_url, "CALLCARD_VOICEMAIL": str(spool)})
    asterisk.wait_idle()
    try:
        callcard.start()
        yield Node(callcard, furnished.tokens)
    finally:
        sys.stderr.write(callcard.log())
        callcard.remove()


async def _messages(api: Api, *states: str) -> list[dict[str, Any]]:
    """Ask until the messages, newest first, are in these states."""
    async with asyncio.timeout(20):
        while True:
            items = [dict(one) for one in (await api.get("voicemails"))["items"]]
            if tuple(one["state"] for one in items) == states:
                return items
            await asyncio.sleep(0.1)


def _renumber(inbox: Path) -> None:
    """Do what Asterisk does when the owner deletes the first message by phone: the second becomes the first."""
    for file in inbox.glob("msg0000.*"):
        file.unlink()
    for file in sorted(inbox.glob("msg0001.*")):
        file.rename(file.with_name(file.name.replace("0001", "0000")))


async def _left(node: Node, asterisk: Asterisk, spool: Path) -> dict[str, Any]:
    """Let two clients leave a message each, and the first one be deleted by phone; return the other."""
    async with node.api() as api:
        for number in (CLAIRE, DARIO):
            async with customer(asterisk.sip_port, DIRECT, number, talk_seconds=MESSAGE_SECONDS, speaks=True) as one:
                await one.wait_done()
        later, first = await _messages(api, "new", "new")
        calls = {one["number"]["e164"]: one for one in (await api.get("calls"))["items"]}
        assert {one["outcome"] for one in calls.values()} == {"voicemail"}
        assert [one["number"]["e164"] for one in (later, first)] == [DARIO, CLAIRE]
        assert [one["call_id"] for one in (later, first)] == [calls[DARIO]["id"], calls[CLAIRE]["id"]]
        assert (later["mailbox"], later["folder"], later["playable"]) == ("2002", "INBOX", True)
        assert 1 <= later["seconds"] <= MESSAGE_SECONDS + 1
        await asyncio.to_thread(_renumber, spool / "default/2002/INBOX")
        await _messages(api, "new", "deleted")
        tasks = (await api.get("tasks?state=open"))["items"]
        assert sorted(one["number"] for one in tasks) == [CLAIRE, DARIO]
    return later


async def test_a_message_is_heard_in_the_page(
    voicemail_node: Node, asterisk: Asterisk, spool: Path, browser: Browser
) -> None:
    node = voicemail_node
    message = await _left(node, asterisk, spool)
    desk = await Desk.sign_in(browser, node.url, "bruno", seat="2002")
    await expect(desk.page.get_by_test_id("voicemail-count")).to_have_text("1")
    await desk.page.goto(f"{node.url}/voicemail")
    row = desk.page.get_by_test_id("voicemail-row")
    await expect(row).to_have_count(1)
    await expect(row).to_contain_text("+33 601 020 305")
    await row.get_by_test_id("voicemail-play").click()
    audio = row.get_by_test_id("voicemail-audio")
    assert await audio.evaluate(PLAYED) > 0.3
    assert await audio.evaluate("sound => sound.duration") == pytest.approx(message["seconds"], abs=1.5)
    await expect(row).to_have_attribute("data-state", "heard")
    await expect(desk.page.get_by_test_id("voicemail-count")).to_be_hidden()
    ana = await Desk.sign_in(browser, node.url, "ana", seat="2001")
    await ana.page.goto(f"{node.url}/voicemail?view=all")
    await expect(ana.page.get_by_test_id("voicemail-row")).to_have_count(0)
    async with node.api("vera") as api:
        told = await api.get(f"voicemails/{message['id']}")
        assert [(one["user"], one["what"]) for one in told["accesses"]] == [("bruno", "played")]
        assert (told["state"], told["heard_by"]) == ("heard", "bruno")
    assert desk.complaints == []

"""A recorded queue call on a real Asterisk is heard in Chromium, by those who may."""

import asyncio
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, expect

from tests.e2e.api import Api
from tests.e2e.asterisk import Asterisk
from tests.e2e.callers import customer
from tests.e2e.conftest import Furnished, Node, Plug
from tests.e2e.desk import Desk
from tests.e2e.product import Callcard

pytestmark = pytest.mark.e2e

SUPPORT, CLAIRE = "74950000003", "+33601020304"
TALK_SECONDS = 4
PLAYED = """sound => new Promise((told) => sound.addEventListener("timeupdate",
    () => sound.currentTime > 0.3 && told(sound.currentTime)))"""
SOUGHT = """sound => new Promise((told) => {
    sound.pause();
    sound.addEventListener("seeked", () => told(sound.currentTime));
    sound.currentTime = 2;
})"""


@pytest.fixture
def recording_node(asterisk: Asterisk, furnished: Furnished, tmp_path: Path) -> Iterator[Node]:
    """Start Callcard with the folder in which this Asterisk records."""
    folder = tmp_path / "callcard"
    shutil.copytree(furnished.folder, folder)
    settings = {
        "CALLCARD_AMI_URL": asterisk.ami_url,
        "CALLCARD_RECORDINGS": str(asterisk.root / asterisk.home.relative_to("/") / "spool/monitor"),
        "CALLCARD_RECORDINGS_PREFIX": str(asterisk.home / "spool/monitor"),
    }
    callcard = Callcard(folder, settings)
    asterisk.wait_idle()
    try:
        callcard.start()
        yield Node(callcard, furnished.tokens)
    finally:
        sys.stderr.write(callcard.log())
        callcard.remove()


async def _ready(api: Api, call_id: str) -> dict[str, Any]:
    """Ask until the call's one recording is no longer being made."""
    async with asyncio.timeout(20):
        while True:
            items = (await api.get(f"calls/{call_id}/recordings"))["items"]
            if items and items[0]["state"] != "recording":
                assert len(items) == 1
                return dict(items[0])
            await asyncio.sleep(0.1)


async def test_a_recorded_queue_call_is_played_in_the_page(
    recording_node: Node, plug: Plug, asterisk: Asterisk, browser: Browser
) -> None:
    node, ana = recording_node, await plug("2001")
    async with node.api() as api:
        async with customer(asterisk.sip_port, SUPPORT, CLAIRE, talk_seconds=TALK_SECONDS, speaks=True) as claire:
            await (await ana.next_call()).answer()
            await claire.wait_done()
        row = await api.only_call()
        recording = await _ready(api, row["id"])
    assert (recording["state"], recording["playable"]) == ("ready", True)
    assert recording["seconds"] == pytest.approx(TALK_SECONDS, abs=1.5)
    desk = await Desk.sign_in(browser, node.url, "ana", seat="2001")
    await desk.page.goto(f"{node.url}/calls/{row['id']}")
    audio = desk.page.get_by_test_id("audio")
    await expect(audio).to_be_visible()
    await audio.evaluate("sound => sound.play()")
    assert await audio.evaluate(PLAYED) > 0.3
    assert await audio.evaluate("sound => sound.duration") == pytest.approx(recording["seconds"], abs=0.1)
    assert await audio.evaluate(SOUGHT) == pytest.approx(2.0, abs=0.1)
    await desk.page.get_by_role("button", name="2x").click()
    assert await audio.evaluate("sound => sound.playbackRate") == 2
    async with ClientSession() as http:
        headers = {"Authorization": f"Bearer {node.tokens['bruno']}"}
        async with http.get(f"{node.url}{recording['audio']}", headers=headers) as refused:
            assert refused.status == 403
    vera = await Desk.sign_in(browser, node.url, "vera")
    await vera.page.goto(f"{node.url}/calls/{row['id']}")
    await expect(vera.page.get_by_test_id("recording-access")).to_contain_text("ana listened")
    assert desk.complaints == []

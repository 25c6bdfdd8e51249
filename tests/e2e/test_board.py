"""What supervisors see, and what everybody sees when a part of the house goes away and comes back."""

import shutil
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.asterisk import Asterisk
from tests.e2e.cable import Cable
from tests.e2e.callers import customer
from tests.e2e.conftest import Furnished, Node, Plug
from tests.e2e.desk import Desk
from tests.e2e.phones import Phone
from tests.e2e.product import Callcard

pytestmark = pytest.mark.e2e

DIRECT, SUPPORT = "74950000001", "74950000003"
CLAIRE = "+33601020304"
RECOVERY_MS = 25_000
"""A lost link is tried again after at most 10 s, and a sign-in takes up to 5 s."""


async def test_board_follows_an_answered_and_an_abandoned_call(
    node: Node, plug: Plug, trunk: Phone, asterisk: Asterisk, browser: Browser
) -> None:
    ana = await plug("2001")
    async with node.api() as api:
        await api.post("contacts", name="Claire Durand", phones=[{"number": CLAIRE}])
    vera = await Desk.sign_in(browser, node.url, "vera")
    await expect(vera.page).to_have_url(f"{node.url}/board")
    await Desk.sign_in(browser, node.url, "ana", seat="2001")
    await vera.see_agent("2001", "available")
    await vera.see_agent("2002", "offline")
    taken, lost = (vera.row("queue", "support").get_by_title(title) for title in ("taken", "lost"))
    before = int(await taken.inner_text()), int(await lost.inner_text())
    async with customer(asterisk.sip_port, SUPPORT, CLAIRE, talk_seconds=40) as caller:
        ringing = await ana.next_call()
        await expect(vera.row("waiting", "Claire Durand")).to_contain_text("support")
        await vera.see_agent("2001", "ringing")
        await ringing.answer()
        await vera.see_agent("2001", "on_call")
        await expect(vera.row("waiting", "Claire Durand")).to_have_count(0)
        await expect(vera.row("call", "Claire Durand")).to_have_attribute("data-phase", "talking")
        await ringing.hang_up()
        await caller.wait_done()
    await expect(vera.row("call", "Claire Durand")).to_have_count(0)
    await expect(taken).to_have_text(str(before[0] + 1))
    call = await trunk.dial(SUPPORT, caller=CLAIRE)
    await expect(vera.row("waiting", "Claire Durand")).to_be_visible()
    await call.hang_up()
    await expect(vera.row("waiting", "Claire Durand")).to_have_count(0)
    await expect(lost).to_have_text(str(before[1] + 1))
    assert vera.complaints == []


async def test_asterisk_restarted_in_mid_day(
    node: Node, plug: Plug, trunk: Phone, asterisk: Asterisk, browser: Browser
) -> None:
    ana = await plug("2001")
    vera = await Desk.sign_in(browser, node.url, "vera")
    desk = await Desk.sign_in(browser, node.url, "ana", seat="2001")
    talking = await trunk.dial(SUPPORT, caller=CLAIRE)
    ringing = await ana.next_call()
    await desk.see_card("Unknown caller")
    await ringing.answer()
    await desk.write_note("about the windows")
    waiting = await trunk.dial(SUPPORT, caller="+33601020305")
    await expect(vera.row("waiting", "05")).to_be_visible()
    await expect(vera.row("call", "04")).to_have_attribute("data-phase", "talking")
    asterisk.stop()
    await expect(vera.page.get_by_test_id("banner-pbx main")).to_be_visible()
    asterisk.start()
    await expect(vera.page.get_by_test_id("banner-pbx main")).to_have_count(0, timeout=RECOVERY_MS)
    for empty in ("board-call-row", "board-waiting-row"):
        await expect(vera.page.get_by_test_id(empty)).to_have_count(0)
    await desk.finish("Unknown caller", "Sold")
    await vera.see_agent("2001", "available")
    for call in (talking, waiting):
        await call.wait_ended()
    again = await trunk.dial(DIRECT, caller=CLAIRE)
    ringing = await ana.next_call()
    await desk.see_card("Unknown caller")
    await expect(vera.row("call", "04")).to_have_attribute("data-phase", "ringing")
    await ringing.answer()
    await desk.see_card("Unknown caller", "On call")
    await again.hang_up()
    async with node.api() as api:
        rows = await api.until(api.calls, lambda rows: len(rows) == 3 and all(row["ended_at"] for row in rows))
    assert [row["outcome"] for row in sorted(rows, key=lambda row: str(row["started_at"]))][::2] == ["answered"] * 2


async def test_callcard_restarted_in_mid_call(node: Node, plug: Plug, trunk: Phone, browser: Browser) -> None:
    ana = await plug("2001")
    desk = await Desk.sign_in(browser, node.url, "ana", seat="2001")
    call = await trunk.dial(DIRECT, caller=CLAIRE)
    ringing = await ana.next_call()
    await desk.see_card("Unknown caller")
    await ringing.answer()
    await desk.write_note("before")
    assert node.callcard.stop() == 0
    await expect(desk.page.get_by_test_id("banner-server")).to_be_visible()
    await desk.part("pop-note").press_sequentially(" and during")
    node.callcard.start()
    await expect(desk.page.get_by_test_id("banner-server")).to_have_count(0, timeout=RECOVERY_MS)
    await desk.see_card("Unknown caller", "On call")
    await call.hang_up()
    await desk.finish("Unknown caller", "Sold")
    async with node.api() as api:
        row = await api.only_call()
    assert [note["text"] for note in row["notes"]] == ["before and during"]


async def test_taking_over_a_seat_says_from_whom(node: Node, plug: Plug, trunk: Phone, browser: Browser) -> None:
    phone = await plug("2001")
    first = await Desk.sign_in(browser, node.url, "ana", seat="2001")
    second = await Desk.sign_in(browser, node.url, "bruno", seat="2001")
    await expect(second.toast("You took phone 2001 over from ana")).to_be_visible()
    call = await trunk.dial(DIRECT, caller=CLAIRE)
    ringing = await phone.next_call()
    await second.see_card("Unknown caller")
    await first.see_no_card()
    await ringing.answer()
    await call.hang_up()


async def test_a_pbx_that_stands_still_is_late_then_away_then_back(
    furnished: Furnished, asterisk: Asterisk, browser: Browser, tmp_path: Path
) -> None:
    shutil.copytree(furnished.folder, tmp_path / "callcard")
    async with Cable.to(asterisk.ami_port) as cable:
        callcard = Callcard(
            tmp_path / "callcard",
            {"CALLCARD_AMI_URL": asterisk.ami_url.replace(f":{asterisk.ami_port}", f":{cable.port}")},
        )
        try:
            callcard.start("/healthz")
            vera = await Desk.sign_in(browser, callcard.url, "vera")
            ana = await Desk.sign_in(browser, callcard.url, "ana", seat="2001")
            cell = vera.page.get_by_test_id("board-link")
            await expect(cell).to_have_attribute("data-state", "up")
            cable.cut()
            await expect(vera.page.get_by_test_id("banner-pbx main")).to_contain_text("is late", timeout=RECOVERY_MS)
            await expect(cell).to_have_attribute("data-state", "late")
            await expect(cell).to_have_attribute("data-state", "down", timeout=RECOVERY_MS)
            await expect(vera.page.get_by_test_id("banner-pbx main")).to_contain_text("is not connected")
            await expect(ana.page.get_by_test_id("banner-pbx main")).to_contain_text("is away", timeout=RECOVERY_MS)
            cable.mend()
            await expect(cell).to_have_attribute("data-state", "up", timeout=RECOVERY_MS)
            assert callcard.log().count("PBX main is late") == callcard.log().count("PBX main is no longer late") == 1
        finally:
            callcard.remove()

"""More of the agent's day in the browser: shared numbers, several tabs, calls while typing, dialling out, pausing."""

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.asterisk import Asterisk
from tests.e2e.conftest import Node, Plug
from tests.e2e.desk import Desk
from tests.e2e.manager import Manager
from tests.e2e.phones import Phone

pytestmark = pytest.mark.e2e

DIRECT, GROUP, SUPPORT = "74950000001", "74950000002", "74950000003"
CLAIRE, BERNARD = "+33601020304", "+33601020305"


async def test_shared_number_is_asked_once_and_remembered(
    node: Node, plug: Plug, trunk: Phone, browser: Browser
) -> None:
    ana = await plug("2001")
    async with node.api() as api:
        await api.post("contacts", name="Claire Durand", phones=[{"number": CLAIRE}])
        await api.post("contacts", name="Paul Durand", phones=[{"number": CLAIRE}])
    desk = await Desk.sign_in(browser, node.url, "ana", seat="2001")
    call = await trunk.dial(DIRECT, caller=CLAIRE)
    ringing = await ana.next_call()
    await desk.see_card("2 possible clients")
    await desk.card.get_by_role("button", name="Paul Durand").click()
    await desk.see_card("Paul Durand")
    await ringing.answer()
    await desk.see_card("Paul Durand", "On call")
    await call.hang_up()
    await desk.finish("Paul Durand", "Sold")
    again = await trunk.dial(DIRECT, caller=CLAIRE)
    ringing = await ana.next_call()
    await desk.see_card("Paul Durand")
    await desk.part("candidate-undo").click()
    await desk.see_card("2 possible clients")
    await again.cancel()
    await ringing.wait_cancelled()
    await desk.see_no_card()


async def test_two_tabs_show_and_close_the_same_card(node: Node, plug: Plug, trunk: Phone, browser: Browser) -> None:
    ana = await plug("2001")
    desk = await Desk.sign_in(browser, node.url, "ana", seat="2001")
    other = await desk.second_tab()
    call = await trunk.dial(DIRECT, caller=CLAIRE)
    ringing = await ana.next_call()
    for tab in (desk, other):
        await tab.see_card("Unknown caller")
    await ringing.answer()
    await other.see_card("Unknown caller", "On call")
    await desk.write_note("seen in both")
    await call.hang_up()
    await desk.finish("Unknown caller", "Sold")
    await other.see_no_card()


async def test_second_call_waits_beside_the_note_that_is_being_typed(
    node: Node, plug: Plug, trunk: Phone, browser: Browser
) -> None:
    ana = await plug("2001")
    desk = await Desk.sign_in(browser, node.url, "ana", seat="2001")
    first = await trunk.dial(DIRECT, caller=CLAIRE, name="CLAIRE")
    talking = await ana.next_call()
    await desk.see_card("CLAIRE")
    await talking.answer()
    await desk.see_card("CLAIRE", "On call")
    await desk.part("pop-note").press_sequentially("typing")
    second = await trunk.dial(GROUP, caller=BERNARD, name="BERNARD")
    ringing = await ana.next_call()
    await expect(desk.page.get_by_test_id("pop-tab").filter(has_text="BERNARD")).to_be_visible()
    await desk.page.keyboard.type(" on")
    await expect(desk.part("pop-note")).to_have_value("typing on")
    await desk.see_card("CLAIRE", "On call")
    await second.cancel()
    await ringing.wait_cancelled()
    await expect(desk.page.get_by_test_id("pop-tab").filter(has_text="BERNARD")).to_have_count(0)
    await first.hang_up()
    await desk.finish("CLAIRE", "Sold")


async def test_dialling_from_the_page_shows_the_clients_card(
    node: Node, plug: Plug, trunk: Phone, browser: Browser
) -> None:
    ana = await plug("2001")
    async with node.api() as api:
        await api.post("contacts", name="Claire Durand", phones=[{"number": CLAIRE}])
    desk = await Desk.sign_in(browser, node.url, "ana", seat="2001")
    await desk.page.get_by_test_id("dial-to").fill("+33 6 01 02 03 04")
    await desk.page.get_by_test_id("dial-submit").click()
    own = await ana.next_call()
    await own.answer()
    far = await trunk.next_call()
    await desk.see_card("Claire Durand", "Calling")
    await far.answer()
    await desk.see_card("Claire Durand", "On call")
    await desk.write_note("called back")
    await far.hang_up()
    await desk.finish("Claire Durand", "Sold")
    async with node.api() as api:
        row = await api.only_call()
    assert (row["direction"], row["outcome"], row["contact"]["name"]) == ("outbound", "answered", "Claire Durand")
    assert [note["text"] for note in row["notes"]] == ["called back"]


async def test_agent_who_pauses_is_not_rung_by_the_queue(
    node: Node, plug: Plug, trunk: Phone, browser: Browser, asterisk: Asterisk
) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    vera = await Desk.sign_in(browser, node.url, "vera")
    desk = await Desk.sign_in(browser, node.url, "ana", seat="2001")
    await vera.see_agent("2001", "available")
    async with Manager.connect(asterisk.ami_port, "callcard", asterisk.secret) as ami:
        await desk.page.get_by_role("button", name="Pause: no calls from queues").click()
        await expect(desk.page.get_by_role("menuitem", name="Break")).to_be_focused()
        await desk.page.keyboard.press("ArrowDown")
        await desk.page.keyboard.press("Enter")
        await ami.wait_for("QueueMemberPause", Interface="PJSIP/2001", Paused="1", PausedReason="Lunch")
    await vera.see_agent("2001", "paused")
    await expect(vera.row("agent", "2001")).to_contain_text("Paused: Lunch")
    call = await trunk.dial(SUPPORT, caller=CLAIRE)
    ringing = await bruno.next_call()
    assert ana.calls.empty()
    ringing.decline(486)
    await call.hang_up()
    await desk.page.get_by_role("button", name="Be available again").click()
    await vera.see_agent("2001", "available")

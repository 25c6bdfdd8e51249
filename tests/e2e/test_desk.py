"""The desk as a person meets it, on the simulated PBX: what rings where, what is told to whom, what is never lost."""

import asyncio
import re
import signal
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from telephony.simulator.day import SUPPORT
from tests.e2e.conftest import Office
from tests.e2e.desk import Desk
from tests.e2e.product import PASSWORD

pytestmark = pytest.mark.e2e

CLAIRE, BERNARD = "+33601020304", "+33601020305"
PLAIN_TITLE = "Desktop · Callcard"
RECORDER = """
window.notified = [];
window.sounded = 0;
window.Notification = class extends window.Notification {
  constructor(title, options) {
    super(title, options);
    window.notified.push(title);
  }
};
const oscillator = AudioContext.prototype.createOscillator;
AudioContext.prototype.createOscillator = function () {
  window.sounded += 1;
  return oscillator.call(this);
};
"""
"""Writes down what the page asks of the browser, and asks the browser all the same."""


async def told(desk: Desk, what: str) -> Any:  # noqa: ANN401 - whatever the page wrote down
    return await desk.page.evaluate(f"window.{what}")


async def test_every_tab_names_the_caller_and_one_of_them_rings(office: Office, browser: Browser) -> None:
    await office.client("Claire Durand", CLAIRE)
    desk = await Desk.sign_in(browser, office.url, "ana", seat="2001")
    await desk.page.context.grant_permissions(["notifications"], origin=office.url)
    await desk.page.context.add_init_script(RECORDER)
    await desk.page.reload()
    other = await desk.second_tab()
    for tab in (desk, other):
        await tab.page.get_by_test_id("dial-to").click()
    office.ring(CLAIRE)
    for tab in (desk, other):
        await expect(tab.page).to_have_title(re.compile("^☎ Claire Durand"))
        await tab.see_card("Claire Durand")
    assert [await told(tab, "notified") for tab in (desk, other)] == [["Claire Durand"], []]
    await desk.page.wait_for_function("window.sounded > 0")
    assert await told(other, "sounded") == 0
    office.answer()
    for tab in (desk, other):
        await tab.see_card("Claire Durand", "On call")
        await expect(tab.page).to_have_title(PLAIN_TITLE)
    office.end()
    await desk.see_card("Claire Durand", "Wrap-up")
    await desk.part("pop-dismiss").click()
    await desk.see_no_card()
    await desk.page.close()
    office.ring(CLAIRE)
    await other.see_card("Claire Durand")
    await other.page.wait_for_function("window.notified.length > 0")
    assert await told(other, "notified") == ["Claire Durand"]


async def test_a_seat_taken_over_says_from_whom(office: Office, browser: Browser) -> None:
    ana = await Desk.sign_in(browser, office.url, "ana", seat="2001")
    bruno = await Desk.sign_in(browser, office.url, "bruno")
    await expect(bruno.page.get_by_test_id("seat-extension")).to_have_value("2002")
    await bruno.page.get_by_test_id("seat-extension").fill("2001")
    await bruno.page.get_by_test_id("seat-submit").click()
    await expect(bruno.toast("You took phone 2001 over from ana.")).to_be_visible()
    office.ring(CLAIRE)
    await bruno.see_card("Unknown caller")
    await ana.see_no_card()
    await ana.page.reload()
    await expect(ana.page.get_by_test_id("own-state-name")).to_have_text("No phone")
    await expect(ana.page.get_by_test_id("seat-prompt")).to_be_visible()


async def test_colleagues_see_each_others_names(office: Office, browser: Browser) -> None:
    ana = await Desk.sign_in(browser, office.url, "ana", seat="2001")
    bruno = await Desk.sign_in(browser, office.url, "bruno", seat="2002")
    office.dial("2002")
    await ana.see_card("bruno", "Calling")
    await bruno.see_card("ana")
    office.answer("2002")
    await ana.see_card("bruno", "On call")
    await bruno.see_card("ana", "On call")


async def test_dialling_at_the_desk_phone_shows_the_client_and_the_call_is_found_again(
    office: Office, browser: Browser
) -> None:
    client = await office.client("Claire Durand", CLAIRE)
    desk = await Desk.sign_in(browser, office.url, "ana", seat="2001")
    office.dial(CLAIRE)
    await desk.see_card("Claire Durand", "On call")
    await desk.write_note("Promised the quote")
    office.end()
    await desk.finish("Claire Durand", "Call back")
    await expect(desk.page.get_by_test_id("my-call")).to_contain_text("Promised the quote")
    await desk.page.get_by_test_id("reopen").click()
    await desk.see_card("Claire Durand", "Wrap-up")
    await expect(desk.part("pop-note")).to_have_value("Promised the quote")
    await desk.part("pop-note").press("End")
    await desk.write_note(" by Friday")
    await desk.part("pop-done").click()
    await desk.see_no_card()
    await desk.page.goto(f"{office.url}/contacts/{client}")
    await expect(desk.page.get_by_test_id("timeline-note")).to_have_text(re.compile("Promised the quote by Friday"))
    await expect(desk.page.get_by_test_id("timeline-result")).to_have_text("Call back")
    assert desk.complaints == []


async def test_missed_calls_are_on_top_and_called_back(office: Office, browser: Browser) -> None:
    await office.client("Claire Durand", CLAIRE)
    desk = await Desk.sign_in(browser, office.url, "ana", seat="2001")
    office.ring(CLAIRE)
    await desk.see_card("Claire Durand")
    office.end()
    await desk.see_no_card()
    office.ring(BERNARD)
    await desk.see_card("Unknown caller")
    office.answer()
    await desk.see_card("Unknown caller", "On call")
    office.end()
    await desk.finish("Unknown caller", "Wrong number")
    calls = desk.page.get_by_test_id("my-call")
    await expect(calls).to_have_count(2)
    await expect(calls.first).to_contain_text("Claire Durand")
    await calls.first.get_by_test_id("call-back").click()
    await expect(desk.toast("Your phone 2001 rings")).to_be_visible()
    await desk.see_card("Claire Durand", "Calling")
    office.answer()
    await desk.see_card("Claire Durand", "On call")


async def test_an_administrator_hires_and_assigns_a_phone_that_rang(office: Office, browser: Browser) -> None:
    office.ring(CLAIRE, "2008")
    admin = await Desk.sign_in(browser, office.url, "root")
    async with office.node.api() as api:
        await api.until(lambda: api.get("phones/unassigned"), lambda page: bool(page["items"]))
    await admin.page.goto(f"{office.url}/admin/users")
    await admin.page.get_by_test_id("add-user").click()
    await admin.page.get_by_label("Name to sign in with").fill("linh")
    await admin.page.get_by_label("Full name").fill("Linh Trần")
    await admin.page.get_by_label("Phones").fill("2006")
    await admin.page.get_by_label("Password").fill(PASSWORD)
    await admin.page.get_by_test_id("user-save").click()
    await expect(admin.page.get_by_test_id("user-row").filter(has_text="Linh Trần")).to_contain_text("2006")
    phone = admin.page.get_by_test_id("unassigned-phone").filter(has_text="2008")
    await phone.get_by_role("combobox").select_option("Linh Trần")
    await phone.get_by_role("button", name="Assign").click()
    await expect(admin.page.get_by_test_id("user-row").filter(has_text="Linh Trần")).to_contain_text("2006, 2008")
    await expect(admin.page.get_by_test_id("unassigned-phones")).to_have_count(0)
    linh = await Desk.sign_in(browser, office.url, "linh", seat="2008")
    office.end("2008")
    office.ring(BERNARD, "2008")
    await linh.see_card("Unknown caller")
    assert admin.complaints + linh.complaints == []


async def test_a_pbx_that_is_away_is_told_and_the_page_greyed(office: Office, browser: Browser) -> None:
    desk = await Desk.sign_in(browser, office.url, "ana", seat="2001")
    board = await Desk.sign_in(browser, office.url, "vera")
    await board.page.goto(f"{office.url}/board")
    await expect(board.page.get_by_test_id("board-agent-row").first).to_be_visible()
    port = office.pbx.port
    await office.pbx.stop()
    away = "The telephone system (main) is not connected"
    await expect(board.page.get_by_role("alert").filter(has_text=away)).to_contain_text("since")
    await desk.page.reload()
    quiet = desk.page.get_by_role("status").filter(has_text="The telephone system (main) is away")
    await expect(quiet).to_be_visible()
    for someone in (board, desk):
        await expect(someone.page.locator("body")).to_have_class(re.compile("is-stale"))
    await office.pbx.start(port=port)
    await expect(board.page.get_by_role("alert")).to_have_count(0, timeout=15_000)
    await desk.page.reload()
    await expect(desk.page.get_by_test_id("own-phone")).to_contain_text("2001")
    await expect(quiet).to_have_count(0)
    for someone in (board, desk):
        await expect(someone.page.get_by_role("alert")).to_have_count(0)
        await expect(someone.page.locator("body")).not_to_have_class(re.compile("is-stale"))


async def test_the_keys_do_what_the_sheet_says(office: Office, browser: Browser) -> None:
    desk = await Desk.sign_in(browser, office.url, "ana", seat="2001")
    keyboard = desk.page.keyboard
    await keyboard.press("Shift+?")
    await expect(desk.page.get_by_test_id("shortcuts")).to_be_visible()
    await keyboard.press("Escape")
    await expect(desk.page.get_by_test_id("shortcuts")).to_be_hidden()
    await keyboard.press("/")
    await expect(desk.page.get_by_test_id("desk-search")).to_be_focused()
    await desk.page.get_by_test_id("desk-search").blur()
    await keyboard.press("d")
    await expect(desk.page.get_by_test_id("dial-to")).to_be_focused()
    office.ring(CLAIRE)
    await desk.see_card("Unknown caller")
    await keyboard.press("Alt+a")
    await desk.see_card("Unknown caller", "On call")
    await keyboard.press("Alt+n")
    await expect(desk.part("pop-note")).to_be_focused()
    await keyboard.press("Alt+h")
    await desk.see_card("Unknown caller", "Wrap-up")
    await keyboard.press("Alt+1")
    await desk.see_no_card()
    await desk.page.locator("body").click(position={"x": 2, "y": 400})
    await keyboard.press("g")
    await keyboard.press("c")
    await expect(desk.page).to_have_url(re.compile("/contacts$"))


async def test_a_withheld_caller_is_found_by_name(office: Office, browser: Browser) -> None:
    await office.client("Claire Durand", CLAIRE)
    desk = await Desk.sign_in(browser, office.url, "ana", seat="2001")
    office.ring("anonymous")
    await desk.see_card("Number withheld")
    await desk.part("withheld-search").press_sequentially("claire")
    await desk.part("withheld-search-results").get_by_role("button", name="Claire Durand").click()
    await desk.see_card("Claire Durand")


async def test_a_note_survives_a_reload_and_a_killed_server(office: Office, browser: Browser) -> None:
    client = await office.client("Claire Durand", CLAIRE)
    desk = await Desk.sign_in(browser, office.url, "ana", seat="2001")
    office.ring(CLAIRE)
    await desk.see_card("Claire Durand")
    office.answer()
    await desk.see_card("Claire Durand", "On call")
    await desk.part("pop-note").press_sequentially("Wants three")
    await desk.page.reload()
    await expect(desk.part("pop-note")).to_have_value("Wants three")
    await expect(desk.part("pop-saved")).to_have_text(re.compile("^Saved"))
    await asyncio.to_thread(office.node.callcard.stop, signal.SIGKILL)
    await desk.part("pop-note").press("End")
    await desk.part("pop-note").press_sequentially(" windows")
    await expect(desk.part("pop-saved")).to_have_text("Not sent yet, kept in this browser")
    await expect(desk.page.get_by_test_id("banner-server")).to_be_visible()
    await asyncio.to_thread(office.node.callcard.start)
    await expect(desk.part("pop-saved")).to_have_text(re.compile("^Saved"), timeout=15_000)
    await expect(desk.page.get_by_test_id("banner-server")).to_have_count(0, timeout=15_000)
    office.end()
    await desk.finish("Claire Durand", "Sold")
    await desk.page.goto(f"{office.url}/contacts/{client}")
    await expect(desk.page.get_by_test_id("timeline-note")).to_have_text(re.compile("Wants three windows"))


async def test_a_missed_caller_is_taken_dialled_and_gone(office: Office, browser: Browser) -> None:
    client = await office.client("Claire Durand", CLAIRE)
    desk = await Desk.sign_in(browser, office.url, "ana", seat="2001")
    office.ring(CLAIRE)
    await desk.see_card("Claire Durand")
    office.end()
    await desk.see_no_card()
    page = desk.page
    await page.reload()
    await expect(page.get_by_test_id("callback-count")).to_have_text("1", timeout=30_000)
    await page.goto(f"{office.url}/callbacks")
    row = page.get_by_test_id("callback-row")
    await expect(row).to_contain_text("Claire Durand")
    await expect(row).to_contain_text("missed once")
    await row.get_by_test_id("callback-later").select_option("60")
    await expect(desk.toast("Put off until")).to_be_visible()
    await row.get_by_test_id("callback-close").click()
    await page.get_by_test_id("close-reason").fill("Answered by e-mail")
    await page.get_by_test_id("close-submit").click()
    await expect(row).to_have_count(0)
    await desk.toast("Closed").get_by_role("button", name="Undo").click()
    await expect(row).to_have_count(1)
    await row.locator("[data-dial]").click()
    await expect(row.get_by_test_id("callback-owner")).to_have_text("ana")
    await page.goto(f"{office.url}/contacts/{client}")
    await expect(page.get_by_test_id("open-callback")).to_contain_text("taken by ana")
    office.answer()
    await expect(page.get_by_test_id("callback-count")).to_be_hidden(timeout=30_000)
    await page.goto(f"{office.url}/callbacks")
    await expect(row).to_have_count(0)


async def test_nothing_is_wider_than_a_phone(office: Office, browser: Browser) -> None:
    client = await office.client("Fernández de Córdoba y Álvarez de Toledo Sucesores e Hijos", CLAIRE)
    desk = await Desk.sign_in(browser, office.url, "root")
    await desk.page.goto(f"{office.url}/desk")
    await desk.page.get_by_test_id("seat-extension").fill("2001")
    await desk.page.get_by_test_id("seat-submit").click()
    await expect(desk.page.get_by_test_id("own-phone")).to_contain_text("2001")
    await desk.page.set_viewport_size({"width": 390, "height": 844})
    office.ring(CLAIRE)
    await desk.see_card("Fernández de Córdoba y Álvarez de Toledo Sucesores e Hijos")
    call = await desk.card.get_attribute("data-call-id")
    for path in ("/desk", "/board", "/contacts", f"/contacts/{client}", "/calls", f"/calls/{call}", "/admin/users"):
        await desk.page.goto(f"{office.url}{path}")
        await expect(desk.page.locator(".pop-tab, .pop-card").filter(visible=True).first).to_be_visible()
        assert await desk.page.evaluate("document.documentElement.scrollWidth") <= 390, path


async def talk_in_the_queue(office: Office, desk: Desk) -> None:
    """Let Claire call the queue, and the agent who answers talk until she has gone."""
    office.pbx.act(lambda pbx: pbx.inbound(CLAIRE, SUPPORT))
    await desk.see_card("Claire Durand")
    office.answer()
    await desk.see_card("Claire Durand", "On call")
    office.end()
    await desk.see_card("Claire Durand", "Wrap-up")


async def test_a_demanded_result_is_chosen_level_by_level_and_ends_the_work(office: Office, browser: Browser) -> None:
    await office.client("Claire Durand", CLAIRE)
    async with office.node.api() as api:
        await api.put("queue-settings/support", result_required=True)
        tree = (await api.get("dispositions/tree", limit="100"))["items"]
        complaint = next(one["id"] for one in tree if one["path"] == "complaint")
        await api.post("dispositions", name="Delivery", parent_id=complaint)
        desk = await Desk.sign_in(browser, office.url, "ana", seat="2001")
        await talk_in_the_queue(office, desk)
        await expect(desk.part("wrap-up-paused")).to_be_visible()
        await expect(desk.part("ready")).to_have_count(0)
        await expect(desk.part("pop-dismiss")).to_have_count(0)
        await desk.page.keyboard.press("Alt+5")
        await expect(desk.part("result-back")).to_be_visible()
        await desk.page.keyboard.press("Alt+1")
        await desk.see_no_card()
        assert [row["disposition"] for row in await api.calls(disposition="complaint")] == ["complaint / Delivery"]
        await expect(desk.page.get_by_test_id("own-state-name")).to_have_text("Available")
        assert desk.complaints == []


async def test_the_time_for_the_work_runs_down_is_prolonged_and_given_up(office: Office, browser: Browser) -> None:
    await office.client("Claire Durand", CLAIRE)
    async with office.node.api() as api:
        await api.put("queue-settings/support", wrap_up_seconds=600)
    desk = await Desk.sign_in(browser, office.url, "ana", seat="2001")
    await talk_in_the_queue(office, desk)
    await expect(desk.part("wrap-up-left")).to_have_text(re.compile("^(9:|10:00)"))
    await desk.part("more-time").click()
    await expect(desk.part("wrap-up-left")).to_have_text(re.compile("^(10:|11:00)"))
    await desk.page.keyboard.press("Alt+r")
    await desk.see_no_card()
    assert desk.complaints == []

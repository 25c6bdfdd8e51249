"""Controlling a call from the page, on the simulated PBX: every button does what it says, and the page shows it."""

from collections.abc import Callable
from functools import partial

import pytest
from playwright.async_api import Browser, expect

from telephony.simulator.pbx import Pbx
from telephony.simulator.switch import Reaction
from tests.e2e.api import Row
from tests.e2e.conftest import Office
from tests.e2e.desk import Desk

pytestmark = pytest.mark.e2e

CLAIRE = "+33601020304"


async def row(office: Office, happened: Callable[[Row], object]) -> Row:
    """Give the newest call once it shows what happened."""
    async with office.node.api() as api:

        async def newest() -> Row:
            return (await api.calls())[0]

        found: Row = await api.until(newest, lambda call: bool(happened(call)))
        return found


async def talk(office: Office, browser: Browser) -> Desk:
    """Let Claire call and Ana answer, her desk in front of her."""
    await office.client("Claire Durand", CLAIRE)
    desk = await Desk.sign_in(browser, office.url, "ana", seat="2001")
    office.ring(CLAIRE)
    await desk.see_card("Claire Durand")
    office.answer()
    await desk.see_card("Claire Durand", "On call")
    return desk


def obey(office: Office, extension: str) -> None:
    """Let a phone take whatever a click makes ring there."""
    office.pbx.pbx.switch.phones[extension].click_reaction = lambda: Reaction(answer_after=0.05)


async def test_hold_by_button_and_by_key(office: Office, browser: Browser) -> None:
    desk = await talk(office, browser)
    await desk.part("hold").click()
    await desk.see_card("Claire Durand", "On hold")
    await expect(desk.part("consultation")).to_contain_text("hears music")
    await expect(desk.part("transfer")).to_have_attribute("aria-disabled", "true")
    await desk.part("transfer").click(force=True)
    await expect(desk.part("control-error")).to_have_text("Take the caller back first.")
    await expect(desk.part("hold")).not_to_have_attribute("aria-busy", "true")
    await desk.page.keyboard.press("Alt+o")
    await desk.see_card("Claire Durand", "On call")
    await expect(desk.part("transfer")).not_to_have_attribute("aria-disabled", "true")
    held = await row(office, lambda call: call["holds"])
    assert held["holds"] == 1
    await desk.part("hangup").click()
    await desk.see_card("Claire Durand", "Wrap-up")
    await expect(desk.part("hangup")).to_be_hidden()
    done = await row(office, lambda call: call["ended_at"])
    assert (done["outcome"], done["transfers"]) == ("answered", [])
    assert desk.complaints == []


async def test_consult_a_colleague_by_name_and_hand_over(office: Office, browser: Browser) -> None:
    desk = await talk(office, browser)
    bruno = await Desk.sign_in(browser, office.url, "bruno", seat="2002")
    await desk.page.keyboard.press("Alt+t")
    await expect(desk.part("transfer-to")).to_be_focused()
    await desk.page.keyboard.type("brun")
    await expect(desk.part("picker-option")).to_contain_text("Available")
    await desk.page.keyboard.press("Enter")
    await expect(desk.part("transfer-to")).to_have_value("bruno (2002)")
    await desk.page.keyboard.press("Enter")
    await expect(desk.part("consultation")).to_contain_text("You call bruno (2002)")
    office.answer("2002")
    await expect(desk.part("consultation")).to_contain_text("You talk to bruno (2002)")
    await desk.page.keyboard.press("Alt+j")
    await desk.see_card("Claire Durand", "Wrap-up")
    await bruno.see_card("Claire Durand", "On call")
    done = await row(office, lambda call: call["transfers"])
    assert [(one["kind"], one["from"], one["to"]) for one in done["transfers"]] == [("attended", "2001", "2002")]
    assert desk.complaints == bruno.complaints == []


async def test_back_to_the_caller_and_a_blind_transfer(office: Office, browser: Browser) -> None:
    desk = await talk(office, browser)
    await desk.part("transfer").click()
    await desk.part("transfer-to").fill("2002")
    await desk.part("consult").click()
    await desk.part("back-to-caller").click()
    await desk.see_card("Claire Durand", "On call")
    await desk.part("transfer").click()
    await desk.part("transfer-to").fill("nobody\u2019s number 1")
    await desk.part("blind").click()
    await expect(desk.part("control-error")).to_contain_text("cannot be dialled")
    await desk.part("transfer-to").fill("2003")
    await desk.page.keyboard.press("Shift+Enter")
    await desk.see_card("Claire Durand", "Wrap-up")
    done = await row(office, lambda call: call["transfers"])
    assert [(one["kind"], one["to"]) for one in done["transfers"]] == [("blind", "2003")]


async def test_park_and_fetch_by_a_colleague(office: Office, browser: Browser) -> None:
    desk = await talk(office, browser)
    bruno = await Desk.sign_in(browser, office.url, "bruno", seat="2002")
    obey(office, "2002")
    await expect(bruno.page.get_by_test_id("parked")).to_be_hidden()
    await desk.part("park").click()
    await desk.see_card("Claire Durand", "Wrap-up")
    for other in (desk, bruno):
        await expect(other.page.get_by_test_id("parked-call")).to_contain_text("701")
        await expect(other.page.get_by_test_id("parked-call")).to_contain_text("parked by ana")
    await bruno.page.get_by_test_id("fetch").click()
    await bruno.see_card("Claire Durand", "On call")
    await expect(desk.page.get_by_test_id("parked-call")).to_have_count(0)
    done = await row(office, lambda call: len(call["participants"]) > 1)
    assert (done["transfers"], done["ended_at"]) == ([], None)
    assert desk.complaints == bruno.complaints == []


async def test_a_colleagues_ringing_call_is_picked_up(office: Office, browser: Browser) -> None:
    await office.client("Claire Durand", CLAIRE)
    bruno = await Desk.sign_in(browser, office.url, "bruno", seat="2002")
    obey(office, "2002")
    office.ring(CLAIRE)
    await bruno.page.get_by_test_id("colleagues").locator("summary").click()
    await bruno.page.get_by_test_id("pickup").click()
    await bruno.see_card("Claire Durand", "On call")
    done = await row(office, lambda call: call["answered_at"])
    assert done["answered_by"] == "2002"
    assert bruno.complaints == []


async def test_the_dial_field_knows_names(office: Office, browser: Browser) -> None:
    await office.client("Claire Durand", CLAIRE)
    desk = await Desk.sign_in(browser, office.url, "ana", seat="2001")
    obey(office, "2001")
    await desk.page.keyboard.press("d")
    await desk.page.keyboard.type("clai")
    await expect(desk.page.get_by_test_id("picker-option")).to_contain_text("Claire Durand")
    await desk.page.keyboard.press("Enter")
    await desk.page.keyboard.press("Enter")
    await desk.see_card("Claire Durand", "On call")
    await desk.part("pop-name").click()
    await desk.page.keyboard.press("?")
    await expect(desk.page.get_by_test_id("shortcuts")).to_contain_text("Hold, resume, back to the caller")


async def test_a_supervisor_listens_stops_and_hangs_up(office: Office, browser: Browser) -> None:
    await talk(office, browser)
    obey(office, "2008")
    vera = await Desk.sign_in(browser, office.url, "vera")
    await vera.page.goto(f"{office.url}/board")
    call = vera.row("call", "Claire Durand")
    menu = vera.page.get_by_test_id("row-menu-items")
    await call.get_by_test_id("row-menu").click()
    await menu.get_by_test_id("menu-phone").fill("2008")
    await menu.get_by_test_id("menu-listen").click()
    await expect(vera.page.get_by_test_id("listening")).to_contain_text("You listen to ana")
    await expect(menu).to_have_count(0)
    await vera.page.get_by_test_id("listening-stop").click()
    await expect(vera.page.get_by_test_id("listening")).to_have_count(0)
    async with office.node.api() as api:
        (written,) = (await api.get("spyings"))["items"]
    assert (written["user"], written["agent"], written["mode"], written["phone"]) == ("vera", "ana", "listen", "2008")
    assert written["began_at"] <= written["ended_at"]
    await call.get_by_test_id("row-menu").click()
    await vera.page.keyboard.press("ArrowUp")
    await expect(menu.get_by_test_id("menu-hangup")).to_be_focused()
    await vera.page.keyboard.press("Enter")
    await expect(menu.get_by_test_id("menu-hangup")).to_have_text("Hang up: really?")
    await vera.page.keyboard.press("Enter")
    await expect(vera.page.get_by_test_id("board-call-row")).to_have_count(0)
    assert vera.complaints == []


async def test_a_supervisor_moves_who_waits_and_pauses_an_agent(office: Office, browser: Browser) -> None:
    vera = await Desk.sign_in(browser, office.url, "vera")
    await Desk.sign_in(browser, office.url, "ana", seat="2001")
    await vera.page.goto(f"{office.url}/board")
    for extension in ("2004", "2005"):
        office.pbx.act(partial(Pbx.pause_member, extension=extension, paused=True))
    office.pbx.act(lambda pbx: pbx.inbound(CLAIRE, "74950000004"))
    menu = vera.page.get_by_test_id("row-menu-items")
    await vera.row("waiting", "sales").get_by_test_id("row-menu").click()
    await menu.get_by_test_id("menu-priority").click()
    await expect(menu).to_have_count(0)
    await vera.row("waiting", "sales").get_by_test_id("row-menu").click()
    await menu.get_by_text("Move to billing").click()
    await expect(vera.row("waiting", "billing")).to_be_visible()
    await vera.row("agent", "2001").get_by_test_id("row-menu").click()
    await menu.get_by_text("Pause: Lunch").click()
    await vera.see_agent("2001", "paused")
    await vera.row("agent", "2001").get_by_test_id("row-menu").click()
    await menu.get_by_test_id("menu-unpause").click()
    await vera.see_agent("2001", "available")
    await vera.row("agent", "2001").get_by_test_id("row-menu").click()
    await vera.page.keyboard.press("Escape")
    await expect(vera.row("agent", "2001").get_by_test_id("row-menu")).to_be_focused()
    assert vera.complaints == []

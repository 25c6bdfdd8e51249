"""The main job in a real browser, on a real Asterisk: ring, card, answer, note, hang up, result, history, board.

A phone answers only once the page has shown the right card: a wrong card, or none, leaves the call unanswered.
"""

import re

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.asterisk import Asterisk
from tests.e2e.callers import customer
from tests.e2e.conftest import Node, Plug
from tests.e2e.desk import Desk
from tests.e2e.dialogs import SipError
from tests.e2e.phones import Phone

pytestmark = pytest.mark.e2e

DIRECT, GROUP, SUPPORT, SALES, BILLING = (f"7495000000{number}" for number in range(1, 6))
NO_VOICEMAIL = "74950000007"
CLAIRE = "+33601020304"


def digits(text: str) -> str:
    return re.sub(r"\D", "", text)


async def test_queue_call_card_answer_note_result_history(
    node: Node, plug: Plug, asterisk: Asterisk, browser: Browser
) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    async with node.api() as api:
        client = await api.post(
            "contacts", name="Claire Durand", company="Durand & Fils", phones=[{"number": CLAIRE}], groups=["VIP"]
        )
        first = await Desk.sign_in(browser, node.url, "ana", seat="2001")
        second = await Desk.sign_in(browser, node.url, "bruno", seat="2002")
        async with customer(asterisk.sip_port, SUPPORT, CLAIRE, talk_seconds=40) as caller:
            ringing, elsewhere = await ana.next_call(), await bruno.next_call()
            await first.see_card("Claire Durand")
            await second.see_card("Claire Durand")
            await expect(first.part("pop-company")).to_have_text("Durand & Fils")
            assert "33601020304" in digits(await first.part("pop-number").inner_text())
            await expect(first.page).to_have_title(re.compile("Claire Durand"))
            await ringing.answer()
            await first.see_card("Claire Durand", "On call")
            await second.see_no_card()
            await expect(second.toast("a colleague has taken the call")).to_be_visible()
            await elsewhere.wait_cancelled()
            await first.write_note("Wants a quote for 12 windows")
            await ringing.hang_up()
            await caller.wait_done()
        await first.finish("Claire Durand", "Sold")
        row = await api.only_call()
        assert (row["outcome"], row["disposition"], row["answered_by"]) == ("answered", "sold", "2001")
        assert [(note["author"], note["text"]) for note in row["notes"]] == [("ana", "Wants a quote for 12 windows")]
    await first.page.goto(f"{node.url}/contacts/{client['id']}")
    for words in ("Claire Durand", "Wants a quote for 12 windows", "Sold", "Answered"):
        await expect(first.page.get_by_role("main")).to_contain_text(words)
    assert first.complaints == []


async def test_unknown_caller_becomes_a_client_and_is_known_next_time(
    node: Node, plug: Plug, trunk: Phone, browser: Browser
) -> None:
    ana = await plug("2001")
    desk = await Desk.sign_in(browser, node.url, "ana", seat="2001")
    call = await trunk.dial(DIRECT, caller=CLAIRE)
    ringing = await ana.next_call()
    await desk.see_card("Unknown caller")
    await ringing.answer()
    await desk.see_card("Unknown caller", "On call")
    await desk.part("create-name").fill("Claire Durand")
    await desk.part("create-submit").click()
    await desk.see_card("Claire Durand", "On call")
    await call.hang_up()
    await desk.finish("Claire Durand", "Call back")
    again = await trunk.dial(DIRECT, caller=CLAIRE)
    ringing = await ana.next_call()
    await desk.see_card("Claire Durand")
    await expect(desk.part("pop-calls-today")).to_have_text("Call 2 today")
    await ringing.answer()
    await desk.see_card("Claire Durand", "On call")
    await again.hang_up()
    async with node.api() as api:
        rows = await api.until(api.calls, lambda rows: len(rows) == 2 and all(row["ended_at"] for row in rows))
    assert {row["contact"]["name"] for row in rows} == {"Claire Durand"}


async def test_withheld_caller_shows_no_number_and_nobodys_card(
    node: Node, plug: Plug, trunk: Phone, browser: Browser
) -> None:
    carla = await plug("2003")
    async with node.api() as api:
        await api.post("contacts", name="Claire Durand", phones=[{"number": CLAIRE}])
    desk = await Desk.sign_in(browser, node.url, "carla", seat="2003")
    call = await trunk.dial(NO_VOICEMAIL, caller=CLAIRE, privacy=True)
    ringing = await carla.next_call()
    await desk.see_card("Number withheld")
    assert "01020304" not in digits(await desk.card.inner_text())
    await ringing.answer()
    await desk.see_card("Number withheld", "On call")
    await desk.part("withheld-search").fill("Claire")
    await desk.part("withheld-search-results").get_by_role("button", name="Claire Durand").click()
    await desk.see_card("Claire Durand", "On call")
    await call.hang_up()
    async with node.api() as api:
        row = await api.only_call()
    assert (row["number"]["kind"], row["contact"]["name"]) == ("withheld", "Claire Durand")
    assert "01020304" not in str(row["number"])


async def test_abandoned_call_leaves_the_screen_and_waits_for_a_call_back(
    node: Node, plug: Plug, trunk: Phone, browser: Browser
) -> None:
    ana = await plug("2001")
    async with node.api() as api:
        await api.post("contacts", name="Claire Durand", phones=[{"number": CLAIRE}])
        desk = await Desk.sign_in(browser, node.url, "ana", seat="2001")
        call = await trunk.dial(SUPPORT, caller=CLAIRE)
        ringing = await ana.next_call()
        await desk.see_card("Claire Durand")
        await call.wait_answered()
        await call.hang_up()
        await desk.see_no_card()
        await ringing.wait_cancelled()
        assert (await api.only_call())["outcome"] == "abandoned"
    missed = desk.page.get_by_test_id("my-call").first
    await expect(missed).to_contain_text("Claire Durand")
    await missed.get_by_test_id("call-back").click()
    back = await ana.next_call()
    await back.answer()
    far = await trunk.next_call()
    assert far.caller_number == "74950000000"
    await desk.see_card("Claire Durand", "Calling")
    await far.answer()
    await desk.see_card("Claire Durand", "On call")
    await far.hang_up()
    await desk.see_card("Claire Durand", "Wrap-up")


async def test_card_and_note_survive_a_reload(node: Node, plug: Plug, trunk: Phone, browser: Browser) -> None:
    ana = await plug("2001")
    desk = await Desk.sign_in(browser, node.url, "ana", seat="2001")
    call = await trunk.dial(DIRECT, caller=CLAIRE)
    ringing = await ana.next_call()
    await desk.see_card("Unknown caller")
    await ringing.answer()
    await desk.write_note("half a sen")
    await desk.page.reload()
    await desk.see_card("Unknown caller", "On call")
    await expect(desk.part("pop-note")).to_have_value("half a sen")
    await desk.part("pop-note").focus()
    await desk.page.keyboard.press("End")
    await desk.write_note("tence")
    await call.hang_up()
    await desk.see_card("Unknown caller", "Wrap-up")
    async with node.api() as api:
        row = await api.only_call()
    assert [note["text"] for note in row["notes"]] == ["half a sentence"]


async def test_hang_up_from_the_page(node: Node, plug: Plug, trunk: Phone, browser: Browser) -> None:
    ana = await plug("2001")
    desk = await Desk.sign_in(browser, node.url, "ana", seat="2001")
    call = await trunk.dial(DIRECT, caller=CLAIRE)
    ringing = await ana.next_call()
    await desk.see_card("Unknown caller")
    await ringing.answer()
    await desk.see_card("Unknown caller", "On call")
    await desk.part("hangup").click()
    await call.wait_ended()
    await desk.see_card("Unknown caller", "Wrap-up")


async def test_internal_call_shows_the_colleague(node: Node, plug: Plug, browser: Browser) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    desk = await Desk.sign_in(browser, node.url, "bruno", seat="2002")
    call = await ana.dial("2002")
    ringing = await bruno.next_call()
    await desk.see_card("ana")
    ringing.decline(486)
    with pytest.raises(SipError):
        await call.wait_answered()
    await desk.see_no_card()

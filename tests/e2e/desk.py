"""Callcard in a real browser: one Chromium per test, one context per person, what they see by the pages' test ids."""

import contextlib
import re
from collections.abc import AsyncIterator
from typing import Self

from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from tests.e2e.product import PASSWORD

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start a headless Chromium that talks to nobody but us."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


class Desk:
    """One signed-in person's browser."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda line: self.complaints.append(line.text) if line.type == "error" else None)

    @classmethod
    async def sign_in(cls, browser: Browser, url: str, user: str, *, seat: str | None = None) -> Self:
        """Sign in through the form; with `seat`, confirm today's phone."""
        context = await browser.new_context(locale="en-GB", timezone_id="Europe/Madrid")
        desk = cls(await context.new_page(), url)
        await desk.page.goto(f"{url}/login")
        await desk.page.get_by_label("Name").fill(user)
        await desk.page.get_by_label("Password").fill(PASSWORD)
        await desk.page.get_by_role("button", name="Sign in").click()
        await expect(desk.page.get_by_test_id("user-menu")).to_be_visible()
        if seat is not None:
            await desk.page.get_by_test_id("seat-extension").fill(seat)
            await desk.page.get_by_test_id("seat-submit").click()
            await expect(desk.page.get_by_test_id("own-phone")).to_contain_text(seat)
        return desk

    async def second_tab(self) -> Self:
        """Open the desktop once more, in a tab of the same browser."""
        tab = type(self)(await self.page.context.new_page(), self.url)
        await tab.page.goto(f"{self.url}/desk")
        await expect(tab.page.get_by_test_id("user-menu")).to_be_visible()
        return tab

    @property
    def card(self) -> Locator:
        """The card in front."""
        return self.page.get_by_test_id("pop-card").filter(visible=True)

    def part(self, name: str) -> Locator:
        """One part of the card in front, by its test id."""
        return self.card.get_by_test_id(name)

    async def see_card(self, name: str, status: str = "Ringing") -> None:
        """Wait until the card in front is that client's and says so."""
        await expect(self.part("pop-name")).to_have_text(name)
        await expect(self.part("pop-status")).to_have_text(status)

    async def see_no_card(self) -> None:
        """Wait until no card is up."""
        await expect(self.page.get_by_test_id("pop-card")).to_have_count(0)

    async def write_note(self, text: str) -> None:
        """Type a note and wait for the mark that says it is kept."""
        await self.part("pop-note").press_sequentially(text)
        await expect(self.part("pop-saved")).to_have_text(re.compile("^Saved"))

    async def choose_result(self, name: str) -> None:
        """Press a result's button."""
        await self.card.get_by_role("group", name="Result").get_by_role("button", name=name).click()

    async def finish(self, name: str, result: str) -> None:
        """After the call: press a result's button, and the card is done with."""
        await self.see_card(name, "Wrap-up")
        await self.choose_result(result)
        await self.see_no_card()

    def row(self, kind: str, text: str) -> Locator:
        """Find a row of the live board (`waiting`, `queue`, `agent`, `call`) by a text in it."""
        return self.page.get_by_test_id(f"board-{kind}-row").filter(has_text=text)

    async def see_agent(self, extension: str, state: str) -> None:
        """Wait until the live board shows that phone's agent so."""
        await expect(self.row("agent", extension)).to_have_attribute("data-state", state)

    def toast(self, text: str) -> Locator:
        """Find a passing message by its text."""
        return self.page.get_by_test_id("toast").filter(has_text=text)

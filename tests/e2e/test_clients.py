"""The client base as people meet it: a file with bad rows is dropped, its columns named, imported, and taken back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.conftest import Furnished, Node
from tests.e2e.desk import Desk
from tests.e2e.product import Callcard

pytestmark = pytest.mark.e2e

ROWS = ["Kunde;Tel.;Size", "Claire Durand;+33 6 01 02 03 04;40", "Bob;12;41", ";;42"]
ROWS += [f"Client {letter};+33 6 01 02 04 {place:02};43" for place, letter in enumerate("ABCDEFGH")]


@pytest.fixture
def office(furnished: Furnished, tmp_path: Path) -> Iterator[Node]:
    """Give a company without a telephone system."""
    folder = tmp_path / "office"
    folder.mkdir()
    for file in furnished.folder.iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    callcard = Callcard(folder, {})
    try:
        callcard.start()
        yield Node(callcard, furnished.tokens)
    finally:
        callcard.remove()


@pytest.fixture
async def root(office: Node, browser: Browser) -> Desk:
    """Sign the administrator in, who says yes to every question."""
    desk = await Desk.sign_in(browser, office.url, "root")
    desk.page.on("dialog", lambda dialog: dialog.accept())
    return desk


async def test_a_file_that_is_none_is_refused_where_it_was_dropped(office: Node, root: Desk, tmp_path: Path) -> None:
    picture = tmp_path / "photo.csv"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    await root.page.goto(f"{office.url}/contacts")
    await root.page.get_by_test_id("import-contacts").click()
    await root.page.get_by_test_id("import-file").set_input_files(picture)
    reason = "It is no CSV, XLSX or vCard file: save it as one of these"
    await expect(root.page.get_by_test_id("import-error")).to_have_text(reason)


async def test_a_file_with_bad_rows_is_imported_and_taken_back(office: Node, root: Desk, tmp_path: Path) -> None:
    file = tmp_path / "kunden.csv"
    file.write_text("\n".join(ROWS), encoding="cp1252")
    page = root.page
    await page.goto(f"{office.url}/contacts/import")
    await page.get_by_test_id("import-file").set_input_files(file)
    columns = page.get_by_test_id("import-column")
    await expect(columns).to_have_count(3)
    assert [await columns.nth(place).input_value() for place in range(3)] == ["name", "phone", ""]
    await columns.nth(2).select_option(label="Own field: Size")
    await page.get_by_test_id("import-try").click()
    await expect(page.get_by_test_id("import-state")).to_have_text("tried")
    await expect(page.locator("[data-count=created]")).to_have_text("9")
    async with office.api() as api:
        assert await api.get("contacts") == {"items": [], "next": None}

    await page.get_by_test_id("import-start").click()
    await expect(page.get_by_test_id("import-state")).to_have_text("imported")
    await expect(page.get_by_test_id("import-refusal")).to_have_count(2)
    async with page.expect_download() as download:
        await page.get_by_test_id("import-errors").click()
    text = Path(await (await download.value).path()).read_text(encoding="utf-8-sig")
    assert [line.split(";")[0] for line in text.splitlines()] == ["Kunde", "Bob", ""]
    await page.goto(f"{office.url}/contacts?q=601020304")
    await page.get_by_role("link", name="Claire Durand").click()
    await expect(page.get_by_test_id("contact-card")).to_contain_text("Size")
    await take_back(office, page)
    assert root.complaints == []


async def take_back(office: Node, page: Page) -> None:
    await page.goto(f"{office.url}/contacts/import")
    await page.get_by_role("link", name="kunden.csv").click()
    await page.get_by_test_id("import-undo").click()
    await expect(page.get_by_test_id("import-undone")).to_have_text("9 clients taken back.")
    await expect(page.get_by_test_id("import-state")).to_have_text("undone")
    await page.goto(f"{office.url}/contacts")
    await expect(page.get_by_test_id("contact-results")).to_contain_text("No clients yet")


async def test_two_clients_that_are_one_are_merged_and_taken_apart(office: Node, root: Desk) -> None:
    page, number = root.page, "+33601020304"
    async with office.api() as api:
        for name in ("Claire Durand", "Clare Durand"):
            await api.post("contacts", name=name, phones=[{"number": number}])
    await page.goto(f"{office.url}/contacts/new")
    await page.get_by_test_id("edit-name").fill("Claire Duran")
    await page.get_by_test_id("edit-number").focus()
    await expect(page.get_by_test_id("similar").get_by_role("link")).to_have_text(["Claire Durand", "Clare Durand"])
    await page.goto(f"{office.url}/contacts")
    await page.get_by_test_id("contact-duplicates").click()
    await page.get_by_test_id("duplicates-look").click()
    await page.get_by_test_id("duplicate-merge").click()
    await page.get_by_test_id("merge-take-name").check()
    await page.get_by_test_id("merge-submit").click()
    await expect(page.get_by_test_id("contact-name")).to_have_text("Clare Durand")
    await page.get_by_test_id("contact-changes-open").locator("summary").click()
    await expect(page.get_by_test_id("contact-change")).to_have_count(3)
    await page.goto(f"{office.url}/contacts/duplicates")
    await expect(page.get_by_test_id("duplicate")).to_have_count(0)
    await page.get_by_test_id("merge-undo").click()
    await expect(page.get_by_test_id("merge")).to_contain_text("taken apart")
    async with office.api() as api:
        found = await api.get("contacts")
    assert [one["name"] for one in found["items"]] == ["Claire Durand", "Clare Durand"]
    assert root.complaints == []

"""Why one may pause: the list over the API and on the administrators' page, and what nobody may pause with."""

from tests.web.serving import Running
from tests.web.test_api import is_problem

HTML = {"Accept": "text/html"}


async def test_the_reasons_are_replaced_as_a_whole_and_only_by_administrators(service: Running) -> None:
    assert (await service.ask("GET", "pause-reasons")).body["items"] == ["Break", "Lunch", "Training", "Meeting"]
    put = await service.ask("PUT", "pause-reasons", who="root", json={"items": ["Dentist", "Lunch"]})
    assert (put.status, put.body["items"]) == (200, ["Dentist", "Lunch"])
    assert (await service.ask("GET", "pause-reasons")).body["items"] == ["Dentist", "Lunch"]
    twice = await service.ask("PUT", "pause-reasons", who="root", json={"items": ["Lunch", "lunch"]})
    assert is_problem(twice, 422, "items")
    assert is_problem(await service.ask("PUT", "pause-reasons", who="sam", json={"items": []}), 403)


async def test_the_page_shows_the_list_as_text(service: Running) -> None:
    await service.ask("PUT", "pause-reasons", who="root", json={"items": ["<b>Lunch", "Break"]})
    page = await service.ask("GET", "/admin/pauses", who="root", headers=HTML)
    assert page.status == 200
    assert ">&lt;b&gt;Lunch\nBreak</textarea>" in page.text

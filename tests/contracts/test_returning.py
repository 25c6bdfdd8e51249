"""Calls nobody took say who talked to the client first afterwards, on both databases."""

import pytest
from msgspec.structs import replace

from crm_core.calls.rules import CallFilter, CallToSave
from crm_core.calls.store import Calls
from crm_core.numbers import Numbering
from crm_core.people.rules import ContactDraft, PhoneDraft
from crm_core.people.store import People
from telephony.records import CallRecord, Direction, Outcome
from tests.contracts.conftest import NOON
from tests.contracts.records import CLAIRE, answered, missed

OFFICE = "+33140000009"


def dialled(call_id: str, at: float, number: str = CLAIRE, *, talked: bool = True) -> CallRecord:
    call = replace(answered(call_id, at, number=number), direction=Direction.OUTBOUND, answered_by=None)
    return call if talked else replace(call, outcome=Outcome.NO_ANSWER, answered_at=None)


class Log:
    """A call log written from records."""

    def __init__(self, calls: Calls, numbering: Numbering) -> None:
        self._calls = calls
        self._numbering = numbering

    async def write(self, *told: CallRecord) -> None:
        saves = [CallToSave(one, self._numbering.read(one.number), users={"2001": "ana"}) for one in told]
        await self._calls.add_many(saves)

    async def back(self, call_id: str) -> tuple[str, str | None, bool] | None:
        row = await self._calls.get(call_id)
        assert row is not None
        found = row.called_back
        return None if found is None else (found.call_id, found.by, found.by_us)

    async def open(self) -> list[str]:
        return [row.id for row in (await self._calls.list_calls(CallFilter(called_back=False))).items]


@pytest.fixture
def log(calls: Calls, numbering: Numbering) -> Log:
    return Log(calls, numbering)


async def test_the_first_talk_after_it_counts(log: Log) -> None:
    await log.write(answered("before", NOON - 100), missed("lost", NOON), dialled("try", NOON + 50, talked=False))
    assert await log.back("lost") is None
    assert await log.open() == ["lost"]
    await log.write(dialled("back", NOON + 100), answered("again", NOON + 500), missed("other", NOON, number=OFFICE))
    assert await log.back("lost") == ("back", "ana", True)
    assert await log.back("before") is None
    assert await log.open() == ["other"]


async def test_who_got_through_was_not_called_back_by_us(log: Log) -> None:
    abandoned = replace(missed("lost", NOON), outcome=Outcome.ABANDONED)
    message = replace(missed("message", NOON + 10), outcome=Outcome.VOICEMAIL)
    await log.write(abandoned, message, answered("again", NOON + 60))
    assert await log.back("lost") == await log.back("message") == ("again", "ana", False)
    assert await log.open() == []


async def test_any_number_of_the_client_counts(log: Log, people: People, calls: Calls) -> None:
    draft = ContactDraft(name="Claire", phones=(PhoneDraft(CLAIRE), PhoneDraft(OFFICE)))
    await people.create_contact(draft, "ana")
    await log.write(missed("lost", NOON), dialled("office", NOON + 60, OFFICE))
    assert await log.back("lost") == ("office", "ana", True)
    assert [row.id for row in (await calls.list_calls(CallFilter(called_back=True))).items] == ["lost"]


async def test_no_talk_inside_the_house_and_nobody_unknown_counts(log: Log) -> None:
    inside = replace(answered("inside", NOON + 60, number="2002"), direction=Direction.INTERNAL)
    hidden = replace(missed("hidden", NOON, number=None), withheld=True)
    await log.write(missed("lost", NOON), hidden, inside, replace(answered("unknown", NOON + 90, number=None)))
    assert await log.back("lost") is None
    assert await log.back("hidden") is None

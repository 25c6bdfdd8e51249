"""The demo's people and their year: invented, valid, of many countries, and the same each time."""

import unicodedata
from collections import Counter
from datetime import UTC, datetime, timedelta

import phonenumbers
import pytest

from crm_core.numbers import Numbering
from telephony.records import Direction, Outcome
from telephony.simulator.day import AGENTS
from web.demo.clients import CLIENTS, invent
from web.demo.history import DAYS, Cast, PastCall, tell

NOW = datetime(2026, 11, 21, 15, 30, tzinfo=UTC)


def a_year(count: int = 5_000) -> list[PastCall]:
    clients = invent()
    cast = Cast([draft.phones[0].number for draft in clients.drafts], frozenset(clients.shared), clients.strangers)
    return list(tell(cast, NOW, count))


def test_the_same_clients_each_time() -> None:
    assert invent() == invent()
    assert len(invent().drafts) == CLIENTS


def test_every_number_is_valid_and_read_as_it_is_written() -> None:
    numbering = Numbering()
    for draft in invent().drafts:
        for phone in draft.phones:
            assert phonenumbers.is_valid_number(phonenumbers.parse(phone.number)), phone.number
            assert numbering.read(phone.number).e164 == phone.number


def test_strangers_are_nobodys_numbers() -> None:
    clients = invent()
    known = {phone.number for draft in clients.drafts for phone in draft.phones}
    assert known.isdisjoint(clients.strangers)
    assert len(set(clients.strangers)) == len(clients.strangers)


def test_shared_numbers_are_of_exactly_two_clients() -> None:
    clients = invent()
    owners = Counter(phone.number for draft in clients.drafts for phone in draft.phones)
    assert {number for number, count in owners.items() if count > 1} == set(clients.shared)
    assert all(owners[number] == 2 for number in clients.shared)


def test_clients_are_of_many_countries_and_scripts() -> None:
    drafts = invent().drafts
    countries = {phonenumbers.region_code_for_number(phonenumbers.parse(draft.phones[0].number)) for draft in drafts}
    assert countries >= {"ES", "PT", "BR", "RU", "FR", "DE", "GB", "US", "VN", "IT", "UA"}
    scripts = {unicodedata.name(letter).split()[0] for draft in drafts for letter in draft.name if letter.isalpha()}
    assert scripts == {"LATIN", "CYRILLIC"}
    assert max(len(draft.name) for draft in drafts) > 40
    assert sum("VIP" in draft.groups for draft in drafts) > 50
    assert any(draft.notes for draft in drafts)
    assert any(draft.tags for draft in drafts)
    assert all(draft.emails[0].isascii() for draft in drafts)


def test_the_year_ends_before_now_and_keeps_working_hours() -> None:
    calls = a_year()
    started = [datetime.fromtimestamp(call.record.started_at, UTC) for call in calls]
    assert started == sorted(started)
    assert started[-1] < NOW
    assert started[0] > NOW - timedelta(days=DAYS + 8)
    assert started[0] < NOW - timedelta(days=DAYS - 15)
    assert all(8 <= moment.hour < 20 for moment in started)
    assert not any(moment.weekday() == 6 for moment in started)


def test_every_call_is_told_once_and_makes_sense() -> None:
    calls = a_year()
    assert len({call.record.id for call in calls}) == len(calls)
    for call in calls:
        record = call.record
        assert record.ended_at is not None
        assert record.ended_at >= record.started_at
        assert (record.outcome is Outcome.ANSWERED) == (record.talk_seconds > 0) == (record.answered_at is not None)
        assert {part.extension for part in record.participants} <= set(AGENTS)
        assert (record.number is None) == record.withheld
        if record.direction is not Direction.OUTBOUND and record.answered_at is not None:
            assert record.answered_by in {part.extension for part in record.participants}
        if call.note is not None:
            assert call.disposition is not None


def test_a_year_has_all_that_a_year_has() -> None:
    calls = a_year()
    assert {call.record.direction for call in calls} == set(Direction)
    assert {call.record.outcome for call in calls} >= set(Outcome) - {Outcome.REJECTED}
    assert {call.candidates for call in calls} == {0, 1, 2}
    assert all((call.client is not None) == (call.candidates == 1) for call in calls)
    assert 0.1 < sum(call.note is not None for call in calls) / len(calls) < 0.5


@pytest.mark.parametrize("day", range(1, 8))
def test_no_call_is_in_the_future_on_any_day_of_the_week(day: int) -> None:
    morning = datetime(2026, 6, day, 6, 0, tzinfo=UTC)
    clients = invent(50)
    cast = Cast([draft.phones[0].number for draft in clients.drafts], frozenset(clients.shared), clients.strangers)
    assert all(call.record.started_at < morning.timestamp() for call in tell(cast, morning, 500))

"""Queue settings and pause reasons: the same on both databases."""

from dataclasses import replace

import pytest

from crm_core.agents.rules import QueueRules, QueueSetting
from crm_core.agents.store import Agents
from crm_core.agents.wrap_ups import StoredWrapUp, WrapUpStore
from crm_core.db import Database
from crm_core.errors import InvalidField, NotFound
from crm_core.staff.store import Staff


@pytest.fixture
def agents(db: Database) -> Agents:
    return Agents(db)


async def test_a_queue_nobody_set_has_the_defaults(agents: Agents) -> None:
    assert await agents.queue_settings() == ()
    setting = await agents.queue_setting("support")
    assert setting == QueueSetting("support", None, result_required=False, pause_in_wrap_up=False)
    assert not setting.pauses
    with pytest.raises(NotFound):
        await agents.reset_queue_setting("support")


async def test_a_setting_is_kept_changed_and_given_up_and_others_are_told(agents: Agents, staff: Staff) -> None:
    before = await staff.revision()
    await agents.save_queue_setting(QueueSetting("support", 45.0, result_required=True))
    changed = await agents.save_queue_setting(QueueSetting("support", 0.0, pause_in_wrap_up=True))
    await agents.save_queue_setting(QueueSetting("Ärzte", None, result_required=True))
    assert await agents.queue_setting("support") == changed == QueueSetting("support", 0.0, pause_in_wrap_up=True)
    assert [one.queue for one in await agents.queue_settings()] == ["support", "Ärzte"]
    assert all(one.pauses for one in await agents.queue_settings())
    await agents.reset_queue_setting("support")
    assert await agents.queue_setting("support") == QueueSetting("support")
    assert await staff.revision() == before + 4


@pytest.mark.parametrize(
    ("setting", "field"),
    [
        (QueueSetting(""), "queue"),
        (QueueSetting("two\nlines"), "queue"),
        (QueueSetting("x" * 81), "queue"),
        (QueueSetting("support", -1.0), "wrap_up_seconds"),
        (QueueSetting("support", 1801.0), "wrap_up_seconds"),
        (QueueSetting("support", float("nan")), "wrap_up_seconds"),
        (QueueSetting("support", service_level_seconds=0.5), "service_level_seconds"),
        (QueueSetting("support", service_level_seconds=3601.0), "service_level_seconds"),
    ],
)
async def test_a_setting_that_makes_no_sense_is_refused(agents: Agents, setting: QueueSetting, field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        await agents.save_queue_setting(setting)
    assert refused.value.field == field
    assert await agents.queue_settings() == ()


async def test_the_reasons_for_a_pause_are_a_list_in_the_administrators_order(agents: Agents) -> None:
    assert await agents.pause_reasons() == ("Break", "Lunch", "Training", "Meeting")
    assert await agents.set_pause_reasons([" Dentist ", "Lunch"]) == ("Dentist", "Lunch")
    assert await agents.pause_reasons() == ("Dentist", "Lunch")
    await agents.set_pause_reasons([])
    assert await agents.pause_reasons() == ()


@pytest.mark.parametrize(
    "reasons", [["Lunch", "LUNCH"], [""], ["x" * 61], ["Wrap-Up"], ["away"], [f"r{number}" for number in range(31)]]
)
async def test_reasons_nobody_could_tell_apart_are_refused(agents: Agents, reasons: list[str]) -> None:
    with pytest.raises(InvalidField):
        await agents.set_pause_reasons(reasons)
    assert await agents.pause_reasons() == ("Break", "Lunch", "Training", "Meeting")


async def test_wrap_ups_are_kept_prolonged_and_forgotten(db: Database) -> None:
    rows = WrapUpStore(db)
    first, second = StoredWrapUp("ana", "C1", "2001", 100.0, 130.0), StoredWrapUp("ben", "C1", "2002", 90.0)
    await rows.write([first, second], [])
    await rows.write([replace(first, until=190.0), second], [("nobody", "C9")])
    assert await rows.lasting() == (second, replace(first, until=190.0))
    await rows.write([], [first.key, second.key])
    assert await rows.lasting() == ()


def test_a_queue_without_its_own_setting_has_what_all_others_have() -> None:
    rules = QueueRules([QueueSetting("support", 45.0, service_level_seconds=20.0), QueueSetting("*", 10.0)])
    assert rules.of("support").wrap_up_seconds == 45.0
    assert rules.of("sales") == QueueSetting("sales", 10.0)
    assert rules.of(None) == QueueSetting("")
    assert QueueRules().of("sales") == QueueSetting("sales")

"""Every call reaches the database, whatever happens to it meanwhile."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from crm_core.calls.rules import CallToSave, TraceEntry
from crm_core.calls.store import Calls
from crm_core.db import Database
from crm_core.numbers import Number, Numbering, NumberKind
from crm_core.people.rules import ContactDraft, PhoneDraft
from screenpop.writer import MAX_TRACE, Writer
from telephony.records import Outcome
from tests.screenpop.conftest import DEADLINE, House
from tests.screenpop.scenes import T0, Scene, inbound

NUMBER = Number("+74951234567", "+74951234567", NumberKind.EXTERNAL)


def take_away(path: Path) -> None:
    """Let every statement about calls fail, as when the database is gone."""
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE call RENAME TO call_away")
    connection.close()


def bring_back(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE call_away RENAME TO call")
    connection.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "callcard.db"


@pytest.fixture
def calls(db: Database) -> Calls:
    return Calls(db, Numbering("RU"))


@asynccontextmanager
async def running(writer: Writer) -> AsyncIterator[Writer]:
    task = asyncio.create_task(writer.run())
    await asyncio.sleep(0)
    try:
        yield writer
    finally:
        task.cancel()
        await asyncio.wait({task})


async def settled(writer: Writer) -> None:
    async with asyncio.timeout(DEADLINE):
        while writer.pending:  # noqa: ASYNC110 - the writer tells its state, it has no event
            await asyncio.sleep(0.01)


async def test_a_put_is_a_row(calls: Calls) -> None:
    async with running(Writer(calls)) as writer:
        writer.put(CallToSave(inbound(), NUMBER, users={"2001": "ana"}))
        await writer.written("C1", DEADLINE)
        row = await calls.get("C1")
        assert row is not None
        assert row.record == inbound()
        assert writer.pending == 0


async def test_who_waits_for_the_writes_under_way_finds_their_rows(calls: Calls) -> None:
    async with running(Writer(calls)) as writer:
        writer.put(CallToSave(inbound(), NUMBER))
        writer.put(CallToSave(replace(inbound(), id="C2"), NUMBER))
        await writer.caught_up(DEADLINE)
        assert await calls.get("C1") is not None
        assert await calls.get("C2") is not None


async def test_the_newest_state_wins(calls: Calls) -> None:
    async with running(Writer(calls)) as writer:
        for queue in ("one", "two", "three"):
            writer.put(CallToSave(replace(inbound(), queue=queue), NUMBER))
        await settled(writer)
        row = await calls.get("C1")
        assert row is not None
        assert row.record.queue == "three"


async def test_nothing_is_lost_while_the_database_is_away(
    calls: Calls, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    async with running(Writer(calls)) as writer:
        await asyncio.to_thread(take_away, path)
        for number in range(20):
            writer.put(CallToSave(inbound(f"C{number}"), NUMBER))
        async with asyncio.timeout(DEADLINE):
            while not writer.failing:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
        writer.put(CallToSave(replace(inbound("C0"), queue="newest"), NUMBER))
        await writer.written("C0", DEADLINE)  # does not wait for what cannot be written
        assert writer.pending == 20
        await asyncio.to_thread(bring_back, path)
        await settled(writer)
        rows = [await calls.get(f"C{number}") for number in range(20)]
        assert all(row is not None for row in rows)
        assert rows[0] is not None
        assert rows[0].record.queue == "newest"
        assert writer.lost == 0


async def test_what_is_left_is_written_at_the_stop(calls: Calls) -> None:
    writer = Writer(calls)
    writer.put(CallToSave(inbound(), NUMBER))
    writer.trace("C1", TraceEntry(T0, "ring", {"text": "2001"}))
    await writer.flush(DEADLINE)
    assert await calls.get("C1") is not None
    assert await calls.trace("C1") == (TraceEntry(T0, "ring", {"text": "2001"}),)


async def test_a_stop_without_a_database_names_what_is_not_written(
    calls: Calls, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.to_thread(take_away, path)
    writer = Writer(calls)
    writer.put(CallToSave(inbound(), NUMBER))
    await writer.flush(DEADLINE)
    assert "call C1 could not be written before the stop" in caplog.text


async def test_a_trace_is_bounded_and_written_after_its_row(calls: Calls) -> None:
    async with running(Writer(calls)) as writer:
        for number in range(MAX_TRACE + 50):
            writer.trace("C1", TraceEntry(T0 + number, "step"))
        writer.put(CallToSave(inbound(), NUMBER))
        await settled(writer)
        await writer.write_traces()
        assert len(await calls.trace("C1")) == MAX_TRACE


async def test_a_consultation_becomes_part_of_the_call_it_was_about(calls: Calls) -> None:
    writer = Writer(calls)
    consultation, whole = inbound(), replace(inbound(), id="C2")
    writer.put(CallToSave(consultation, NUMBER))
    await writer.flush(DEADLINE)
    await calls.save_draft("C1", "ana", "wants the new price list")
    writer.absorb("C1", "C2")
    writer.put(CallToSave(whole, NUMBER))
    await writer.flush(DEADLINE)
    kept = await calls.get("C2")
    assert kept is not None
    assert await calls.get("C1") == kept, "who knew it by its old id finds it"
    assert (await calls.list_calls()).items == (kept,)
    assert [note.text for note in kept.notes] == ["wants the new price list"]


async def test_what_became_part_of_another_call_is_no_row(calls: Calls) -> None:
    async with running(Writer(calls)) as writer:
        writer.put(CallToSave(inbound("I1"), NUMBER))
        writer.trace("I1", TraceEntry(T0, "ring", {"text": "2002"}))
        await settled(writer)
        await calls.save_draft("I1", "ana", "what Ben must know")
        writer.put(CallToSave(inbound("I1"), NUMBER))
        writer.absorb("I1", "I2")
        writer.absorb("I2", "C1")
        writer.put(CallToSave(inbound("C1"), NUMBER))
        await settled(writer)
        await writer.write_traces()
        row = await calls.get("C1")
        assert row is not None
        assert await calls.get("I1") == row
        assert (await calls.list_calls()).items == (row,)
        assert [note.text for note in row.notes] == ["what Ben must know"]
        assert await calls.trace("C1") == (TraceEntry(T0, "ring", {"text": "2002"}),)


async def test_the_pop_comes_without_the_database_and_its_client_follows(
    house: House, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    draft = ContactDraft(name="Claire Durand", phones=(PhoneDraft(NUMBER.raw),))
    contact = await house.people.create_contact(draft, "ana")
    ana = await house.screen("ana")
    await asyncio.to_thread(take_away, path)
    scene = Scene(inbound())
    house.tell(scene.started(), scene.rings("2001"), scene.answers("2001"))
    shown = await ana.next()
    assert (shown["type"], shown["card"]["contact"], shown["card"]["incomplete"]) == ("pop.show", None, True)
    assert (await ana.next())["status"] == "talking"
    house.tell(scene.ends())
    assert (await ana.next())["status"] == "wrap_up"
    house.clock.now += 60
    await asyncio.to_thread(bring_back, path)
    updated = await ana.next()
    assert updated["card"]["contact"]["id"] == contact.id
    assert updated["card"]["incomplete"] is False
    row = await house.row("C1", lambda row: row is not None and row.record.ended_at is not None)
    assert row.record.outcome is Outcome.ANSWERED

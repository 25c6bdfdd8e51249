"""The call log: the same on both databases."""

import asyncio
import itertools

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from crm_core.calls.rules import CallFilter, CallPatch, CallRow, CallToSave, ImportedNote, TraceEntry, accepts
from crm_core.calls.store import Calls
from crm_core.db import Database
from crm_core.errors import CrmError, InvalidField, NotFound
from crm_core.numbers import Number, Numbering, NumberKind
from crm_core.people.rules import ContactDraft, PhoneDraft
from crm_core.people.store import People
from telephony.records import Direction, LegResult, Outcome, Participant, Source
from tests.contracts.conftest import NOON, Clock
from tests.contracts.records import CLAIRE, answered, missed, ringing

NUMBER = Number(CLAIRE, CLAIRE, NumberKind.EXTERNAL)


async def row_of(calls: Calls, call_id: str) -> CallRow:
    row = await calls.get(call_id)
    assert row is not None
    return row


async def client(people: People, name: str, number: str = CLAIRE) -> int:
    return (await people.create_contact(ContactDraft(name, phones=(PhoneDraft(number),)), "ana")).id


async def test_a_row_is_read_as_it_was_saved(people: People, calls: Calls) -> None:
    contact_id = await client(people, "Claire")
    record = answered("one", NOON, caller_name="Claire D\N{SNOWMAN}")
    await calls.save(record, NUMBER, contact_id, 1, {"2001": "ana"})
    row = await row_of(calls, "one")
    assert (row.id, row.record, row.number) == ("one", record, NUMBER)
    assert row.contact is not None
    assert (row.contact.id, row.contact.name, row.candidates, row.users) == (contact_id, "Claire", 1, {"2001": "ana"})
    assert (row.recordings, row.disposition, row.tags, row.notes) == ((), None, (), ())
    assert await calls.get("two") is None
    assert await calls.get("on\0e") == row


async def test_running_calls_are_open_until_they_end(calls: Calls) -> None:
    first, second = ringing("first", NOON), ringing("second", NOON - 5)
    for record in (first, second, ringing("elsewhere", NOON, pbx="branch")):
        await calls.save(record, NUMBER)
    assert await calls.open_calls("main") == (second, first)
    await calls.save(answered("first", NOON), NUMBER)
    assert await calls.open_calls("main") == (second,)
    assert (await row_of(calls, "first")).record == answered("first", NOON)


async def test_saving_again_changes_nothing(calls: Calls, db: Database) -> None:
    async def everything() -> list[object]:
        tables = ("call", "call_participant", "call_linkedid", "call_word")
        async with db.read() as connection:
            questions = [f"SELECT * FROM {table} ORDER BY 1, 2, 3" for table in tables]  # noqa: S608 fixed names
            questions[2] = "SELECT * FROM call_linkedid ORDER BY 1, 2"
            return [tuple(row) for question in questions for row in await connection.execute(text(question))]

    save = (answered("one", NOON, caller_name="Claire D"), NUMBER, None, 0, {"2001": "ana"})
    await calls.save(*save)
    before = await everything()
    await calls.save(*save)
    await calls.save(ringing("one", NOON), NUMBER)
    assert await everything() == before
    assert len(before) == 5


async def test_what_people_decided_survives_every_save(people: People, calls: Calls) -> None:
    boss = await client(people, "Boss", "+74951234567")
    claire = await client(people, "Claire")
    await calls.save(ringing("one", NOON), NUMBER, claire, 1)
    await calls.patch("one", CallPatch(disposition="sold", tags=("b", "A"), contact_id=boss), "ana")
    await calls.save_draft("one", "ana", "typed while ringing")
    await calls.save(answered("one", NOON), NUMBER, claire, 1)
    row = await row_of(calls, "one")
    assert row.contact is not None
    assert (row.contact.name, row.disposition, row.tags) == ("Boss", "sold", ("A", "b"))
    assert [note.text for note in row.notes] == ["typed while ringing"]
    assert row.record.outcome is Outcome.ANSWERED


async def test_a_contact_taken_away_by_hand_stays_away(people: People, calls: Calls) -> None:
    claire = await client(people, "Claire")
    await calls.save(ringing("one", NOON), NUMBER, claire, 1)
    await calls.patch("one", CallPatch(contact_id=None), "ana")
    await calls.save(answered("one", NOON), NUMBER, claire, 1)
    assert (await row_of(calls, "one")).contact is None


async def test_a_client_created_during_the_call_is_not_lost_by_the_next_save(people: People, calls: Calls) -> None:
    await calls.save(ringing("one", NOON), NUMBER)
    await client(people, "Claire")
    await calls.save(answered("one", NOON), NUMBER)
    row = await row_of(calls, "one")
    assert row.contact is not None
    assert (row.contact.name, row.candidates) == ("Claire", 1)


async def test_who_sat_at_the_phone_is_kept_from_the_time_of_the_call(calls: Calls) -> None:
    await calls.save(ringing("one", NOON), NUMBER, None, 0, {"2001": "ana"})
    await calls.save(answered("one", NOON), NUMBER, None, 0, {"2001": "bob"})
    assert (await row_of(calls, "one")).users == {"2001": "ana"}
    assert [row.id for row in (await calls.list_calls(CallFilter(agent="ana"))).items] == ["one"]
    assert (await calls.list_calls(CallFilter(agent="bob"))).items == ()


async def test_the_database_refuses_what_the_rule_refuses(calls: Calls) -> None:
    """Every pair of an earlier and a later save, compared with `accepts`."""
    states = [(ended, source) for ended in (False, True) for source in Source]
    for position, (stored, incoming) in enumerate(itertools.product(states, states)):
        call_id = f"call-{position}"
        first = (
            answered(call_id, NOON, source=stored[1])
            if stored[0]
            else replace(ringing(call_id, NOON), source=stored[1])
        )
        later = answered(call_id, NOON, extension="2009", source=incoming[1])
        if not incoming[0]:
            later = replace(ringing(call_id, NOON, extension="2009"), source=incoming[1])
        await calls.save(first, NUMBER)
        await calls.save(later, NUMBER, None, 0, {"2009": "zoe"})
        expected = later if accepts(first.ended_at, first.source, later) else first
        row = await row_of(calls, call_id)
        assert row.record == expected, (stored, incoming)
        assert row.users == ({"2009": "zoe"} if expected is later else {}), (stored, incoming)


async def test_saves_at_the_same_time_are_all_written(calls: Calls) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(250):
            group.create_task(calls.save(ringing(f"call-{number:03}", NOON + number), NUMBER))
        for number in range(0, 250, 2):
            group.create_task(calls.save(answered(f"call-{number:03}", NOON + number), NUMBER))
    assert len(await calls.open_calls("main")) == 125
    assert len((await calls.list_calls(limit=500)).items) == 250


async def test_one_refused_save_does_not_take_the_others_with_it(calls: Calls) -> None:
    results = await asyncio.gather(
        calls.save(ringing("good", NOON), NUMBER),
        calls.save(ringing("bad", NOON), NUMBER, 999),
        calls.save(ringing("also good", NOON), NUMBER),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [type(None), CrmError, type(None)]
    assert {row.id for row in (await calls.list_calls()).items} == {"good", "also good"}


async def test_a_cancelled_writer_leaves_nobody_waiting(calls: Calls) -> None:
    tasks = [asyncio.create_task(calls.save(ringing(f"call-{number}", NOON), NUMBER)) for number in range(5)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results[1:] == [None] * 4
    assert {f"call-{number}" for number in range(1, 5)} <= {row.id for row in (await calls.list_calls()).items}


async def test_many_calls_are_written_with_their_notes_and_contacts(people: People, calls: Calls) -> None:
    claire = await client(people, "Claire")
    note = (ImportedNote("ana", "wants a catalogue", NOON),)
    saves = [
        CallToSave(answered(f"call-{number}", NOON - number), NUMBER, disposition="sold", notes=note)
        for number in range(1100)
    ]
    await calls.add_many(saves)
    await calls.add_many(saves)
    row = await row_of(calls, "call-1099")
    assert row.contact is not None
    assert (row.contact.id, row.candidates, row.disposition) == (claire, 1, "sold")
    assert [(one.author, one.text, one.at, one.draft) for one in row.notes] == [
        ("ana", "wants a catalogue", NOON, False)
    ]
    assert len((await calls.list_calls(CallFilter(q="catalogue"), limit=500)).items) == 500


async def test_a_draft_is_one_note_per_author_however_often_it_is_saved(calls: Calls, clock: Clock) -> None:
    await calls.save(ringing("one", NOON), NUMBER)
    first = await calls.save_draft("one", "ana", "he")
    clock.now += 1
    second = await calls.save_draft("one", "ana", "hello")
    await calls.save_draft("one", "bob", "mine")
    assert (second.id, second.at, second.updated_at) == (first.id, NOON, NOON + 1)
    assert {(note.author, note.text) for note in (await row_of(calls, "one")).notes} == {
        ("ana", "hello"),
        ("bob", "mine"),
    }
    await calls.save_draft("one", "bob", "")
    assert [note.text for note in (await row_of(calls, "one")).notes] == ["hello"]


async def test_drafts_saved_at_the_same_time_are_one_note(calls: Calls) -> None:
    await calls.save(ringing("one", NOON), NUMBER)
    saved = await asyncio.gather(*(calls.save_draft("one", "ana", f"text {number}") for number in range(10)))
    assert len({note.id for note in saved}) == 1
    assert len((await row_of(calls, "one")).notes) == 1


async def test_notes_are_added_beside_each_other(calls: Calls, clock: Clock) -> None:
    await calls.save(ringing("one", NOON), NUMBER)
    await calls.add_note("one", "ana", "first\0 line\nsecond")
    clock.now += 1
    await calls.add_note("one", "ana", "another")
    assert [note.text for note in (await row_of(calls, "one")).notes] == ["first line\nsecond", "another"]
    for text_, error in (("  ", InvalidField), ("x" * 20_001, InvalidField)):
        with pytest.raises(error):
            await calls.add_note("one", "ana", text_)
    for unknown in ("none", "n\0ne"):
        with pytest.raises(NotFound):
            await calls.add_note(unknown, "ana", "text")
        with pytest.raises(NotFound):
            await calls.save_draft(unknown, "ana", "text")


async def test_patching_refuses_what_does_not_exist(calls: Calls) -> None:
    await calls.save(ringing("one", NOON), NUMBER)
    with pytest.raises(NotFound):
        await calls.patch("two", CallPatch(disposition="sold"), "ana")
    for contact_id in (0, 99, 10**30):
        with pytest.raises(InvalidField) as refused:
            await calls.patch("one", CallPatch(contact_id=contact_id), "ana")
        assert refused.value.field == "contact_id"
    with pytest.raises(InvalidField):
        await calls.patch("one", CallPatch(disposition="x" * 101), "ana")
    assert (await calls.patch("one", CallPatch(disposition=" sold "), "ana")).disposition == "sold"
    assert (await calls.patch("one", CallPatch(disposition=None, tags=()), "ana")).disposition is None


async def test_choosing_among_candidates_is_remembered_and_undone(people: People, calls: Calls) -> None:
    adam, zoe = await client(people, "Adam"), await client(people, "Zoe")
    await calls.save(ringing("one", NOON), NUMBER, None, 2)
    chosen = await calls.choose_contact("one", zoe, "ana")
    assert chosen.contact is not None
    assert (chosen.contact.name, chosen.candidates) == ("Zoe", 2)
    found = await people.lookup(CLAIRE)
    assert found.contact is not None
    assert (found.contact.id, found.chosen) == (zoe, True)
    undone = await calls.choose_contact("one", None, "ana")
    assert (undone.contact, undone.candidates) == (None, 2)
    assert (await people.lookup(CLAIRE)).contact is None
    await people.delete_contact(adam, "ana")
    again = await calls.choose_contact("one", None, "ana")
    assert again.contact is not None
    assert again.contact.name == "Zoe"


async def test_a_contact_without_the_number_gets_this_call_alone(people: People, calls: Calls) -> None:
    boss = await client(people, "Boss", "+74951234567")
    await calls.save(ringing("one", NOON), NUMBER)
    await calls.save(ringing("hidden", NOON), Number("", None, NumberKind.WITHHELD))
    assert (await calls.choose_contact("one", boss, "ana")).contact is not None
    assert (await calls.choose_contact("hidden", boss, "ana")).contact is not None
    assert (await people.lookup(CLAIRE)).contact is None
    with pytest.raises(NotFound):
        await calls.choose_contact("none", boss, "ana")
    with pytest.raises(InvalidField):
        await calls.choose_contact("one", 99, "ana")


async def fill(people: People, calls: Calls, numbering: Numbering) -> None:
    """Write a small log, one call a minute."""
    await client(people, "Claire Durand")
    await calls.save(answered("queue", NOON, caller_name="Max Mustermann"), NUMBER, 1, 1, {"2001": "ana"})
    await calls.save(
        answered("other", NOON + 60, number="8 495 123-45-67", queue="sales", extension="2002"),
        numbering.read("8 495 123-45-67"),
        None,
        0,
        {"2002": "bob"},
    )
    await calls.save(missed("missed", NOON + 120, number="+7 916 000 00 01"), numbering.read("+79160000001"))
    outbound = replace(answered("out", NOON + 180), direction=Direction.OUTBOUND, queue=None)
    await calls.save(outbound, NUMBER, None, 0, {"2001": "ana"})
    internal = replace(answered("in", NOON + 240, number="2001"), direction=Direction.INTERNAL, queue=None)
    await calls.save(internal, numbering.read("2001"), None, 0, {"2001": "ana"})
    await calls.save(replace(ringing("hidden", NOON + 300, number=None), withheld=True), numbering.read(None))
    await calls.add_note("other", "bob", "Wants the blue catalogue")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (CallFilter(), "hidden in out missed other queue"),
        (CallFilter(started_from=NOON + 60, started_to=NOON + 180), "missed other"),
        (CallFilter(contact_id=1), "queue"),
        (CallFilter(contact_id=2), ""),
        (CallFilter(number=CLAIRE), "out queue"),
        (CallFilter(number="0033 6 01-02-03-04"), "out queue"),
        (CallFilter(number="+7 (495) 123 45 67"), "other"),
        (CallFilter(number="2001"), "in"),
        (CallFilter(number="nonsense\0"), ""),
        (CallFilter(agent="ana"), "in out queue"),
        (CallFilter(agent="bob"), "other"),
        (CallFilter(agent="nobody"), ""),
        (CallFilter(queue="sal\0es"), "other"),
        (CallFilter(direction=Direction.OUTBOUND), "out"),
        (CallFilter(outcome=Outcome.MISSED), "missed"),
        (CallFilter(linkedid="linked-queue"), "queue"),
        (CallFilter(linkedid="linked-"), ""),
        (CallFilter(q="claire"), "queue"),
        (CallFilter(q="muster max"), "queue"),
        (CallFilter(q="BLUE catal"), "other"),
        (CallFilter(q="4567"), "other"),
        (CallFilter(q="8(495)1234567"), "other"),
        (CallFilter(q="nobody"), ""),
        (CallFilter(q="%"), ""),
        (CallFilter(q=" "), "hidden in out missed other queue"),
        (CallFilter(q="claire", agent="ana", queue="support", outcome=Outcome.ANSWERED), "queue"),
        (CallFilter(q="claire", agent="bob"), ""),
    ],
)
async def test_filters(people: People, calls: Calls, numbering: Numbering, wanted: CallFilter, expected: str) -> None:
    await fill(people, calls, numbering)
    assert " ".join(row.id for row in (await calls.list_calls(wanted)).items) == expected


async def test_pages_have_no_gaps_and_no_doubles_while_calls_come_in(calls: Calls) -> None:
    await calls.add_many([CallToSave(missed(f"call-{number:02}", NOON + number // 3), NUMBER) for number in range(20)])
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(10):
        page = await calls.list_calls(limit=6, cursor=cursor)
        seen.extend(row.id for row in page.items)
        cursor = page.next
        if cursor is None:
            break
        await calls.save(ringing(f"late-{cursor[-4:]}", NOON + 3600), NUMBER)
    assert seen == [f"call-{number:02}" for number in reversed(range(20))]
    for foreign in ("x", "", "WyJhIiwiYiJd"):
        with pytest.raises(InvalidField):
            await calls.list_calls(cursor=foreign)


async def test_an_agents_last_calls_have_missed_ones_on_top(calls: Calls) -> None:
    users = {"2001": "ana"}
    await calls.save(answered("talked", NOON), NUMBER, None, 0, users)
    await calls.save(missed("missed", NOON - 60), NUMBER, None, 0, users)
    await calls.save(missed("missed too", NOON - 600), NUMBER, None, 0, users)
    colleague = replace(
        answered("colleague took it", NOON + 60, extension="2002"),
        participants=(
            Participant("2002", NOON + 61, NOON + 63, NOON + 90, LegResult.ANSWERED, 27.0),
            Participant("2001", NOON + 61, None, NOON + 63, LegResult.ELSEWHERE),
        ),
    )
    await calls.save(colleague, NUMBER, None, 0, users)
    await calls.save(ringing("rings", NOON + 120), NUMBER, None, 0, users)
    assert [row.id for row in await calls.recent_for("ana")] == ["missed", "missed too", "rings", "talked"]
    assert [row.id for row in await calls.recent_for("ana", limit=2)] == ["rings", "talked"]
    assert await calls.recent_for("bob") == ()


async def test_the_trace_tells_the_steps_in_order(calls: Calls) -> None:
    await calls.add_trace(
        "one", [TraceEntry(2.0, "ring", {"text": "PJSIP/2001\0"}), TraceEntry(3.0, "shown", {"text": "ana"})]
    )
    await calls.add_trace("one", [TraceEntry(1.0, "call", {"text": ""})])
    await calls.add_trace("one", [])
    assert await calls.trace("one") == (
        TraceEntry(1.0, "call", {"text": ""}),
        TraceEntry(2.0, "ring", {"text": "PJSIP/2001"}),
        TraceEntry(3.0, "shown", {"text": "ana"}),
    )
    assert await calls.trace("two") == ()


async def test_odd_bytes_from_the_wire_do_not_stop_a_save(calls: Calls, numbering: Numbering) -> None:
    odd = "bad \0 name \N{REPLACEMENT CHARACTER} '; DROP TABLE call; --"
    record = replace(ringing("one", NOON, caller_name=odd, number="\0not a number\N{REPLACEMENT CHARACTER}"), did=odd)
    await calls.save(record, numbering.read(record.number))
    row = await row_of(calls, "one")
    assert row.record == record
    assert row.number.kind is NumberKind.INVALID
    assert [found.id for found in (await calls.list_calls(CallFilter(q="drop"))).items] == ["one"]


async def test_a_number_that_turns_out_to_be_withheld_takes_its_contact_along(people: People, calls: Calls) -> None:
    contact_id = await client(people, "Claire")
    withheld = Number("", None, NumberKind.WITHHELD)
    await calls.save(ringing("one", NOON), NUMBER, contact_id, 1)
    await calls.save(ringing("one", NOON), withheld)
    row = await row_of(calls, "one")
    assert (row.number.kind, row.contact, row.candidates) == (NumberKind.WITHHELD, None, 0)
    await calls.patch("one", CallPatch(contact_id=contact_id), "ana")
    await calls.save(answered("one", NOON), withheld)
    chosen = (await row_of(calls, "one")).contact
    assert chosen is not None
    assert chosen.id == contact_id


async def test_who_dialled_finds_the_call_though_nobody_rang_that_phone(calls: Calls) -> None:
    users = {"2001": "ana", "2002": "bob"}
    outside = replace(answered("outside", NOON), direction=Direction.OUTBOUND, answered_by=None, participants=())
    inside = replace(
        answered("inside", NOON + 60),
        direction=Direction.INTERNAL,
        participants=(Participant("2002", NOON + 61, NOON + 63, NOON + 90, LegResult.ANSWERED, 27.0),),
    )
    for call in (outside, inside):
        await calls.save(replace(call, extension="2001"), NUMBER, None, 0, users)
    assert [row.id for row in (await calls.list_calls(CallFilter(agent="ana"))).items] == ["inside", "outside"]
    assert [row.id for row in (await calls.list_calls(CallFilter(agent="bob"))).items] == ["inside"]
    assert [row.id for row in await calls.recent_for("ana")] == ["inside", "outside"]
    assert (await row_of(calls, "outside")).users == {"2001": "ana"}
    assert (await row_of(calls, "outside")).record.participants == ()


async def test_until_when_a_pbx_is_known_is_remembered_for_each(calls: Calls) -> None:
    assert await calls.heard("main") is None
    await calls.note_heard("main", NOON)
    await calls.note_heard("branch", NOON + 1)
    await calls.note_heard("main", NOON + 2)
    assert (await calls.heard("main"), await calls.heard("branch")) == (NOON + 2, NOON + 1)


async def test_the_id_of_a_call_that_became_part_of_another_one_leads_there(calls: Calls, numbering: Numbering) -> None:
    for call_id in ("consult", "kept", "later"):
        call = ringing(call_id, 1000.0)
        await calls.save(call, numbering.read(call.number))
    await calls.absorb("consult", "kept")
    found = await calls.get("consult")
    assert found is not None
    assert found.id == "kept"
    await calls.absorb("kept", "later")
    again = await calls.get("consult")
    assert again is not None
    assert again.id == "later"
    assert await calls.absorbed(["consult", "kept", "later", "other"]) == {"consult", "kept"}
    await calls.absorb("consult", "later")
    assert await calls.absorbed(["consult"]) == {"consult"}


async def test_a_call_saved_again_is_found_by_what_is_new_of_it(calls: Calls) -> None:
    async def found(**wanted: str) -> list[str]:
        page = await calls.list_calls(CallFilter(**wanted))  # type: ignore[arg-type]  # texts only
        return [row.record.id for row in page.items]

    one = ringing("one", NOON)
    await calls.save(one, NUMBER)
    await calls.save(one, NUMBER)
    named = replace(one, caller_name="Claire", linkedids=("linked-one", "linked-other"))
    await calls.save(named, NUMBER)
    assert (await found(linkedid="linked-one"), await found(linkedid="linked-other")) == (["one"], ["one"])
    assert await found(q="claire") == ["one"]
    await calls.save(answered("two", NOON), NUMBER)
    await calls.absorb("one", "two")
    assert await found(linkedid="linked-other") == []
    await calls.save(named, NUMBER)
    assert (await found(linkedid="linked-other"), await found(q="claire")) == (["one"], ["one"])

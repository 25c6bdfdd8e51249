"""Clients that are one: found, merged, taken apart; the bin; and what the audit says of it."""

from dataclasses import replace

import pytest

from crm_core.audit.rules import Area, Deed, FieldChange
from crm_core.audit.store import ORIGIN, Audit, AuditFilter
from crm_core.calls.store import Calls
from crm_core.db import Database
from crm_core.errors import Conflict, InvalidField, NotFound
from crm_core.numbers import Numbering
from crm_core.people.rules import Contact, ContactDraft, ContactPatch, PhoneDraft
from crm_core.people.store import People
from tests.contracts.conftest import NOON, Clock
from tests.contracts.records import CLAIRE, missed

ZOE = "+79161234567"
DAY = 86_400.0


@pytest.fixture
def audit(db: Database) -> Audit:
    return Audit(db)


async def made(people: People, name: str, *numbers: str, **facts: object) -> Contact:
    phones = tuple(PhoneDraft(number) for number in numbers)
    return await people.create_contact(ContactDraft(name, phones=phones, **facts), "ana")  # type: ignore[arg-type] # each its own


def same(contact: Contact) -> Contact:
    return replace(contact, updated_at=0.0, version=0)


async def history(audit: Audit, contact: Contact) -> list[tuple[str, str, tuple[FieldChange, ...]]]:
    page = await audit.entries(AuditFilter(Area.CONTACT, str(contact.id)))
    return [(entry.by, entry.deed, entry.changes) for entry in page.items]


async def test_two_clients_become_one_and_are_taken_apart_again(
    people: People, calls: Calls, numbering: Numbering, audit: Audit
) -> None:
    kept = await made(people, "Claire Durand", CLAIRE, tags=("old",), notes="Likes tea", custom={"size": "40"})
    gone = await made(
        people,
        "C. Durand",
        ZOE,
        company="Durand & Fils",
        tags=("new", "OLD"),
        notes="Calls late",
        custom={"size": "41"},
    )
    await calls.save(missed("by number", NOON), numbering.read(ZOE))
    await calls.save(missed("by hand", NOON), numbering.read("+33140000009"))
    await calls.choose_contact("by hand", gone.id, "ana")

    one = await people.merging.merge(kept.id, gone.id, ["name"], "sam")
    assert (one.name, one.company, one.notes) == ("C. Durand", "Durand & Fils", "Likes tea\nCalls late")
    assert [phone.e164 for phone in one.phones] == [CLAIRE, ZOE]
    assert (one.tags, one.custom) == (("new", "old"), {"size": "40"})
    with pytest.raises(NotFound):
        await people.get_contact(gone.id)
    for call in ("by number", "by hand"):
        row = await calls.get(call)
        assert row is not None
        assert row.contact is not None
        assert row.contact.id == kept.id, call
    assert (await people.list_deleted()).items == ()

    (merge,) = (await people.merging.merges()).items
    assert (merge.kept_name, merge.gone_name, merge.by, merge.undoable) == ("C. Durand", "C. Durand", "sam", True)
    back, other = await people.merging.undo(merge.id, "sam")
    assert (same(back), same(other)) == (same(kept), same(gone))
    for call, owner in (("by number", gone), ("by hand", gone)):
        row = await calls.get(call)
        assert row is not None
        assert row.contact is not None
        assert row.contact.id == owner.id, call
    assert [deed for _, deed, _ in await history(audit, gone)] == ["unmerged", "absorbed", "created"]
    assert [deed for _, deed, _ in await history(audit, kept)] == [
        "unmerged", "changed", "merged", "changed", "created",
    ]  # fmt: skip
    with pytest.raises(Conflict):
        await people.merging.undo(merge.id, "sam")


async def test_what_was_changed_after_a_merge_stays_with_who_was_kept(people: People) -> None:
    kept = await made(people, "Claire", CLAIRE, notes="first")
    gone = await made(people, "Klara", ZOE, notes="second")
    await people.merging.merge(kept.id, gone.id, [], "sam")
    await people.update_contact(kept.id, ContactPatch(notes="third", tags=("late",)), "ana")
    (merge,) = (await people.merging.merges()).items
    back, _ = await people.merging.undo(merge.id, "sam")
    assert (back.name, back.notes, back.tags, len(back.phones)) == ("Claire", "third", ("late",), 1)


async def test_a_merge_is_undone_for_thirty_days(people: People, clock: Clock) -> None:
    kept, gone = await made(people, "Claire", CLAIRE), await made(people, "Klara", ZOE)
    await people.merging.merge(kept.id, gone.id, [], "sam")
    clock.now += 31 * DAY
    (merge,) = (await people.merging.merges()).items
    assert not merge.undoable
    with pytest.raises(Conflict, match="30 days"):
        await people.merging.undo(merge.id, "sam")


async def test_what_cannot_be_merged_is_refused(people: People) -> None:
    claire, gone = await made(people, "Claire", CLAIRE), await made(people, "Gone", ZOE)
    await people.delete_contact(gone.id, "ana")
    with pytest.raises(InvalidField):
        await people.merging.merge(claire.id, claire.id, [], "sam")
    with pytest.raises(InvalidField, match="take"):
        await people.merging.merge(claire.id, gone.id, ["phones"], "sam")
    for other in (gone.id, 0, 2**70):
        with pytest.raises(NotFound):
            await people.merging.merge(claire.id, other, [], "sam")
    for merge in (0, 77, 2**70):
        with pytest.raises(NotFound):
            await people.merging.undo(merge, "sam")


async def test_pairs_that_may_be_one_come_by_certainty(people: People) -> None:
    claire = await made(people, "Claire Durand", CLAIRE)
    clare = await made(people, "Clare Durand", CLAIRE)
    boss = await made(people, "Boss", ZOE)
    clerk = await made(people, "Office", ZOE, emails=("c@d.example",))
    mail = await made(people, "Secretary", emails=("C@d.example",))
    typo, other = await made(people, "Konstantin Petrov"), await made(people, "Konstantin Petroff")
    for number in range(12):
        await made(people, f"Switchboard {'abcdefghijkl'[number] * 9}", "+33140000001")
    assert await people.duplicates.look() == 4
    pairs = (await people.duplicates.pairs()).items
    assert [(one.first.id, one.second.id, one.reason) for one in pairs] == [
        (claire.id, clare.id, "number"),
        (clerk.id, mail.id, "email"),
        (boss.id, clerk.id, "number"),
        (typo.id, other.id, "name"),
    ]
    first = await people.duplicates.pairs(limit=3)
    assert (await people.duplicates.pairs(limit=3, cursor=first.next)).items == pairs[3:]
    with pytest.raises(InvalidField):
        await people.duplicates.pairs(cursor="WyJ4IiwxXQ")

    await people.duplicates.dismiss(clerk.id, boss.id, "sam")
    await people.delete_contact(mail.id, "sam")
    assert await people.duplicates.look() == 2
    assert [one.first.id for one in (await people.duplicates.pairs()).items] == [claire.id, typo.id]
    with pytest.raises(NotFound):
        await people.duplicates.dismiss(claire.id, boss.id, "sam")


async def test_who_is_being_written_down_is_known_while_one_types(people: People) -> None:
    claire = await made(people, "Claire Durand", CLAIRE)
    zoe = await made(people, "Zoë Nguyễn", ZOE, emails=("zoe@b.example",))
    similar = people.duplicates.similar
    assert [one.id for one in await similar("", ["8 (916) 123-45-67"], [])] == [zoe.id]
    assert [one.id for one in await similar("", [], ["ZOE@b.example"])] == [zoe.id]
    assert [one.id for one in await similar("durant claire", [], [])] == [claire.id]
    assert [one.id for one in await similar("zoe nguyen", [CLAIRE], [])] == [claire.id, zoe.id]
    assert await similar("Bob", ["12"], [""]) == ()


async def test_a_deleted_client_comes_back_with_its_calls(
    people: People, calls: Calls, numbering: Numbering, clock: Clock
) -> None:
    claire = await made(people, "Claire", CLAIRE)
    await calls.save(missed("early", NOON), numbering.read(CLAIRE))
    await people.delete_contact(claire.id, "sam")
    ((one),) = (await people.list_deleted()).items
    assert (one.id, one.name, one.at, one.by) == (claire.id, "Claire", NOON, "sam")
    restored = await people.restore_contact(claire.id, "sam")
    assert same(restored) == same(claire)
    row = await calls.get("early")
    assert row is not None
    assert row.contact is not None
    with pytest.raises(NotFound):
        await people.restore_contact(claire.id, "sam")

    await people.delete_contact(claire.id, "sam")
    clock.now += 29 * DAY
    assert await people.empty_bin() == 0
    clock.now += 2 * DAY
    assert await people.empty_bin() == 1
    assert (await people.list_deleted()).items == ()
    with pytest.raises(NotFound):
        await people.restore_contact(claire.id, "sam")
    assert await people.empty_bin() == 0


async def test_every_change_says_who_what_and_from_where(people: People, audit: Audit, clock: Clock) -> None:
    token = ORIGIN.set("192.0.2.7")
    claire = await made(people, "Claire", CLAIRE, notes="x" * 5000)
    clock.now += 10
    await people.update_contact(claire.id, ContactPatch(name="Claire Durand", custom={"size": "40"}), "sam")
    await people.update_contact(claire.id, ContactPatch(name="Claire Durand"), "sam")
    ORIGIN.reset(token)
    await people.update_contact(claire.id, ContactPatch(notes="short"), "bruno")
    page = await audit.entries(AuditFilter(record=str(claire.id)), limit=2)
    last, change = page.items
    assert (last.by, last.origin, last.changes[0].field, last.changes[0].new) == ("bruno", None, "notes", "short")
    assert len(last.changes[0].old) == 2000
    assert (change.by, change.origin, change.at, change.deed) == ("sam", "192.0.2.7", NOON + 10, Deed.CHANGED)
    assert change.changes == (FieldChange("name", "Claire", "Claire Durand"), FieldChange("custom.size", None, "40"))
    rest = await audit.entries(AuditFilter(record=str(claire.id)), limit=2, cursor=page.next)
    assert [entry.deed for entry in rest.items] == [Deed.CREATED]
    assert rest.next is None
    for wanted, count in [
        (AuditFilter(by="sam"), 1),
        (AuditFilter(deed=Deed.CREATED), 1),
        (AuditFilter(since=NOON + 10), 2),
        (AuditFilter(until=NOON + 10), 1),
        (AuditFilter(area=Area.CONTACTS), 0),
    ]:
        assert len((await audit.entries(wanted)).items) == count, wanted

"""Clients and the look-up behind every card: the same on both databases."""

import pytest
from msgspec import UNSET
from sqlalchemy import text

from crm_core.calls.rules import CallPatch
from crm_core.calls.store import Calls
from crm_core.db import Database
from crm_core.errors import Conflict, InvalidField, NotFound
from crm_core.numbers import Numbering
from crm_core.people.rules import (
    Candidate,
    Contact,
    ContactDraft,
    ContactPatch,
    KnownContact,
    Lookup,
    PastCall,
    Phone,
    PhoneDraft,
    PhoneType,
)
from crm_core.people.store import People
from crm_core.staff.rules import Role
from crm_core.staff.store import Staff
from tests.contracts.conftest import NOON, Clock
from tests.contracts.records import CLAIRE, answered, missed, ringing

HOME = "+74951234567"


def draft(name: str, *numbers: str) -> ContactDraft:
    return ContactDraft(name, phones=tuple(PhoneDraft(number) for number in numbers))


async def save(calls: Calls, numbering: Numbering, call_id: str, at: float, number: str = CLAIRE) -> None:
    await calls.save(missed(call_id, at, number=number), numbering.read(number))


async def contact_of(calls: Calls, call_id: str) -> str | None:
    row = await calls.get(call_id)
    assert row is not None
    return row.contact.name if row.contact else None


async def test_a_contact_is_read_as_it_was_written(people: People, staff: Staff) -> None:
    await staff.add_user("ana", Role.AGENT, [], "correct horse")
    made = await people.create_contact(
        ContactDraft(
            name="  Claire \0 Durand ",
            company="Durand & Fils",
            phones=(PhoneDraft("8 (495) 123-45-67", PhoneType.WORK), PhoneDraft(CLAIRE, PhoneType.MOBILE)),
            emails=("claire@durand.example", "CLAIRE@durand.example"),
            groups=("VIP", "vip", "Wholesale"),
            tags=("slow payer",),
            owner="Ana",
            notes="Rings twice\nas a rule",
            custom={"birthday": "1980-05-01", "size": 12},
        ),
        "ana",
    )
    assert made == Contact(
        id=made.id,
        name="Claire Durand",
        company="Durand & Fils",
        phones=(Phone("8 (495) 123-45-67", HOME, PhoneType.WORK), Phone(CLAIRE, CLAIRE, PhoneType.MOBILE)),
        emails=("claire@durand.example",),
        groups=("VIP", "Wholesale"),
        tags=("slow payer",),
        owner="ana",
        notes="Rings twice\nas a rule",
        custom={"birthday": "1980-05-01", "size": 12},
        created_at=NOON,
        updated_at=NOON,
        version=1,
    )
    assert await people.get_contact(made.id) == made


async def test_a_nameless_contact_is_called_by_its_number(people: People) -> None:
    assert (await people.create_contact(draft("", "8 495 1234567"), "ana")).name == "8 495 1234567"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (ContactDraft(), "name"),
        (draft("A", "+7 495"), "phones[0].number"),
        (draft("A", HOME, "not a number"), "phones[1].number"),
        (draft("A", "2001"), "phones[0].number"),
        (ContactDraft("A", emails=("nobody",)), "emails[0]"),
        (ContactDraft("A", owner="nobody"), "owner"),
        (ContactDraft("A" * 201), "name"),
        (ContactDraft("A", groups=("x" * 61,)), "groups"),
        (ContactDraft("A", tags=tuple(str(number) for number in range(51))), "tags"),
        (ContactDraft("A", notes="x" * 20_001), "notes"),
    ],
)
async def test_a_refused_contact_names_the_field(people: People, wrong: ContactDraft, field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        await people.create_contact(wrong, "ana")
    assert refused.value.field == field
    assert await people.count() == 0


async def test_what_is_not_patched_stays(people: People, clock: Clock) -> None:
    made = await people.create_contact(
        ContactDraft(
            "Claire", "Durand", (PhoneDraft(CLAIRE),), ("c@d.example",), ("VIP",), ("x",), None, "n", {"a": 1}
        ),
        "ana",
    )
    clock.now += 60
    changed = await people.update_contact(made.id, ContactPatch(notes="new"), "bob", expected_version=1)
    assert (changed.notes, changed.version, changed.updated_at) == ("new", 2, NOON + 60)
    assert (changed.name, changed.company, changed.phones, changed.emails) == (
        made.name,
        made.company,
        made.phones,
        made.emails,
    )
    assert (changed.groups, changed.tags, changed.custom, changed.created_at) == (("VIP",), ("x",), {"a": 1}, NOON)


async def test_everything_can_be_patched(people: People, staff: Staff) -> None:
    await staff.add_user("ana", Role.AGENT, [], "correct horse")
    made = await people.create_contact(
        ContactDraft("Claire", "Durand", (PhoneDraft(CLAIRE),), ("c@d.example",), ("VIP",), ("x",), "ana"), "ana"
    )
    patch = ContactPatch(
        name="Clara",
        company=None,
        phones=(PhoneDraft(HOME, PhoneType.HOME),),
        emails=(),
        groups=("Old",),
        tags=(),
        owner=None,
        notes="",
        custom={"b": 2},
    )
    changed = await people.update_contact(made.id, patch, "ana")
    assert (changed.name, changed.company, changed.owner, changed.custom) == ("Clara", None, None, {"b": 2})
    assert changed.phones == (Phone(HOME, HOME, PhoneType.HOME),)
    assert (changed.emails, changed.groups, changed.tags) == ((), ("Old",), ())
    again = await people.update_contact(made.id, ContactPatch(owner="ANA", company="Moved", name=""), "ana")
    assert (again.owner, again.company, again.name) == ("ana", "Moved", HOME)


async def test_nobody_overwrites_a_change_they_have_not_seen(people: People) -> None:
    made = await people.create_contact(draft("Claire"), "ana")
    await people.update_contact(made.id, ContactPatch(notes="first"), "ana", expected_version=1)
    with pytest.raises(Conflict):
        await people.update_contact(made.id, ContactPatch(notes="second"), "bob", expected_version=1)
    assert (await people.get_contact(made.id)).notes == "first"


@pytest.mark.parametrize("contact_id", [0, -1, 99, 2**63 - 1, 2**63, 10**30])
async def test_an_unknown_contact_is_not_found(people: People, contact_id: int) -> None:
    with pytest.raises(NotFound):
        await people.get_contact(contact_id)
    with pytest.raises(NotFound):
        await people.update_contact(contact_id, ContactPatch(), "ana")
    with pytest.raises(NotFound):
        await people.delete_contact(contact_id, "ana")
    with pytest.raises(NotFound):
        await people.card(contact_id)
    with pytest.raises(NotFound):
        await people.choose(CLAIRE, contact_id, "ana")


async def test_the_card_of_a_known_caller_has_everything(
    people: People, calls: Calls, staff: Staff, numbering: Numbering
) -> None:
    await staff.add_user("ana", Role.AGENT, [], "correct horse")
    made = await people.create_contact(
        ContactDraft(
            "Claire",
            "Durand",
            (PhoneDraft(CLAIRE), PhoneDraft(HOME)),
            ("c@d.example",),
            ("B", "a"),
            ("t",),
            "ana",
            "n",
            {"k": [1]},
        ),
        "ana",
    )
    number = numbering.read(CLAIRE)
    for day in range(6):
        record = answered(f"call-{day}", NOON - day * 86_400)
        await calls.save(record, number, made.id, 1, {"2001": "ana"} if day else {})
    await calls.save(ringing("now", NOON), number, made.id, 1)
    await calls.patch("call-1", CallPatch(disposition="sold"), "ana")
    await calls.add_note("call-1", "ana", "first word")
    await calls.save_draft("call-1", "bob", "")
    assert await people.lookup(CLAIRE, exclude_call="now") == Lookup(
        candidates=(Candidate(made.id, "Claire", "Durand"),),
        contact=KnownContact(made.id, "Claire", "Durand", ("a", "B"), ("t",), "ana", "n", {"k": [1]}, ("c@d.example",)),
        chosen=False,
        calls=tuple(
            PastCall(
                id=f"call-{day}",
                started_at=NOON - day * 86_400,
                direction="inbound",
                outcome="answered",
                agent="ana" if day else "2001",
                queue="support",
                talk_seconds=41.2,
                disposition="sold" if day == 1 else None,
                note="first word" if day == 1 else None,
            )
            for day in range(5)
        ),
        calls_today=1,
    )
    # The history is the client's, whichever of the numbers rings; the same card can be asked for by the client.
    assert await people.lookup(HOME, exclude_call="now") == await people.lookup(CLAIRE, exclude_call="now")
    assert (await people.card(made.id, exclude_call="now")).calls == (
        await people.lookup(HOME, exclude_call="now")
    ).calls


async def test_an_unknown_number_shows_its_own_calls(people: People, calls: Calls, numbering: Numbering) -> None:
    for hour in range(3):
        await save(calls, numbering, f"call-{hour}", NOON - hour * 3600)
    await save(calls, numbering, "other", NOON, HOME)
    found = await people.lookup(CLAIRE, exclude_call="call-0")
    assert (found.candidates, found.contact, found.chosen) == ((), None, False)
    assert [call.id for call in found.calls] == ["call-1", "call-2"]
    assert found.calls_today == 2


async def test_several_matches_are_candidates_until_someone_chooses(people: People) -> None:
    zoe = await people.create_contact(draft("Zoe", CLAIRE), "ana")
    adam = await people.create_contact(ContactDraft("Adam", "Firm", (PhoneDraft("0033 6 01 02 03 04"),)), "ana")
    other = await people.create_contact(draft("Other"), "ana")
    found = await people.lookup(CLAIRE)
    assert found.candidates == (Candidate(adam.id, "Adam", "Firm"), Candidate(zoe.id, "Zoe"))
    assert (found.contact, found.chosen) == (None, False)

    await people.choose(CLAIRE, zoe.id, "ana")
    await people.choose(CLAIRE, adam.id, "ana")
    found = await people.lookup(CLAIRE)
    assert found.contact is not None
    assert (found.contact.id, found.chosen, len(found.candidates)) == (adam.id, True, 2)
    with pytest.raises(NotFound):
        await people.choose(CLAIRE, other.id, "ana")

    await people.forget_choice(CLAIRE)
    found = await people.lookup(CLAIRE)
    assert (found.contact, found.chosen) == (None, False)


async def test_a_choice_ends_with_the_contact_or_its_number(people: People) -> None:
    zoe, adam = (
        await people.create_contact(draft("Zoe", CLAIRE), "a"),
        await people.create_contact(draft("Adam", CLAIRE), "a"),
    )
    await people.choose(CLAIRE, adam.id, "ana")
    await people.update_contact(adam.id, ContactPatch(phones=()), "ana")
    found = await people.lookup(CLAIRE)
    assert found.contact is not None
    assert (found.contact.id, found.chosen) == (zoe.id, False)
    await people.add_phone(adam.id, PhoneDraft(CLAIRE), "ana")
    assert (await people.lookup(CLAIRE)).contact is None
    await people.choose(CLAIRE, adam.id, "ana")
    await people.delete_contact(adam.id, "ana")
    found = await people.lookup(CLAIRE)
    assert found.contact is not None
    assert (found.contact.id, found.chosen, len(found.candidates)) == (zoe.id, False, 1)


async def test_creating_a_contact_links_earlier_calls(people: People, calls: Calls, numbering: Numbering) -> None:
    await save(calls, numbering, "early", NOON)
    await save(calls, numbering, "other", NOON, HOME)
    await people.create_contact(draft("Claire", "06 01 02 03 04", CLAIRE), "ana")
    assert await contact_of(calls, "early") == "Claire"
    assert await contact_of(calls, "other") is None
    row = await calls.get("early")
    assert row is not None
    assert row.candidates == 1


async def test_numbers_added_and_taken_away_move_their_calls(
    people: People, calls: Calls, numbering: Numbering
) -> None:
    await save(calls, numbering, "early", NOON)
    claire = await people.create_contact(draft("Claire"), "ana")
    assert await contact_of(calls, "early") is None
    added = await people.add_phone(claire.id, PhoneDraft("00 33 601020304", PhoneType.WORK), "ana")
    assert added.phones == (Phone("00 33 601020304", CLAIRE, PhoneType.WORK),)
    assert await contact_of(calls, "early") == "Claire"
    assert (await people.add_phone(claire.id, PhoneDraft(CLAIRE), "ana")).phones == added.phones
    await people.update_contact(claire.id, ContactPatch(phones=(PhoneDraft(HOME),)), "ana")
    assert await contact_of(calls, "early") is None


async def test_a_second_owner_of_a_number_does_not_take_calls_away(
    people: People, calls: Calls, numbering: Numbering
) -> None:
    claire = await people.create_contact(draft("Claire", CLAIRE), "ana")
    await calls.save(missed("early", NOON), numbering.read(CLAIRE), claire.id, 1)
    bob = await people.create_contact(draft("Bob", CLAIRE), "ana")
    assert await contact_of(calls, "early") == "Claire"
    await people.delete_contact(claire.id, "ana")
    assert await contact_of(calls, "early") == "Bob"
    await people.delete_contact(bob.id, "ana")
    assert await contact_of(calls, "early") is None


async def test_a_contact_chosen_by_hand_stays_when_numbers_move(
    people: People, calls: Calls, numbering: Numbering
) -> None:
    await save(calls, numbering, "early", NOON)
    boss = await people.create_contact(draft("Boss"), "ana")
    await calls.patch("early", CallPatch(contact_id=boss.id), "ana")
    claire = await people.create_contact(draft("Claire", CLAIRE), "ana")
    assert await contact_of(calls, "early") == "Boss"
    await people.delete_contact(boss.id, "ana")
    assert await contact_of(calls, "early") == "Claire"
    await calls.patch("early", CallPatch(contact_id=None), "ana")
    await people.update_contact(claire.id, ContactPatch(phones=(PhoneDraft(CLAIRE), PhoneDraft(HOME))), "ana")
    assert await contact_of(calls, "early") is None


async def test_own_numbers_never_match_a_client(people: People, calls: Calls, numbering: Numbering) -> None:
    own = numbering.read("74950000001")
    assert own.key is None
    await calls.save(missed("own", NOON, number="74950000001"), own)
    made = await people.create_contact(draft("Us", "+7 495 000-00-01"), "ana")
    assert made.phones[0].e164 == "+74950000001"
    assert await contact_of(calls, "own") is None


async def test_search_finds_numbers_however_typed_and_names_by_their_words(people: People) -> None:
    await people.add_many(
        [
            ContactDraft("Émile Zola", "Éditions Charpentier", (PhoneDraft("8 495 123-45-67"),)),
            ContactDraft("Claire Durand", "Durand & Fils", (PhoneDraft(CLAIRE),), ("claire.d@example.org",)),
            ContactDraft("Анна Ёлкина", phones=(PhoneDraft("+7 916 765-43-21"),)),
        ],
        "ana",
    )

    async def found(q: str) -> list[str]:
        return [contact.name for contact in (await people.list_contacts(q)).items]

    for spelling in ("8 (495) 123-45-67", "+7 495 123 45 67", "4567", "123-45-67", "84951234567", "tel:+74951234567"):
        assert await found(spelling) == ["Émile Zola"], spelling
    assert await found("emile") == ["Émile Zola"]
    assert await found("ZOLA ém") == ["Émile Zola"]
    assert await found("charp") == ["Émile Zola"]
    assert await found("durand claire") == ["Claire Durand"]
    assert await found("claire.d@example.org") == ["Claire Durand"]
    assert await found("елкина") == ["Анна Ёлкина"]
    for nothing in ("claire zola", "456", "%", "_", "'; DROP TABLE contact", "\0"):
        assert await found(nothing) == ([] if nothing.strip("\0") else await found("")), nothing
    assert len(await found("  ")) == 3


async def test_lists_are_paged_by_name_without_gaps_or_doubles(people: People) -> None:
    names = [f"Client {number:02}" for number in range(25)]
    await people.add_many([ContactDraft(name) for name in reversed(names)], "ana")
    await people.create_contact(ContactDraft("client 05"), "ana")
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(10):
        page = await people.list_contacts("client", limit=7, cursor=cursor)
        seen.extend(contact.name for contact in page.items)
        cursor = page.next
        if cursor is None:
            break
    assert sorted(seen) == sorted([*names, "client 05"])
    assert seen[5:7] == ["Client 05", "client 05"]
    for foreign in ("x", "", "W10", "é", "WyJhIiwiYiJd"):
        with pytest.raises(InvalidField):
            await people.list_contacts(cursor=foreign)


async def test_a_deleted_contact_is_gone_from_everywhere_but_the_log(
    people: People, calls: Calls, numbering: Numbering
) -> None:
    claire = await people.create_contact(draft("Claire", CLAIRE), "ana")
    await calls.save(missed("early", NOON), numbering.read(CLAIRE), claire.id, 1)
    await people.delete_contact(claire.id, "ana")
    assert await people.lookup(CLAIRE) == Lookup(calls=(await people.lookup(CLAIRE)).calls, calls_today=1)
    assert (await people.list_contacts("claire")).items == ()
    assert await people.count() == 0
    assert await contact_of(calls, "early") is None
    with pytest.raises(NotFound):
        await people.get_contact(claire.id)
    with pytest.raises(NotFound):
        await people.delete_contact(claire.id, "ana")


async def test_many_contacts_are_added_or_none(people: People, calls: Calls, numbering: Numbering) -> None:
    await save(calls, numbering, "early", NOON, "+79160000007")
    many = [draft(f"Client {number}", f"+7916{number:07}") for number in range(1200)]
    ids = await people.add_many(many, "import")
    assert len(set(ids)) == 1200
    assert (await people.get_contact(ids[7])).phones[0].e164 == "+79160000007"
    assert await contact_of(calls, "early") == "Client 7"
    with pytest.raises(InvalidField):
        await people.add_many([draft("Good", HOME), draft("Bad", "12")], "import")
    assert await people.count() == 1200
    assert await people.add_many([], "import") == ()


async def test_the_lookup_reads_indexes_only(people: People, db: Database) -> None:
    await people.add_many([draft(f"Client {number}", f"+7916{number:07}") for number in range(1000)], "import")
    if db.dialect != "sqlite":
        pytest.skip("PostgreSQL's plan depends on its statistics")
    from crm_core.people.lookup import CARD

    async with db.read() as connection:
        plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {CARD.sqlite}", (CLAIRE, "", 0.0, None))
        steps = [str(tuple(row)[-1]) for row in plan]
    materialised = {"owner", "choice", "meant", "past", "named", "sorted", "of_contact", "of_number", "CONSTANT"}
    assert {step.split()[1] for step in steps if step.startswith("SCAN")} <= materialised, steps


async def test_unset_and_null_are_different(people: People) -> None:
    made = await people.create_contact(ContactDraft("Claire", "Durand"), "ana")
    assert ContactPatch().company is UNSET
    assert (await people.update_contact(made.id, ContactPatch(), "ana")).company == "Durand"
    assert (await people.update_contact(made.id, ContactPatch(company=None), "ana")).company is None


async def test_labels_are_kept_once(people: People, db: Database) -> None:
    await people.create_contact(ContactDraft("A", "Durand", groups=("VIP",), tags=("x",)), "ana")
    await people.create_contact(ContactDraft("B", "DURAND", groups=("vip",), tags=("X",)), "ana")
    async with db.read() as connection:
        for table in ("company", "client_group", "tag"):
            assert await connection.scalar(text(f"SELECT count(*) FROM {table}")) == 1  # noqa: S608 three fixed names

"""Callbacks: one per client, opened and closed by the calls, the same on both databases."""

import asyncio

import pytest
from msgspec.structs import replace

from crm_core.calls.rules import CallPatch, CallToSave
from crm_core.calls.store import Calls
from crm_core.errors import CrmError, InvalidField, NotFound
from crm_core.numbers import Number, Numbering, NumberKind
from crm_core.people.rules import ContactDraft, PhoneDraft
from crm_core.people.store import People
from crm_core.staff.rules import Role
from crm_core.staff.store import Staff
from crm_core.work.rules import DUE_SECONDS, RECENT_SECONDS, Ending, Task, TaskDraft, TaskFilter, TaskPatch, TaskState
from crm_core.work.store import Work
from telephony.records import CallRecord, Direction, Outcome, Source
from tests.contracts.conftest import NOON, Clock
from tests.contracts.records import CLAIRE, answered, missed, ringing

NUMBER = Number(CLAIRE, CLAIRE, NumberKind.EXTERNAL)
OFFICE = "+33140000000"
SPOKEN = "correct horse battery"


def dialled(call_id: str, at: float, *, number: str = CLAIRE, talked: bool = True) -> CallRecord:
    """Return a call of ours: the client answered after 6 s, or nobody did for 20 s."""
    if talked:
        return replace(answered(call_id, at, number=number, queue=None), direction=Direction.OUTBOUND)
    return replace(missed(call_id, at, number=number), direction=Direction.OUTBOUND, outcome=Outcome.NO_ANSWER)


class Desk:
    """Calls come in and callbacks follow."""

    def __init__(self, calls: Calls, people: People, work: Work, numbering: Numbering, clock: Clock) -> None:
        self.calls, self.people, self.work, self.numbering, self.clock = calls, people, work, numbering, clock

    async def happen(self, *records: CallRecord) -> None:
        """Write calls as the service does, each with the client its number means then, and let callbacks follow."""
        for record in records:
            number = self.numbering.read(record.number, withheld=record.withheld)
            found = await self.people.lookup(number.key) if number.key else None
            contact = found.contact.id if found and found.contact else None
            self.clock.now = max(self.clock.now, record.ended_at or record.started_at)
            users = {"2001": "ana"} if record.direction is Direction.OUTBOUND or record.answered_by else {}
            await self.calls.save(record, number, contact, 1 if contact else 0, users)
            await self.follow()

    async def follow(self) -> None:
        while await self.work.follow():
            pass

    async def open(self) -> tuple[Task, ...]:
        return (await self.work.list_tasks(TaskFilter(state=TaskState.OPEN))).items

    async def all(self) -> tuple[Task, ...]:
        return (await self.work.list_tasks()).items


@pytest.fixture
def desk(calls: Calls, people: People, work: Work, numbering: Numbering, clock: Clock) -> Desk:
    return Desk(calls, people, work, numbering, clock)


async def client(desk: Desk, name: str = "Claire", *numbers: str) -> int:
    phones = tuple(PhoneDraft(number) for number in numbers or (CLAIRE,))
    return (await desk.people.create_contact(ContactDraft(name, phones=phones), "ana")).id


async def test_a_missed_call_makes_one_callback_and_more_raise_its_count(desk: Desk) -> None:
    contact = await client(desk)
    await desk.happen(missed("one", NOON), replace(missed("two", NOON + 60), outcome=Outcome.ABANDONED, queue="sales"))
    (task,) = await desk.open()
    assert (task.contact_id, task.contact_name, task.number, task.missed) == (contact, "Claire", CLAIRE, 2)
    assert (task.due_at, task.call_id, task.queue, task.owner) == (NOON + 20 + DUE_SECONDS, "two", "sales", None)
    assert sorted((step.what, step.detail) for step in task.history) == [
        ("missed", "one"), ("missed", "two"), ("opened", "one"),
    ]  # fmt: skip


async def test_numbers_of_one_client_share_a_callback_and_strangers_have_their_own(desk: Desk) -> None:
    await client(desk, "Claire", CLAIRE, OFFICE)
    await desk.happen(
        missed("mobile", NOON), missed("office", NOON + 60, number=OFFICE), missed("other", NOON, number="+33140000009")
    )
    assert sorted((task.contact_name, task.missed) for task in await desk.open() if task.contact_name) == [
        ("Claire", 2)
    ]
    assert len(await desk.open()) == 2


async def test_who_cannot_be_called_back_makes_no_callback(desk: Desk) -> None:
    await desk.happen(
        replace(missed("hidden", NOON, number=None), withheld=True),
        missed("own", NOON, number="+74950000001"),
        replace(missed("inside", NOON, number="2002"), direction=Direction.INTERNAL),
    )
    assert await desk.all() == ()


async def test_who_left_a_message_waits_for_a_callback(desk: Desk) -> None:
    await desk.happen(replace(missed("message", NOON), outcome=Outcome.VOICEMAIL), missed("again", NOON + 60))
    (task,) = await desk.open()
    assert task.missed == 2


async def test_an_attempt_is_counted_and_the_answered_one_closes(desk: Desk) -> None:
    await client(desk, "Claire", CLAIRE, OFFICE)
    await desk.happen(missed("one", NOON), dialled("try", NOON + 100, talked=False))
    (task,) = await desk.open()
    assert task.attempts == (NOON + 120,)
    await desk.happen(dialled("back", NOON + 200, number=OFFICE))
    (task,) = await desk.all()
    assert (task.state, task.ending, task.closed_by, task.closed_call) == (
        TaskState.CLOSED, Ending.REACHED, "ana", "back",
    )  # fmt: skip
    assert (task.closed_at, task.missed) == (NOON + 206, 1)


async def test_a_talk_closes_before_it_ends(desk: Desk) -> None:
    await desk.happen(missed("one", NOON), replace(ringing("two", NOON + 60), answered_at=NOON + 66))
    assert [task.ending for task in await desk.all()] == [Ending.GOT_THROUGH]


async def test_the_next_missed_call_after_a_talk_makes_a_new_callback(desk: Desk) -> None:
    await desk.happen(missed("one", NOON), answered("two", NOON + 60), missed("three", NOON + 600))
    assert [(task.state, task.missed) for task in sorted(await desk.all(), key=lambda one: one.id)] == [
        (TaskState.CLOSED, 1),
        (TaskState.OPEN, 1),
    ]


async def test_what_is_heard_of_late_counts_when_it_happened(desk: Desk) -> None:
    await desk.happen(answered("later", NOON + 600))
    await desk.happen(replace(missed("earlier", NOON), source=Source.RECOVERED))
    assert await desk.open() == ()


async def test_a_missed_call_that_turns_out_to_be_answered_closes(desk: Desk) -> None:
    await desk.happen(replace(missed("one", NOON), source=Source.RECOVERED))
    assert len(await desk.open()) == 1
    await desk.happen(answered("one", NOON))
    assert await desk.open() == ()
    (task,) = await desk.all()
    assert task.ending is Ending.NOT_MISSED


async def test_a_replay_changes_nothing(desk: Desk) -> None:
    told = (missed("one", NOON), dialled("try", NOON + 100, talked=False), missed("two", NOON + 200))
    await desk.happen(*told)
    before = await desk.all()
    await desk.happen(*told, *reversed(told))
    assert await desk.all() == before


async def test_killed_between_the_row_and_the_callback_loses_nothing(desk: Desk) -> None:
    await desk.calls.save(missed("one", NOON), NUMBER)
    await desk.calls.save(missed("one", NOON), NUMBER)
    assert await desk.all() == ()
    await desk.follow()
    assert [task.missed for task in await desk.open()] == [1]


async def test_two_nodes_following_at_once_make_one_callback(desk: Desk) -> None:
    for name in ("one", "two", "three"):
        await desk.calls.save(missed(name, NOON), NUMBER)
    await asyncio.gather(*(desk.work.follow() for _ in range(4)))
    assert [task.missed for task in await desk.open()] == [3]


async def test_promised_and_missed_at_once_is_one_callback(desk: Desk) -> None:
    for turn in range(5):
        number = f"+3314000010{turn}"
        await desk.calls.save(missed(f"call {turn}", NOON, number=number), desk.numbering.read(number))
        promise = TaskDraft(due_at=NOON + 7200, number=number)
        done = await asyncio.gather(
            desk.work.promise(promise, "ana"), desk.work.promise(promise, "sue"), desk.work.follow(),
            return_exceptions=True,
        )  # fmt: skip
        assert all(isinstance(one, (Task, int, CrmError)) for one in done)
    await desk.follow()
    assert [(task.missed, task.promised) for task in await desk.open()] == [(1, True)] * 5


async def test_an_imported_history_makes_no_callbacks(desk: Desk, clock: Clock) -> None:
    clock.now = NOON + RECENT_SECONDS + 60
    await desk.calls.add_many([CallToSave(missed("old", NOON), NUMBER), CallToSave(missed("new", NOON + 120), NUMBER)])
    await desk.follow()
    assert [task.missed for task in await desk.open()] == [1]


async def test_a_callback_follows_its_number_to_the_client(desk: Desk, staff: Staff) -> None:
    await staff.add_user("ana", Role.AGENT, ["2001"], SPOKEN)
    await desk.happen(missed("one", NOON))
    (task,) = await desk.open()
    await desk.work.patch(task.id, TaskPatch(owner="Ana"), "sue")
    contact = await client(desk)
    await desk.follow()
    (moved,) = await desk.open()
    assert (moved.id, moved.contact_id, moved.owner, moved.missed) == (task.id, contact, "ana", 1)
    await desk.people.delete_contact(contact, "ana")
    await desk.follow()
    (moved,) = await desk.open()
    assert (moved.id, moved.contact_id, moved.owner) == (task.id, None, "ana")


async def test_a_talk_that_was_another_clients_opens_it_again(desk: Desk) -> None:
    await client(desk)
    boss = await client(desk, "Boss", OFFICE)
    await desk.happen(missed("one", NOON), answered("two", NOON + 60))
    assert await desk.open() == ()
    await desk.calls.patch("two", CallPatch(contact_id=boss), "ana")
    await desk.follow()
    (task,) = await desk.all()
    assert (task.state, task.missed) == (TaskState.OPEN, 1)
    assert "reopened" in [step.what for step in task.history]


async def test_what_a_person_closed_stays_closed_until_the_client_calls_again(desk: Desk) -> None:
    await desk.happen(missed("one", NOON))
    (task,) = await desk.open()
    closed = await desk.work.patch(task.id, TaskPatch(state=TaskState.CLOSED, reason="by mail"), "ana")
    assert (closed.closed_by, closed.ending, closed.reason) == ("ana", Ending.BY_HAND, "by mail")
    await desk.happen(missed("one", NOON))
    assert await desk.open() == ()
    await desk.happen(missed("two", NOON + 600))
    (new,) = await desk.open()
    assert (new.id != task.id, new.missed) == (True, 1)
    with pytest.raises(InvalidField, match="another open callback"):
        await desk.work.patch(task.id, TaskPatch(state=TaskState.OPEN), "ana")


async def test_reopened_by_a_person_it_waits_for_the_next_talk(desk: Desk) -> None:
    await desk.happen(missed("one", NOON), answered("two", NOON + 60))
    (task,) = await desk.all()
    await desk.work.patch(task.id, TaskPatch(state=TaskState.OPEN), "ana")
    await desk.happen(answered("two", NOON + 60))
    assert len(await desk.open()) == 1
    await desk.happen(dialled("back", NOON + 600))
    assert await desk.open() == ()


async def test_a_promise_joins_what_is_open_and_outlives_the_call_it_was_made_in(desk: Desk) -> None:
    await desk.happen(missed("one", NOON), answered("two", NOON + 60))
    promised = await desk.work.promise(TaskDraft(due_at=NOON + 7200, call_id="two"), "ana")
    assert (promised.promised, promised.number, promised.created_by) == (True, CLAIRE, "ana")
    await desk.happen(answered("two", NOON + 60))
    (task,) = await desk.open()
    again = await desk.work.promise(TaskDraft(due_at=NOON + 3600, number=CLAIRE, subject="offer"), "ana")
    assert (again.id, again.due_at, again.subject) == (task.id, NOON + 3600, "offer")
    await desk.happen(missed("three", NOON + 600), dialled("back", NOON + 900))
    assert await desk.open() == ()


async def test_a_promise_needs_somebody_to_call(desk: Desk) -> None:
    await desk.happen(replace(missed("hidden", NOON, number=None), withheld=True))
    for draft, field in (
        (TaskDraft(due_at=NOON, call_id="hidden"), "number"),
        (TaskDraft(due_at=NOON, call_id="none"), "call_id"),
        (TaskDraft(due_at=NOON, number="2001"), "number"),
        (TaskDraft(due_at=NOON, contact_id=99), "contact_id"),
        (TaskDraft(due_at=NOON, number=CLAIRE, owner="nobody"), "owner"),
        (TaskDraft(due_at=NOON), "number"),
    ):
        with pytest.raises(InvalidField) as refused:
            await desk.work.promise(draft, "ana")
        assert refused.value.field == field
    contact = await client(desk, "Claire", OFFICE)
    assert (await desk.work.promise(TaskDraft(due_at=NOON, contact_id=contact), "ana")).number == OFFICE


async def test_lists_are_continued_and_filtered(desk: Desk, staff: Staff) -> None:
    for number in range(5):
        await desk.happen(replace(missed(f"c{number}", NOON + number, number=f"+3314000000{number}"), queue="sales"))
    first = await desk.work.list_tasks(limit=3)
    rest = await desk.work.list_tasks(limit=3, cursor=first.next)
    assert [task.call_id for task in (*first.items, *rest.items)] == [f"c{number}" for number in range(5)]
    assert rest.next is None
    assert await desk.work.count(TaskFilter(queue="sales", owner="")) == 5
    assert await desk.work.open_queues() == ("sales",)
    await staff.add_user("ana", Role.AGENT, ["2001"], SPOKEN)
    await desk.work.patch(first.items[0].id, TaskPatch(owner="ana"), "sue")
    assert [await desk.work.count(TaskFilter(open_to=name)) for name in ("ana", "bruno")] == [5, 4]
    for none in (
        TaskFilter(owner="bruno"), TaskFilter(queue="other"), TaskFilter(contact_id=1), TaskFilter(due_before=NOON),
        TaskFilter(state=TaskState.CLOSED),
    ):  # fmt: skip
        assert await desk.work.count(none) == 0
    for missing in (0, 99, 2**63):
        with pytest.raises(NotFound):
            await desk.work.get(missing)

"""Tasks: who has to do what until when, and what became of it."""

import time
from collections.abc import Callable, Sequence

from msgspec import UNSET
from sqlalchemy import Select, func, insert, or_, select, tuple_, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.calls.tables import CallTable
from crm_core.db import Database, Statement
from crm_core.errors import Conflict, CrmError, InvalidField, NotFound
from crm_core.numbers import Numbering
from crm_core.pages import Page, Position, decode_position, encode_cursor
from crm_core.people.linking import meanings
from crm_core.people.tables import ContactRow, PhoneRow
from crm_core.staff.rules import name_key
from crm_core.staff.tables import UserRow
from crm_core.texts import clean
from crm_core.work.follow import CALLBACK, REOPENED, add_event, follow
from crm_core.work.rules import (
    MOST_ATTEMPTS,
    Ending,
    Role,
    Task,
    TaskDraft,
    TaskEvent,
    TaskFilter,
    TaskKind,
    TaskPatch,
    TaskState,
    check_priority,
    check_reason,
    check_subject,
    client_key,
    taken_meanwhile,
)
from crm_core.work.tables import TaskCallRow, TaskEventRow, TaskRow

LARGEST_ID = 2**63 - 1
_MARKED = "SELECT EXISTS (SELECT 1 FROM call_followup)"
MARKED = Statement(_MARKED, _MARKED)
"""Asked twice a second: too often for a transaction."""
MOST_EVENTS = 200


class Work:
    """Queries and commands about tasks."""

    def __init__(self, db: Database, numbering: Numbering, *, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._numbering = numbering
        self._clock = clock

    async def follow(self) -> int:
        """Judge the clients of calls written since the last time; return how many calls.

        Raises DatabaseUnavailable, or CrmError when another writer was in the way: the marks are still there then.
        """
        try:
            if not await self._db.fetch_value(MARKED):
                return 0
            async with self._db.write() as connection:
                return await follow(connection, self._clock())
        except DBAPIError as error:
            # Somebody promised the same client a call, or another node judged at once: the next round sees theirs.
            raise CrmError(f"calls are judged again: {error.orig}") from error

    async def get(self, task_id: int) -> Task:
        """Read a task with its history; raises NotFound."""
        async with self._db.read() as connection:
            return await _one(connection, task_id)

    async def list_tasks(
        self, wanted: TaskFilter | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> Page[Task]:
        """List tasks, those due longest first; raises InvalidField for a foreign cursor."""
        query = _wanted(wanted or TaskFilter())
        if cursor is not None:
            last = decode_position(cursor, float, int)
            query = query.where(tuple_(TaskRow.due_at, TaskRow.id) > (float(last.sort), int(last.id)))
        query = query.order_by(TaskRow.due_at, TaskRow.id).limit(limit + 1)
        async with self._db.read() as connection:
            found = (await connection.execute(query)).all()
            tasks = await _load(connection, [row.id for row in found[:limit]])
        more = encode_cursor(Position(found[limit - 1].due_at, found[limit - 1].id)) if len(found) > limit else None
        return Page(tuple(tasks), more)

    async def count(self, wanted: TaskFilter) -> int:
        """Return how many tasks a filter means."""
        async with self._db.read() as connection:
            counted = select(func.count()).select_from(_wanted(wanted).subquery())
            return (await connection.execute(counted)).scalar_one()

    async def open_queues(self) -> tuple[str, ...]:
        """Return the queues whose callers wait for a callback, by name."""
        query = select(TaskRow.queue).where(TaskRow.closed_at.is_(None), TaskRow.queue.is_not(None)).distinct()
        async with self._db.read() as connection:
            found = (await connection.execute(query.order_by(TaskRow.queue))).scalars()
            return tuple(queue for queue in found if queue)

    async def promise(self, draft: TaskDraft, by: str) -> Task:
        """Promise a client a call; a callback that is open already gets the promise. Raises InvalidField."""
        subject, priority = check_subject(draft.subject), check_priority(draft.priority)
        try:
            return await self._promise(draft, by, subject, priority)
        except IntegrityError:
            # A missed call opened the client's callback meanwhile: the promise joins it.
            return await self._promise(draft, by, subject, priority)

    async def _promise(self, draft: TaskDraft, by: str, subject: str, priority: int) -> Task:
        now = self._clock()
        async with self._db.write() as connection:
            owner = await _user(connection, draft.owner)
            contact_id, number, number_key = await self._client(connection, draft)
            key = client_key(contact_id, number_key)
            if key is None:
                raise InvalidField("number", "the number cannot be called back: name a contact")
            open_one = select(TaskRow.id).where(
                TaskRow.kind == CALLBACK, TaskRow.client_key == key, TaskRow.closed_at.is_(None)
            )
            task_id = (await connection.execute(open_one.with_for_update())).scalar_one_or_none()
            values = {"due_at": draft.due_at, "promised_at": now, "owner": owner, "priority": priority}
            values |= {"subject": subject, "updated_at": now}
            if task_id is None:
                values |= {
                    "kind": CALLBACK, "client_key": key, "contact_id": contact_id, "number": number,
                    "number_key": number_key, "call_id": draft.call_id, "first_at": now, "last_at": now, "missed": 0,
                    "created_at": now, "created_by": by, "reason": "",
                }  # fmt: skip
                task_id = (await connection.execute(insert(TaskRow).values(values).returning(TaskRow.id))).scalar_one()
            else:
                if owner is None:
                    del values["owner"]  # who has taken it keeps it
                await connection.execute(update(TaskRow).where(TaskRow.id == task_id).values(values))
            await add_event(connection, task_id, now, by, "promised")
            return await _one(connection, task_id)

    async def patch(self, task_id: int, patch: TaskPatch, by: str) -> Task:
        """Take, assign, put off, close or reopen a task; raises NotFound, Conflict or InvalidField."""
        now = self._clock()
        reason = check_reason(patch.reason)
        try:
            async with self._db.write() as connection:
                before = await _one(connection, task_id, lock=True)
                changes: dict[str, object] = {}
                steps: list[tuple[str, str]] = []
                if patch.owner is not UNSET:
                    owner = changes["owner"] = await _user(connection, patch.owner)
                    if taken_meanwhile(patch.taken_from, before.owner, owner, by):
                        raise Conflict(f"{before.owner} has taken this callback")
                    steps.append(("assigned", owner or ""))
                if patch.due_at is not UNSET:
                    changes["due_at"] = patch.due_at
                    steps.append(("put_off", ""))
                if patch.priority is not UNSET:
                    changes["priority"] = check_priority(patch.priority)
                if patch.state is not UNSET and patch.state is not before.state:
                    changes |= _ended(patch.state, by, now) | {"reason": reason}
                    if patch.state is TaskState.OPEN:
                        # Asked for by a person: it stays open until somebody talks to the client from now on.
                        changes["promised_at"] = now
                    steps.append((patch.state.value if patch.state is TaskState.CLOSED else "reopened", reason))
                if changes:
                    changes["updated_at"] = now
                    await connection.execute(update(TaskRow).where(TaskRow.id == task_id).values(**changes))
                for what, detail in steps:
                    await add_event(connection, task_id, now, by, what, detail)
                return await _one(connection, task_id)
        except IntegrityError as error:
            raise InvalidField("state", "the client has another open callback") from error

    async def _client(self, connection: AsyncConnection, draft: TaskDraft) -> tuple[int | None, str | None, str | None]:
        """Return whom a promise is made to: contact, number to dial, key of the number; raises InvalidField."""
        contact_id, number, key = draft.contact_id, None, None
        if draft.call_id is not None:
            row = CallTable
            query = select(row.contact_id, row.number_e164, row.number_raw, row.number_key)
            call = (await connection.execute(query.where(row.id == clean(draft.call_id)))).one_or_none()
            if call is None:
                raise InvalidField("call_id", "there is no such call")
            contact_id = contact_id if contact_id is not None else call.contact_id
            number, key = (call.number_e164 or call.number_raw, call.number_key) if call.number_key else (None, None)
        if draft.number is not None:
            read = self._numbering.read(clean(draft.number))
            if read.key is None:
                raise InvalidField("number", "is no number that can be called back")
            number, key = read.e164 or read.raw, read.key
            if contact_id is None:
                contact_id = (await meanings(connection, [read.key]))[read.key][0]
        if contact_id is not None:
            await _check_contact(connection, contact_id)
            if key is None:
                phone = PhoneRow
                phones = select(phone.number, phone.e164, phone.number_key).where(phone.contact_id == contact_id)
                first = (await connection.execute(phones.order_by(phone.position).limit(1))).one_or_none()
                number, key = (first.e164 or first.number, first.number_key) if first else (None, None)
        return contact_id, number, key


def _ended(state: TaskState, by: str, now: float) -> dict[str, object]:
    if state is TaskState.OPEN:
        return dict(REOPENED)
    return {"closed_at": now, "closed_by": by, "closed_call": None, "ending": Ending.BY_HAND.value}


def _wanted(wanted: TaskFilter) -> Select[int, float]:
    query = select(TaskRow.id, TaskRow.due_at)
    if wanted.state is not None:
        is_open = TaskRow.closed_at.is_(None)
        query = query.where(is_open if wanted.state is TaskState.OPEN else ~is_open)
    if wanted.kind is not None:
        query = query.where(TaskRow.kind == wanted.kind.value)
    if wanted.owner is not None:
        owner = clean(wanted.owner)
        query = query.where(TaskRow.owner == owner if owner else TaskRow.owner.is_(None))
    if wanted.open_to is not None:
        query = query.where(or_(TaskRow.owner == clean(wanted.open_to), TaskRow.owner.is_(None)))
    if wanted.queue is not None:
        query = query.where(TaskRow.queue == clean(wanted.queue))
    if wanted.contact_id is not None:
        query = query.where(TaskRow.contact_id == wanted.contact_id)
    if wanted.due_before is not None:
        query = query.where(TaskRow.due_at < wanted.due_before)
    return query


async def _one(connection: AsyncConnection, task_id: int, *, lock: bool = False) -> Task:
    if not 0 < task_id <= LARGEST_ID:
        raise NotFound("task", task_id)
    if lock:
        await connection.execute(select(TaskRow.id).where(TaskRow.id == task_id).with_for_update())
    found = await _load(connection, [task_id])
    if not found:
        raise NotFound("task", task_id)
    return found[0]


async def _load(connection: AsyncConnection, ids: Sequence[int]) -> list[Task]:
    """Read tasks in the order of the ids given."""
    if not ids:
        return []
    query = select(TaskRow.__table__, ContactRow.name.label("contact_name"))
    query = query.outerjoin(ContactRow, ContactRow.id == TaskRow.contact_id).where(TaskRow.id.in_(ids))
    found = {row.id: row for row in (await connection.execute(query)).all()}
    tried: dict[int, list[float]] = {}
    parts = select(TaskCallRow.task_id, TaskCallRow.at).where(
        TaskCallRow.task_id.in_(ids), TaskCallRow.role == Role.ATTEMPT.value
    )
    for task_id, at in (await connection.execute(parts.order_by(TaskCallRow.at))).all():
        tried.setdefault(task_id, []).append(at)
    steps: dict[int, list[TaskEvent]] = {}
    row = TaskEventRow
    events = select(row.task_id, row.at, row.by, row.what, row.detail).where(row.task_id.in_(ids))
    for step in (await connection.execute(events.order_by(row.at, row.id))).all():
        steps.setdefault(step.task_id, []).append(TaskEvent(step.at, step.by, step.what, step.detail))
    return [
        Task(
            id=task.id,
            kind=TaskKind(task.kind),
            subject=task.subject,
            contact_id=task.contact_id,
            contact_name=task.contact_name,
            number=task.number,
            queue=task.queue,
            owner=task.owner,
            priority=task.priority,
            state=TaskState.OPEN if task.closed_at is None else TaskState.CLOSED,
            due_at=task.due_at,
            promised=task.promised_at is not None,
            missed=task.missed,
            attempts=tuple(tried.get(task.id, ())[-MOST_ATTEMPTS:]),
            call_id=task.call_id,
            first_at=task.first_at,
            last_at=task.last_at,
            created_at=task.created_at,
            created_by=task.created_by,
            updated_at=task.updated_at,
            closed_at=task.closed_at,
            closed_by=task.closed_by,
            closed_call=task.closed_call,
            ending=Ending(task.ending) if task.ending else None,
            reason=task.reason,
            history=tuple(steps.get(task.id, ())[-MOST_EVENTS:]),
        )
        for task in (found[identity] for identity in ids if identity in found)
    ]


async def _user(connection: AsyncConnection, name: str | None) -> str | None:
    """Return a user's name as stored; raises InvalidField for one who does not work here."""
    if not name:
        return None
    query = select(UserRow.name).where(UserRow.name_key == name_key(clean(name)), UserRow.active)
    found = (await connection.execute(query)).scalar_one_or_none()
    if found is None:
        raise InvalidField("owner", f"there is no user named {name}")
    return found


async def _check_contact(connection: AsyncConnection, contact_id: int) -> None:
    query = select(ContactRow.id).where(ContactRow.id == contact_id, ContactRow.deleted_at.is_(None))
    if (await connection.execute(query)).one_or_none() is None:
        raise InvalidField("contact_id", f"there is no contact {contact_id}")

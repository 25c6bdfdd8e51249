"""Callbacks follow the calls: every written call's client is judged again, in one transaction with its mark.

The mark (`call_followup`) is written with the call. Killed before the judgement, it is still there; killed in it,
nothing of it happened; done twice, the second time finds nothing to change.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.among import among
from crm_core.calls.tables import CallTable
from crm_core.people.tables import PhoneRow
from crm_core.work.rules import (
    DUE_SECONDS,
    RECENT_SECONDS,
    ClientCall,
    Ending,
    Part,
    Role,
    TaskKind,
    Verdict,
    client_key,
    ending,
    judge,
    owed,
    part,
)
from crm_core.work.tables import FollowUpRow, TaskCallRow, TaskEventRow, TaskRow
from telephony.records import Direction, Outcome

TOGETHER = 200
"""Marks taken in one transaction."""
MOST_CALLS = 500
MOST_TASKS = 20
CALLBACK = TaskKind.CALLBACK.value
CONTACT, NUMBER = "contact:", "number:"


@dataclass(frozen=True, slots=True)
class _Client:
    """Whose calls are judged."""

    key: str
    contact_id: int | None
    number_key: str | None

    @classmethod
    def of(cls, key: str) -> "_Client":
        if key.startswith(CONTACT):
            return cls(key, int(key.removeprefix(CONTACT)), None)
        return cls(key, None, key.removeprefix(NUMBER))

    def calls(self) -> ColumnElement[bool]:
        """Ask for every call that may reach this client."""
        if self.contact_id is None:
            return CallTable.number_key == self.number_key
        numbers = select(PhoneRow.number_key).where(PhoneRow.contact_id == self.contact_id)
        shared = and_(CallTable.contact_id.is_(None), CallTable.number_key.in_(numbers))
        return or_(CallTable.contact_id == self.contact_id, shared)


async def follow(connection: AsyncConnection, now: float) -> int:
    """Judge the clients of the calls marked longest ago; return how many marks are done.

    Two at once wait for each other at the marks, so that neither judges from what the other is about to change.
    """
    query = select(FollowUpRow.id, FollowUpRow.call_id).order_by(FollowUpRow.id).limit(TOGETHER)
    marks = (await connection.execute(query.with_for_update())).all()
    if not marks:
        return 0
    for key in await _concerned(connection, sorted({mark.call_id for mark in marks})):
        await judge_client(connection, key, now)
    await connection.execute(delete(FollowUpRow).where(among(connection, FollowUpRow.id, [mark.id for mark in marks])))
    return len(marks)


async def judge_client(connection: AsyncConnection, key: str, now: float) -> None:
    """Open, change, close or reopen the callback of a client, as the client's calls demand."""
    client = _Client.of(key)
    mine = (TaskRow.kind == CALLBACK, TaskRow.client_key == key)
    query = select(TaskRow.__table__).where(*mine).order_by(TaskRow.id.desc()).limit(MOST_TASKS).with_for_update()
    tasks = (await connection.execute(query)).all()
    task = next((one for one in tasks if one.closed_at is None), None)
    since = min(now - RECENT_SECONDS, task.first_at if task else now)
    verdict = judge(await _calls(connection, client, since))
    settled = await _settled(connection, [one.id for one in tasks if one.ending == Ending.BY_HAND.value])
    if task is not None:
        if owed(verdict, settled, task.promised_at):
            await _refresh(connection, task.id, verdict, settled, now)
        else:
            await _close(connection, task.id, verdict, task.first_at, now)
    elif owed(verdict, settled, None):
        missed = [one for one in verdict.missed if one.call.id not in settled]
        task_id = await _taken_over(connection, client, missed, now) or await _reopened(connection, key, missed, now)
        await _refresh(connection, task_id or await _create(connection, client, missed, now), verdict, settled, now)


async def _concerned(connection: AsyncConnection, calls: Sequence[str]) -> list[str]:
    """Return the clients these calls say something about, first those who may be owed a call.

    Most calls are answered and concern nobody who waits: they cost two reads for all of them together.
    """
    row = CallTable
    query = select(row.contact_id, row.number_key, *_FACTS).where(among(connection, row.id, calls))
    first: dict[str, None] = {}
    contacts: set[int] = set()
    numbers: set[str] = set()
    for contact_id, number_key, *facts in (await connection.execute(query)).all():
        key = client_key(contact_id, number_key)
        found = part(_call(facts))
        if key is not None and found is not None and found.role is Role.MISSED:
            first[key] = None
        contacts |= {contact_id} if contact_id is not None else set()
        numbers |= {number_key} if number_key else set()
    having = select(PhoneRow.contact_id).where(among(connection, PhoneRow.number_key, numbers))
    parts = select(TaskCallRow.task_id).where(among(connection, TaskCallRow.call_id, calls))
    waits = and_(
        TaskRow.closed_at.is_(None),
        or_(
            among(connection, TaskRow.contact_id, contacts),
            among(connection, TaskRow.number_key, numbers),
            TaskRow.contact_id.in_(having),
        ),
    )
    known = select(TaskRow.client_key).where(
        TaskRow.kind == CALLBACK,
        or_(waits, TaskRow.id.in_(parts), among(connection, TaskRow.closed_call, calls)),
    )
    others = (await connection.execute(known.distinct().order_by(TaskRow.client_key))).scalars()
    return list(first | dict.fromkeys(key for key in others if key is not None))


_FACTS = (
    CallTable.id,
    CallTable.direction,
    CallTable.outcome,
    CallTable.answered_at,
    CallTable.ended_at,
    CallTable.agent,
    CallTable.queue,
)


def _call(facts: Sequence[object]) -> ClientCall:
    identity, direction, outcome, *rest = facts
    return ClientCall(str(identity), Direction(direction), Outcome(outcome) if outcome else None, *rest)  # type: ignore[arg-type]  # columns in the order of `_FACTS`


async def _calls(connection: AsyncConnection, client: _Client, since: float) -> list[ClientCall]:
    row = CallTable
    query = select(*_FACTS, row.contact_id).where(client.calls(), row.started_at >= since)
    found = (await connection.execute(query.order_by(row.started_at.desc()).limit(MOST_CALLS))).all()
    calls = ((_call(facts), contact_id) for *facts, contact_id in found)
    # A missed call is owed to the client it is linked to; a call that reached the number reached whoever waits for it.
    return [
        call
        for call, contact_id in calls
        if contact_id == client.contact_id or (one := part(call)) is None or one.role is not Role.MISSED
    ]


async def _settled(connection: AsyncConnection, tasks: Sequence[int]) -> frozenset[str]:
    """Return the missed calls that a person closed."""
    query = select(TaskCallRow.call_id).where(TaskCallRow.task_id.in_(tasks), TaskCallRow.role == Role.MISSED.value)
    return frozenset((await connection.execute(query)).scalars())


async def _taken_over(connection: AsyncConnection, client: _Client, missed: Sequence[Part], now: float) -> int | None:
    """Let an open task follow its calls to the client they belong to now, with owner, due time and history."""
    theirs = select(TaskCallRow.task_id).where(TaskCallRow.call_id.in_([one.call.id for one in missed]))
    query = select(TaskRow.id).where(TaskRow.kind == CALLBACK, TaskRow.closed_at.is_(None), TaskRow.id.in_(theirs))
    task_id = (await connection.execute(query.order_by(TaskRow.id).limit(1).with_for_update())).scalar_one_or_none()
    if task_id is not None:
        change = {"client_key": client.key, "contact_id": client.contact_id, "updated_at": now}
        await connection.execute(update(TaskRow).where(TaskRow.id == task_id).values(change))
        await add_event(connection, task_id, now, None, "moved", client.key)
    return task_id


async def _reopened(connection: AsyncConnection, key: str, missed: Sequence[Part], now: float) -> int | None:
    """Open again the task these calls had, when what closed it turned out not to have been so."""
    theirs = select(TaskCallRow.task_id).where(TaskCallRow.call_id.in_([one.call.id for one in missed]))
    by_call = TaskRow.ending != Ending.BY_HAND.value
    query = select(TaskRow.id).where(TaskRow.kind == CALLBACK, TaskRow.client_key == key, by_call)
    query = query.where(TaskRow.id.in_(theirs)).order_by(TaskRow.id.desc()).limit(1)
    task_id = (await connection.execute(query)).scalar_one_or_none()
    if task_id is not None:
        await connection.execute(update(TaskRow).where(TaskRow.id == task_id).values(REOPENED | {"updated_at": now}))
        await add_event(connection, task_id, now, None, "reopened")
    return task_id


REOPENED: dict[str, object] = {"closed_at": None, "closed_by": None, "closed_call": None, "ending": None, "reason": ""}


async def _create(connection: AsyncConnection, client: _Client, missed: Sequence[Part], now: float) -> int:
    row = CallTable
    query = select(row.number_e164, row.number_raw, row.number_key).where(row.id == missed[-1].call.id)
    e164, raw, number_key = (await connection.execute(query)).one()
    values = {
        "kind": CALLBACK,
        "subject": "",
        "client_key": client.key,
        "contact_id": client.contact_id,
        "number": e164 or raw,
        "number_key": number_key,
        "queue": missed[-1].call.queue,
        "owner": None,
        "priority": 0,
        "due_at": missed[0].at + DUE_SECONDS,
        "promised_at": None,
        "missed": 0,
        "call_id": None,
        "first_at": missed[0].at,
        "last_at": missed[-1].at,
        "created_at": now,
        "created_by": None,
        "updated_at": now,
        "reason": "",
    }
    task_id = (await connection.execute(insert(TaskRow).values(values).returning(TaskRow.id))).scalar_one()
    await add_event(connection, task_id, now, None, "opened", missed[0].call.id)
    return task_id


async def _refresh(
    connection: AsyncConnection, task_id: int, verdict: Verdict, settled: frozenset[str], now: float
) -> None:
    """Write which calls ask for the task now, and which of ours tried."""
    missed = [one for one in verdict.missed if one.call.id not in settled]
    before = await _parts(connection, task_id)
    rows = _rows(task_id, (*missed, *verdict.attempts))
    wanted = {row["call_id"]: row["role"] for row in rows}
    if before != wanted:
        await connection.execute(delete(TaskCallRow).where(TaskCallRow.task_id == task_id))
        if rows:
            await connection.execute(insert(TaskCallRow), rows)
        for one in (*missed, *verdict.attempts):
            if before.get(one.call.id) != one.role.value:
                await add_event(connection, task_id, one.at, one.call.agent, one.role.value, one.call.id)
    change: dict[str, object] = {"missed": len(missed)}
    if missed:
        last = missed[-1]
        change |= {"call_id": last.call.id, "last_at": last.at, "queue": last.call.queue or TaskRow.queue}
    if before != wanted:
        change["updated_at"] = now
    await connection.execute(update(TaskRow).where(TaskRow.id == task_id).values(change))


async def _close(connection: AsyncConnection, task_id: int, verdict: Verdict, opened_at: float, now: float) -> None:
    """Close a task by the call that reached the client; it keeps the calls that asked for it."""
    how = ending(verdict, opened_at)
    reached = verdict.reached if how is not Ending.NOT_MISSED else None
    values = {
        "closed_at": reached.at if reached else now,
        "closed_by": reached.call.agent if reached else None,
        "closed_call": reached.call.id if reached else None,
        "ending": how.value,
        "updated_at": now,
    }
    await connection.execute(update(TaskRow).where(TaskRow.id == task_id).values(values))
    by, call_id = (reached.call.agent, reached.call.id) if reached else (None, "")
    await add_event(connection, task_id, now, by, how.value, call_id)


async def _parts(connection: AsyncConnection, task_id: int) -> dict[str, str]:
    query = select(TaskCallRow.call_id, TaskCallRow.role).where(TaskCallRow.task_id == task_id)
    return {call_id: role for call_id, role in (await connection.execute(query)).all()}  # noqa: C416 typed


def _rows(task_id: int, parts: Iterable[Part]) -> list[dict[str, object]]:
    return [{"task_id": task_id, "call_id": one.call.id, "role": one.role.value, "at": one.at} for one in parts]


async def add_event(
    connection: AsyncConnection, task_id: int, at: float, by: str | None, what: str, detail: str = ""
) -> None:
    """Add a step to a task's history."""
    row = {"task_id": task_id, "at": at, "by": by, "what": what, "detail": detail}
    await connection.execute(insert(TaskEventRow).values(row))

"""Tasks: callbacks that open and close themselves by the calls, and what people do with them."""

from datetime import datetime
from typing import Annotated

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from crm_core.work.rules import Ending, Task, TaskDraft, TaskFilter, TaskKind, TaskPatch, TaskState
from screenpop.messages import optional_timestamp, timestamp
from web.api.models import ContactName, Time
from web.api.reading import Cursor, Id, Limit, path_id, read_body, read_query
from web.api.routes import Route
from web.api.writing import answer
from web.auth import READ, WRITE, signed_in
from web.services import services

_Moment = Annotated[datetime, Meta(tz=True)]
_Name = Annotated[str, Meta(max_length=200)]
_Reason = Annotated[str, Meta(max_length=200)]
_Priority = Annotated[int, Meta(ge=0, le=2, description="0 as usual, 1 soon, 2 first")]


class TaskQuery(Struct, frozen=True):
    """Which tasks; `owner` is a user's name, empty for those nobody has taken; `due` asks for those due before."""

    state: TaskState | None = None
    kind: TaskKind | None = None
    owner: _Name | None = None
    queue: _Name | None = None
    due: _Moment | None = None
    contact_id: Id | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class CallbackIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A callback somebody promises: to a contact, to a number, or to whoever a call was with."""

    due_at: _Moment
    contact_id: Id | None = None
    number: Annotated[str, Meta(max_length=60)] | None = None
    call_id: Annotated[str, Meta(max_length=100)] | None = None
    owner: _Name | None = None
    subject: _Name = ""
    priority: _Priority = 0


class TaskChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes: `owner` takes or assigns (null gives back), `due_at` puts off, `state` closes or reopens.

    Taking for oneself what a colleague has is a conflict (409) unless `taken_from` names the colleague.
    """

    owner: _Name | UnsetType | None = UNSET
    taken_from: _Name | UnsetType | None = UNSET
    due_at: _Moment | UnsetType = UNSET
    priority: _Priority | UnsetType = UNSET
    state: TaskState | UnsetType = UNSET
    reason: _Reason = ""


class TaskStep(Struct, frozen=True):
    """One step of a task's history; `by` is null where a call did it."""

    at: Time
    by: str | None
    what: str
    detail: str


class TaskOut(Struct, frozen=True, kw_only=True):
    """Something to be done: `missed` calls ask for it, `attempts` are when we tried, `closed_call` is what ended it."""

    id: int
    kind: TaskKind
    state: TaskState
    subject: str
    contact: ContactName | None
    number: str | None
    queue: str | None
    owner: str | None
    priority: int
    due_at: Time
    promised: bool
    missed: int
    attempts: tuple[Time, ...]
    call_id: str | None
    last_at: Time
    created_at: Time
    created_by: str | None
    updated_at: Time
    closed_at: Time | None
    closed_by: str | None
    closed_call: str | None
    ending: Ending | None
    reason: str
    history: tuple[TaskStep, ...]


class TaskList(Struct, frozen=True):
    """One page of tasks."""

    items: tuple[TaskOut, ...]
    next: str | None


async def list_tasks(request: web.Request) -> web.StreamResponse:
    """List tasks, those due longest first."""
    query = read_query(request, TaskQuery)
    due = query.due.timestamp() if query.due else None
    wanted = TaskFilter(query.state, query.kind, query.owner, query.queue, query.contact_id, due)
    page = await services(request).work.list_tasks(wanted, limit=query.limit, cursor=query.cursor)
    return answer(TaskList(tuple(written(task) for task in page.items), page.next))


async def add_task(request: web.Request) -> web.StreamResponse:
    """Promise a call; a client who waits for one already gets the promise."""
    body = await read_body(request, CallbackIn)
    draft = TaskDraft(
        due_at=body.due_at.timestamp(),
        contact_id=body.contact_id,
        number=body.number,
        call_id=body.call_id,
        owner=body.owner,
        subject=body.subject,
        priority=body.priority,
    )
    task = await services(request).work.promise(draft, signed_in(request).user.name)
    return answer(written(task), 201)


async def read_task(request: web.Request) -> web.StreamResponse:
    """Read one task with its history."""
    return answer(written(await services(request).work.get(path_id(request, "task_id"))))


async def change_task(request: web.Request) -> web.StreamResponse:
    """Take, assign, put off, close or reopen a task."""
    task = await services(request).work.get(path_id(request, "task_id"))
    body = await read_body(request, TaskChange)
    due = UNSET if isinstance(body.due_at, UnsetType) else body.due_at.timestamp()
    patch = TaskPatch(body.owner, body.taken_from, due, body.priority, body.state, body.reason)
    return answer(written(await services(request).work.patch(task.id, patch, signed_in(request).user.name)))


def written(task: Task) -> TaskOut:
    """Write a task."""
    contact = None if task.contact_id is None else ContactName(task.contact_id, task.contact_name or "")
    return TaskOut(
        id=task.id,
        kind=task.kind,
        state=task.state,
        subject=task.subject,
        contact=contact,
        number=task.number,
        queue=task.queue,
        owner=task.owner,
        priority=task.priority,
        due_at=timestamp(task.due_at),
        promised=task.promised,
        missed=task.missed,
        attempts=tuple(timestamp(at) for at in task.attempts),
        call_id=task.call_id,
        last_at=timestamp(task.last_at),
        created_at=timestamp(task.created_at),
        created_by=task.created_by,
        updated_at=timestamp(task.updated_at),
        closed_at=optional_timestamp(task.closed_at),
        closed_by=task.closed_by,
        closed_call=task.closed_call,
        ending=task.ending,
        reason=task.reason,
        history=tuple(TaskStep(timestamp(one.at), one.by, one.what, one.detail) for one in task.history),
    )


routes = [
    Route(
        method="GET",
        path="/tasks",
        handler=list_tasks,
        access=READ,
        tag="tasks",
        summary="Tasks, those due longest first",
        query=TaskQuery,
        returns=TaskList,
    ),
    Route(
        method="POST",
        path="/tasks",
        handler=add_task,
        access=WRITE,
        tag="tasks",
        summary="Promise a client a call",
        body=CallbackIn,
        returns=TaskOut,
        status=201,
    ),
    Route(
        method="GET",
        path="/tasks/{task_id}",
        handler=read_task,
        access=READ,
        tag="tasks",
        summary="One task with its history",
        returns=TaskOut,
    ),
    Route(
        method="PATCH",
        path="/tasks/{task_id}",
        handler=change_task,
        access=WRITE,
        tag="tasks",
        summary="Take, assign, put off, close or reopen a task",
        body=TaskChange,
        returns=TaskOut,
        problems=(409,),
    ),
]

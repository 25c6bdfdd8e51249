"""What queues ask of their agents after a call. Everybody reads it, administrators set it."""

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from crm_core.agents.rules import LONGEST_QUEUE, LONGEST_SERVICE_LEVEL, LONGEST_WRAP_UP, QueueRules, QueueSetting
from web.api.board import picture
from web.api.problems import Unavailable
from web.api.reading import PageQuery, page_of, path_text, read_body, read_query
from web.api.routes import Route
from web.api.writing import answer, nothing
from web.auth import ADMINISTER, READ
from web.services import services

_Seconds = Annotated[float, Meta(ge=0, le=LONGEST_WRAP_UP, description="Seconds; 0: no wrap-up, null: no timer")]
_Level = Annotated[float, Meta(ge=1, le=LONGEST_SERVICE_LEVEL, description="Seconds")]


class QueueRule(Struct, frozen=True, forbid_unknown_fields=True):
    """What a queue asks: the timer of the wrap-up, a result, no calls meanwhile; and what taken in time means."""

    wrap_up_seconds: _Seconds | None = None
    result_required: bool = False
    pause_in_wrap_up: bool = False
    service_level_seconds: _Level | None = None


class QueueAsks(Struct, frozen=True):
    """What one queue asks; `own` says whether it was set for this queue. `*` is every queue without its own."""

    queue: str
    own: bool
    wrap_up_seconds: float | None
    result_required: bool
    pause_in_wrap_up: bool
    service_level_seconds: float | None


class QueueAsksList(Struct, frozen=True):
    """One page of queues."""

    items: tuple[QueueAsks, ...]
    next: str | None


async def list_queue_settings(request: web.Request) -> web.StreamResponse:
    """List what the queues ask that are set, or that a PBX tells of."""
    query = read_query(request, PageQuery)
    items, following = page_of(await asked(request), query)
    return answer(QueueAsksList(tuple(items), following))


async def set_queue(request: web.Request) -> web.StreamResponse:
    """Set what a queue asks."""
    queue = path_text(request, "queue")
    body = await read_body(request, QueueRule)
    setting = QueueSetting(
        queue, body.wrap_up_seconds, body.result_required, body.pause_in_wrap_up, body.service_level_seconds
    )
    parts = services(request)
    kept = await parts.agents.save_queue_setting(setting)
    await parts.service.wrapping.reload()
    return answer(_told(kept, own=True))


async def reset_queue(request: web.Request) -> web.StreamResponse:
    """Let a queue have again what every queue has."""
    parts = services(request)
    await parts.agents.reset_queue_setting(path_text(request, "queue"))
    await parts.service.wrapping.reload()
    return nothing()


async def asked(request: web.Request) -> list[QueueAsks]:
    """Return what each known queue asks, by name; without a PBX those that were set."""
    settings = await services(request).agents.queue_settings()
    own = {setting.queue for setting in settings}
    rules = QueueRules(settings)
    try:
        _, state = await picture(request)
        told = {queue.name for queue in state.queues.values() if 0 < len(queue.name) <= LONGEST_QUEUE}
    except Unavailable:
        told = set()
    return [_told(rules.of(queue), own=queue in own) for queue in sorted(own | told)]


def _told(setting: QueueSetting, *, own: bool) -> QueueAsks:
    return QueueAsks(
        setting.queue,
        own,
        setting.wrap_up_seconds,
        setting.result_required,
        setting.pause_in_wrap_up,
        setting.service_level_seconds,
    )


routes = [
    Route(
        method="GET",
        path="/queue-settings",
        handler=list_queue_settings,
        access=READ,
        tag="live",
        summary="What queues ask of their agents after a call",
        query=PageQuery,
        returns=QueueAsksList,
    ),
    Route(
        method="PUT",
        path="/queue-settings/{queue}",
        handler=set_queue,
        access=ADMINISTER,
        tag="live",
        summary="Set what a queue asks; `*` is every queue without a setting of its own",
        body=QueueRule,
        returns=QueueAsks,
    ),
    Route(
        method="DELETE",
        path="/queue-settings/{queue}",
        handler=reset_queue,
        access=ADMINISTER,
        tag="live",
        summary="Let a queue have again what every queue has",
        status=204,
    ),
]

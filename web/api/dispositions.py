"""The results of calls agents choose from. Everybody reads them, administrators change the tree."""

from typing import Annotated

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from crm_core.agents.rules import LONGEST_QUEUE
from crm_core.calls.dispositions import LONGEST_NAME, MOST, Branch, DispositionTree
from crm_core.calls.dispositions_store import DispositionPatch
from web.api import models
from web.api.reading import Id, PageQuery, page_of, path_id, read_body, read_query
from web.api.routes import Route
from web.api.writing import answer, nothing
from web.auth import ADMINISTER, READ
from web.services import services

_Queue = Annotated[str, Meta(min_length=1, max_length=LONGEST_QUEUE)]
_Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
_Look = Annotated[str, Meta(max_length=40)]
_Queues = Annotated[tuple[_Queue, ...], Meta(max_length=100)]
_Place = Annotated[int, Meta(ge=0, le=MOST, description="Place among those beside it, from 0")]


class ChoicesQuery(PageQuery, frozen=True):
    """Of which queue; all there are if not said."""

    queue: _Queue | None = None


class TreeQuery(PageQuery, frozen=True):
    """Whether those are listed too that are not offered any more."""

    retired: bool = False


class NewDisposition(Struct, frozen=True, forbid_unknown_fields=True):
    """A result to be added; it comes last unless a place is named."""

    name: _Name
    parent_id: Id | None = None
    position: _Place | UnsetType = UNSET
    color: _Look | None = None
    icon: _Look | None = None
    queues: _Queues = ()


class DispositionChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What changes of a result; null takes the value away, for `parent_id` it moves the result to the first level."""

    name: _Name | UnsetType = UNSET
    parent_id: Id | UnsetType | None = UNSET
    position: _Place | UnsetType = UNSET
    color: _Look | UnsetType | None = UNSET
    icon: _Look | UnsetType | None = UNSET
    queues: _Queues | UnsetType = UNSET
    retired: bool | UnsetType = UNSET


class DispositionNode(Struct, frozen=True):
    """One result in the tree. `path` is what a call keeps; only `choosable` ones may be chosen."""

    id: int
    name: str
    path: str
    parent_id: int | None
    depth: int
    position: int
    color: str | None
    icon: str | None
    queues: tuple[str, ...]
    retired: bool
    choosable: bool


class DispositionNodes(Struct, frozen=True):
    """The tree, each result followed by those below it."""

    items: tuple[DispositionNode, ...]
    next: str | None


async def list_dispositions(request: web.Request) -> web.StreamResponse:
    """List the results an agent can choose."""
    query = read_query(request, ChoicesQuery)
    tree = await services(request).results.tree()
    choices = tree.every_choice() if query.queue is None else tree.choices(query.queue)
    items, following = page_of(choices, query)
    return answer(models.Texts(tuple(items), following))


async def read_tree(request: web.Request) -> web.StreamResponse:
    """List the tree of results."""
    query = read_query(request, TreeQuery)
    tree = await services(request).results.tree()
    items, following = page_of([_node(one) for one in tree.branches if query.retired or one.offered], query)
    return answer(DispositionNodes(tuple(items), following))


async def add_disposition(request: web.Request) -> web.StreamResponse:
    """Add a result."""
    body = await read_body(request, NewDisposition)
    patch = DispositionPatch(body.name, body.parent_id, body.position, body.color, body.icon, body.queues)
    made = await services(request).results.add(patch)
    return answer(await _changed(request, made.id), 201)


async def change_disposition(request: web.Request) -> web.StreamResponse:
    """Rename, move, retire or otherwise change a result."""
    result_id = path_id(request, "id")
    body = await read_body(request, DispositionChange)
    patch = DispositionPatch(body.name, body.parent_id, body.position, body.color, body.icon, body.queues, body.retired)
    await services(request).results.change(result_id, patch)
    return answer(await _changed(request, result_id))


async def retire_disposition(request: web.Request) -> web.StreamResponse:
    """Offer a result no more; calls that have it keep it."""
    result_id = path_id(request, "id")
    await services(request).results.change(result_id, DispositionPatch(retired=True))
    await _changed(request, result_id)
    return nothing()


async def _changed(request: web.Request, result_id: int) -> DispositionNode:
    parts = services(request)
    await parts.service.wrapping.reload()
    return _found(await parts.results.tree(), result_id)


def _found(tree: DispositionTree, result_id: int) -> DispositionNode:
    return next(_node(one) for one in tree.branches if one.result.id == result_id)


def _node(one: Branch) -> DispositionNode:
    result = one.result
    return DispositionNode(
        result.id, result.name, one.path, result.parent_id, one.depth, result.position, result.color, result.icon,
        one.queues, result.retired, one.choosable,
    )  # fmt: skip


routes = [
    Route(
        method="GET",
        path="/dispositions",
        handler=list_dispositions,
        access=READ,
        tag="calls",
        summary="Results an agent can choose",
        query=ChoicesQuery,
        returns=models.Texts,
    ),
    Route(
        method="GET",
        path="/dispositions/tree",
        handler=read_tree,
        access=READ,
        tag="calls",
        summary="The tree of results",
        query=TreeQuery,
        returns=DispositionNodes,
    ),
    Route(
        method="POST",
        path="/dispositions",
        handler=add_disposition,
        access=ADMINISTER,
        tag="calls",
        summary="Add a result",
        body=NewDisposition,
        returns=DispositionNode,
        status=201,
    ),
    Route(
        method="PATCH",
        path="/dispositions/{id}",
        handler=change_disposition,
        access=ADMINISTER,
        tag="calls",
        summary="Rename, move, retire or otherwise change a result",
        body=DispositionChange,
        returns=DispositionNode,
    ),
    Route(
        method="DELETE",
        path="/dispositions/{id}",
        handler=retire_disposition,
        access=ADMINISTER,
        tag="calls",
        summary="Offer a result no more; calls that have it keep it",
        status=204,
    ),
]

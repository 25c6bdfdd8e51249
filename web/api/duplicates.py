"""Clients that may be one, those that were merged, and those in the bin."""

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from crm_core.people.merges import Duplicate, Merge
from crm_core.people.rules import Deleted
from screenpop.messages import optional_timestamp, timestamp
from web.api import models
from web.api.contacts import show_changed
from web.api.models import Time
from web.api.reading import Id, PageQuery, path_id, read_body, read_query
from web.api.routes import Route
from web.api.writing import answer, nothing
from web.auth import READ, SUPERVISE, SUPERVISE_WRITE, signed_in
from web.services import services

_Text = Annotated[str, Meta(max_length=200)]


class SimilarQuery(Struct, frozen=True):
    """What somebody is writing down of a client."""

    name: _Text = ""
    phone: _Text = ""
    email: _Text = ""


class Candidate(Struct, frozen=True):
    """A client that may be the one."""

    id: int
    name: str
    company: str | None


class CandidateList(Struct, frozen=True):
    """The clients that may be the one, the most certain first."""

    items: tuple[Candidate, ...]


class DuplicatePair(Struct, frozen=True):
    """Two clients that may be one: for the same `number` or `email`, or an alike `name`; `score` is 0 to 100."""

    first: models.Contact
    second: models.Contact
    reason: str
    score: float


class DuplicateList(Struct, frozen=True):
    """A page of pairs, the most certain first."""

    items: tuple[DuplicatePair, ...]
    next: str | None


class Found(Struct, frozen=True):
    """How many pairs there are now."""

    pairs: int


class PairIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Two clients that are not one."""

    first: Id
    second: Id


class MergeIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Which client becomes part of this one; `take` names fields of which its value is kept."""

    duplicate_id: Id
    take: Annotated[tuple[_Text, ...], Meta(max_length=10, description="name, company, owner, notes, custom")] = ()


class MergeOut(Struct, frozen=True):
    """Two clients that became one."""

    id: int
    kept: models.ContactName
    gone: models.ContactName
    at: Time
    by: str
    undone_at: Time | None
    undoable: bool


class MergeList(Struct, frozen=True):
    """A page of merges, the newest first."""

    items: tuple[MergeOut, ...]
    next: str | None


class DeletedContact(Struct, frozen=True):
    """A client in the bin."""

    id: int
    name: str
    deleted_at: Time
    deleted_by: str


class DeletedList(Struct, frozen=True):
    """A page of the bin, those deleted last first."""

    items: tuple[DeletedContact, ...]
    next: str | None


async def list_similar(request: web.Request) -> web.StreamResponse:
    """List clients that may be the one somebody is writing down."""
    query = read_query(request, SimilarQuery)
    found = await services(request).people.duplicates.similar(query.name, [query.phone], [query.email])
    return answer(CandidateList(tuple(Candidate(one.id, one.name, one.company) for one in found)))


async def list_duplicates(request: web.Request) -> web.StreamResponse:
    """List pairs that may be one."""
    query = read_query(request, PageQuery)
    page = await services(request).people.duplicates.pairs(limit=query.limit, cursor=query.cursor)
    return answer(DuplicateList(tuple(_pair(one) for one in page.items), page.next))


async def look_for_duplicates(request: web.Request) -> web.StreamResponse:
    """Look through all clients now; it is done every night."""
    return answer(Found(await services(request).people.duplicates.look()))


async def dismiss_duplicate(request: web.Request) -> web.StreamResponse:
    """Say that two clients are not one."""
    body = await read_body(request, PairIn)
    await services(request).people.duplicates.dismiss(body.first, body.second, signed_in(request).user.name)
    return nothing()


async def merge_contacts(request: web.Request) -> web.StreamResponse:
    """Make one client of two."""
    kept_id = path_id(request, "contact_id")
    people = services(request).people
    await people.get_contact(kept_id)
    body = await read_body(request, MergeIn)
    kept = await people.merging.merge(kept_id, body.duplicate_id, body.take, signed_in(request).user.name)
    await show_changed(request, kept)
    return answer(models.contact(kept))


async def list_merges(request: web.Request) -> web.StreamResponse:
    """List merges."""
    query = read_query(request, PageQuery)
    page = await services(request).people.merging.merges(limit=query.limit, cursor=query.cursor)
    return answer(MergeList(tuple(_merge(one) for one in page.items), page.next))


async def undo_merge(request: web.Request) -> web.StreamResponse:
    """Take two clients apart again."""
    merge_id = path_id(request, "merge_id")
    kept, gone = await services(request).people.merging.undo(merge_id, signed_in(request).user.name)
    await show_changed(request, kept, gone)
    return answer(models.contact(gone))


async def list_deleted(request: web.Request) -> web.StreamResponse:
    """List the clients in the bin."""
    query = read_query(request, PageQuery)
    page = await services(request).people.list_deleted(limit=query.limit, cursor=query.cursor)
    return answer(DeletedList(tuple(_deleted(one) for one in page.items), page.next))


async def restore_contact(request: web.Request) -> web.StreamResponse:
    """Bring a client back from the bin."""
    contact_id = path_id(request, "contact_id")
    contact = await services(request).people.restore_contact(contact_id, signed_in(request).user.name)
    await show_changed(request, contact)
    return answer(models.contact(contact))


def _pair(pair: Duplicate) -> DuplicatePair:
    return DuplicatePair(models.contact(pair.first), models.contact(pair.second), pair.reason, round(pair.score, 1))


def _merge(merge: Merge) -> MergeOut:
    return MergeOut(
        id=merge.id,
        kept=models.ContactName(merge.kept_id, merge.kept_name),
        gone=models.ContactName(merge.gone_id, merge.gone_name),
        at=timestamp(merge.at),
        by=merge.by,
        undone_at=optional_timestamp(merge.undone_at),
        undoable=merge.undoable,
    )


def _deleted(one: Deleted) -> DeletedContact:
    return DeletedContact(one.id, one.name, timestamp(one.at), one.by)


routes = [
    Route(
        method="GET",
        path="/contacts/similar",
        handler=list_similar,
        access=READ,
        tag="contacts",
        summary="Clients that may be the one being written down",
        query=SimilarQuery,
        returns=CandidateList,
    ),
    Route(
        method="GET",
        path="/contacts/duplicates",
        handler=list_duplicates,
        access=SUPERVISE,
        tag="contacts",
        summary="Pairs of clients that may be one",
        query=PageQuery,
        returns=DuplicateList,
    ),
    Route(
        method="POST",
        path="/contacts/duplicates/look",
        handler=look_for_duplicates,
        access=SUPERVISE_WRITE,
        tag="contacts",
        summary="Look for such pairs now",
        returns=Found,
    ),
    Route(
        method="POST",
        path="/contacts/duplicates/dismiss",
        handler=dismiss_duplicate,
        access=SUPERVISE_WRITE,
        tag="contacts",
        summary="Say that two clients are not one",
        body=PairIn,
        status=204,
        problems=(404,),
    ),
    Route(
        method="GET",
        path="/contacts/deleted",
        handler=list_deleted,
        access=SUPERVISE,
        tag="contacts",
        summary="The bin: clients deleted in the last thirty days",
        query=PageQuery,
        returns=DeletedList,
    ),
    Route(
        method="POST",
        path="/contacts/{contact_id}/restore",
        handler=restore_contact,
        access=SUPERVISE_WRITE,
        tag="contacts",
        summary="Bring a client back from the bin",
        returns=models.Contact,
    ),
    Route(
        method="POST",
        path="/contacts/{contact_id}/merge",
        handler=merge_contacts,
        access=SUPERVISE_WRITE,
        tag="contacts",
        summary="Make one client of two",
        body=MergeIn,
        returns=models.Contact,
    ),
    Route(
        method="GET",
        path="/merges",
        handler=list_merges,
        access=SUPERVISE,
        tag="contacts",
        summary="Clients that were merged, the newest first",
        query=PageQuery,
        returns=MergeList,
    ),
    Route(
        method="POST",
        path="/merges/{merge_id}/undo",
        handler=undo_merge,
        access=SUPERVISE_WRITE,
        tag="contacts",
        summary="Take two clients apart again, within thirty days",
        returns=models.Contact,
        problems=(409,),
    ),
]

"""Clients: find, create, change. A change with `If-Match` never overwrites somebody else's."""

from typing import Annotated, Any, Final

from aiohttp import hdrs, web
from msgspec import UNSET, Meta, Struct, UnsetType

from crm_core import errors
from crm_core.people.rules import Contact, ContactDraft, ContactPatch, PhoneDraft, PhoneType
from web.api import models
from web.api.problems import Invalid, PreconditionFailed
from web.api.reading import Cursor, Limit, path_id, read_body, read_query
from web.api.routes import Route
from web.api.writing import answer, nothing
from web.auth import READ, WRITE, signed_in
from web.services import services

_CHANGED: Final = "Somebody else changed this contact meanwhile: read it again."
_Line = Annotated[str, Meta(max_length=200)]
_Lines = tuple[_Line, ...]


class PhoneIn(Struct, frozen=True, forbid_unknown_fields=True):
    """A number as someone wrote it; `e164` is read-only and ignored."""

    number: Annotated[str, Meta(max_length=60)]
    type: PhoneType = PhoneType.OTHER
    e164: str | None = None


class ContactIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A client to create: a name or one phone is needed. `call_id` attaches a call; what is read-only is ignored."""

    name: _Line = ""
    company: _Line | None = None
    phones: tuple[PhoneIn, ...] = ()
    emails: _Lines = ()
    groups: _Lines = ()
    tags: _Lines = ()
    owner: _Line | None = None
    notes: Annotated[str, Meta(max_length=20_000)] = ""
    custom: dict[str, Any] = {}
    call_id: _Line | None = None
    id: int | None = None
    created_at: str | None = None
    updated_at: str | None = None


class ContactChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of a client: what is absent stays, lists are replaced as a whole; what is read-only is ignored."""

    name: _Line | UnsetType = UNSET
    company: _Line | UnsetType | None = UNSET
    phones: tuple[PhoneIn, ...] | UnsetType = UNSET
    emails: _Lines | UnsetType = UNSET
    groups: _Lines | UnsetType = UNSET
    tags: _Lines | UnsetType = UNSET
    owner: _Line | UnsetType | None = UNSET
    notes: Annotated[str, Meta(max_length=20_000)] | UnsetType = UNSET
    custom: dict[str, Any] | UnsetType = UNSET
    id: int | UnsetType = UNSET
    created_at: str | UnsetType = UNSET
    updated_at: str | UnsetType = UNSET


class ContactQuery(Struct, frozen=True):
    """Which clients: `q` are words of name, company or e-mail, or a number in any spelling (last 4 digits do)."""

    q: _Line | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


async def list_contacts(request: web.Request) -> web.StreamResponse:
    """List clients by name."""
    query = read_query(request, ContactQuery)
    page = await services(request).people.list_contacts(query.q, limit=query.limit, cursor=query.cursor)
    return answer(models.ContactList(tuple(models.contact(one) for one in page.items), page.next))


async def create_contact(request: web.Request) -> web.StreamResponse:
    """Create a client, and attach the call it was created from."""
    body = await read_body(request, ContactIn)
    parts = services(request)
    user = signed_in(request).user.name
    phones = _phones(body.phones)
    if body.call_id is not None:
        row = await parts.calls.get(body.call_id)
        if row is None:
            raise Invalid.field("call_id", "there is no such call")
        if not phones and row.number.key is not None:
            phones = (PhoneDraft(row.number.raw),)
    draft = ContactDraft(
        name=body.name,
        company=body.company,
        phones=phones,
        emails=body.emails,
        groups=body.groups,
        tags=body.tags,
        owner=body.owner,
        notes=body.notes,
        custom=body.custom,
    )
    contact = await parts.people.create_contact(draft, user)
    if body.call_id is not None:
        await parts.calls.choose_contact(body.call_id, contact.id, user)
        await parts.service.refresh_card(body.call_id)
    else:
        await show_changed(request, contact)
    return _written(contact, 201)


async def read_contact(request: web.Request) -> web.StreamResponse:
    """Read one client."""
    return _written(await _find(request))


async def change_contact(request: web.Request) -> web.StreamResponse:
    """Change a client."""
    contact = await _find(request)
    expected = _expected(request, contact)
    body = await read_body(request, ContactChange)
    patch = ContactPatch(
        name=body.name,
        company=body.company,
        phones=body.phones if isinstance(body.phones, UnsetType) else _phones(body.phones),
        emails=body.emails,
        groups=body.groups,
        tags=body.tags,
        owner=body.owner,
        notes=body.notes,
        custom=body.custom,
    )
    try:
        changed = await services(request).people.update_contact(
            contact.id, patch, signed_in(request).user.name, expected_version=expected
        )
    except errors.Conflict as error:
        raise PreconditionFailed(_CHANGED) from error
    await show_changed(request, contact, changed)
    return _written(changed)


async def delete_contact(request: web.Request) -> web.StreamResponse:
    """Delete a client; its calls stay."""
    contact = await _find(request)
    _expected(request, contact)
    await services(request).people.delete_contact(contact.id, signed_in(request).user.name)
    await show_changed(request, contact)
    return nothing()


async def add_phone(request: web.Request) -> web.StreamResponse:
    """Attach one more number; earlier calls of it re-link."""
    contact = await _find(request)
    body = await read_body(request, PhoneIn)
    changed = await services(request).people.add_phone(
        contact.id, PhoneDraft(body.number, body.type), signed_in(request).user.name
    )
    await show_changed(request, changed)
    return _written(changed, 201)


async def _find(request: web.Request) -> Contact:
    return await services(request).people.get_contact(path_id(request, "contact_id"))


async def show_changed(request: web.Request, *contacts: Contact) -> None:
    """Let the cards that are up for the numbers of a client follow."""
    await services(request).service.client_changed({phone.e164 for contact in contacts for phone in contact.phones})


def _phones(phones: tuple[PhoneIn, ...]) -> tuple[PhoneDraft, ...]:
    return tuple(PhoneDraft(phone.number, phone.type) for phone in phones)


def _written(contact: Contact, status: int = 200) -> web.Response:
    headers: dict[str, str] = {hdrs.ETAG: _tag(contact)}
    if status == 201:  # noqa: PLR2004 - the status of a new object
        headers[hdrs.LOCATION] = f"/api/v1/contacts/{contact.id}"
    return answer(models.contact(contact), status, headers)


def _tag(contact: Contact) -> str:
    return f'"{contact.version}"'


def _expected(request: web.Request, contact: Contact) -> int | None:
    """Return the version the caller has seen, None where the caller does not say. Raises `PreconditionFailed`."""
    header = request.headers.get(hdrs.IF_MATCH)
    if header is None:
        return None
    tags = {tag.strip() for tag in header.split(",")}
    if "*" not in tags and _tag(contact) not in tags:
        raise PreconditionFailed(_CHANGED)
    return None if "*" in tags else contact.version


routes = [
    Route(
        method="GET",
        path="/contacts",
        handler=list_contacts,
        access=READ,
        tag="contacts",
        summary="Clients by name",
        query=ContactQuery,
        returns=models.ContactList,
    ),
    Route(
        method="POST",
        path="/contacts",
        handler=create_contact,
        access=WRITE,
        tag="contacts",
        summary="Create a client",
        body=ContactIn,
        returns=models.Contact,
        status=201,
    ),
    Route(
        method="GET",
        path="/contacts/{contact_id}",
        handler=read_contact,
        access=READ,
        tag="contacts",
        summary="One client",
        returns=models.Contact,
        versioned=True,
    ),
    Route(
        method="PATCH",
        path="/contacts/{contact_id}",
        handler=change_contact,
        access=WRITE,
        tag="contacts",
        summary="Change a client",
        body=ContactChange,
        returns=models.Contact,
        versioned=True,
    ),
    Route(
        method="DELETE",
        path="/contacts/{contact_id}",
        handler=delete_contact,
        access=WRITE,
        tag="contacts",
        summary="Delete a client; its calls stay",
        status=204,
        versioned=True,
    ),
    Route(
        method="POST",
        path="/contacts/{contact_id}/phones",
        handler=add_phone,
        access=WRITE,
        tag="contacts",
        summary="Attach one more number",
        body=PhoneIn,
        returns=models.Contact,
        status=201,
    ),
]

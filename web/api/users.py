"""Users, for administrators: who may sign in, with which phones; and phones that rang without belonging to anybody."""

from typing import Annotated

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from crm_core.staff.rules import MAX_PASSWORD, MIN_PASSWORD, Role, User
from web.api import models
from web.api.problems import NotFound
from web.api.reading import PageQuery, page_of, path_text, read_body, read_query
from web.api.routes import Route
from web.api.writing import answer
from web.auth import ADMINISTER
from web.services import services

_Name = Annotated[str, Meta(min_length=1, max_length=64)]
_Phones = tuple[Annotated[str, Meta(max_length=73)], ...]
_Password = Annotated[str, Meta(min_length=MIN_PASSWORD, max_length=MAX_PASSWORD)]


class UserIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user to add."""

    name: _Name
    role: Role
    password: _Password
    extensions: _Phones = ()
    display_name: _Name | None = None


class UserChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes about a user; what is absent stays. `active: false` shuts the user out at once."""

    role: Role | UnsetType = UNSET
    password: _Password | UnsetType = UNSET
    extensions: _Phones | UnsetType = UNSET
    display_name: _Name | UnsetType = UNSET
    active: bool | UnsetType = UNSET


async def list_users(request: web.Request) -> web.StreamResponse:
    """List everybody, by name."""
    query = read_query(request, PageQuery)
    items, following = page_of(await services(request).staff.list_users(), query)
    return answer(models.PersonList(tuple(models.person(user) for user in items), following))


async def add_user(request: web.Request) -> web.StreamResponse:
    """Add a user."""
    body = await read_body(request, UserIn)
    parts = services(request)
    user = await parts.staff.add_user(body.name, body.role, body.extensions, body.password, body.display_name)
    await parts.service.reload_seats()
    return answer(models.person(user), 201)


async def read_user(request: web.Request) -> web.StreamResponse:
    """Read one user."""
    return answer(models.person(await _find(request)))


async def change_user(request: web.Request) -> web.StreamResponse:
    """Change role, phones, name or password, or shut a user out."""
    user = await _find(request)
    body = await read_body(request, UserChange)
    parts = services(request)
    if not isinstance(body.password, UnsetType):
        await parts.staff.set_password(user.name, body.password)
    user = await parts.staff.update_user(
        user.name,
        role=None if isinstance(body.role, UnsetType) else body.role,
        display_name=None if isinstance(body.display_name, UnsetType) else body.display_name,
        extensions=None if isinstance(body.extensions, UnsetType) else body.extensions,
        active=None if isinstance(body.active, UnsetType) else body.active,
    )
    await parts.service.reload_seats()
    return answer(models.person(user))


async def list_unassigned(request: web.Request) -> web.StreamResponse:
    """List phones that rang and belong to nobody, latest first."""
    query = read_query(request, PageQuery)
    items, following = page_of(await services(request).staff.unassigned_phones(), query)
    return answer(models.StrayPhoneList(tuple(models.stray_phone(phone) for phone in items), following))


async def _find(request: web.Request) -> User:
    user = await services(request).staff.get_user(path_text(request, "name"))
    if user is None:
        raise NotFound("There is no such user.")
    return user


routes = [
    Route(
        method="GET",
        path="/users",
        handler=list_users,
        access=ADMINISTER,
        tag="users",
        summary="Everybody who can sign in",
        query=PageQuery,
        returns=models.PersonList,
    ),
    Route(
        method="POST",
        path="/users",
        handler=add_user,
        access=ADMINISTER,
        tag="users",
        summary="Add a user",
        body=UserIn,
        returns=models.Person,
        status=201,
    ),
    Route(
        method="GET",
        path="/users/{name}",
        handler=read_user,
        access=ADMINISTER,
        tag="users",
        summary="One user",
        returns=models.Person,
    ),
    Route(
        method="PATCH",
        path="/users/{name}",
        handler=change_user,
        access=ADMINISTER,
        tag="users",
        summary="Change a user",
        body=UserChange,
        returns=models.Person,
    ),
    Route(
        method="GET",
        path="/phones/unassigned",
        handler=list_unassigned,
        access=ADMINISTER,
        tag="users",
        summary="Phones that rang and belong to nobody",
        query=PageQuery,
        returns=models.StrayPhoneList,
    ),
]

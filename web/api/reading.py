"""Reads what a request carries into the models that validate it; every refusal names the field."""

import asyncio
import base64
import binascii
import re
from collections.abc import Awaitable, Sequence
from http import HTTPStatus
from typing import Annotated, Final, TypeVar

import msgspec
from aiohttp import hdrs, web
from msgspec import Meta, Struct

from crm_core.texts import clean
from web.api.problems import Invalid, NotFound, Problem

MAX_ID: Final = 2**53 - 1
BODY_SECONDS: Final = 30.0
Id = Annotated[int, Meta(ge=1, le=MAX_ID)]
Limit = Annotated[int, Meta(ge=1, le=500, description="How many at most.")]
Cursor = Annotated[
    str, Meta(max_length=2000, pattern="^[A-Za-z0-9_-]+={0,2}$", description="`next` of the page before.")
]
Model = TypeVar("Model", bound=Struct)
Item = TypeVar("Item")
Value = TypeVar("Value")
_FIELD = re.compile(r" - at `(?:key in )?\$\.?(?P<field>[^`]*)`$")
_MEMBER = re.compile(r"Object (?:missing required|contains unknown) field `(?P<member>[^`]*)`")
_LOST_PLUS = re.compile(r"(T[0-9:.]+) ([0-9]{2}:[0-9]{2})$")


class PageQuery(Struct, frozen=True):
    """Which page of a list."""

    limit: Limit = 50
    cursor: Cursor | None = None


def read_query(request: web.Request, model: type[Model]) -> Model:
    """Read the query string. Raises `Invalid`; parameters we do not know are left alone."""
    values: dict[str, str] = {}
    for name, text in request.query.items():
        if "\0" in text or not _encodable(text):
            raise Invalid.field(name, "holds characters that cannot be stored")
        # A "+" that was not percent-encoded arrives as a blank; in a time only a zone can have stood there.
        values.setdefault(name, _LOST_PLUS.sub(r"\1+\2", text))
    try:
        return msgspec.convert(values, model, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(error) from error


async def read_body(request: web.Request, model: type[Model]) -> Model:
    """Read a JSON body; without a type it counts as JSON. Raises `Invalid`, or a 415 problem for another type."""
    raw = await _in_time(request.read())
    if raw and hdrs.CONTENT_TYPE in request.headers and request.content_type != "application/json":
        raise Problem("Send JSON, as application/json.", status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    if b"\\u0000" in raw or b"\0" in raw:
        raise Invalid.field("", "NUL characters cannot be stored")
    try:
        return msgspec.json.decode(raw or b"{}", type=model)
    except msgspec.ValidationError as error:
        raise _invalid(error) from error
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Invalid.field("", f"not JSON: {error}") from error
    except RecursionError as error:
        raise Invalid.field("", "nested too deeply") from error


async def read_form(request: web.Request) -> dict[str, str]:
    """Read a form's texts, of a name that comes twice the first; files are left out. Raises a 400 problem."""
    try:
        fields = await _in_time(request.post())
    except (ValueError, LookupError) as error:  # aiohttp's, for bytes, boundaries and charsets that are none
        raise Problem("The form cannot be read.", status=HTTPStatus.BAD_REQUEST) from error
    texts: dict[str, str] = {}
    for name, value in fields.items():
        if isinstance(value, str):
            texts.setdefault(name, clean(value))
    return texts


async def _in_time(reading: Awaitable[Value]) -> Value:
    """Wait for a body no longer than an honest client takes. Raises a 408 problem."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await reading
    except TimeoutError as error:
        raise Problem("The request's body did not come in time.", status=HTTPStatus.REQUEST_TIMEOUT) from error


def path_text(request: web.Request, name: str) -> str:
    """Read a name out of the path; what could be no name is not found."""
    text = request.match_info[name]
    if "\0" in text or not _encodable(text):
        raise NotFound("There is nothing at this address.")
    return text


def path_id(request: web.Request, name: str) -> int:
    """Read a number out of the path; anything else is not found."""
    text = request.match_info[name]
    if not (text.isascii() and text.isdigit() and 0 < int(text[:20]) <= MAX_ID):
        raise NotFound("There is nothing at this address.")
    return int(text)


def page_of(items: Sequence[Item], query: PageQuery) -> tuple[Sequence[Item], str | None]:
    """Cut a page out of a short list that is in memory; the cursor says how many came before."""
    start = 0
    if query.cursor is not None:
        try:
            start = int(base64.urlsafe_b64decode(query.cursor.encode()).decode())
        except (binascii.Error, ValueError) as error:
            raise Invalid.field("cursor", "not a cursor of this list") from error
        if start < 0:
            raise Invalid.field("cursor", "not a cursor of this list")
    end = start + query.limit
    more = base64.urlsafe_b64encode(str(end).encode()).decode() if end < len(items) else None
    return items[start:end], more


def _invalid(error: msgspec.ValidationError) -> Invalid:
    text = str(error)
    found, member = _FIELD.search(text), _MEMBER.match(text)
    names = (found["field"] if found else "", member["member"] if member else "")
    return Invalid.field(".".join(filter(None, names)), _FIELD.sub("", text))


def _encodable(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)

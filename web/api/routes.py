"""What an operation of the API is: one entry says where it is, who may, what goes in and what comes out.

The router, the access check and the OpenAPI document are all made from these entries, so they cannot disagree.
"""

from dataclasses import dataclass

import msgspec

from web.auth import WRITE, Access, Handler

PREFIX = "/api/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation. `path` is written below `PREFIX`."""

    method: str
    path: str
    handler: Handler
    access: Access
    tag: str
    summary: str
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    returns: type | None = None
    """None: 204, nothing comes back."""
    accepts: str | None = None
    """What goes in is no JSON but these bytes."""
    media: str | None = None
    """What comes back is no JSON but this."""
    in_parts: bool = True
    """`media` is given out in parts (206) to who asks for a Range."""
    status: int = 200
    problems: tuple[int, ...] = ()
    """Statuses beyond those that follow from the rest: 401, 403, 404 (a path with a name in it), 422 (query, body)."""
    versioned: bool = False
    """Answers an ETag, and a write takes If-Match."""


def command(path: str, handler: Handler, body: type[msgspec.Struct], access: Access = WRITE) -> Route:
    """Describe an operation that asks a PBX to do something: a POST that gives nothing back."""
    return Route(
        method="POST",
        path=path,
        handler=handler,
        access=access,
        tag="live",
        summary=(handler.__doc__ or path).rstrip("."),
        body=body,
        status=204,
        problems=(409, 501, 503),
    )

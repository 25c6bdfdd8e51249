"""Writes models as JSON answers."""

from collections.abc import Mapping

import msgspec
from aiohttp import web


def answer(model: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer with a model as JSON."""
    return web.Response(
        status=status, body=msgspec.json.encode(model), content_type="application/json", headers=headers
    )


def nothing() -> web.Response:
    """Answer 204."""
    return web.Response(status=204)

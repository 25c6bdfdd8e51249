"""Giving sound out, whole or in parts: the same for recordings and for voicemail."""

import asyncio
from http import HTTPStatus
from pathlib import Path

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter
from multidict import CIMultiDict
from typing_extensions import override

from crm_core.recordings.http import HttpPlace
from crm_core.recordings.places import PlaceUnavailable
from crm_core.recordings.rules import FileFacts, Format
from web.api.problems import Problem


def given(path: Path, kind: Format, name: str) -> web.FileResponse:
    """Answer with a file of sound: what browsers cannot play is offered for download, nothing is kept on the way."""
    return _File(path, headers=_headers(kind, name))


async def handed_through(
    request: web.Request, place: HttpPlace, facts: FileFacts, kind: Format, name: str
) -> web.StreamResponse:
    """Answer with what another server sends, as it comes. Raises PlaceUnavailable while nothing was sent yet."""
    response = web.StreamResponse(headers=_headers(kind, name) | {hdrs.ACCEPT_RANGES: "bytes"})
    if request.method == hdrs.METH_HEAD:
        response.content_length = facts.size
        await response.prepare(request)
        return response
    # We name no version of the file, so a condition on one never holds: the whole is the right answer.
    spelled = request.headers.get(hdrs.RANGE) if hdrs.IF_RANGE not in request.headers else None
    try:
        async with place.stream(facts.path, spelled) as sound:
            response.content_length = sound.length
            if sound.content_range is not None:
                response.set_status(HTTPStatus.PARTIAL_CONTENT)
                response.headers[hdrs.CONTENT_RANGE] = sound.content_range
            await response.prepare(request)
            async for chunk in sound.chunks():
                await response.write(chunk)
    except PlaceUnavailable:
        if not response.prepared:
            raise
        if request.transport is not None:
            request.transport.abort()  # the length was told: only a cut connection says that this is not all
        return response
    await response.write_eof()
    return response


def _headers(kind: Format, name: str) -> dict[str, str]:
    disposition = "inline" if kind.playable else "attachment"
    return {
        hdrs.CONTENT_TYPE: kind.content_type,
        hdrs.CONTENT_DISPOSITION: f'{disposition}; filename="{name}"',
        hdrs.CACHE_CONTROL: "private, no-store",
    }


def check_range(request: web.Request, size: int) -> None:
    """Refuse a Range that names no byte of the file, or several at once; with If-Range the file may have changed."""
    if hdrs.RANGE not in request.headers or hdrs.IF_RANGE in request.headers:
        return
    try:
        start = request.http_range.start
    except ValueError:
        start = size
    if start is not None and start >= size:
        raise Problem(
            f"It has {size} bytes.",
            status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            headers={hdrs.CONTENT_RANGE: f"bytes */{size}"},
        )


class _File(web.FileResponse):
    """A file in parts; aiohttp takes an If-Range for a date, and would give a part of a file that changed."""

    @override
    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        condition = request.headers.get(hdrs.IF_RANGE, "")
        if condition.startswith(('"', "W/")):
            stat = await asyncio.to_thread(self._path.stat)
            if condition != f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"':
                kept = [(name, value) for name, value in request.headers.items() if name != hdrs.RANGE]
                request = request.clone(headers=CIMultiDict(kept))
        return await super().prepare(request)

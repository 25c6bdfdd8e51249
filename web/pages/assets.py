"""Serves our own style sheets and modules and the built ones, under a path that changes when any of them does.

The stamp sits in front of the file's path, so that modules importing each other by relative path stay together: a
browser never mixes the modules of two releases, and may keep every file for a year.
"""

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import hdrs, web

from web.frontend import vendor

STATIC = vendor.VENDOR.parent
_SENT_ONLY_ENCODED = ".gz"
_TEXTS = frozenset({".css", ".js", ".svg"})


@dataclass(frozen=True, slots=True)
class Assets:
    """The files that may be sent, by their path below `web/static`, and the stamp over all of them."""

    stamp: str
    files: Mapping[str, Path]
    packed: Mapping[str, bytes]
    """Texts without a compressed twin beside them, compressed here: our own, a fifth of what a first visit weighs."""

    def url(self, path: str) -> str:
        """Return the address of one file. An unknown file is a mistake in a template: `KeyError`."""
        if path not in self.files:
            raise KeyError(f"no such static file: {path}")
        return f"/static/{self.stamp}/{path}"


def load(static: Path = STATIC) -> Assets:
    """Read the tree once. Blocks: call it before the loop runs, or in a thread."""
    files = {path.relative_to(static).as_posix(): path for path in sorted(static.rglob("*")) if path.is_file()}
    digest = hashlib.sha256()
    for name, path in files.items():
        digest.update(name.encode() + b"\0" + path.read_bytes())
    sent = {name: path for name, path in files.items() if path.suffix != _SENT_ONLY_ENCODED}
    packed = {
        name: gzip.compress(path.read_bytes(), mtime=0)
        for name, path in sent.items()
        if path.suffix in _TEXTS and name + _SENT_ONLY_ENCODED not in files
    }
    return Assets(digest.hexdigest()[:12], sent, packed)


ASSETS = web.AppKey("assets", Assets)


async def send(request: web.Request) -> web.StreamResponse:
    """Send one file; the address of another release answers too, but is not to be kept."""
    assets = request.app[ASSETS]
    name = request.match_info["path"]
    path = assets.files.get(name)
    if path is None:
        raise web.HTTPNotFound
    kept = request.match_info["stamp"] == assets.stamp
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable" if kept else "no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    packed = assets.packed.get(name)
    response: web.StreamResponse
    if packed is not None and "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "").lower():
        headers |= {hdrs.CONTENT_ENCODING: "gzip", hdrs.VARY: hdrs.ACCEPT_ENCODING}
        response = web.Response(body=packed, headers=headers)
    else:
        response = web.FileResponse(path, headers=headers)
    response.content_type = mimetypes.types_map.get(path.suffix, "application/octet-stream")
    return response

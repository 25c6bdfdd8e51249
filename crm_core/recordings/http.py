"""Recordings on a web server of the PBX: asked for in parts, handed through, never kept.

Only the address that was set is ever asked, with a path below it: no redirect is followed, and what the server says of
itself (names, passwords, pages of errors) reaches neither the log nor a reader.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from aiohttp import (
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    encode_basic_auth,
    hdrs,
)
from typing_extensions import override

from crm_core.recordings.folder import HEAD_BYTES, MOST_FOUND
from crm_core.recordings.paths import Candidate, clean_path
from crm_core.recordings.places import Place, PlaceUnavailable
from crm_core.recordings.rules import CONVERTED, FileFacts, format_of, seconds_of

PATH: Final = "{path}"
CONNECT_SECONDS: Final = 5.0
SILENCE_SECONDS: Final = 15.0
"""A server that sends nothing for so long is given up."""
LARGEST_BYTES: Final = 2 * 1024**3
"""A larger file is no recording of a call; nor is one whose size the server does not tell."""
CHUNK_BYTES: Final = 64 * 1024
_NOT_THERE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_CONTENT_RANGE: Final = re.compile(r"bytes (?:\d+-\d+|\*)/(\d{1,15})")


@dataclass(frozen=True, slots=True)
class HttpAddress:
    """Where a web server gives recordings out; the sign-in stays out of `repr`."""

    before: str = field(repr=False)
    after: str = field(repr=False)
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> "HttpAddress":
        """Read `https://USER:PASSWORD@HOST/FOLDER/{path}`. Raises ValueError, which never repeats the password."""
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port, parts = None, None, urlsplit("")
        if parts.scheme not in {"http", "https"} or not host or parts.fragment:
            raise ValueError("write https://HOST/FOLDER/{path}")
        before, found, after = f"{parts.path}{f'?{parts.query}' if parts.query else ''}".partition(PATH)
        if not found or not before.startswith("/") or PATH in after:
            raise ValueError("the address must hold {path} once, after the host: https://HOST/FOLDER/{path}")
        shown = f"[{host}]" if ":" in host else host
        site = f"{parts.scheme}://{shown}{f':{port}' if port else ''}"
        return cls(site + before, after, unquote(parts.username or ""), unquote(parts.password or ""))

    @property
    def site(self) -> str:
        """The server, as it may stand in a log: what follows the host may hold a key."""
        parts = urlsplit(self.before)
        return f"{parts.scheme}://{parts.netloc}"

    def url(self, path: str) -> str:
        """Return where a file is; the path is clean, so it leads nowhere else."""
        return f"{self.before}{quote(path, safe='/')}{self.after}"


class HttpPlace(Place):
    """The recordings of one web server."""

    def __init__(self, address: HttpAddress) -> None:
        self.address = address
        self._session: ClientSession | None = None

    @override
    async def find(self, path: str) -> FileFacts | None:
        named = PurePosixPath(path)
        stem = named.with_suffix("") if format_of(path) is not None else named
        others = [f"{stem}{ending}" for ending in CONVERTED if f"{stem}{ending}" != path]
        for candidate in (path, *others):
            facts = await self._head(candidate)
            if facts is not None:
                return facts
        return None

    @override
    async def search(self, candidates: Sequence[Candidate]) -> list[FileFacts]:
        """Ask for the names that are certain; a web server lists no folder."""
        found = []
        for candidate in [one for one in candidates if one.exact is not None][:MOST_FOUND]:
            path = f"{candidate.folder}/{candidate.exact}" if candidate.folder else str(candidate.exact)
            facts = await self._head(path)
            found += [facts] if facts is not None else []
        return found

    @override
    async def remove(self, path: str) -> bool:
        return False

    @override
    async def check(self) -> bool:
        async with self._get("", {}) as answer:
            if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED}:
                raise PlaceUnavailable(f"{self.address.site} refuses the sign-in")
            if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise PlaceUnavailable(f"{self.address.site} answers {answer.status}")
        return True

    @override
    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    @asynccontextmanager
    async def stream(self, path: str, spelled: str | None) -> AsyncIterator["Sound"]:
        """Open a file, or the part of it a Range header spells. Raises PlaceUnavailable, also in mid-file."""
        async with self._get(path, {hdrs.RANGE: spelled} if spelled else {}) as answer:
            if answer.status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
                raise PlaceUnavailable(f"{self.address.site} answers {answer.status}")
            size = _size(answer)
            if size is None or answer.content_length is None:
                raise PlaceUnavailable(f"{self.address.site} does not tell a recording's size")
            yield Sound(answer, size, answer.content_length)

    async def _head(self, path: str) -> FileFacts | None:
        """Ask for the beginning of a file: that tells its size and length, where a HEAD is often not answered."""
        if clean_path(path) != path or format_of(path) is None:
            return None
        async with self._get(path, {hdrs.RANGE: f"bytes=0-{HEAD_BYTES - 1}"}) as answer:
            if answer.status in _NOT_THERE:
                return None
            if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return FileFacts(path, 0)  # a file without a byte in it
            if answer.status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
                raise PlaceUnavailable(f"{self.address.site} answers {answer.status}")
            size = _size(answer)
            if size is None:
                return None
            head = b""
            async for chunk in answer.content.iter_chunked(HEAD_BYTES):
                head += chunk
                if len(head) >= HEAD_BYTES:
                    break
            return FileFacts(path, size, seconds_of(head[:HEAD_BYTES], size, path))

    @asynccontextmanager
    async def _get(self, path: str, headers: Mapping[str, str]) -> AsyncIterator[ClientResponse]:
        if self._session is None:
            # `identity`: a size is the file's own, and a part of it is one.
            user, password = self.address.user, self.address.password
            signed = {hdrs.AUTHORIZATION: encode_basic_auth(user, password)} if user else {}
            self._session = ClientSession(
                timeout=ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS),
                headers={hdrs.ACCEPT_ENCODING: "identity"} | signed, cookie_jar=DummyCookieJar(),
            )  # fmt: skip
        try:
            async with self._session.get(self.address.url(path), headers=headers, allow_redirects=False) as answer:
                yield answer
        except (ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise PlaceUnavailable(f"{self.address.site} does not answer ({type(error).__name__})") from None


@dataclass(frozen=True, slots=True)
class Sound:
    """What a server sends: the whole file of `size` bytes, or `length` bytes of it."""

    answer: ClientResponse
    size: int
    length: int

    @property
    def content_range(self) -> str | None:
        """Which part it is; None: the whole, also where the server knows no parts."""
        told = _CONTENT_RANGE.fullmatch(self.answer.headers.get(hdrs.CONTENT_RANGE, ""))
        return told[0] if told and self.answer.status == HTTPStatus.PARTIAL_CONTENT else None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Read it, never more than was told."""
        left = self.length
        async for chunk in self.answer.content.iter_chunked(CHUNK_BYTES):
            yield chunk[:left]
            left -= len(chunk)
            if left <= 0:
                return


def _size(answer: ClientResponse) -> int | None:
    """Return the whole file's size in bytes; None where it is not told, or is no recording's."""
    told = _CONTENT_RANGE.fullmatch(answer.headers.get(hdrs.CONTENT_RANGE, ""))
    size = int(told[1]) if told else answer.content_length if answer.status == HTTPStatus.OK else None
    return size if size is not None and size <= LARGEST_BYTES else None

"""What an agent's first visit weighs: the desk and every file it asks for, compressed as they travel."""

import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urldefrag, urljoin

import aiohttp

from bench.database import Agent, password_of
from bench.pops import System

LINKED: Final = re.compile(
    r"""(?:src|href)="(/static/[^"]+)"|(?:from|import)\s*\(?\s*["'](\.[^"']+)["']|url\(["']?([^"')]+\.\w+)["']?\)"""
)


@dataclass(frozen=True, slots=True)
class Weight:
    """A page with all its files."""

    files: int
    bytes: int


async def weigh(system: System, agents: Sequence[Agent]) -> Weight:
    """Sign in as the first agent, open the desk, and fetch what it links to, and what that links to."""
    base = f"http://127.0.0.1:{system.port}"
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(auto_decompress=False, cookie_jar=jar, headers={"Accept-Encoding": "gzip"}) as web:
        form = {"name": agents[0].name, "password": password_of(0)}
        async with web.post(f"{base}/login", data=form, allow_redirects=False) as answer:
            if answer.status != 303:  # noqa: PLR2004 - the answer to a sign-in
                raise RuntimeError(f"the bench's agent could not sign in: {answer.status}")
        waiting, seen, total = [f"{base}/desk"], set[str](), 0
        while waiting:
            url = waiting.pop()
            if url in seen:
                continue
            seen.add(url)
            travelled, text = await _fetch(web, url)
            total += travelled
            # Icons are parts of one file.
            waiting += [urldefrag(urljoin(url, next(filter(None, found)))).url for found in LINKED.findall(text)]
    return Weight(len(seen), total)


async def _fetch(web: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    """Return how many bytes of a file travel, and its text; an image has none."""
    async with web.get(url) as answer:
        answer.raise_for_status()
        body = await answer.read()
        packed = answer.headers.get("Content-Encoding") == "gzip"
        links = answer.content_type in {"text/html", "text/css", "text/javascript", "application/javascript"}
    return len(body), (gzip.decompress(body) if packed else body).decode() if links else ""

"""Turns a template and its facts into a page: one environment, escaped by default, compiled before the first request.

Pages carry no script or style of their own, so the content security policy can forbid both.
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from aiohttp import web
from babel import dates, numbers
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from web.auth import PRINCIPAL
from web.pages import assets, language, zones
from web.services import services

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
_LAST_GROUP = 4
LARGE = 100
"""From so many rows on a page is rendered in a thread."""


@dataclass(frozen=True, slots=True)
class Renderer:
    """Everything that is read once at start."""

    environment: Environment
    assets: assets.Assets
    languages: Mapping[str, language.Language]
    zones: dict[str, tzinfo]


RENDERER = web.AppKey("renderer", Renderer)


@pass_context
def _gettext(context: Context, text: str, /, **values: object) -> str:
    return _fill(context["language"].translations.gettext(text), values)


@pass_context
def _ngettext(context: Context, one: str, many: str, n: int, /, **values: object) -> str:
    return _fill(context["language"].translations.ngettext(one, many, n), {"n": n, **values})


def _fill(text: str, values: Mapping[str, object]) -> Markup:
    """Put values into a translated text; both are escaped, the text too: a catalogue is no place for markup."""
    return escape(text) % {name: escape(value) for name, value in values.items()} if values else escape(text)


def duration(seconds: float | None) -> str:
    """Write seconds as people read them off a clock: `3:12`, `1:02:09`."""
    whole = round(seconds or 0)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


_E164 = re.compile(r"\+[0-9]{4,15}")
_SHORT_CODES = re.compile(r"1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]")


def readable(number: str | None) -> str:
    """Write an E.164 number in groups as the cards do: country code, then threes, the last group up to four digits."""
    if not number or not _E164.fullmatch(number):
        return number or ""
    digits = number[1:]
    short = _SHORT_CODES.match(digits)
    code = short.group() if short else digits[:3]
    rest = digits[len(code) :]
    groups = []
    while rest:
        size = len(rest) if len(rest) <= _LAST_GROUP else 3
        groups.append(rest[:size])
        rest = rest[size:]
    return " ".join([f"+{code}", *groups])


@pass_context
def _counted(context: Context, number: int) -> str:
    """Write a number with the separators of the reader's language."""
    return numbers.format_decimal(number, locale=context["language"].locale)


@pass_context
def _when(context: Context, at: float | None) -> Markup:
    """Write an instant in the reader's time zone; a module makes it shorter where that stays clear."""
    if at is None:
        return Markup("")
    moment = datetime.fromtimestamp(at, context["zone"])
    text = dates.format_datetime(moment, "short", locale=context["language"].locale)
    return Markup('<time datetime="{}">{}</time>').format(moment.isoformat(timespec="milliseconds"), text)


@pass_context
def _age(context: Context, seconds: float) -> str:
    """Write how long something has been going on, in the reader's words: `12 minutes`, `2 hours`."""
    return dates.format_timedelta(max(int(seconds), 60), threshold=1.0, locale=context["language"].locale)


def load() -> Renderer:
    """Compile every template and read every catalogue. Blocks: call it in a thread."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, auto_reload=False,
        trim_blocks=True, lstrip_blocks=True, cache_size=-1,
    )  # fmt: skip
    files = assets.load()
    environment.globals.update(_=_gettext, ngettext=_ngettext, static=files.url)
    environment.filters.update(duration=duration, when=_when, age=_age, readable=readable, counted=_counted)
    for name in environment.list_templates():
        environment.get_template(name)
    return Renderer(environment, files, language.load(), zones.load())


def speaks(request: web.Request) -> language.Language:
    """Return the language this reader is answered in."""
    languages = request.app[RENDERER].languages
    return language.choose(languages, request.cookies.get(language.COOKIE), request.headers.get("Accept-Language", ""))


def zone(request: web.Request) -> tzinfo:
    """Return the reader's time zone."""
    return zones.choose(request.app[RENDERER].zones, request.cookies.get(zones.COOKIE))


async def render(
    request: web.Request, template: str, context: Mapping[str, Any] | None = None, *, status: int = 200, rows: int = 0
) -> web.Response:
    """Answer with a page; `rows` says how long it is, because a long one is rendered in a thread."""
    renderer = request.app[RENDERER]
    chosen = speaks(request)
    principal = request.get(PRINCIPAL)
    values = {
        "language": chosen,
        "languages": renderer.languages,
        "zone": zone(request),
        "messages": Markup(_script_json(chosen.script)),  # noqa: S704  # every "<" is written as an escape
        "user": principal.user if principal else None,
        "csrf": (principal.csrf or "") if principal else "",
        "path": request.path,
        "has_voicemail": bool(services(request).spools),
        **(context or {}),
    }
    write: Callable[[Mapping[str, Any]], str] = renderer.environment.get_template(template).render
    text = await asyncio.to_thread(write, values) if rows >= LARGE else write(values)
    return web.Response(text=text, content_type="text/html", status=status)


def _script_json(value: object) -> str:
    """Write JSON that may stand inside a `script` element."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def translate(request: web.Request, text: str, /, **values: object) -> str:
    """Say one sentence in the reader's language, for what handlers put into pages (it is escaped there)."""
    said = speaks(request).translations.gettext(text)
    return said % values if values else said

"""How the service writes its log: lines for people, or JSON for machines; to stderr, where a supervisor collects it."""

import logging
import re
from typing import Final

import msgspec
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.web import RequestPayloadError
from typing_extensions import override

from crm_core.texts import clean
from screenpop.messages import timestamp
from web.settings import Settings

_QUIET: Final = ("aiohttp.access", "aiosqlite", "alembic", "sqlalchemy", "panoramisk", "asyncio")
"""Talkative libraries: only what went wrong."""


_CONTROLS: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class LineFormatter(logging.Formatter):
    """One line per message: what callers and strangers named themselves can begin no line of its own."""

    @override
    def formatMessage(self, record: logging.LogRecord) -> str:
        return _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], super().formatMessage(record))


class JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "at": timestamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": clean(record.getMessage()),
        }
        if record.exc_info:
            entry["exception"] = clean(self.formatException(record.exc_info))
        return msgspec.json.encode(entry).decode()


def _shorten(record: logging.LogRecord) -> bool:
    """Keep what strangers send that is no HTTP to one line: it says nothing about us."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, (BadHttpMessage, RequestPayloadError)):
        record.levelno, record.levelname = logging.INFO, "INFO"
        record.msg, record.args, record.exc_info = f"{record.getMessage()}: {type(error).__name__}", None, None
    return record.levelno >= logging.getLogger().level


def configure(settings: Settings) -> None:
    """Set the log up as the settings want it."""
    handler = logging.StreamHandler()
    if settings.log_format == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(LineFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger("aiohttp.server").addFilter(_shorten)
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))

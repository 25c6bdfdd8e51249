"""Everything an administrator may set, read once: the environment wins over `callcard.toml` (same keys, lower case).

A wrong value stops the start with one line that names the key; values that hold secrets are never repeated in it.
"""

import os
import re
import secrets
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from crm_core.recordings.paths import Pattern
from crm_core.recordings.rules import AgentsMay, Retention
from telephony.addresses import AmiAddress, parse_ami_urls
from telephony.sources import LogAddress, parse_log_urls

if TYPE_CHECKING:
    from crm_core.recordings.http import HttpAddress

MONITOR = "/var/spool/asterisk/monitor"
"""Where Asterisk keeps its recordings unless it was told otherwise."""
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")


class SettingsError(Exception):
    """A wrong setting: one line that names the key."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process. What may hold a secret stays out of `repr`."""

    database_url: str = field(repr=False)
    """SQLAlchemy URL: `sqlite+aiosqlite:///FILE` or `postgresql+asyncpg://...`."""
    http_host: str = "127.0.0.1"
    http_port: int = 8080
    """0 lets the system choose a free port."""
    ami: tuple[AmiAddress, ...] = ()
    cel: tuple[LogAddress, ...] = ()
    """Where the PBXs keep their channel event logs."""
    extensions: re.Pattern[str] = field(default_factory=lambda: re.compile("[0-9]{2,5}"))
    """Full match on an endpoint's name: these are our phones."""
    own_numbers: tuple[str, ...] = ()
    region: str | None = None
    """ISO region that national numbers are read in."""
    bus_url: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    """None: `signing_key` generates one into `var_dir`."""
    recordings: Mapping[str, "Path | HttpAddress"] = field(default_factory=dict)
    """Folder or web server of the PBX's recordings, by the PBX's name; "" is any PBX."""
    recordings_prefix: Mapping[str, str] = field(default_factory=dict)
    """What a PBX calls that folder; without one `MONITOR`."""
    recordings_pattern: Mapping[str, Pattern] = field(default_factory=dict)
    recordings_agents: AgentsMay = AgentsMay.OWN
    states_days: int = 400
    """So many days the intervals of agents' states are kept."""
    away_seconds: float | None = None
    """So long an agent's browser may be gone before the agent gets no more calls from queues; None: for ever."""
    retention: Retention = field(default_factory=Retention)
    """How long recordings and messages are kept, and whether the files are deleted then."""
    voicemail: Mapping[str, Path] = field(default_factory=dict)
    """Voicemail spool, by the PBX's name; "" is the only PBX."""
    var_dir: Path = Path("var")
    log_level: str = "info"
    log_format: Literal["text", "json"] = "text"

    def cel_of(self, pbx: str) -> LogAddress | None:
        """Return where a PBX keeps its channel event log, as far as that is set."""
        return next((address for address in self.cel if address.name == pbx), None)

    @property
    def database_file(self) -> Path | None:
        """The SQLite file, or None for another database."""
        scheme, _, rest = self.database_url.partition(":///")
        return Path(rest.partition("?")[0]) if scheme.startswith("sqlite") else None


def load(environ: Mapping[str, str] = os.environ, toml: Path = Path("callcard.toml")) -> Settings:
    """Read the settings. Raises `SettingsError` for the first wrong one."""
    values = _file_values(toml)
    values.update({key: environ[key] for key in _KEYS if environ.get(key)})
    var_dir = Path(values.get("CALLCARD_VAR_DIR", "var"))
    read: dict[str, Any] = {}
    for key, parse in _PARSERS.items():
        if key in values:
            read |= _parse(key, parse, values[key])
    named = {address.name for address in read.get("ami", ())}
    for log in read.get("cel", ()):
        if "ami" in read and log.name not in named:
            raise SettingsError(f"CALLCARD_CEL_URL: no PBX is named {log.name!r}: add #name as in CALLCARD_AMI_URL")
    read.setdefault("database_url", f"sqlite+aiosqlite:///{var_dir / 'callcard.db'}")
    kept = {name: read.pop(name) for name in ("recordings_days", "voicemail_days", "deletes") if name in read}
    return Settings(var_dir=var_dir, retention=Retention(**kept), **read)


def database_settings(url: str) -> dict[str, Any]:
    """Read a database's URL that stands elsewhere than in the settings. Raises `SettingsError`."""
    return _parse("--database", _database, url)


def signing_key(settings: Settings) -> bytes:
    """Return the key that signs cookies; without `CALLCARD_SECRET_KEY` one is generated into the var directory.

    Raises `SettingsError` when the file can be neither read nor written.
    """
    if settings.secret_key is not None:
        return settings.secret_key.encode()
    path = settings.var_dir / "secret.key"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    except OSError as error:
        raise SettingsError(f"CALLCARD_VAR_DIR: cannot write {path}: {error.strerror}") from error
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(f"CALLCARD_VAR_DIR: cannot read {path}: {error.strerror}") from error
    if not key:
        raise SettingsError(f"CALLCARD_VAR_DIR: {path} is empty: delete it, a new one is made")
    return key


def _parse(key: str, parse: Callable[[str], dict[str, Any]], value: str) -> dict[str, Any]:
    try:
        return parse(value.strip())
    except ValueError as error:
        raise SettingsError(f"{key}: {error}") from error


def _file_values(path: Path) -> dict[str, str]:
    """Read the file's values under the environment's names; no file is no values."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: {' '.join(str(error).split())}") from error
    values = {}
    for name, value in table.items():
        key = name.upper()
        if key not in _KEYS or name != name.lower():
            raise SettingsError(f"{path}: {name}: no such setting")
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            values[key] = " ".join(value)
        elif isinstance(value, str):
            values[key] = value
        else:
            raise SettingsError(f"{path}: {name}: write the value as text in quotes")
    return {key: value for key, value in values.items() if value}


def _database(value: str) -> dict[str, Any]:
    if not value.startswith(("sqlite+aiosqlite:///", "postgresql+asyncpg://")):
        raise ValueError("write sqlite+aiosqlite:///FILE or postgresql+asyncpg://USER:PASSWORD@HOST/NAME")
    return {"database_url": value}


def _http(value: str) -> dict[str, Any]:
    host, _, port = value.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > _HIGHEST_PORT:
        raise ValueError(f"{value!r} is not HOST:PORT, for example 127.0.0.1:8080")
    return {"http_host": host.removeprefix("[").removesuffix("]"), "http_port": int(port)}


def _ami(value: str) -> dict[str, Any]:
    return {"ami": parse_ami_urls(value)}


def _cel(value: str) -> dict[str, Any]:
    return {"cel": parse_log_urls(value)}


def _extensions(value: str) -> dict[str, Any]:
    try:
        return {"extensions": re.compile(value)}
    except re.error as error:
        raise ValueError(f"{value!r} is no regular expression: {error}") from error


def _own_numbers(value: str) -> dict[str, Any]:
    numbers = tuple(filter(None, re.split(r"[\s,]+", value)))
    for number in numbers:
        if not re.fullmatch(r"\+?[0-9().-]{2,30}", number):
            raise ValueError(f"{number!r} is not a telephone number")
    return {"own_numbers": numbers}


def _region(value: str) -> dict[str, Any]:
    from crm_core.numbers import Numbering

    return {"region": Numbering(value).region}


def _bus(value: str) -> dict[str, Any]:
    parts = urlsplit(value)
    if parts.scheme not in {"nats", "tls"} or not parts.hostname:
        raise ValueError("write nats://HOST:4222")
    return {"bus_url": value}


def _secret(value: str) -> dict[str, Any]:
    return {"secret_key": value}


def _by_pbx(value: str) -> dict[str, str]:
    """Read `VALUE VALUE#PBX ...`: a value without name counts for every PBX that has none of its own."""
    values: dict[str, str] = {}
    for part in value.split():
        text, _, pbx = part.partition("#")
        if pbx in values:
            raise ValueError(f"there are two values for {f'#{pbx}' if pbx else 'every PBX'}")
        values[pbx] = text
    return values


def _folders(value: str, example: str) -> dict[str, Path]:
    folders = {pbx: Path(text) for pbx, text in _by_pbx(value).items()}
    for folder in folders.values():
        if not folder.is_absolute():
            raise ValueError(f"{str(folder)!r} is no folder: write its whole path, {example}")
    return folders


def _recordings(value: str) -> dict[str, Any]:
    """Read folders, and addresses of web servers, which hold passwords: what is wrong with one is never repeated."""
    found: dict[str, Path | HttpAddress] = {}
    for pbx, text in _by_pbx(value).items():
        if "://" in text:
            from crm_core.recordings import http

            found[pbx] = http.HttpAddress.parse(text)
        else:
            found |= _folders(f"{text}#{pbx}", MONITOR)
    return {"recordings": found}


def _voicemail(value: str) -> dict[str, Any]:
    return {"voicemail": _folders(value, "/var/spool/asterisk/voicemail")}


def _recordings_prefix(value: str) -> dict[str, Any]:
    prefixes = _by_pbx(value)
    for prefix in prefixes.values():
        if not prefix.startswith("/"):
            raise ValueError(f"{prefix!r} is no folder: write its whole path as the PBX knows it")
    return {"recordings_prefix": prefixes}


def _recordings_pattern(value: str) -> dict[str, Any]:
    return {"recordings_pattern": {pbx: Pattern.parse(text) for pbx, text in _by_pbx(value).items()}}


def _recordings_agents(value: str) -> dict[str, Any]:
    if value.lower() not in set(AgentsMay):
        raise ValueError(f"{value!r} is neither own nor none")
    return {"recordings_agents": AgentsMay(value.lower())}


def _away_seconds(value: str) -> dict[str, Any]:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value[:9]) <= _LONGEST_AWAY:
        raise ValueError(f"{value!r} is no number of seconds between 1 and {_LONGEST_AWAY}")
    return {"away_seconds": float(value)}


def _days(value: str) -> float:
    if not value.isascii() or not value.isdigit() or not 0 < int(value[:9]) <= _MOST_DAYS:
        raise ValueError(f"{value!r} is no number of days from 1 to {_MOST_DAYS}")
    return float(value)


def _states_days(value: str) -> dict[str, Any]:
    return {"states_days": _days(value)}


def _recordings_days(value: str) -> dict[str, Any]:
    return {"recordings_days": _days(value)}


def _voicemail_days(value: str) -> dict[str, Any]:
    return {"voicemail_days": _days(value)}


def _retention(value: str) -> dict[str, Any]:
    if value.lower() not in {"forget", "delete"}:
        raise ValueError(f"{value!r} is neither forget nor delete")
    return {"deletes": value.lower() == "delete"}


def _log_level(value: str) -> dict[str, Any]:
    if value.lower() not in LOG_LEVELS:
        raise ValueError(f"{value!r} is none of {', '.join(LOG_LEVELS)}")
    return {"log_level": value.lower()}


def _log_format(value: str) -> dict[str, Any]:
    if value.lower() not in {"text", "json"}:
        raise ValueError(f"{value!r} is neither text nor json")
    return {"log_format": value.lower()}


_HIGHEST_PORT = 65535
_MOST_DAYS = 36_500
_LONGEST_AWAY = 24 * 3600
_PARSERS: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "CALLCARD_DATABASE_URL": _database,
    "CALLCARD_HTTP": _http,
    "CALLCARD_AMI_URL": _ami,
    "CALLCARD_CEL_URL": _cel,
    "CALLCARD_EXTENSIONS": _extensions,
    "CALLCARD_OWN_NUMBERS": _own_numbers,
    "CALLCARD_REGION": _region,
    "CALLCARD_BUS_URL": _bus,
    "CALLCARD_SECRET_KEY": _secret,
    "CALLCARD_RECORDINGS": _recordings,
    "CALLCARD_RECORDINGS_PREFIX": _recordings_prefix,
    "CALLCARD_RECORDINGS_PATTERN": _recordings_pattern,
    "CALLCARD_RECORDINGS_AGENTS": _recordings_agents,
    "CALLCARD_AWAY_SECONDS": _away_seconds,
    "CALLCARD_STATES_DAYS": _states_days,
    "CALLCARD_RECORDINGS_DAYS": _recordings_days,
    "CALLCARD_VOICEMAIL": _voicemail,
    "CALLCARD_VOICEMAIL_DAYS": _voicemail_days,
    "CALLCARD_RETENTION": _retention,
    "CALLCARD_LOG": _log_level,
    "CALLCARD_LOG_FORMAT": _log_format,
}
_KEYS = frozenset(_PARSERS) | {"CALLCARD_VAR_DIR"}

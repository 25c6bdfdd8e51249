"""`CALLCARD_CEL_URL` read once, with errors that name the fault and never the secret."""

import re
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

Kind = Literal["file", "sqlite", "postgresql", "mysql"]

SCHEMES: Final[dict[str, Kind]] = {
    "file": "file",
    "sqlite": "sqlite",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
}
SAMPLE_COLUMNS: Final = (
    "eventtype", "eventtime", "cidname", "cidnum", "cidani", "cidrdnis", "ciddnid", "exten", "context", "channame",
    "appname", "appdata", "amaflags", "accountcode", "uniqueid", "linkedid", "peer", "userfield", "userdeftype",
    "extra",
)  # fmt: skip
"""What a line of cel_custom's sample `Master.csv` holds; it has no line that names them."""
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)?")


@dataclass(frozen=True, slots=True)
class LogAddress:
    """Where one PBX keeps its log, and how it is to be read."""

    name: str
    """The PBX, as CALLCARD_AMI_URL names it."""
    kind: Kind
    path: str = ""
    """File, or SQLite file."""
    server: str = field(default="", repr=False)
    """A database server as `//user:password@host:port/name`."""
    table: str = "cel"
    zone: ZoneInfo | None = None
    """The zone of times that name none; None: found out from the rows themselves."""
    columns: tuple[str, ...] = SAMPLE_COLUMNS
    """Of a CSV file without a line that names them."""


def parse_log_urls(text: str) -> tuple[LogAddress, ...]:
    """Read `postgresql://user:secret@host/name?table=cel#main file:///var/log/...json#branch`.

    Raises ValueError for the first address that cannot be used.
    """
    addresses = tuple(_address(url, f"address {place}") for place, url in enumerate(text.split(), start=1))
    names = [address.name for address in addresses]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two logs are of the PBX {name!r}: add #name to each address")
    return addresses


def _address(url: str, where: str) -> LogAddress:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        # The library's message may hold the part that carries the secret.
        raise ValueError(f"{where}: no valid host and port") from None
    kind = SCHEMES.get(parts.scheme)
    if kind is None:
        raise ValueError(f"{where}: must begin with postgresql://, mysql://, sqlite:/// or file:///")
    name = unquote(parts.fragment) or "main"
    if not _NAME.fullmatch(name):
        raise ValueError(f"{where}: a PBX's name is 1 to 32 letters, digits, '.', '_' or '-'")
    options = _options(parts, where, {"columns", "tz"} if kind == "file" else {"table", "tz"})
    table = options.get("table", "cel")
    if not _TABLE.fullmatch(table):
        raise ValueError(f"{where}: {table!r} is no name of a table")
    columns = tuple(filter(None, options.get("columns", "").lower().split(","))) or SAMPLE_COLUMNS
    path, server = _place(parts, kind, where)
    return LogAddress(name, kind, path, server, table, _zone(options.get("tz"), where), columns)


def _options(parts: SplitResult, where: str, known: set[str]) -> dict[str, str]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    for key in options:
        if key not in known:
            raise ValueError(f"{where}: unknown option {key!r} (known: {', '.join(sorted(known))})")
    return options


def _place(parts: SplitResult, kind: Kind, where: str) -> tuple[str, str]:
    """Return the file, or the server with its database."""
    if kind in {"file", "sqlite"}:
        if parts.netloc or not parts.path.strip("/"):
            raise ValueError(f"{where}: write {parts.scheme}:///PATH with three slashes")
        return unquote(parts.path), ""
    if not parts.hostname or not parts.path.strip("/"):
        raise ValueError(f"{where}: write {parts.scheme}://USER:PASSWORD@HOST/DATABASE")
    return "", urlunsplit(("", parts.netloc, parts.path, "", ""))


def _zone(name: str | None, where: str) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{where}: {name!r} is no time zone, write for example tz=Europe/Madrid") from error

"""Where the PBXs are: `CALLCARD_AMI_URL` read once, with errors that name the fault and never the secret."""

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_UNSAFE = re.compile(r"[\r\n\0]")
_PORTS = {"ami": 5038, "amis": 5039}
_OPTIONS = {"verify", "ca"}


class BadAddress(ValueError):
    """An AMI address that cannot be used; the message names the fault, never the secret."""


@dataclass(frozen=True, slots=True)
class AmiAddress:
    """One PBX's manager interface and the account to sign in with."""

    name: str
    host: str
    port: int
    user: str
    secret: str = field(repr=False)
    tls: bool = False
    verify: bool = True
    """TLS: check the certificate and its host name (`?verify=no` switches it off)."""
    ca: str | None = None
    """TLS: a PEM file of authorities to trust instead of the system's (`?ca=FILE`)."""


def parse_ami_urls(text: str) -> tuple[AmiAddress, ...]:
    """Read `ami://user:secret@host:5038#name amis://...`; names default to `main` and must differ.

    Raises:
        BadAddress: for the first address that cannot be used.

    """
    addresses = tuple(_address(url, place) for place, url in enumerate(text.split(), start=1))
    names = [address.name for address in addresses]
    for name in names:
        if names.count(name) > 1:
            raise BadAddress(f"two PBXs are named {name!r}: add #name to each address")
    return addresses


def _address(url: str, place: int) -> AmiAddress:
    where = f"address {place}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # The library's message may hold the part that carries the secret.
        raise BadAddress(f"{where}: no valid host and port") from None
    if parts.scheme not in _PORTS:
        raise BadAddress(f"{where}: must begin with ami:// or amis://")
    if not parts.hostname:
        raise BadAddress(f"{where}: no host")
    if parts.path not in {"", "/"}:
        raise BadAddress(f"{where}: nothing may follow host and port but ?options and #name")
    if port == 0:
        raise BadAddress(f"{where}: no valid host and port")
    name = unquote(parts.fragment) or "main"
    if not _NAME.fullmatch(name):
        raise BadAddress(f"{where}: a PBX's name is 1 to 32 letters, digits, '.', '_' or '-'")
    user, secret = _account(parts, where)
    verify, ca = _tls_options(parts, where)
    return AmiAddress(
        name=name,
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        user=user,
        secret=secret,
        tls=parts.scheme == "amis",
        verify=verify,
        ca=ca,
    )


def _account(parts: SplitResult, where: str) -> tuple[str, str]:
    user, secret = unquote(parts.username or ""), unquote(parts.password or "")
    if not user or not secret:
        raise BadAddress(
            f"{where}: needs user:secret before the host ('#', '@', '/' and '?' in them as %23 %40 %2F %3F)"
        )
    if _UNSAFE.search(user) or _UNSAFE.search(secret):
        raise BadAddress(f"{where}: a line break or NUL in user or secret")
    return user, secret


def _tls_options(parts: SplitResult, where: str) -> tuple[bool, str | None]:
    options = {key: values[-1] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
    for key in options:
        if key not in _OPTIONS:
            raise BadAddress(f"{where}: unknown option {key!r} (known: ca, verify)")
    if options and parts.scheme != "amis":
        raise BadAddress(f"{where}: ca and verify need amis://")
    verify = options.get("verify", "yes")
    if verify not in {"yes", "no"}:
        raise BadAddress(f"{where}: verify is yes or no")
    if options.get("ca") == "":
        raise BadAddress(f"{where}: ca needs a file")
    return verify == "yes", options.get("ca")

"""Password hashes (argon2id), computed in threads: one costs tens of milliseconds, on purpose."""

import asyncio
import hashlib
import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher()


async def hash_password(password: str) -> str:
    """Return the hash to store."""
    return await asyncio.to_thread(_HASHER.hash, password)


async def matches(password_hash: str | None, password: str) -> bool:
    """Tell whether a password fits; without a hash (unknown user) it takes the same time and says no."""
    return await asyncio.to_thread(_matches, password_hash, password)


def hash_token(token: str) -> str:
    """Return what is stored of a random token: it needs no salt and no slowness."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def new_token(prefix: str = "") -> str:
    """Return a random token of 256 bits."""
    return prefix + secrets.token_urlsafe(32)


@cache
def _nobody() -> str:
    return _HASHER.hash(secrets.token_hex())


def _matches(password_hash: str | None, password: str) -> bool:
    try:
        _HASHER.verify(password_hash or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None

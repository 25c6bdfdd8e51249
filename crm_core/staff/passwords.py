"""Password hashes (argon2id), computed in threads: one costs tens of milliseconds and 64 MiB, on purpose."""

import asyncio
import hashlib
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

AT_ONCE = 2
"""Hashes computed at the same time: a crowd at the door waits, and does not fill the memory."""


class Passwords:
    """Makes and checks password hashes; `hasher` carries their cost."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """Return the hash to store."""
        async with self._places:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def match(self, password_hash: str | None, password: str) -> bool:
        """Tell whether a password fits; without a hash (unknown user) it takes the same time and says no."""
        async with self._places:
            return await asyncio.to_thread(self._match, password_hash, password)

    def _match(self, password_hash: str | None, password: str) -> bool:
        if password_hash is None and self._nobody is None:
            self._nobody = self._hasher.hash(secrets.token_hex())
        try:
            self._hasher.verify(password_hash or self._nobody or "", password)
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None


def hash_token(token: str) -> str:
    """Return what is stored of a random token: it needs no salt and no slowness."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def new_token(prefix: str = "") -> str:
    """Return a random token of 256 bits."""
    return prefix + secrets.token_urlsafe(32)

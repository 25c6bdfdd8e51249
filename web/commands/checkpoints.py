"""How far a long command came, on disk, so that doing it again after a kill goes on from there."""

import hashlib
import os
from pathlib import Path
from typing import Final

import msgspec

from telephony.resuming import Place

COMPARED: Final = 64 * 1024
"""Bytes at the beginning of a file, and before the place reached, by which it is known to be the same file."""


class Counts(msgspec.Struct):
    """What became of the rows so far."""

    rows: int = 0
    refused: int = 0
    calls: int = 0
    cut_off: int = 0
    """Calls whose beginning is not in the file."""


class Checkpoint(msgspec.Struct, frozen=True):
    """All calls that ended before `done` are in the database; reading `again` from there knows those that run."""

    made_with: str
    """What the calls depend on besides the file: settings, database, phones."""
    content: str
    again: Place
    done: Place
    counts: Counts
    errors_size: int
    """Bytes of the file of refused rows."""
    last_call: str | None
    """The id of a call that must be in the database if this is true of it."""


class Checkpoints:
    """The checkpoint of one file (named by its whole path), in a folder that is made when needed."""

    def __init__(self, folder: Path, file: Path, made_with: str) -> None:
        self._path = folder / f"{_digest(str(file).encode())[:32]}.json"
        self._file = file
        self._made_with = made_with

    def load(self) -> Checkpoint | None:
        """Return how far an earlier run came; None when there was none, or not with this file and these settings."""
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=Checkpoint)
            known = found.made_with == self._made_with and found.content == _content(self._file, found.done.offset)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None
        return found if known else None

    def save(self, again: Place, done: Place, counts: Counts, errors_size: int, last_call: str | None) -> None:
        """Put a checkpoint in the place of the last one. Raises OSError."""
        content = _content(self._file, done.offset)
        checkpoint = Checkpoint(self._made_with, content, again, done, counts, errors_size, last_call)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(msgspec.json.encode(checkpoint))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)

    def clear(self) -> None:
        """Forget how far it came: it is done, or begins anew."""
        self._path.unlink(missing_ok=True)


def _content(file: Path, until: int) -> str:
    """Tell by what the file is known, as far as it was read. Raises OSError."""
    with file.open("rb") as opened:
        head = opened.read(min(until, COMPARED))
        opened.seek(max(0, until - COMPARED))
        return _digest(head, opened.read(min(until, COMPARED)))


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()

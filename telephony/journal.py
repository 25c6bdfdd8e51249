"""Every raw message with its arrival time, on disk within a second: the gap between the PBX and the database.

Append-only files of JSON lines `{"t": epoch seconds, "raw": message with its blank line}`, the same shape as the
recordings; the oldest are deleted so that the whole stays within its bound. A full disk costs journal lines, never a
call.
"""

import asyncio
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from telephony.calls import Line
from telephony.pipeline import retell
from telephony.records import CallRecord, Surprise

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.5
MOST_PENDING = 32 * 1024 * 1024
"""Bytes kept in memory while the disk is slow or full."""

_Entry = tuple[float, bytes]
_ENCODER = msgspec.json.Encoder()


class NotAJournalError(Exception):
    """The file holds something else."""


class Journal:
    """The ring of files of one PBX. `record` may be called from the event loop; `run` writes, in a thread."""

    def __init__(
        self,
        directory: Path,
        *,
        name: str = "main",
        max_bytes: int = 256 * 1024 * 1024,
        file_bytes: int = 16 * 1024 * 1024,
    ) -> None:
        """Prepare a journal in `directory` (made when first written to), of at most `max_bytes` in all."""
        self.lost = 0
        """Messages that never reached the disk."""
        self.written = 0
        self._directory = directory
        self._name = name
        self._max_bytes = max_bytes
        self._file_bytes = min(file_bytes, max(max_bytes // 4, 1))
        self._pending: list[_Entry] = []
        self._size = 0
        self._file: BinaryIO | None = None
        self._file_size = 0
        self._failing = False

    def record(self, at: float, block: bytes) -> None:
        """Remember one message (without its blank line) that arrived at `at` (epoch seconds); cheap, never raises."""
        if self._size + len(block) > MOST_PENDING:
            self.lost += 1
            return
        self._pending.append((at, block))
        self._size += len(block)

    async def run(self) -> None:
        """Write what was recorded, for ever; the rest is written when the task is cancelled."""
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                await self.flush()
        finally:
            await self.close()

    async def close(self) -> None:
        """Write what is left and let go of the file."""
        await self.flush()
        await asyncio.to_thread(self._close)

    async def flush(self) -> None:
        """Write what was recorded so far; a failing disk is logged once and costs these messages."""
        batch, self._pending, self._size = self._pending, [], 0
        if not batch:
            return
        try:
            await asyncio.to_thread(self._write, batch)
        except OSError:
            self.lost += len(batch)
            if not self._failing:
                log.exception("journal %s cannot be written; calls go on, these messages are lost", self._name)
            self._failing = True
            return
        self.written += len(batch)
        if self._failing:
            log.warning("journal %s: writing again, %d messages were lost", self._name, self.lost)
        self._failing = False

    def _write(self, batch: Sequence[_Entry]) -> None:
        data = b"".join(_line(at, block) for at, block in batch)
        try:
            file = self._file if self._file is not None and self._file_size < self._file_bytes else self._next_file()
            file.write(data)
            file.flush()
        except OSError:
            # Whatever was torn stays the last line of its file; a file that got nothing would be one more each time.
            self._close()
            self._drop_empty()
            raise
        self._file_size += len(data)

    def _next_file(self) -> BinaryIO:
        self._close()
        self._directory.mkdir(parents=True, exist_ok=True)
        files = _files(self._directory, self._name)
        total = sum(file.stat().st_size for file in files)
        for oldest in files:
            if total <= self._max_bytes - self._file_bytes:
                break
            total -= oldest.stat().st_size
            oldest.unlink()
        number = int(files[-1].stem.rpartition("-")[2]) + 1 if files else 1
        self._file = (self._directory / f"{self._name}-{number:08d}.jsonl").open("xb")
        self._file_size = 0
        return self._file

    def _drop_empty(self) -> None:
        last = _files(self._directory, self._name)[-1:]
        for file in last:
            if file.stat().st_size == 0:
                file.unlink()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError as error:
                log.debug("journal %s: closing: %s", self._name, error)


def read(path: Path, pbx: str | None = None) -> Iterator[_Entry]:
    """Read a journal file, a recording, or all files of a journal's directory (of one PBX), oldest first.

    Lines that cannot be read (the last one after a crash, damage) are passed over.

    Raises:
        OSError: the file cannot be opened.
        NotAJournalError: there are lines, and not one of them is an entry.

    """
    lines = entries = 0
    for file in _all_of(path, pbx) if path.is_dir() else [path]:
        with file.open("rb") as content:
            for line in content:
                lines += 1
                entry = _entry(line)
                if entry is not None:
                    entries += 1
                    yield entry
    if lines and not entries:
        raise NotAJournalError(f"{path} is no journal: not one of its lines is an AMI message")


def replay(path: Path, line: Line) -> Iterator[CallRecord | Surprise]:
    """Tell the finished calls of a journal or recording, and what made no sense in it.

    Raises:
        OSError: the file cannot be opened.
        NotAJournalError: there are lines, and not one of them is an entry.

    """
    return retell(read(path), line)


def _line(at: float, block: bytes) -> bytes:
    raw = block.decode("utf-8", "surrogateescape") + "\r\n\r\n"
    try:
        # Half a second's messages at once: the thread must not keep the event loop from its turn.
        return _ENCODER.encode({"t": at, "raw": raw}) + b"\n"
    except UnicodeEncodeError:  # bytes that are no UTF-8
        return json.dumps({"t": at, "raw": raw}).encode() + b"\n"


def _entry(line: bytes) -> _Entry | None:
    try:
        fields = json.loads(line)
        return float(fields["t"]), str(fields["raw"]).encode("utf-8", "surrogateescape")
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _all_of(directory: Path, pbx: str | None) -> list[Path]:
    return sorted(directory.glob("*.jsonl")) if pbx is None else _files(directory, pbx)


def _files(directory: Path, name: str) -> list[Path]:
    return sorted(file for file in directory.glob(f"{name}-*.jsonl") if file.stem.rpartition("-")[2].isdecimal())

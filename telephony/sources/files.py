"""A channel event log in files: cel_custom's JSON lines or CSV, which grow and are rotated."""

import asyncio
import csv
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from telephony.cel import Row, read, read_line
from telephony.sources import LogAddress, LogUnavailable
from telephony.sources.clocks import Clock

TOGETHER: Final = 500
"""Rows handed on at a time."""
LONGEST_LINE: Final = 1_000_000
"""Bytes; what is longer is no line of a log."""
NEAR: Final = 64 * 1024
"""Bytes from which on the place in a file is not searched any nearer."""

Parse = Callable[[str], Row | None]


class FileLog:
    """`x.json` or `x.csv`, and beside it what a rotation left: `x.json.1`, `x.json-20261125`. Nothing compressed."""

    def __init__(self, address: LogAddress) -> None:
        self.refused = 0
        self._path = Path(address.path)
        self._columns = address.columns
        self._clock = Clock(address.zone)

    async def rows(self, since: float) -> AsyncIterator[Sequence[Row]]:
        """Give the rows from `since` on; see `LogSource`."""
        parts = self._parts(since)
        while True:
            try:
                some = await asyncio.to_thread(next, parts, None)
            except OSError as error:
                raise LogUnavailable(f"{error.filename or self._path}: {error.strerror}") from error
            if some is None:
                return
            yield some

    def _parts(self, since: float) -> Iterator[list[Row]]:
        waiting: list[Row] = []
        for path in self._files(since):
            with path.open("rb") as file:
                for row in self._read(file, since):
                    waiting.append(row)
                    if len(waiting) >= TOGETHER:
                        yield waiting
                        waiting = []
        if waiting:
            yield waiting

    def _files(self, since: float) -> list[Path]:
        """Return the files that may hold rows since then, oldest first; the log itself must be there."""
        self._path.stat()
        beside = [path for path in self._path.parent.glob(f"{self._path.name}[.-]*") if path.suffix not in _PACKED]
        found = [(path.stat().st_mtime, path) for path in (*beside, self._path)]
        return [path for changed, path in sorted(found) if changed >= since]

    def _read(self, file: BinaryIO, since: float) -> Iterator[Row]:
        first = file.readline(LONGEST_LINE)
        parse = read_line if first.lstrip()[:1] == b"{" else self._csv(first)
        file.seek(_place(file, since, lambda line: self._row(parse, line)))
        while line := file.readline(LONGEST_LINE):
            if not line.endswith(b"\n"):
                return  # it is being written
            row = self._row(parse, line)
            if row is None:
                self.refused += bool(line.strip()) and line != first
            elif row.at >= since:
                yield row

    def _csv(self, first: bytes) -> Parse:
        """Read lines of CSV, whose columns the first line may name."""
        named = [name.strip().lower() for name in next(csv.reader([first.decode("utf-8-sig", "replace")]), [])]
        columns = named if "eventtype" in named else self._columns

        def parse(line: str) -> Row | None:
            try:
                values = next(csv.reader([line.replace("\0", "")]), [])
            except csv.Error:
                return None
            return read(dict(zip(columns, values, strict=False)))

        return parse

    def _row(self, parse: Parse, line: bytes) -> Row | None:
        row = parse(line.decode("utf-8", "replace"))
        return None if row is None else self._clock.right(row)


_PACKED: Final = frozenset({".gz", ".bz2", ".xz", ".zst"})


def _place(file: BinaryIO, since: float, read_row: Callable[[bytes], Row | None]) -> int:
    """Return a place at the beginning of a line, before the first row since then: found by halving."""
    low, high = 0, file.seek(0, 2)
    while high - low > NEAR:
        middle = (low + high) // 2
        file.seek(middle)
        file.readline(LONGEST_LINE)
        row = read_row(file.readline(LONGEST_LINE))
        if row is not None and row.at < since:
            low = middle
        else:
            high = middle
    file.seek(low)
    if low:
        file.readline(LONGEST_LINE)
    return file.tell()

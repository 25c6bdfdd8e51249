"""A channel event log in one file, read from its beginning or from a place: JSON lines, or CSV that names its columns.

Every line is told, those that cannot be understood with the reason.
"""

import csv
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from telephony.cel import Row, read, read_line, refusal, refusal_of_line
from telephony.resuming import Place
from telephony.sources import LogUnavailable
from telephony.sources.clocks import Clock

LONGEST_LINE: Final = 1_000_000
"""Bytes; what is longer is no line of a log."""
MOST_LINES: Final = 50
"""Lines of one CSV row, at most: a field may hold line ends, a broken quote must not take the file for one field."""
NEEDED: Final = frozenset({"eventtype", "eventtime", "uniqueid"})
_MARK: Final = b"\xef\xbb\xbf"

Parse = Callable[[str], Row | str]
"""Gives the row of a text, or why there is none."""


class Record(NamedTuple):
    """One row of the file: where it begins and ends, what it says."""

    start: Place
    end: Place
    row: Row | None
    reason: str
    """Why it is no row; empty when it is one."""
    text: str


class _Line(NamedTuple):
    start: Place
    end: Place
    text: str
    whole: bool = True


class CelExport:
    """The file. Raises LogUnavailable when it cannot be opened or its first line names no columns."""

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        """Look at the file; `clock` puts times right that name no zone (without one they are UTC)."""
        self.path = path
        self._clock = clock
        try:
            with path.open("rb") as file:
                first = file.readline(LONGEST_LINE)
            self.size = path.stat().st_size
        except OSError as error:
            raise LogUnavailable(f"{path}: {error.strerror}") from error
        self._columns: list[str] | None = None
        if not first.removeprefix(_MARK).lstrip().startswith((b"{", b"[")):
            self._columns = _columns(path, first)

    def records(self, since: Place) -> Iterator[Record]:
        """Give the records from a place on; raises LogUnavailable."""
        try:
            with self.path.open("rb") as file:
                yield from self._records(file, since)
        except OSError as error:
            raise LogUnavailable(f"{self.path}: {error.strerror}") from error

    def _records(self, file: BinaryIO, since: Place) -> Iterator[Record]:
        lines = _lines(file, since)
        parse: Parse = _parse_json
        if self._columns is not None:
            parse = _csv_parser(self._columns)
            if since.offset == 0:
                next(lines, None)  # the names of the columns
            lines = _joined(lines, parse)
        for line in lines:
            found = parse(line.text) if line.whole else f"longer than {LONGEST_LINE:,} bytes"
            row, reason = (None, found) if isinstance(found, str) else (found, "")
            row = self._clock.right(row) if row is not None and self._clock is not None else row
            yield Record(line.start, line.end, row, reason, line.text.rstrip("\r\n"))


def _columns(path: Path, first: bytes) -> list[str]:
    try:
        columns = [name.strip() for name in next(csv.reader([first.decode("utf-8-sig", "replace")]), [])]
    except csv.Error:
        columns = []
    if not {name.lower() for name in columns} >= NEEDED:
        raise LogUnavailable(f"{path}: the first line must name the columns (EventType, EventTime, UniqueID...)")
    return columns


def _lines(file: BinaryIO, since: Place) -> Iterator[_Line]:
    """Give the lines that are not empty. The end of one that is still being written is its beginning."""
    file.seek(since.offset)
    start = since
    while data := file.readline(LONGEST_LINE):
        read_bytes, more = len(data), data
        while not more.endswith(b"\n") and (more := file.readline(LONGEST_LINE)):
            read_bytes += len(more)
        end = Place(start.offset + read_bytes, start.line + 1)
        text = (data if start.offset else data.removeprefix(_MARK)).decode("utf-8", "replace").replace("\0", "")
        if text.strip():
            complete = data.endswith(b"\n") or more.endswith(b"\n")
            yield _Line(start, end if complete else start, text, read_bytes == len(data))
        start = end


def _joined(lines: Iterator[_Line], parse: Parse) -> Iterator[_Line]:
    """Put together the lines of a row whose field holds line ends.

    A row whose quote was never closed stays alone: what follows it is a row by itself.
    """
    ahead: deque[_Line] = deque()

    def following() -> Iterator[_Line]:
        while True:
            line = ahead.popleft() if ahead else next(lines, None)
            if line is None:
                return
            yield line

    for line in following():
        if not _leaves_open(line.text):
            yield line
            continue
        taken: list[_Line] = []
        for more in islice(following(), MOST_LINES):
            taken.append(more)
            if isinstance(parse(more.text), Row):
                break
            if _leaves_open(more.text):
                line = line._replace(end=more.end, text=line.text + "".join(one.text for one in taken))  # noqa: PLW2901 - the line grew
                taken.clear()
                break
        ahead.extendleft(reversed(taken))
        yield line


def _leaves_open(text: str) -> bool:
    return text.count('"') % 2 == 1


def _csv_parser(columns: list[str]) -> Parse:
    def parse(text: str) -> Row | str:
        try:
            values = next(csv.reader([text.rstrip("\r\n")]), [])
        except csv.Error as error:
            return str(error)
        fields = dict(zip(columns, values, strict=False))
        return read(fields) or refusal(fields)

    return parse


def _parse_json(text: str) -> Row | str:
    return read_line(text) or refusal_of_line(text)

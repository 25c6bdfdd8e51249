"""CSV as spreadsheets and phones write it: any usual delimiter, UTF-8, UTF-16, CP1251 or CP1252."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from crm_core.imports.rows import LONGEST_CELL, FileRow, FileRows, UnreadableFile, checked_headers

SAMPLE: Final = 64 * 1024
CHUNK: Final = 1024 * 1024
DELIMITERS: Final = ",;\t|"
CYRILLIC: Final = re.compile("[\u0400-\u04ff]{3}")
MARKS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def read_delimited(path: Path) -> FileRows:
    """Open a CSV file; raises UnreadableFile, or OSError. It is closed when its rows are used up or thrown away."""
    encoding = _encoding(path)
    csv.field_size_limit(LONGEST_CELL)
    try:
        with path.open(encoding=encoding, newline="") as sample:
            delimiter = _delimiter(sample.read(SAMPLE))
        lines = _lines(path, encoding, delimiter)
        headers = checked_headers(next(lines, []))
    except (UnicodeError, csv.Error) as error:
        raise UnreadableFile(f"it is no text of clients: {error}") from error
    return FileRows(headers, _numbered(lines), delimiter)


def _lines(path: Path, encoding: str, delimiter: str) -> Iterator[list[str]]:
    with path.open(encoding=encoding, newline="") as file:
        yield from _cells(file, delimiter)


def _cells(file: IO[str], delimiter: str) -> Iterator[list[str]]:
    reader = csv.reader(file, delimiter=delimiter)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield cells
    except (OSError, UnicodeError, csv.Error) as error:
        raise UnreadableFile(f"line {reader.line_num} cannot be read: {error}") from error


def _numbered(lines: Iterator[list[str]]) -> Iterator[FileRow]:
    for number, cells in enumerate(lines, 1):
        yield FileRow(number, tuple(cells))


def _encoding(path: Path) -> str:
    """Tell how a file is encoded: by its mark, as UTF-8 when it is that throughout, else by the letters it makes."""
    with path.open("rb") as file:
        beginning = file.read(SAMPLE)
    for mark, encoding in MARKS:
        if beginning.startswith(mark):
            return encoding
    try:
        with path.open(encoding="utf-8") as text:
            while text.read(CHUNK):
                pass
    except UnicodeDecodeError:
        cyrillic = CYRILLIC.search(beginning.decode("cp1251", "replace"))
        return "cp1251" if cyrillic else "cp1252"
    return "utf-8"


def _delimiter(sample: str) -> str:
    """Tell the delimiter by the header: the one that occurs most often outside quotes."""
    header = re.sub(r'"[^"]*"', "", sample).partition("\n")[0]
    return max(DELIMITERS, key=header.count)

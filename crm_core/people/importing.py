"""Contacts from a file and into a file: CSV as spreadsheets and phones write it, in batches, losing no row."""

import asyncio
import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO

from crm_core.errors import CrmError, InvalidField
from crm_core.people.fields import Columns, draft_from, export_header, export_row, recognise
from crm_core.people.rules import ContactDraft
from crm_core.people.store import People

BATCH = 500
SAMPLE = 64 * 1024
CHUNK = 1024 * 1024
DELIMITERS = ",;\t|"
CYRILLIC = re.compile("[\u0400-\u04ff]{3}")
MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of the rows of a file."""

    rows: int = 0
    created: int = 0
    known: int = 0
    """Rows whose contact was there already (the same name with one of the same numbers)."""
    refused: int = 0
    ignored: tuple[str, ...] = ()
    """Columns that are no field of ours."""
    errors: Path | None = None
    """Where the refused rows are, each with its reason."""


class UnreadableFile(CrmError):
    """The file is not there, or is no CSV."""


async def import_contacts(
    people: People, path: Path, *, chosen: Iterable[tuple[str, str]] = (), by: str = "import", dry_run: bool = False
) -> ImportReport:
    """Create a contact for every row of a CSV file; `chosen` are (field, column) pairs for headers we do not know.

    Rows that are refused are written with their reason to FILE.errors.csv. With `dry_run` no contact is written.
    Raises UnreadableFile, InvalidField (columns) or DatabaseUnavailable.
    """
    source = await asyncio.to_thread(_Source.open, path)
    with closing(source):
        columns = recognise(source.headers, chosen)
        errors = _Errors(path.with_name(path.name + ".errors.csv"), source)
        report = ImportReport(ignored=columns.ignored)
        try:
            while rows := await asyncio.to_thread(source.some):
                drafts = list(_drafts(columns, rows, errors))
                outcome = await people.add_new([draft for _, draft in drafts], by, dry_run=dry_run)
                for place, reason in outcome.refused.items():
                    errors.add(drafts[place][0], reason)
                report = replace(
                    report,
                    rows=report.rows + len(rows),
                    created=report.created + outcome.created,
                    known=report.known + outcome.known,
                    refused=errors.count,
                )
        finally:
            await asyncio.to_thread(errors.close)
    return replace(report, errors=errors.path if errors.count else None)


async def export_contacts(people: People, path: Path) -> int:
    """Write all contacts as CSV that spreadsheets open and `import_contacts` reads; return how many."""
    custom: set[str] = set()
    cursor: str | None = None
    while True:
        page = await people.list_contacts(limit=BATCH, cursor=cursor)
        custom.update(name for contact in page.items for name in contact.custom)
        cursor = page.next
        if cursor is None:
            break
    file = await asyncio.to_thread(_create, path)
    writer = csv.writer(file)
    written = 0
    try:
        await asyncio.to_thread(writer.writerow, export_header(custom))
        while True:
            page = await people.list_contacts(limit=BATCH, cursor=cursor)
            await asyncio.to_thread(writer.writerows, [export_row(contact, custom) for contact in page.items])
            written += len(page.items)
            cursor = page.next
            if cursor is None:
                return written
    finally:
        await asyncio.to_thread(file.close)


class _Source:
    """A CSV file being read, whatever its encoding and delimiter."""

    def __init__(self, file: IO[str], delimiter: str) -> None:
        self._file = file
        self.delimiter = delimiter
        self._rows = csv.reader(file, delimiter=delimiter)
        self.headers = next(self._rows, [])

    @classmethod
    def open(cls, path: Path) -> "_Source":
        """Open a file; raises UnreadableFile."""
        try:
            encoding = _encoding(path)
            with path.open(encoding=encoding, newline="") as sample:
                delimiter = _delimiter(sample.read(SAMPLE))
            source = cls(path.open(encoding=encoding, newline=""), delimiter)
        except (OSError, UnicodeError, csv.Error) as error:
            raise UnreadableFile(f"{path}: {getattr(error, 'strerror', None) or error}") from error
        if not source.headers:
            source.close()
            raise UnreadableFile(f"{path} is empty")
        return source

    def some(self) -> list[list[str]]:
        """Read the next rows, empty ones left out; raises UnreadableFile."""
        try:
            return list(islice((row for row in self._rows if any(cell.strip() for cell in row)), BATCH))
        except (OSError, UnicodeError, csv.Error) as error:
            raise UnreadableFile(f"line {self._rows.line_num} cannot be read: {error}") from error

    def close(self) -> None:
        self._file.close()


class _Errors:
    """The rows that were refused, on their way to their file; an old one is taken away."""

    def __init__(self, path: Path, source: _Source) -> None:
        self.path = path
        self.count = 0
        self._source = source
        self._pending: list[list[str]] = []

    def add(self, row: Sequence[str], reason: str) -> None:
        """Keep a refused row with its reason."""
        self.count += 1
        width = len(self._source.headers)
        self._pending.append([*row[:width], *[""] * (width - len(row)), reason])

    def close(self) -> None:
        """Write what was refused."""
        if not self._pending:
            self.path.unlink(missing_ok=True)
            return
        with closing(_create(self.path)) as file:
            writer = csv.writer(file, delimiter=self._source.delimiter)
            writer.writerow([*self._source.headers, "error"])
            writer.writerows(self._pending)


def _drafts(
    columns: Columns, rows: Iterable[Sequence[str]], errors: _Errors
) -> Iterator[tuple[Sequence[str], ContactDraft]]:
    for row in rows:
        try:
            yield row, draft_from(columns, row)
        except InvalidField as error:
            errors.add(row, str(error))


def _create(path: Path) -> IO[str]:
    try:
        # With the mark spreadsheets know that it is UTF-8.
        return path.open("w", encoding="utf-8-sig", newline="")
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror}") from error


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

"""Clients into a file: CSV and XLSX that open in spreadsheets and are read back, or vCards for phones."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final, Protocol

from typing_extensions import override

from crm_core.errors import CrmError
from crm_core.people.fields import export_header, export_row
from crm_core.people.rules import Contact, PhoneType
from crm_core.people.store import People

BATCH: Final = 500
CHUNK: Final = 256 * 1024
VCARD_TYPES: Final = {
    PhoneType.MOBILE: "CELL",
    PhoneType.WORK: "WORK",
    PhoneType.HOME: "HOME",
    PhoneType.FAX: "FAX",
    PhoneType.OTHER: "VOICE",
}


class FileFormat(StrEnum):
    """What clients are written as."""

    CSV = "csv"
    XLSX = "xlsx"
    VCARD = "vcf"

    @property
    def content_type(self) -> str:
        """The media type of such a file."""
        return _CONTENT_TYPES[self]


_CONTENT_TYPES: Final = {
    FileFormat.CSV: "text/csv; charset=utf-8",
    FileFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    FileFormat.VCARD: "text/vcard; charset=utf-8",
}


class UnwritableFile(CrmError):
    """The file cannot be written there."""


async def export_contacts(people: People, path: Path, form: FileFormat | None = None, q: str | None = None) -> int:
    """Write clients into a file, all or those a search means; return how many.

    Without a format its name says which: `.xlsx`, `.vcf`, else CSV. Raises UnwritableFile.
    """
    form = form or next((one for one in FileFormat if path.suffix.lower() == f".{one}"), FileFormat.CSV)
    written = 0

    def count(contacts: int) -> None:
        nonlocal written
        written += contacts

    try:
        file = await asyncio.to_thread(path.open, "wb")
        try:
            async for part in export_parts(people, form, q, count):
                await asyncio.to_thread(file.write, part)
        finally:
            await asyncio.to_thread(file.close)
    except OSError as error:
        raise UnwritableFile(f"{path}: {error.strerror}") from error
    return written


async def export_parts(
    people: People, form: FileFormat, q: str | None = None, count: Callable[[int], None] = lambda _: None
) -> AsyncIterator[bytes]:
    """Give the bytes of such a file as the clients are read; `count` hears of each page how many they are."""
    custom = await _custom_fields(people, q) if form is not FileFormat.VCARD else frozenset()
    writer = await asyncio.to_thread(_writer, form, custom)
    cursor: str | None = None
    while True:
        page = await people.list_contacts(q, limit=BATCH, cursor=cursor)
        count(len(page.items))
        part = await asyncio.to_thread(writer.write, page.items)
        if part:
            yield part
        cursor = page.next
        if cursor is None:
            break
    rest = await asyncio.to_thread(writer.end)
    while part := await asyncio.to_thread(rest.read, CHUNK):
        yield part
    await asyncio.to_thread(rest.close)


async def _custom_fields(people: People, q: str | None) -> frozenset[str]:
    found: set[str] = set()
    cursor: str | None = None
    while True:
        page = await people.list_contacts(q, limit=BATCH, cursor=cursor)
        found.update(name for contact in page.items for name in contact.custom)
        cursor = page.next
        if cursor is None:
            return frozenset(found)


class _Writer(Protocol):
    """One format: bytes for each page of clients, and what comes at the end."""

    def write(self, contacts: Sequence[Contact]) -> bytes: ...

    def end(self) -> io.BufferedIOBase: ...


class _CsvWriter(_Writer):
    def __init__(self, custom: Iterable[str]) -> None:
        self._custom = sorted(custom)
        self._text = io.StringIO(newline="")
        self._rows = csv.writer(self._text)
        self._text.write("\ufeff")  # with it spreadsheets know that it is UTF-8
        self._rows.writerow(export_header(self._custom))

    @override
    def write(self, contacts: Sequence[Contact]) -> bytes:
        self._rows.writerows(export_row(contact, self._custom) for contact in contacts)
        written = self._text.getvalue().encode()
        self._text.seek(0)
        self._text.truncate()
        return written

    @override
    def end(self) -> io.BufferedIOBase:
        return io.BytesIO()


class _XlsxWriter(_Writer):
    def __init__(self, custom: Iterable[str]) -> None:
        from openpyxl import Workbook

        self._custom = sorted(custom)
        self._book = Workbook(write_only=True)
        self._sheet = self._book.create_sheet("Clients")
        self._sheet.freeze_panes = "A2"
        self._sheet.append(export_header(self._custom))

    @override
    def write(self, contacts: Sequence[Contact]) -> bytes:
        from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

        for contact in contacts:
            self._sheet.append([ILLEGAL_CHARACTERS_RE.sub("", cell) for cell in export_row(contact, self._custom)])
        return b""

    @override
    def end(self) -> io.BufferedIOBase:
        file = TemporaryFile()  # noqa: SIM115 - closed by who reads it
        self._book.save(file)
        file.seek(0)
        return file


class _CardWriter(_Writer):
    @override
    def write(self, contacts: Sequence[Contact]) -> bytes:
        return "".join(vcard(contact) for contact in contacts).encode()

    @override
    def end(self) -> io.BufferedIOBase:
        return io.BytesIO()


def vcard(contact: Contact) -> str:
    """Return a client as a vCard 3.0."""
    import vobject

    card = vobject.vCard()
    *given, family = contact.name.split(" ") if " " in contact.name else (contact.name, "")
    card.add("n").value = vobject.vcard.Name(family=family, given=" ".join(given))
    card.add("fn").value = contact.name
    for phone in contact.phones:
        line = card.add("tel")
        line.value, line.type_param = phone.e164 or phone.number, VCARD_TYPES[phone.type]
    for address in contact.emails:
        card.add("email").value = address
    if contact.company:
        card.add("org").value = [contact.company]
    if contact.groups:
        card.add("categories").value = [*contact.groups]
    if contact.notes:
        card.add("note").value = contact.notes
    return str(card.serialize())


def _writer(form: FileFormat, custom: Iterable[str]) -> _Writer:
    match form:
        case FileFormat.CSV:
            return _CsvWriter(custom)
        case FileFormat.XLSX:
            return _XlsxWriter(custom)
        case FileFormat.VCARD:
            return _CardWriter()

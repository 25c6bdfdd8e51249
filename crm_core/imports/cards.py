"""vCards of phones, mail programs and Google (2.1, 3.0, 4.0) as rows under our own headers."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final

from crm_core.imports.rows import LONGEST_CELL, FileRow, FileRows, UnreadableFile

HEADERS: Final = (
    "name", "company", "phone.mobile", "phone.work", "phone.home", "phone.fax", "phone", "email", "group", "note",
    "custom.title", "custom.address", "custom.url", "custom.birthday",
)  # fmt: skip
BEGIN: Final = "BEGIN:VCARD"
END: Final = "END:VCARD"
KINDS: Final = (("fax", "phone.fax"), ("cell", "phone.mobile"), ("iphone", "phone.mobile"), ("work", "phone.work"),
                ("home", "phone.home"))  # fmt: skip
"""What a TEL says it is, the stronger word first: a fax at work is a fax."""
SIMPLE: Final = {"title": "custom.title", "url": "custom.url", "bday": "custom.birthday", "note": "note"}


def read_cards(path: Path) -> FileRows:
    """Open a file of vCards; raises UnreadableFile, or OSError."""
    # What a card's lines are is the library's to judge; a bad one is the row's problem, not the log's.
    logging.getLogger("vobject.base").setLevel(logging.CRITICAL)
    return FileRows(HEADERS, _rows(path))


def _rows(path: Path) -> Iterator[FileRow]:
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline=None) as file:
            for number, card in enumerate(_cards(file), 1):
                yield _row(number, card)
    except OSError as error:
        raise UnreadableFile(f"cannot be read: {error.strerror}") from error


def _cards(file: IO[str]) -> Iterator[str]:
    """Cut the file into cards; what stands between them is none."""
    lines: list[str] = []
    size = 0
    for line in file:
        mark = line.strip().upper()
        if mark == BEGIN:
            lines, size = [], 0
        if size <= LONGEST_CELL:
            lines.append(line)
        size += len(line)
        if mark == END and lines and lines[0].strip().upper() == BEGIN:
            yield "".join(lines)
            lines = []


def _row(number: int, card: str) -> FileRow:
    import vobject

    try:
        contents: Mapping[str, Any] = vobject.readOne(
            card, validate=False, transform=False, ignoreUnreadable=True, allowQP=True
        ).contents
        cells = _fields(contents)
    except Exception:  # noqa: BLE001 - the library raises whatever its parts do; the card is refused, not the file
        return FileRow(number, (card.strip(),), "is no card we can read")
    return FileRow(number, tuple("; ".join(cells.get(header, ())) for header in HEADERS))


def _fields(contents: Mapping[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in contents.get("tel", ()):
        number = str(line.value).strip().removeprefix("tel:").partition(";")[0]
        found.setdefault(_kind(line.params.get("TYPE", ())), []).append(number)
    for name, field in SIMPLE.items():
        found.setdefault(field, []).extend(str(line.value).strip() for line in contents.get(name, ()))
    found["name"] = _name(contents)
    found["company"] = [", ".join(_parts(str(line.value))) for line in contents.get("org", ())][:1]
    found["email"] = [str(line.value).strip().removeprefix("mailto:") for line in contents.get("email", ())]
    found["group"] = [str(one).strip() for line in contents.get("categories", ()) for one in _each(line.value)]
    found["custom.address"] = [", ".join(_parts(str(line.value))) for line in contents.get("adr", ())]
    return {field: [text for text in texts if text] for field, texts in found.items()}


def _name(contents: Mapping[str, Any]) -> list[str]:
    for line in contents.get("fn", ()):
        if str(line.value).strip():
            return [str(line.value).strip()]
    for line in contents.get("n", ()):
        family, given, middle, *_ = [*str(line.value).split(";"), "", "", ""]
        if whole := " ".join(part.strip() for part in (given, middle, family) if part.strip()):
            return [whole]
    return []


def _kind(types: Iterable[str]) -> str:
    said = {word.strip().lower() for kind in types for word in kind.split(",")}
    return next((field for word, field in KINDS if word in said), "phone")


def _parts(value: str) -> list[str]:
    return [part.strip() for part in value.split(";") if part.strip()]


def _each(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else str(value).split(",")

"""Opens a file of clients by what is in it, not by its name."""

from pathlib import Path
from typing import Final

from crm_core.imports.cards import BEGIN, read_cards
from crm_core.imports.delimited import read_delimited
from crm_core.imports.rows import FileRows, UnreadableFile
from crm_core.imports.workbooks import read_workbook

PACKED: Final = b"PK\x03\x04"
OLD_WORKBOOK: Final = b"\xd0\xcf\x11\xe0"
OTHERS: Final = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\x1f\x8b", b"Rar!")


def open_rows(path: Path) -> FileRows:
    """Open a CSV, XLSX or vCard file; raises UnreadableFile with one line."""
    try:
        with path.open("rb") as file:
            beginning = file.read(256)
        if beginning.startswith(PACKED):
            return read_workbook(path)
        if beginning.startswith((OLD_WORKBOOK, *OTHERS)):
            raise UnreadableFile("it is no CSV, XLSX or vCard file: save it as one of these")
        if BEGIN.encode() in beginning.upper():
            return read_cards(path)
        return read_delimited(path)
    except OSError as error:
        raise UnreadableFile(f"cannot be read: {(error.strerror or str(error)).lower()}") from error

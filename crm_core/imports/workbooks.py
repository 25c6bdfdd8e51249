"""XLSX workbooks, read a row at a time: the first sheet that has any."""

import datetime as dt
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from crm_core.imports.rows import MOST_COLUMNS, FileRow, FileRows, UnreadableFile, checked_headers

MOST_UNPACKED: Final = 1024 * 1024 * 1024
"""Bytes a workbook may unpack to: a small file may hold a huge one."""
Value = object


def read_workbook(path: Path) -> FileRows:
    """Open a workbook; raises UnreadableFile, or OSError. It is closed when its rows are used up or thrown away."""
    _check_size(path)
    rows = _rows(path)
    headers = checked_headers(next(rows, []))
    return FileRows(headers, (FileRow(number, tuple(cells)) for number, cells in enumerate(rows, 1)))


def _check_size(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as packed:
            unpacked = sum(part.file_size for part in packed.infolist())
    except zipfile.BadZipFile as error:
        raise UnreadableFile("it is no workbook: the file is damaged") from error
    if unpacked > MOST_UNPACKED:
        raise UnreadableFile("the workbook is too large: save it as CSV, or in parts")


def _rows(path: Path) -> Iterator[list[str]]:
    # Only who reads a workbook pays for the library.
    from openpyxl import load_workbook

    try:
        book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
    except OSError:
        raise
    except Exception as error:  # the library raises whatever its parts do
        raise UnreadableFile("it is no workbook we can read: save it as XLSX or CSV") from error
    try:
        for sheet in book.worksheets:
            some = False
            for values in sheet.iter_rows(values_only=True, max_col=MOST_COLUMNS + 1):
                cells = [_text(value) for value in values]
                if any(cells):
                    some = True
                    yield cells
            if some:
                return
    except Exception as error:
        raise UnreadableFile(f"the workbook breaks off: {type(error).__name__}") from error
    finally:
        book.close()


def _text(value: object) -> str:
    """Write a cell as a person would: whole numbers without a fraction (phones), days without midnight."""
    match value:
        case None:
            return ""
        case float() if value.is_integer():
            return str(int(value))
        case dt.datetime() if value.time() == dt.time():
            return value.date().isoformat()
        case dt.datetime():
            return value.isoformat(" ")
        case _:
            return str(value).strip()

"""A file of clients as rows of texts: what its readers give, and how large it may be. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from crm_core.errors import CrmError

MOST_COLUMNS: Final = 300
LONGEST_CELL: Final = 16 * 1024 * 1024
"""Characters a reader takes in at most; what a field may hold is for the field to say."""


class UnreadableFile(CrmError):
    """The file is not there, or holds no clients in a form we know. One line, said to whoever chose the file."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row of a file. `number` counts the rows below the header from 1, empty ones left out."""

    number: int
    cells: tuple[str, ...]
    problem: str | None = None
    """Why the row cannot be read, where it cannot."""


@dataclass(frozen=True, slots=True)
class FileRows:
    """A file being read: its header, and the rows below it, read as they are asked for.

    Asking raises UnreadableFile where the file breaks off.
    """

    headers: tuple[str, ...]
    rows: Iterator[FileRow]
    delimiter: str = ","
    """What the cells of its error file are separated by."""


def checked_headers(cells: list[str]) -> tuple[str, ...]:
    """Return a header row without the empty cells behind it; raises UnreadableFile when it is none."""
    while cells and not cells[-1].strip():
        cells.pop()
    if not cells:
        raise UnreadableFile("the file is empty")
    if len(cells) > MOST_COLUMNS:
        raise UnreadableFile(f"the file has {len(cells):,} columns, {MOST_COLUMNS} are the most that are read")
    return tuple(cells)

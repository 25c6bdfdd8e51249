"""Rows a command could not understand, beside the file they are from: FILE.errors.csv, readable by a spreadsheet."""

import csv
import os
from pathlib import Path
from typing import TextIO


class RefusedRows:
    """The file, made with the first refused row. Where it cannot be written, that is told and nothing else is lost."""

    def __init__(self, source: Path) -> None:
        self.path = source.with_name(source.name + ".errors.csv")
        self.failure = ""
        """Why it cannot be written."""
        self._file: TextIO | None = None

    def begin(self, size: int) -> None:
        """Keep this many bytes of what an earlier run wrote; with 0 an old file is taken away."""
        try:
            if size == 0:
                self.path.unlink(missing_ok=True)
            elif self.path.exists():
                os.truncate(self.path, min(size, self.path.stat().st_size))
        except OSError as error:
            self._fail(error)

    def add(self, line: int, reason: str, text: str) -> None:
        """Write a refused row: the number of its (first) line, why, and what it was."""
        if self.failure:
            return
        try:
            if self._file is None:
                self._file = self._open()
            csv.writer(self._file).writerow([line, reason, text])
        except OSError as error:
            self._fail(error)

    def size(self) -> int:
        """Bring what was refused to the disk; return the bytes there."""
        if self._file is None:
            return self.path.stat().st_size if self.path.exists() and not self.failure else 0
        try:
            self._file.flush()
        except OSError as error:
            self._fail(error)
            return 0
        return os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        """Let go of the file."""
        self.size()
        if self._file is not None:
            self._file.close()

    def _open(self) -> TextIO:
        # With the mark spreadsheets know that it is UTF-8.
        fresh = not self.path.exists() or self.path.stat().st_size == 0
        file = self.path.open("a", encoding="utf-8", errors="replace", newline="")
        if fresh:
            file.write("\ufeff")
            csv.writer(file).writerow(["line", "error", "row"])
        return file

    def _fail(self, error: OSError) -> None:
        self.failure = error.strerror or str(error)

"""A file imported from its first row to its last, as the command does it, and the refused rows in a file beside it."""

import asyncio
import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from crm_core.imports.opening import open_rows
from crm_core.imports.rows import UnreadableFile
from crm_core.imports.rules import Duplicates, Import, ImportState, Refusal
from crm_core.imports.runner import carry_out, look_into
from crm_core.imports.store import Imports
from crm_core.numbers import Numbering
from crm_core.people.fields import recognise

BATCH: Final = 250
UTF8_MARK: Final = "utf-8-sig"
"""With it spreadsheets know what the letters are."""


async def import_file(  # noqa: PLR0913 - what the command's options say
    imports: Imports,
    numbering: Numbering,
    path: Path,
    *,
    chosen: Iterable[tuple[str, str]] = (),
    duplicates: Duplicates = Duplicates.SKIP,
    by: str = "import",
    dry_run: bool = False,
    on_written: Callable[[Import], None] = lambda _: None,
) -> Import:
    """Read a file whose columns its headers name; `chosen` are (field, column) pairs for headers we do not know.

    One that was cut off goes on behind its last written row. Raises UnreadableFile, InvalidField (columns) or
    DatabaseUnavailable.
    """
    path = await asyncio.to_thread(path.absolute)
    job = None if dry_run else await imports.cut_off(str(path), await asyncio.to_thread(_written_at, path))
    if job is None:
        headers = (await asyncio.to_thread(open_rows, path)).headers
        columns = recognise(headers, chosen).fields
        facts = await look_into(imports, path, numbering)
        made = await imports.create(path.name, str(path), facts, by)
        job = await imports.start(made.id, columns, duplicates, dry_run=dry_run)
    done = await carry_out(imports, job, on_written, batch=BATCH)
    if done.state is ImportState.FAILED:
        raise UnreadableFile(f"{path}: {done.problem}")
    return done


async def write_errors(imports: Imports, job: Import, path: Path) -> Path | None:
    """Write an import's refused rows, each with its reason; return where, or None (and no old file) without any."""
    if not job.refused:
        await asyncio.to_thread(path.unlink, missing_ok=True)
        return None
    try:
        file = await asyncio.to_thread(path.open, "w", encoding=UTF8_MARK, newline="")
        try:
            writer = csv.writer(file, delimiter=job.delimiter)
            await asyncio.to_thread(writer.writerow, [*job.headers, "error"])
            after = 0
            while refused := await imports.refusals(job.id, after=after):
                await asyncio.to_thread(writer.writerows, [error_row(job, one) for one in refused])
                after = refused[-1].number
        finally:
            await asyncio.to_thread(file.close)
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror}") from error
    return path


def error_row(job: Import, refusal: Refusal) -> list[str]:
    """Return a refused row as it stood below its header, and the reason behind it."""
    width = len(job.headers)
    return [*refusal.cells[:width], *[""] * (width - len(refusal.cells)), refusal.reason]


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError as error:
        raise UnreadableFile(f"{path}: {(error.strerror or str(error)).lower()}") from error

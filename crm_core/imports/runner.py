"""Runs imports: one file at a time, a batch at a time, so that calls are written in between; goes on after a crash."""

import asyncio
import logging
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Final

from crm_core.errors import Conflict, CrmError, DatabaseUnavailable
from crm_core.imports.opening import open_rows
from crm_core.imports.rows import FileRow, FileRows, UnreadableFile
from crm_core.imports.rules import LONGEST_SAMPLE, SAMPLES, FileFacts, Import, ImportState, shortened, suggest
from crm_core.imports.store import Imports
from crm_core.numbers import Numbering

BATCH: Final = 100
"""Rows written in one transaction: the call log waits no longer than that."""
LOOKED_AT: Final = 200
"""Rows whose content is looked at to tell what a column is."""
LOOK_SECONDS: Final = 0.5
"""How soon an import that was started elsewhere, or before a crash, is gone on with."""
TIDY_SECONDS: Final = 3600.0
KEPT_SECONDS: Final = 7 * 86_400.0
"""So long a file waits for its columns to be named."""
Written = Callable[[Import], None]
"""Hears how far an import is, after each batch."""
logger = logging.getLogger(__name__)


class Runner:
    """Runs the imports whose files lie in a folder of this machine, and throws the files away once they are read."""

    def __init__(self, imports: Imports, folder: Path) -> None:
        self._imports = imports
        self._folder = folder
        self._wake = asyncio.Event()
        self._tidied_at = 0.0

    def wake(self) -> None:
        """Look for work now."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._wake.clear()
            try:
                for job in await self._imports.at_work():
                    await self._carry_out(job)
                await self._tidy()
            except DatabaseUnavailable as error:
                logger.warning("imports wait for the database: %s", error)
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _carry_out(self, job: Import) -> None:
        """Run an import to its end; one whose file another machine took is that machine's."""
        path = Path(job.place)
        if job.state is not ImportState.UNDOING and path.parent != self._folder:
            return
        done = await carry_out(self._imports, job)
        if path.parent == self._folder and done.state is not ImportState.CHECKED:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _tidy(self) -> None:
        """Throw away files that nobody went on with: they hold people's names and numbers."""
        now = self._imports.now()
        if now - self._tidied_at < TIDY_SECONDS:
            return
        self._tidied_at = now
        for place in await asyncio.to_thread(_older, self._folder, now - KEPT_SECONDS):
            await asyncio.to_thread(place.unlink, missing_ok=True)


async def carry_out(
    imports: Imports, job: Import, on_written: Written = lambda _: None, *, batch: int = BATCH
) -> Import:
    """Bring an import to its end, whatever was done of it before; return it. Raises DatabaseUnavailable."""
    try:
        if job.state is ImportState.UNDOING:
            return await _take_back(imports, job, on_written, batch)
        return await _read(imports, job, on_written, batch)
    except UnreadableFile as error:
        return await imports.fail(job.id, str(error))
    except Conflict:
        return await imports.get(job.id)  # somebody ended it in the very moment
    except DatabaseUnavailable:
        raise
    except CrmError as error:
        return await imports.fail(job.id, str(error))


async def _read(imports: Imports, job: Import, on_written: Written, batch: int) -> Import:
    file = await asyncio.to_thread(open_rows, Path(job.place))
    if file.headers != job.headers:
        raise UnreadableFile("the file is another one than before")
    seen: set[str] = set()
    await asyncio.to_thread(_skip, file, job.position)
    while rows := await asyncio.to_thread(_next, file, batch):
        reached = job.position + len(rows)
        state, job = job.state, await imports.take(job, rows, seen)
        on_written(job)
        if job.state is not state or job.position != reached:
            return job
    return await imports.finish(job)


async def _take_back(imports: Imports, job: Import, on_written: Written, batch: int) -> Import:
    rows = 1
    while rows:
        job, rows = await imports.take_back(job, batch)
        on_written(job)
    return await imports.finish(job) if job.state is ImportState.UNDOING else job


async def look_into(imports: Imports, path: Path, numbering: Numbering) -> FileFacts:
    """Read a file once: its header, how many rows, what its columns are. Raises UnreadableFile."""
    file = await asyncio.to_thread(open_rows, path)
    remembered = await imports.remembered(file.headers)
    return await asyncio.to_thread(_facts, file, numbering, remembered)


def _facts(file: FileRows, numbering: Numbering, remembered: tuple[str | None, ...] | None) -> FileFacts:
    first = [row.cells for row in islice(file.rows, LOOKED_AT)]
    total = len(first) + sum(1 for _ in file.rows)
    if not total:
        raise UnreadableFile("the file has a header and no rows")
    return FileFacts(
        headers=file.headers,
        columns=suggest(file.headers, first, numbering, remembered),
        samples=tuple(shortened(cells, LONGEST_SAMPLE) for cells in first[:SAMPLES]),
        total=total,
        delimiter=file.delimiter,
    )


def _next(file: FileRows, most: int) -> list[FileRow]:
    return list(islice(file.rows, most))


def _skip(file: FileRows, rows: int) -> None:
    for _ in islice(file.rows, rows):
        pass


def _older(folder: Path, than: float) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.is_file() and path.stat().st_mtime < than]

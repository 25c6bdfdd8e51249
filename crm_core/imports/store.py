"""Imports: files of clients on their way into the database, a batch in one transaction, each row once."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Row as ResultRow
from sqlalchemy import Update, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.db import Database, Statement
from crm_core.errors import Conflict, InvalidField, NotFound
from crm_core.imports.batch import Batch, read_rows
from crm_core.imports.rows import FileRow
from crm_core.imports.rules import (
    AT_WORK,
    READING,
    STARTABLE,
    UNDOABLE,
    Duplicates,
    FileFacts,
    Import,
    ImportState,
    Outcome,
    Refusal,
    is_field,
    names_someone,
)
from crm_core.imports.tables import ImportRowTable, ImportTable
from crm_core.imports.undoing import Undoing
from crm_core.numbers import Numbering
from crm_core.pages import MAX_INTEGER, Page, Position, decode_position, encode_cursor
from crm_core.people.fields import Columns
from crm_core.staff.tables import UserRow
from crm_core.texts import clean, fold

_ANY_AT_WORK = (
    "SELECT EXISTS (SELECT 1 FROM contact_import WHERE state IN ('" + "', '".join(sorted(AT_WORK)) + "'))"  # noqa: S608 - our own words
)
ANY_AT_WORK = Statement(_ANY_AT_WORK, _ANY_AT_WORK)
"""Asked twice a second: too often for a transaction."""
_TEXTS = msgspec.json.Decoder(tuple[str, ...])
_COLUMNS = msgspec.json.Decoder(tuple[str | None, ...])
_SAMPLES = msgspec.json.Decoder(tuple[tuple[str, ...], ...])


class Imports:
    """Queries and commands about imports."""

    def __init__(self, db: Database, numbering: Numbering, *, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._numbering = numbering
        self._clock = clock

    def now(self) -> float:
        """Return the time imports are written down with, epoch seconds."""
        return self._clock()

    async def create(self, name: str, place: str, facts: FileFacts, by: str) -> Import:
        """Write down a file that was read; its rows are not touched yet."""
        row = {
            "name": clean(name)[:200],
            "place": place,
            "headers": _text(clean(header) for header in facts.headers),
            "headers_key": headers_key(facts.headers),
            "columns": _text(facts.columns),
            "samples": _text([clean(cell) for cell in sample] for sample in facts.samples),
            "total": facts.total,
            "delimiter": facts.delimiter,
            "duplicates": Duplicates.SKIP,
            "state": ImportState.READY,
            "by": by,
            "created_at": self._clock(),
            "undone": 0,
            "kept": 0,
        } | _COUNTED_FROM_ZERO
        async with self._db.write() as connection:
            made = await connection.execute(insert(ImportTable).returning(ImportTable.id), row)
            return await _one(connection, made.scalar_one())

    async def remembered(self, headers: Sequence[str]) -> tuple[str | None, ...] | None:
        """Return what the columns of the last file with these headers were taken for; None when there was none."""
        query = (
            select(ImportTable.columns)
            .where(ImportTable.headers_key == headers_key(headers), ImportTable.state != ImportState.READY)
            .order_by(ImportTable.id.desc())
            .limit(1)
        )
        async with self._db.read() as connection:
            found = (await connection.execute(query)).scalar_one_or_none()
        return None if found is None else _COLUMNS.decode(found)

    async def start(
        self, import_id: int, columns: Sequence[str | None], duplicates: Duplicates, *, dry_run: bool
    ) -> Import:
        """Say what the columns are and let the rows be read from the first one on.

        Raises NotFound, InvalidField (columns), Conflict when it runs or ran already.
        """
        async with self._db.write() as connection:
            job = await _one(connection, import_id)
            _check_columns(job, columns)
            if job.state not in STARTABLE:
                raise Conflict("this import was started already")
            state = ImportState.CHECKING if dry_run else ImportState.RUNNING
            changes = {"columns": _text(columns), "duplicates": duplicates, "state": state, "finished_at": None}
            await connection.execute(_these(import_id).values(**changes, **_COUNTED_FROM_ZERO))
            # What a dry run refused is no result of this run.
            await connection.execute(delete(ImportRowTable).where(ImportRowTable.import_id == import_id))
            return await _one(connection, import_id)

    async def cancel(self, import_id: int) -> Import:
        """Stop reading; what was written stays. Raises NotFound, Conflict when nothing runs."""
        return await self._turn(import_id, READING, ImportState.CANCELLED)

    async def fail(self, import_id: int, problem: str) -> Import:
        """End an import whose file broke off; raises NotFound."""
        return await self._turn(import_id, AT_WORK, ImportState.FAILED, problem=problem)

    async def undo(self, import_id: int) -> Import:
        """Begin to take an import back. Raises NotFound, Conflict when there is nothing to undo."""
        return await self._turn(import_id, UNDOABLE, ImportState.UNDOING)

    async def finish(self, job: Import) -> Import:
        """End what was at work."""
        ends = {
            ImportState.CHECKING: ImportState.CHECKED,
            ImportState.RUNNING: ImportState.DONE,
            ImportState.UNDOING: ImportState.UNDONE,
        }
        finished = await self._turn(job.id, {job.state}, ends[job.state])
        await self._db.analyze(job.created)
        return finished

    async def get(self, import_id: int) -> Import:
        """Read an import; raises NotFound."""
        async with self._db.read() as connection:
            return await _one(connection, import_id)

    async def at_work(self) -> tuple[Import, ...]:
        """Return the imports that wait for their next batch, the oldest first."""
        if not await self._db.fetch_value(ANY_AT_WORK):
            return ()
        query = select(ImportTable.__table__).where(ImportTable.state.in_(sorted(AT_WORK))).order_by(ImportTable.id)
        async with self._db.read() as connection:
            return tuple(_import(row) for row in (await connection.execute(query)).all())

    async def cut_off(self, place: str, written_at: float) -> Import | None:
        """Return the import of this file that was cut off in its middle; none where the file was written since."""
        row = ImportTable
        query = (
            select(row.__table__)
            .where(row.place == place, row.state == ImportState.RUNNING, row.created_at > written_at)
            .order_by(row.id.desc())
            .limit(1)
        )
        async with self._db.read() as connection:
            found = (await connection.execute(query)).one_or_none()
        return None if found is None else _import(found)

    async def list_imports(self, *, limit: int = 50, cursor: str | None = None) -> Page[Import]:
        """List imports, the newest first; raises InvalidField for a foreign cursor."""
        query = select(ImportTable.__table__).order_by(ImportTable.id.desc()).limit(limit + 1)
        if cursor is not None:
            query = query.where(ImportTable.id < int(decode_position(cursor, float, int).id))
        async with self._db.read() as connection:
            found = [_import(row) for row in (await connection.execute(query)).all()]
        more = encode_cursor(Position(0.0, found[limit - 1].id)) if len(found) > limit else None
        return Page(tuple(found[:limit]), more)

    async def refusals(self, import_id: int, *, after: int = 0, limit: int = 500) -> tuple[Refusal, ...]:
        """Return refused rows in the order of the file, those behind row `after`."""
        row = ImportRowTable
        query = (
            select(row.number, row.cells, row.reason)
            .where(row.import_id == import_id, row.outcome == Outcome.REFUSED, row.number > after)
            .order_by(row.number)
            .limit(limit)
        )
        async with self._db.read() as connection:
            found = (await connection.execute(query)).all()
        return tuple(Refusal(one.number, _TEXTS.decode(one.cells or "[]"), one.reason or "") for one in found)

    async def take(self, job: Import, rows: Sequence[FileRow], seen: set[str]) -> Import:
        """Write the next rows of a file, all of them or none; return how far it is then.

        Somebody else's batch, a cancelled or finished import: nothing is written. `seen` holds what a dry run met
        in earlier batches, for nothing of it is in the database.
        """
        columns = Columns(job.headers, job.columns)
        async with self._db.read() as connection:
            users = frozenset((await connection.execute(select(UserRow.name_key))).scalars())
        ready = await asyncio.to_thread(read_rows, columns, rows, self._numbering, users)
        batch = Batch(self._db, self._numbering, job, self._clock())
        async with self._db.write() as connection:
            mine = _these(job.id).where(
                ImportTable.position == job.position,
                ImportTable.state == job.state,
                ImportTable.state.in_(READING),
            )
            moved = await connection.execute(mine.values(position=job.position + len(rows)))
            if moved.rowcount != 1:
                return await _one(connection, job.id)
            counts = await batch.write(connection, ready, seen)
            await connection.execute(_these(job.id).values(**counts))
            return await _one(connection, job.id)

    async def take_back(self, job: Import, most: int) -> tuple[Import, int]:
        """Undo the last rows that are not undone yet; return how far it is, and how many rows it were."""
        async with self._db.write() as connection:
            job = await _one(connection, job.id, lock=True)
            if job.state is not ImportState.UNDOING:
                return job, 0
            undoing = Undoing(self._db, self._numbering, job, job.by, self._clock())
            rows, undone, kept = await undoing.some(connection, most)
            changes = {"undone": job.undone + undone, "kept": job.kept + kept}
            await connection.execute(_these(job.id).values(**changes))
            return await _one(connection, job.id), rows

    async def _turn(
        self, import_id: int, allowed: Iterable[ImportState], state: ImportState, problem: str | None = None
    ) -> Import:
        changes = {"state": state, "finished_at": None if state in AT_WORK else self._clock(), "problem": problem}
        async with self._db.write() as connection:
            possible = _these(import_id).where(ImportTable.state.in_(sorted(allowed)))
            if (await connection.execute(possible.values(**changes))).rowcount != 1:
                job = await _one(connection, import_id)
                raise Conflict(f"this import is {job.state}")
            return await _one(connection, import_id)


_COUNTED_FROM_ZERO = {"position": 0, "created": 0, "updated": 0, "known": 0, "refused": 0}


def headers_key(headers: Iterable[str]) -> str:
    """Return what files of the same making have in common."""
    return "\n".join(fold(header) for header in headers)[:2000]


def _check_columns(job: Import, columns: Sequence[str | None]) -> None:
    if len(columns) != len(job.headers):
        raise InvalidField("columns", f"has {len(columns)} entries, the file has {len(job.headers)} columns")
    for place, column in enumerate(columns):
        if column is not None and not is_field(column):
            raise InvalidField(f"columns[{place}]", f"there is no field {column}")
    if not names_someone(columns):
        raise InvalidField("columns", "no column is a name or a phone")


def _these(import_id: int) -> Update:
    return update(ImportTable).where(ImportTable.id == import_id)


async def _one(connection: AsyncConnection, import_id: int, *, lock: bool = False) -> Import:
    if not 0 < import_id <= MAX_INTEGER:
        raise NotFound("import", import_id)
    query = select(ImportTable.__table__).where(ImportTable.id == import_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise NotFound("import", import_id)
    return _import(row)


def _import(row: ResultRow[Any]) -> Import:
    return Import(
        id=row.id,
        name=row.name,
        place=row.place,
        headers=_TEXTS.decode(row.headers),
        columns=_COLUMNS.decode(row.columns),
        samples=_SAMPLES.decode(row.samples),
        total=row.total,
        duplicates=Duplicates(row.duplicates),
        state=ImportState(row.state),
        by=row.by,
        created_at=row.created_at,
        delimiter=row.delimiter,
        position=row.position,
        created=row.created,
        updated=row.updated,
        known=row.known,
        refused=row.refused,
        undone=row.undone,
        kept=row.kept,
        finished_at=row.finished_at,
        problem=row.problem,
    )


def _text(values: Iterable[object]) -> str:
    return msgspec.json.encode([*values]).decode()

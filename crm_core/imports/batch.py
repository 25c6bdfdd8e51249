"""Rows of a file as clients: read beside the event loop, written inside one transaction."""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.db import Database
from crm_core.errors import InvalidField
from crm_core.imports.matching import find_clients
from crm_core.imports.rows import FileRow
from crm_core.imports.rules import (
    LONGEST_KEPT,
    Duplicates,
    Import,
    ImportState,
    Marks,
    Outcome,
    ReadRow,
    marks,
    match,
    patch_for,
    shortened,
)
from crm_core.imports.tables import ImportRowTable
from crm_core.numbers import Numbering
from crm_core.people.changing import apply_patch
from crm_core.people.fields import Columns, draft_from
from crm_core.people.linking import relink
from crm_core.people.reading import load_contacts
from crm_core.people.rules import Contact, Prepared, prepare
from crm_core.people.writing import check_owner, insert_contacts
from crm_core.texts import clean

Item = tuple[ReadRow, Prepared, Marks]


def read_rows(columns: Columns, rows: Iterable[FileRow], numbering: Numbering, users: frozenset[str]) -> list[ReadRow]:
    """Read rows as clients; numbers are parsed here, so this runs beside the event loop."""
    found: list[ReadRow] = []
    for row in rows:
        if row.problem is not None:
            found.append(ReadRow(row, reason=row.problem))
            continue
        try:
            draft = draft_from(columns, row.cells)
            prepared = prepare(draft, numbering)
            check_owner(prepared.owner, users)
        except InvalidField as error:
            found.append(ReadRow(row, reason=str(error)))
        else:
            found.append(ReadRow(row, draft, prepared))
    return found


class Batch:
    """Rows of one file written in one transaction."""

    def __init__(self, db: Database, numbering: Numbering, job: Import, at: float) -> None:
        self._db = db
        self._numbering = numbering
        self._job = job
        self._at = at
        self._dry_run = job.state is ImportState.CHECKING
        self._rows: list[dict[str, object]] = []
        self._known = 0

    async def write(self, connection: AsyncConnection, ready: Sequence[ReadRow], seen: set[str]) -> dict[str, object]:
        """Write the rows; return the counts of the import after them."""
        left: list[Item] = []
        for one in ready:
            if one.prepared is None:
                self._refuse(one.row, one.reason or "")
            else:
                left.append((one, one.prepared, marks(one.prepared)))
        while left:
            left = await self._round(connection, left, seen)
        if self._rows:
            await connection.execute(insert(ImportRowTable), self._rows)
        job, told = self._job, [row["outcome"] for row in self._rows]
        return {
            "created": job.created + told.count(Outcome.CREATED),
            "updated": job.updated + told.count(Outcome.UPDATED),
            "refused": job.refused + told.count(Outcome.REFUSED),
            "known": job.known + self._known,
        }

    async def _round(self, connection: AsyncConnection, left: list[Item], seen: set[str]) -> list[Item]:
        """Write the rows that mean different clients; return those that wait for them."""
        later: list[Item] = []
        now: list[Item] = []
        met: set[str] = set()
        for item in left:
            bears = item[2].all
            waits = self._job.duplicates is not Duplicates.CREATE and not met.isdisjoint(bears)
            (later if waits else now).append(item)
            met |= bears
        found = await find_clients(connection, [one for _, _, one in now])
        meant = [match(one, found, self._job.duplicates) for _, _, one in now]
        contacts = {
            one.id: one for one in await load_contacts(connection, sorted({one for one in meant if one is not None}))
        }
        fresh: list[tuple[FileRow, Prepared]] = []
        for (one, prepared, wanted), identity in zip(now, meant, strict=True):
            before = contacts.get(identity) if identity is not None else None
            if before is not None:
                await self._change(connection, one, before)
            elif self._dry_run and self._job.duplicates is not Duplicates.CREATE and not seen.isdisjoint(wanted.all):
                self._known += 1
            else:
                fresh.append((one.row, prepared))
            if self._dry_run:
                seen |= wanted.all
        await self._create(connection, fresh)
        return later

    async def _create(self, connection: AsyncConnection, fresh: Sequence[tuple[FileRow, Prepared]]) -> None:
        if self._dry_run:
            self._rows.extend(self._line(row, Outcome.CREATED) for row, _ in fresh)
            return
        people = [prepared for _, prepared in fresh]
        ids = await insert_contacts(self._db, connection, people, self._job.by, self._at)
        await relink(connection, (key for one in people for key in one.keys))
        for (row, _), identity in zip(fresh, ids, strict=True):
            self._rows.append(self._line(row, Outcome.CREATED, contact_id=identity, version=1))

    async def _change(self, connection: AsyncConnection, one: ReadRow, before: Contact) -> None:
        if one.draft is None or self._job.duplicates is Duplicates.SKIP:
            self._known += 1
            return
        patch = patch_for(before, one.draft, self._job.duplicates, self._numbering)
        if patch is None:
            self._known += 1
            return
        if self._dry_run:
            self._rows.append(self._line(one.row, Outcome.UPDATED))
            return
        try:
            async with connection.begin_nested():
                await apply_patch(self._db, connection, self._numbering, before, patch, self._job.by, self._at)
        except InvalidField as error:
            self._refuse(one.row, str(error))
            return
        self._rows.append(
            self._line(
                one.row,
                Outcome.UPDATED,
                contact_id=before.id,
                version=before.version + 1,
                before=msgspec.json.encode(before).decode(),
            )
        )

    def _refuse(self, row: FileRow, reason: str) -> None:
        cells = msgspec.json.encode(shortened(map(clean, row.cells), LONGEST_KEPT)).decode()
        self._rows.append(self._line(row, Outcome.REFUSED, reason=reason, cells=cells))

    def _line(self, row: FileRow, outcome: Outcome, **rest: object) -> dict[str, object]:
        empty = {"contact_id": None, "version": None, "before": None, "reason": None, "cells": None}
        return {"import_id": self._job.id, "number": row.number, "outcome": outcome, "undone": False} | empty | rest

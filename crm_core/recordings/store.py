"""The table of recordings: written as calls tell of them, read with the call, and who heard them."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.calls.tables import AbsorbedRow, CallTable, KeptRow
from crm_core.db import Database
from crm_core.recordings.rules import GONE, Access, Deed, Found, Recording, RecordingState
from crm_core.recordings.tables import RecordingAccessRow, RecordingRow
from crm_core.texts import clean
from crm_core.upsert import upsert
from telephony.records import RecordingKind

ONE_HEARING_SECONDS: Final = 15 * 60.0
"""A player asks for a file in many parts: within this time they are one hearing."""
MOST_ACCESSES: Final = 200
MOST_UNFINISHED: Final = 1000
_COLUMNS: Final = (
    RecordingRow.id, RecordingRow.call_id, RecordingRow.pbx, RecordingRow.kind, RecordingRow.path,
    RecordingRow.channel, RecordingRow.started_at, RecordingRow.ended_at, RecordingRow.state, RecordingRow.size,
    RecordingRow.seconds, RecordingRow.gone_at,
)  # fmt: skip


async def load_recordings(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, list[Recording]]:
    """Read the recordings of calls, in the order they began."""
    row = RecordingRow
    query = select(*_COLUMNS).where(row.call_id.in_(ids)).order_by(row.started_at, row.id)
    found: dict[str, list[Recording]] = {}
    for values in map(tuple, (await connection.execute(query)).all()):
        recording = _recording(*values)
        found.setdefault(recording.call_id, []).append(recording)
    return found


async def move_recordings(connection: AsyncConnection, absorbed: str, into: str) -> None:
    """Give a call's recordings to the call it became part of."""
    row = RecordingRow
    there = select(row.path).where(row.call_id == into)
    await connection.execute(delete(row).where(row.call_id == absorbed, row.path.in_(there)))
    await connection.execute(update(row).where(row.call_id == absorbed).values(call_id=into))


class Recordings:
    """Queries and commands about recordings."""

    def __init__(self, db: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    async def of_call(self, call_id: str) -> tuple[Recording, ...]:
        """Return the recordings of a call, in the order they began."""
        call_id = clean(call_id)
        async with self._db.read() as connection:
            return tuple((await load_recordings(connection, [call_id])).get(call_id, ()))

    async def write(self, call_id: str, pbx: str, found: Sequence[Found]) -> None:
        """Write what is known of a call's recordings, idempotently; a deleted one stays deleted.

        A file belongs to one call: one that the PBX names for a later call is no longer the earlier one's, one that
        was only found by its name is nobody's who comes second. Those of a call that became part of another one, as
        a second PBX tells of them, are the other one's.
        """
        async with self._db.write() as connection:
            into = select(AbsorbedRow.call_id).where(AbsorbedRow.id == call_id)
            call_id = (await connection.execute(into)).scalar_one_or_none() or call_id
            if any(one.path for one in found):
                await self._drop_nameless(connection, call_id)
            for one in found:
                if await self._is_free(connection, call_id, pbx, one):
                    await self._write_one(connection, call_id, pbx, one)

    async def unfinished(self, pbx: str) -> tuple[str, ...]:
        """Return the ended calls of a PBX with recordings not looked for to the end, newest first."""
        row = RecordingRow
        query = (
            select(row.call_id, CallTable.started_at)
            .join(CallTable, CallTable.id == row.call_id)
            .where(row.pbx == pbx, row.state == RecordingState.RECORDING.value, CallTable.ended_at.is_not(None))
            .distinct()
            .order_by(CallTable.started_at.desc())
            .limit(MOST_UNFINISHED)
        )
        async with self._db.read() as connection:
            return tuple(found.call_id for found in (await connection.execute(query)).all())

    async def accesses(self, ids: Sequence[int]) -> tuple[Access, ...]:
        """Return who heard or deleted these recordings, newest first."""
        row = RecordingAccessRow
        query = (
            select(row.recording_id, row.user_name, row.what, row.at)
            .where(row.recording_id.in_(ids))
            .order_by(row.at.desc(), row.id.desc())
            .limit(MOST_ACCESSES)
        )
        async with self._db.read() as connection:
            found = (await connection.execute(query)).all()
        return tuple(Access(identity, user, Deed(what), at) for identity, user, what, at in found)

    async def heard(self, recording_id: int, user: str) -> None:
        """Write down that somebody hears a recording: once, however many parts of the file are asked for."""
        row, at = RecordingAccessRow, self._clock()
        lately = select(row.id).where(
            row.recording_id == recording_id, row.user_name == user, row.what == Deed.PLAYED.value,
            row.at > at - ONE_HEARING_SECONDS,
        )  # fmt: skip
        async with self._db.read() as connection:
            if (await connection.execute(lately.limit(1))).first() is not None:
                return
        async with self._db.write() as connection:
            await self._remember(connection, recording_id, user, Deed.PLAYED, at)

    async def deleted(self, recording_id: int, user: str, *, expired: bool = False) -> None:
        """Write down that a recording is gone and who did it; its row stays and says so."""
        state, deed = (RecordingState.EXPIRED, Deed.EXPIRED) if expired else (RecordingState.DELETED, Deed.DELETED)
        row, at = RecordingRow, self._clock()
        async with self._db.write() as connection:
            values = {"state": state.value, "size": None, "gone_at": at}
            await connection.execute(update(row).where(row.id == recording_id).values(values))
            await self._remember(connection, recording_id, user, deed, at)

    async def older_than(self, at: float, after: int, limit: int) -> tuple[Recording, ...]:
        """Return recordings that began before `at` and that nobody keeps, by id, those after the id `after`."""
        row = RecordingRow
        query = (
            select(*_COLUMNS)
            .where(row.started_at < at, row.state == RecordingState.READY.value, row.id > after)
            .where(row.call_id.not_in(select(KeptRow.call_id)))
            .order_by(row.id)
            .limit(limit)
        )
        async with self._db.read() as connection:
            return tuple(_recording(*values) for values in map(tuple, (await connection.execute(query)).all()))

    async def _drop_nameless(self, connection: AsyncConnection, call_id: str) -> None:
        row = RecordingRow
        await connection.execute(delete(row).where(row.call_id == call_id, row.path == ""))

    async def _is_free(self, connection: AsyncConnection, call_id: str, pbx: str, one: Found) -> bool:
        if not one.path:
            return True
        row = RecordingRow
        others = (row.pbx == pbx) & (row.path == one.path) & (row.call_id != call_id)
        alive = row.state != RecordingState.MISSING.value
        query = select(row.started_at).where(others, alive).order_by(row.started_at.desc()).limit(1)
        taken = (await connection.execute(query)).scalar_one_or_none()
        if taken is None:
            return True
        if not one.told or taken > one.started_at:
            return False
        await connection.execute(
            update(row).where(others, row.state.not_in(GONE))
            .values(state=RecordingState.MISSING.value)
        )  # fmt: skip
        return True

    async def _write_one(self, connection: AsyncConnection, call_id: str, pbx: str, one: Found) -> None:
        values = {
            "call_id": call_id, "pbx": pbx, "kind": one.kind.value, "path": one.path, "channel": clean(one.channel),
            "started_at": one.started_at, "ended_at": one.ended_at, "state": one.state.value, "size": one.size,
            "seconds": one.seconds,
        }  # fmt: skip
        statement = upsert(self._db, RecordingRow)
        changed = {name: statement.excluded[name] for name in ("ended_at", "state", "size", "seconds")}
        await connection.execute(
            statement.on_conflict_do_update(
                index_elements=[RecordingRow.call_id, RecordingRow.path],
                set_=changed,
                where=RecordingRow.state.not_in(GONE),
            ),
            values,
        )

    async def _remember(self, connection: AsyncConnection, recording_id: int, user: str, deed: Deed, at: float) -> None:
        values = {"recording_id": recording_id, "user_name": user, "what": deed.value, "at": at}
        await connection.execute(insert(RecordingAccessRow), values)


def _recording(  # noqa: PLR0913, PLR0917 - a row, column by column
    identity: int, call_id: str, pbx: str, kind: str, path: str, channel: str,
    started_at: float, ended_at: float | None, state: str, size: int | None, seconds: float | None,
    gone_at: float | None,
) -> Recording:  # fmt: skip
    return Recording(
        identity, call_id, pbx, RecordingKind(kind), path, channel, started_at, ended_at, RecordingState(state),
        size, seconds, gone_at,
    )  # fmt: skip

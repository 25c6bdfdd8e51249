"""The call log: rows written as calls happen, and what people add to them."""

import time
from collections.abc import Callable, Mapping, Sequence

from msgspec import UNSET
from sqlalchemy import delete, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.calls.lane import SavingLane
from crm_core.calls.notes import known_calls, replace_words, write_imported
from crm_core.calls.reading import RECORD, load_calls, wanted_calls
from crm_core.calls.rules import (
    CallFilter,
    CallPatch,
    CallRow,
    CallToSave,
    Note,
    TraceEntry,
    check_disposition,
    check_note,
    decode_facts,
    encode_facts,
    missed_first,
    with_contact,
)
from crm_core.calls.saving import batch
from crm_core.calls.tables import (
    AbsorbedRow,
    CallTable,
    CallTag,
    CallWord,
    HeardRow,
    KeptRow,
    LinkedId,
    NoteRow,
    ParticipantRow,
    TraceRow,
)
from crm_core.db import Database, Statement
from crm_core.errors import InvalidField, NotFound
from crm_core.numbers import Number, Numbering
from crm_core.pages import Page, Position, decode_position, encode_cursor
from crm_core.people.labels import label_ids
from crm_core.people.linking import meanings, owners, remember_choice
from crm_core.people.rules import number_meaning, prepare_labels
from crm_core.people.tables import ContactRow, NumberChoice, TagRow
from crm_core.recordings.store import move_recordings
from crm_core.texts import clean
from crm_core.upsert import upsert
from crm_core.voicemail.reading import move_voicemails
from crm_core.work.rules import RECENT_SECONDS
from crm_core.work.tables import FollowUpRow
from telephony.records import CallRecord, LegResult

BATCH = 500
"""Calls of a bulk write that share one transaction: others get their turn in between."""
MOST_OPEN = 5000
MOST_STEPS = 500
_ADD_STEP = "INSERT INTO call_trace (call_id, at, what, facts) VALUES ({0}1, {0}2, {0}3, {0}4)"
ADD_STEP = Statement(_ADD_STEP.format("?"), _ADD_STEP.format("$"))
"""Every call has a dozen steps: too many for anything but the driver itself."""


class Calls:
    """Queries and commands about calls."""

    def __init__(self, db: Database, numbering: Numbering, *, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._numbering = numbering
        self._clock = clock
        self._lane = SavingLane(db, self._followed_from)

    async def save(
        self,
        call: CallRecord,
        number: Number,
        contact_id: int | None = None,
        candidates: int = 0,
        users: Mapping[str, str] | None = None,
    ) -> None:
        """Write a call as it is now, idempotently.

        Never touches notes, disposition, tags or a contact chosen by hand; never reopens an ended call. `users` maps
        extension to user name; a user once written for a phone of the call stays. Saves that wait for the writer at
        the same time share one transaction. Raises DatabaseUnavailable.
        """
        await self._lane.save(CallToSave(call, number, contact_id, candidates, users or {}))

    async def add_many(self, calls: Sequence[CallToSave]) -> None:
        """Write many calls in few statements (import, demo, recovery), with the same promises as `save`.

        Calls without a contact are linked to the contact their number means.
        """
        for start in range(0, len(calls), BATCH):
            some = calls[start : start + BATCH]
            async with self._db.read() as connection:
                known = await known_calls(connection, [save.call.id for save in some])
                decided = await meanings(connection, sorted({save.number.key for save in some if save.number.key}))
            await self._db.write_batch(batch((with_contact(save, decided) for save in some), self._followed_from()))
            noted = [save for save in some if save.notes and save.call.id not in known]
            if noted:
                async with self._db.write() as connection:
                    await write_imported(connection, noted)
        await self._db.analyze(len(calls))

    async def open_calls(self, pbx: str) -> tuple[CallRecord, ...]:
        """Return the calls of a PBX that have not ended as far as we know, oldest first."""
        query = (
            select(CallTable.record)
            .where(CallTable.pbx == pbx, CallTable.ended_at.is_(None))
            .order_by(CallTable.started_at)
            .limit(MOST_OPEN)
        )
        async with self._db.read() as connection:
            return tuple(RECORD.decode(record) for record in (await connection.execute(query)).scalars())

    async def finished(self, ids: Sequence[str], linkedids: Sequence[str]) -> dict[str, CallRecord]:
        """Return the ended calls known by one of these ids or linkedids, under that name; some hundred at a time."""
        by_id = select(CallTable.id, CallTable.record).where(CallTable.id.in_(ids), CallTable.ended_at.is_not(None))
        by_linkedid = (
            select(LinkedId.linkedid, CallTable.record)
            .join(CallTable, CallTable.id == LinkedId.call_id)
            .where(LinkedId.linkedid.in_(linkedids), CallTable.ended_at.is_not(None))
        )
        async with self._db.read() as connection:
            found = [tuple(row) for query in (by_id, by_linkedid) for row in await connection.execute(query)]
        return {name: RECORD.decode(record) for name, record in found}

    async def heard(self, pbx: str) -> float | None:
        """Return until when the calls of a PBX are known (epoch seconds); None when it was never heard."""
        async with self._db.read() as connection:
            return (await connection.execute(select(HeardRow.at).where(HeardRow.pbx == pbx))).scalar_one_or_none()

    async def note_heard(self, pbx: str, at: float) -> None:
        """Remember until when the calls of a PBX are known."""
        statement = upsert(self._db, HeardRow)
        statement = statement.on_conflict_do_update(index_elements=[HeardRow.pbx], set_={"at": statement.excluded.at})
        async with self._db.write() as connection:
            await connection.execute(statement, {"pbx": pbx, "at": at})

    async def get(self, call_id: str) -> CallRow | None:
        """Read one row; the id of a call that became part of another one leads to that one."""
        wanted = clean(call_id)
        async with self._db.read() as connection:
            found = next(iter(await load_calls(connection, [wanted])), None)
            if found is None:
                into = select(AbsorbedRow.call_id).where(AbsorbedRow.id == wanted)
                rest = (await connection.execute(into)).scalars().all()
                found = next(iter(await load_calls(connection, rest)), None) if rest else None
            return found

    async def absorbed(self, call_ids: Sequence[str]) -> frozenset[str]:
        """Return which of these calls became part of others."""
        query = select(AbsorbedRow.id).where(AbsorbedRow.id.in_(call_ids))
        async with self._db.read() as connection:
            return frozenset((await connection.execute(query)).scalars())

    async def list_calls(
        self, wanted: CallFilter | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> Page[CallRow]:
        """List ended and running calls, newest first; raises InvalidField for a foreign cursor."""
        query = wanted_calls(wanted or CallFilter(), self._numbering)
        if cursor is not None:
            last = decode_position(cursor, float, str)
            position = (float(last.sort), clean(str(last.id)))
            query = query.where(tuple_(CallTable.started_at, CallTable.id) < position)
        async with self._db.read() as connection:
            found = (await connection.execute(query.limit(limit + 1))).all()
            rows = await load_calls(connection, [row.id for row in found[:limit]])
        more = None
        if len(found) > limit:
            more = encode_cursor(Position(found[limit - 1].started_at, found[limit - 1].id))
        return Page(tuple(rows), more)

    async def recent_for(self, user: str, *, limit: int = 20) -> tuple[CallRow, ...]:
        """Return a user's last calls, missed ones on top; calls a colleague took are left out."""
        row = ParticipantRow
        elsewhere = row.result.is_distinct_from(LegResult.ELSEWHERE.value)
        query = (
            select(row.call_id, row.started_at)
            .where(row.user_name == clean(user), elsewhere)
            .distinct()
            .order_by(row.started_at.desc(), row.call_id.desc())
            .limit(limit)
        )
        async with self._db.read() as connection:
            ids = [found.call_id for found in (await connection.execute(query)).all()]
            return missed_first(await load_calls(connection, ids), user)

    async def patch(self, call_id: str, patch: CallPatch, by: str) -> CallRow:
        """Change what people decide about a call; raises NotFound or InvalidField."""
        del by  # the audit log of a later issue will want to know
        call_id = clean(call_id)
        changes: dict[str, object] = {}
        if patch.disposition is not UNSET:
            changes["disposition"] = check_disposition(patch.disposition)
        if patch.contact_id is not UNSET:
            changes |= {"contact_id": patch.contact_id, "contact_by_hand": True}
        async with self._db.write() as connection:
            await self._key_of(connection, call_id)
            if patch.contact_id is not UNSET and patch.contact_id is not None:
                await _check_contact(connection, patch.contact_id)
            if changes:
                await connection.execute(update(CallTable).where(CallTable.id == call_id).values(**changes))
            if patch.contact_id is not UNSET:
                await connection.execute(insert(FollowUpRow).values(call_id=call_id))
            if patch.tags is not UNSET:
                await self._replace_tags(connection, call_id, patch.tags)
            return (await load_calls(connection, [call_id]))[0]

    async def choose_contact(self, call_id: str, contact_id: int | None, by: str) -> CallRow:
        """Say whose call it is and remember it for the number; None undoes both. Raises NotFound or InvalidField.

        The choice is remembered only for a contact that has the number: another one gets this call alone.
        """
        call_id = clean(call_id)
        async with self._db.write() as connection:
            key = await self._key_of(connection, call_id)
            having = (await owners(connection, [key]))[key] if key else []
            if contact_id is None:
                await connection.execute(delete(NumberChoice).where(NumberChoice.number_key == (key or "")))
                changes = {"contact_id": number_meaning(having, None), "contact_by_hand": False}
            else:
                await _check_contact(connection, contact_id)
                if key and contact_id in having:
                    await remember_choice(self._db, connection, key, contact_id, by, self._clock())
                changes = {"contact_id": contact_id, "contact_by_hand": True}
            changes["candidates"] = len(having)
            await connection.execute(update(CallTable).where(CallTable.id == call_id).values(**changes))
            await connection.execute(insert(FollowUpRow).values(call_id=call_id))
            return (await load_calls(connection, [call_id]))[0]

    async def keep(self, call_id: str, by: str, *, kept: bool) -> CallRow:
        """Keep a call's recordings and messages however old they grow, or no longer; raises NotFound."""
        call_id = clean(call_id)
        async with self._db.write() as connection:
            await self._key_of(connection, call_id)
            if kept:
                values = {"call_id": call_id, "user_name": by, "at": self._clock()}
                await connection.execute(upsert(self._db, KeptRow).on_conflict_do_nothing(), values)
            else:
                await connection.execute(delete(KeptRow).where(KeptRow.call_id == call_id))
            return (await load_calls(connection, [call_id]))[0]

    async def add_note(self, call_id: str, author: str, text: str) -> Note:
        """Add a note; raises NotFound or InvalidField."""
        note = check_note(text)
        if not note.strip():
            raise InvalidField("text", "a note needs some text")
        return await self._write_note(call_id, author, note, draft=False)

    async def save_draft(self, call_id: str, author: str, text: str) -> Note:
        """Autosave an author's note: one per call and author, overwritten in place. Raises NotFound or InvalidField."""
        return await self._write_note(call_id, author, check_note(text), draft=True)

    async def absorb(self, absorbed: str, into: str) -> None:
        """Make a consultation part of the call it was about: notes and trace follow, its own row goes.

        Idempotent; does nothing while the row of `into` is not there yet. Raises DatabaseUnavailable.
        """
        async with self._db.write() as connection:
            known = select(CallTable.id).where(CallTable.id == into).with_for_update()
            if (await connection.execute(known)).one_or_none() is None:
                return
            moved = {"call_id": into}
            await connection.execute(delete(CallWord).where(CallWord.call_id == absorbed, CallWord.note_id == 0))
            await connection.execute(update(CallWord).where(CallWord.call_id == absorbed).values(moved))
            await connection.execute(
                update(NoteRow).where(NoteRow.call_id == absorbed).values(call_id=into, draft=False)
            )
            await connection.execute(update(TraceRow).where(TraceRow.call_id == absorbed).values(moved))
            await move_recordings(connection, absorbed, into)
            await move_voicemails(connection, absorbed, into)
            await _move_kept(self._db, connection, absorbed, into)
            await connection.execute(delete(CallTable).where(CallTable.id == absorbed))
            await connection.execute(update(AbsorbedRow).where(AbsorbedRow.call_id == absorbed).values(moved))
            statement = upsert(self._db, AbsorbedRow).on_conflict_do_update(
                index_elements=[AbsorbedRow.id], set_={"call_id": into}
            )
            await connection.execute(statement, {"id": absorbed, "call_id": into})
        self._lane.forget(absorbed)

    async def add_trace(self, call_id: str, entries: Sequence[TraceEntry]) -> None:
        """Append steps of why a call did or did not pop."""
        await self.add_traces({call_id: entries})

    async def add_traces(self, traces: Mapping[str, Sequence[TraceEntry]]) -> None:
        """Append steps of many calls (by id) in one transaction."""
        rows = [
            (clean(call_id), entry.at, clean(entry.what), encode_facts(entry.facts))
            for call_id, entries in traces.items()
            for entry in entries
        ]
        if rows:
            await self._db.write_batch([(ADD_STEP, rows)])

    async def trace(self, call_id: str) -> tuple[TraceEntry, ...]:
        """Return the steps in the order they happened."""
        row = TraceRow
        query = select(row.at, row.what, row.facts).where(row.call_id == clean(call_id))
        async with self._db.read() as connection:
            found = (await connection.execute(query.order_by(row.at, row.id).limit(MOST_STEPS))).all()
        return tuple(TraceEntry(step.at, step.what, decode_facts(step.facts)) for step in found)

    def _followed_from(self) -> float:
        return self._clock() - RECENT_SECONDS

    async def _key_of(self, connection: AsyncConnection, call_id: str) -> str | None:
        """Return the number's key of a call that nobody else may change until we are done; raises NotFound."""
        query = select(CallTable.id, CallTable.number_key).where(CallTable.id == call_id).with_for_update()
        found = (await connection.execute(query)).one_or_none()
        if found is None:
            raise NotFound("call", call_id)
        _, key = found
        return key

    async def _replace_tags(self, connection: AsyncConnection, call_id: str, tags: Sequence[str]) -> None:
        ids = await label_ids(self._db, connection, TagRow, prepare_labels("tags", tags))
        await connection.execute(delete(CallTag).where(CallTag.call_id == call_id))
        if ids:
            await connection.execute(insert(CallTag), [{"call_id": call_id, "tag_id": one} for one in ids.values()])

    async def _write_note(self, call_id: str, author: str, text: str, *, draft: bool) -> Note:
        now = self._clock()
        call_id = clean(call_id)
        row = {"call_id": call_id, "author": author, "text": text, "draft": draft, "at": now, "updated_at": now}
        statement = upsert(self._db, NoteRow)
        if draft:
            new = statement.excluded
            statement = statement.on_conflict_do_update(
                index_elements=[NoteRow.call_id, NoteRow.author],
                index_where=NoteRow.draft,
                set_={"text": new.text, "updated_at": new.updated_at},
            )
        try:
            async with self._db.write() as connection:
                written = statement.returning(NoteRow.id, NoteRow.at)
                note_id, at = (await connection.execute(written, row)).one()
                await replace_words(connection, call_id, note_id, text)
        except IntegrityError as error:
            raise NotFound("call", call_id) from error
        return Note(note_id, author, text, at, now, draft)


async def _move_kept(db: Database, connection: AsyncConnection, absorbed: str, into: str) -> None:
    """Keep the call that absorbed one that is kept."""
    kept = select(KeptRow.user_name, KeptRow.at).where(KeptRow.call_id == absorbed)
    for user_name, at in (await connection.execute(kept)).all():
        values = {"call_id": into, "user_name": user_name, "at": at}
        await connection.execute(upsert(db, KeptRow).on_conflict_do_nothing(), values)


async def _check_contact(connection: AsyncConnection, contact_id: int) -> None:
    query = select(ContactRow.id).where(ContactRow.id == contact_id, ContactRow.deleted_at.is_(None))
    known = 0 < contact_id < 2**63 and (await connection.execute(query)).one_or_none() is not None
    if not known:
        raise InvalidField("contact_id", f"there is no contact {contact_id}")

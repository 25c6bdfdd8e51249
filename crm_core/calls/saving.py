"""Calls taken apart into rows, many in one transaction."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import case, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.calls.rules import CallToSave, accepts, newest
from crm_core.calls.tables import CallTable, CallWord, LinkedId, NoteRow, ParticipantRow
from crm_core.db import Database, Row
from crm_core.numbers import searchable
from crm_core.texts import clean, words
from crm_core.upsert import Upsert, upsert
from telephony.records import Source

Rows = list[dict[str, object]]
_RECORD = msgspec.json.Encoder()


async def write_calls(db: Database, connection: AsyncConnection, saves: Sequence[CallToSave]) -> list[CallToSave]:
    """Write calls as they are now; return those that were not refused as older than what is stored."""
    wanted = newest(saves)
    known = select(CallTable.id, CallTable.ended_at, CallTable.source, CallTable.caller_name)
    known = known.where(CallTable.id.in_(wanted)).with_for_update()
    stored = {row.id: row for row in (await connection.execute(known)).all()}
    kept: list[CallToSave] = []
    named: list[CallToSave] = []
    for call_id, save in wanted.items():
        row = stored.get(call_id)
        if row is not None and not accepts(row.ended_at, Source(row.source), save.call):
            continue
        kept.append(save)
        if (save.call.caller_name or None) != (row.caller_name if row is not None else None):
            named.append(save)
    if kept:
        await connection.execute(_upsert_call(db), [_call_row(save) for save in kept])
        await _run(connection, _upsert_participant(db), [row for save in kept for row in _participant_rows(save)])
        linked: Rows = [
            {"linkedid": clean(one), "call_id": save.call.id} for save in kept for one in save.call.linkedids
        ]
        await _run(connection, upsert(db, LinkedId).on_conflict_do_nothing(), linked)
        await _write_names(connection, named, stored)
    await _write_notes(connection, [save for save in kept if save.call.id not in stored])
    return kept


async def replace_words(connection: AsyncConnection, call_id: str, note_id: int, text: str) -> None:
    """Make a note findable by its words as they are now."""
    mine = (CallWord.call_id == call_id) & (CallWord.note_id == note_id)
    await connection.execute(delete(CallWord).where(mine))
    await _insert(connection, CallWord, _word_rows(call_id, note_id, text))


async def _write_names(connection: AsyncConnection, named: Sequence[CallToSave], stored: Mapping[str, object]) -> None:
    renamed = [save.call.id for save in named if save.call.id in stored]
    if renamed:
        await connection.execute(delete(CallWord).where(CallWord.call_id.in_(renamed), CallWord.note_id == 0))
    rows = [row for save in named for row in _word_rows(save.call.id, 0, save.call.caller_name or "")]
    await _insert(connection, CallWord, rows)


async def _write_notes(connection: AsyncConnection, saves: Iterable[CallToSave]) -> None:
    """Write the notes that came with imported calls."""
    for save in saves:
        for note in save.notes:
            row = {
                "call_id": save.call.id,
                "author": note.author,
                "text": clean(note.text),
                "draft": False,
                "at": note.at,
                "updated_at": note.at,
            }
            note_id = (await connection.execute(insert(NoteRow).returning(NoteRow.id), row)).scalar_one()
            await _insert(connection, CallWord, _word_rows(save.call.id, note_id, note.text))


def _call_row(save: CallToSave) -> dict[str, object]:
    call, number = save.call, save.number
    digits = searchable(number.e164 or number.raw)
    return {
        "id": call.id,
        "pbx": call.pbx,
        "direction": call.direction.value,
        "outcome": call.outcome.value if call.outcome else None,
        "number_raw": clean(number.raw),
        "number_e164": number.e164,
        "number_kind": number.kind.value,
        "number_key": number.key,
        "reversed_digits": digits[::-1] or None,
        "caller_name": clean(call.caller_name) if call.caller_name else None,
        "did": clean(call.did) if call.did else None,
        "queue": clean(call.queue) if call.queue else None,
        "extension": call.extension,
        "agent": save.users.get(call.extension) if call.extension else None,
        "contact_id": save.contact_id,
        "contact_by_hand": False,
        "candidates": save.candidates,
        "started_at": call.started_at,
        "answered_at": call.answered_at,
        "ended_at": call.ended_at,
        "wait_seconds": call.wait_seconds,
        "talk_seconds": call.talk_seconds,
        "source": call.source.value,
        "disposition": save.disposition,
        "record": _RECORD.encode(call).decode(),
    }


_OVERWRITTEN = (
    "pbx", "direction", "outcome", "number_raw", "number_e164", "number_kind", "number_key", "reversed_digits",
    "caller_name", "did", "queue", "extension", "started_at", "answered_at", "ended_at", "wait_seconds",
    "talk_seconds", "source", "record",
)  # fmt: skip


def _upsert_call(db: Database) -> Upsert:
    """Change what the machine knows; leave what people decided, and a link made while the caller's card was older."""
    statement: Upsert = upsert(db, CallTable)
    new = statement.excluded
    linked_here = new.contact_id.is_(None) & CallTable.contact_id.is_not(None)
    same_phone = CallTable.extension.is_not_distinct_from(new.extension)
    keep = CallTable.contact_by_hand | new.contact_id.is_(None)
    changes = {name: new[name] for name in _OVERWRITTEN} | {
        "contact_id": case((keep, CallTable.contact_id), else_=new.contact_id),
        "candidates": case((linked_here, CallTable.candidates), else_=new.candidates),
        "agent": case((same_phone, func.coalesce(CallTable.agent, new.agent)), else_=new.agent),
    }
    return statement.on_conflict_do_update(index_elements=[CallTable.id], set_=changes)


def _participant_rows(save: CallToSave) -> Rows:
    return [
        {
            "call_id": save.call.id,
            "extension": one.extension,
            "user_name": save.users.get(one.extension),
            "started_at": save.call.started_at,
            "rang_at": one.rang_at,
            "answered_at": one.answered_at,
            "left_at": one.left_at,
            "result": one.result.value if one.result else None,
            "talk_seconds": one.talk_seconds,
        }
        for one in save.call.participants
    ]


def _upsert_participant(db: Database) -> Upsert:
    """Change the phone's part in the call; who sat there stays as first written."""
    statement: Upsert = upsert(db, ParticipantRow)
    new = statement.excluded
    changes = {
        name: new[name] for name in ("started_at", "rang_at", "answered_at", "left_at", "result", "talk_seconds")
    }
    changes["user_name"] = func.coalesce(ParticipantRow.user_name, new.user_name)
    keys = [ParticipantRow.call_id, ParticipantRow.extension]
    return statement.on_conflict_do_update(index_elements=keys, set_=changes)


def _word_rows(call_id: str, note_id: int, text: str) -> Rows:
    return [{"call_id": call_id, "note_id": note_id, "word": word} for word in sorted(words(text))]


async def _run(connection: AsyncConnection, statement: Upsert, rows: Rows) -> None:
    if rows:
        await connection.execute(statement, rows)


async def _insert(connection: AsyncConnection, table: type[Row], rows: Rows) -> None:
    if rows:
        await connection.execute(insert(table), rows)

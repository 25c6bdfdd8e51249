"""Call-log rows put together from their tables, many at once."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.calls.dispositions import SEPARATOR
from crm_core.calls.returning import called_back, load_returns
from crm_core.calls.rules import CallFilter, CallRow, ContactName, Kept, Note
from crm_core.calls.tables import CallTable, CallTag, CallWord, KeptRow, LinkedId, NoteRow, ParticipantRow
from crm_core.columns import begins_with
from crm_core.numbers import Number, Numbering, NumberKind
from crm_core.people.search import matching_contacts, search_words
from crm_core.people.tables import ContactRow, TagRow
from crm_core.recordings.store import load_recordings
from crm_core.texts import clean
from crm_core.voicemail.reading import voicemails_of_calls
from telephony.records import CallRecord

RECORD = msgspec.json.Decoder(CallRecord)


async def load_calls(connection: AsyncConnection, ids: Sequence[str]) -> list[CallRow]:
    """Read rows in the order of the ids given; unknown ones are left out."""
    if not ids:
        return []
    row = CallTable
    query = (
        select(
            row.id,
            row.record,
            row.number_raw,
            row.number_e164,
            row.number_kind,
            row.contact_id,
            ContactRow.name.label("contact_name"),
            row.candidates,
            row.disposition,
            KeptRow.user_name.label("kept_by"),
            KeptRow.at.label("kept_at"),
        )
        .outerjoin(ContactRow, ContactRow.id == row.contact_id)
        .outerjoin(KeptRow, KeptRow.call_id == row.id)
        .where(row.id.in_(ids))
    )
    found = {call.id: call for call in (await connection.execute(query)).all()}
    users = await _users(connection, ids)
    tags = await _tags(connection, ids)
    notes = await load_notes(connection, ids)
    recordings = await load_recordings(connection, ids)
    voicemails = await voicemails_of_calls(connection, ids)
    rows = [
        CallRow(
            record=RECORD.decode(call.record),
            number=Number(call.number_raw, call.number_e164, NumberKind(call.number_kind)),
            contact=ContactName(call.contact_id, call.contact_name) if call.contact_id is not None else None,
            candidates=call.candidates,
            users=users.get(call.id, {}),
            disposition=call.disposition,
            tags=tuple(tags.get(call.id, ())),
            notes=tuple(notes.get(call.id, ())),
            recordings=tuple(recordings.get(call.id, ())),
            voicemails=tuple(voicemails.get(call.id, ())),
            kept=Kept(call.kept_by, call.kept_at) if call.kept_by is not None else None,
        )
        for call in (found[identity] for identity in ids if identity in found)
    ]
    returns = await load_returns(connection, [call.id for call in rows if call.is_lost])
    return [replace(call, called_back=returns[call.id]) if call.id in returns else call for call in rows]


async def load_notes(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, list[Note]]:
    """Read the notes of calls, oldest first; drafts that were emptied again are left out."""
    row = NoteRow
    query = (
        select(row.call_id, row.id, row.author, row.text, row.at, row.updated_at, row.draft)
        .where(row.call_id.in_(ids), row.text != "")
        .order_by(row.at, row.id)
    )
    found: dict[str, list[Note]] = {}
    for call_id, identity, author, text, at, updated_at, draft in (await connection.execute(query)).all():
        found.setdefault(call_id, []).append(Note(identity, author, text, at, updated_at, draft))
    return found


def wanted_calls(wanted: CallFilter, numbering: Numbering) -> Select[str, float]:
    """Return the question for the ids and starts of the calls a filter means, newest first."""
    row = CallTable
    query = select(row.id, row.started_at)
    same = {
        row.contact_id: wanted.contact_id,
        row.queue: clean(wanted.queue) if wanted.queue is not None else None,
        row.direction: wanted.direction.value if wanted.direction else None,
        row.outcome: wanted.outcome.value if wanted.outcome else None,
    }
    for column, value in same.items():
        if value is not None:
            query = query.where(column == value)
    if wanted.started_from is not None:
        query = query.where(row.started_at >= wanted.started_from)
    if wanted.started_to is not None:
        query = query.where(row.started_at < wanted.started_to)
    if wanted.number is not None:
        query = _of_number(query, wanted.number, numbering)
    if wanted.agent is not None:
        took_part = select(ParticipantRow.call_id).where(ParticipantRow.user_name == clean(wanted.agent))
        query = query.where(row.id.in_(took_part))
    if wanted.linkedid is not None:
        query = query.where(row.id.in_(select(LinkedId.call_id).where(LinkedId.linkedid == clean(wanted.linkedid))))
    query = query.where(*_of_aftermath(wanted))
    if wanted.q is not None and clean(wanted.q).strip():
        query = _searched(query, wanted.q, numbering)
    return query.order_by(row.started_at.desc(), row.id.desc())


def _of_aftermath(wanted: CallFilter) -> list[ColumnElement[bool]]:
    """Ask for what became of a call: its result, and whether the client was called back."""
    asked = []
    if wanted.disposition is not None:
        asked.append(_of_result(clean(wanted.disposition)))
    if wanted.called_back is not None:
        asked.append(called_back(wanted=wanted.called_back))
    return asked


def _of_result(chosen: str) -> ColumnElement[bool]:
    below = chosen + SEPARATOR
    return or_(CallTable.disposition == chosen, func.substr(CallTable.disposition, 1, len(below)) == below)


def _of_number(query: Select[str, float], text: str, numbering: Numbering) -> Select[str, float]:
    number = numbering.read(clean(text))
    if number.key is not None:
        return query.where(CallTable.number_key == number.key)
    digits = numbering.search_digits(text) or clean(text).strip()
    return query.where(CallTable.reversed_digits == digits[::-1])


def _searched(query: Select[str, float], q: str, numbering: Numbering) -> Select[str, float]:
    """Narrow to calls of matching contacts, of matching numbers, or with all words in caller's name and notes."""
    means: list[ColumnElement[bool]] = [CallTable.contact_id.in_(matching_contacts(q, numbering))]
    digits = numbering.search_digits(q)
    if digits is not None:
        means.append(begins_with(CallTable.reversed_digits, digits[::-1]))
    spoken = [select(CallWord.call_id).where(begins_with(CallWord.word, word)) for word in search_words(q)]
    if spoken:
        means.append(and_(*(CallTable.id.in_(calls) for calls in spoken)))
    return query.where(or_(*means))


async def _users(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, dict[str, str]]:
    row = ParticipantRow
    query = select(row.call_id, row.extension, row.user_name).where(row.call_id.in_(ids), row.user_name.is_not(None))
    found: dict[str, dict[str, str]] = {}
    for call_id, extension, name in (await connection.execute(query)).all():
        found.setdefault(call_id, {})[extension] = name or ""
    return found


async def _tags(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, list[str]]:
    query = (
        select(CallTag.call_id, TagRow.name)
        .join(TagRow, TagRow.id == CallTag.tag_id)
        .where(CallTag.call_id.in_(ids))
        .order_by(TagRow.name_key)
    )
    found: dict[str, list[str]] = {}
    for call_id, name in (await connection.execute(query)).all():
        found.setdefault(call_id, []).append(name)
    return found

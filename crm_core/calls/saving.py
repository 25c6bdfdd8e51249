"""Calls taken apart into rows: one batch of statements, run on the driver itself, many calls at once.

A live call is written four or five times, so this way is as short as the look-up's. The statements carry the rules with
them: what is refused is refused by the database, whoever writes at the same time. A contract test holds both
databases equal, and the rule here equal to `rules.accepts`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import msgspec

from crm_core.calls.rules import CallToSave, newest
from crm_core.calls.tables import CallTable, CallWord, LinkedId, ParticipantRow
from crm_core.db import Batch, Row, Statement
from crm_core.numbers import searchable
from crm_core.texts import clean, words
from telephony.records import CallRecord, LegResult, Participant

_RECORD = msgspec.json.Encoder()
POSTGRESQL_TYPES = {str: "text", float: "double precision", int: "bigint", bool: "boolean"}

DECIDED_BY_PEOPLE = ("contact_by_hand", "disposition")
OTHER_NUMBER = "coalesce(call.number_key, '') <> coalesce(excluded.number_key, '')"
"""The caller is not who he seemed to be: the number turned out to be withheld, or the PBX corrected it."""
MERGED = {
    # A contact chosen by hand stays; so does a link made while the caller's card was older.
    "contact_id": f"CASE WHEN call.contact_by_hand THEN call.contact_id WHEN {OTHER_NUMBER} THEN excluded.contact_id"
    " ELSE coalesce(excluded.contact_id, call.contact_id) END",
    "candidates": f"CASE WHEN {OTHER_NUMBER} THEN excluded.candidates"
    " WHEN excluded.contact_id IS NULL AND call.contact_id IS NOT NULL"
    " THEN call.candidates ELSE excluded.candidates END",
    "agent": "CASE WHEN coalesce(call.extension, '') = coalesce(excluded.extension, '')"
    " THEN coalesce(call.agent, excluded.agent) ELSE excluded.agent END",
    "user_name": "coalesce(call_participant.user_name, excluded.user_name)",
}
"""Columns that are not simply overwritten."""
ACCEPTED = (
    " WHERE call.ended_at IS NULL"
    " OR (excluded.ended_at IS NOT NULL AND (excluded.source = 'live' OR call.source <> 'live'))"
)


Findable = tuple[tuple[str, ...], str | None]
"""What a call is found by beside its own columns, written once and never taken back: linkedids and caller's name."""


def findable(save: CallToSave) -> Findable:
    """Return what must be written once for a call to be found."""
    return save.call.linkedids, save.call.caller_name


def batch(
    saves: Iterable[CallToSave], followed_from: float = math.inf, found: Mapping[str, Findable] = MappingProxyType({})
) -> Batch:
    """Return the statements that write these calls as they are now.

    Calls that were answered or ended since `followed_from` (epoch seconds) are marked: what they mean for their client
    is judged from the row, soon and beside. `found` tells by call id what is in the database already.
    """
    calls: list[tuple[object, ...]] = []
    participants: list[tuple[object, ...]] = []
    linkedids: list[tuple[object, ...]] = []
    names: list[tuple[object, ...]] = []
    marks: list[tuple[object, ...]] = []
    for save in newest(saves).values():
        record = _RECORD.encode(save.call).decode()
        calls.append(_call(save, record))
        participants.extend(_participants(save, record))
        if found.get(save.call.id) != findable(save):
            linkedids.extend((clean(linkedid), save.call.id) for linkedid in save.call.linkedids)
            names.extend((word, save.call.id, 0) for word in sorted(words(save.call.caller_name)))
        if (save.call.ended_at or save.call.answered_at or 0.0) >= followed_from:
            marks.append((save.call.id,))
    return (
        (SAVE_CALL, calls),
        (SAVE_PARTICIPANT, participants),
        (SAVE_LINKEDID, linkedids),
        (SAVE_WORD, names),
        (MARK, marks),
    )


def _call(save: CallToSave, record: str) -> tuple[object, ...]:
    call, number = save.call, save.number
    return (
        call.id,
        call.pbx,
        call.direction.value,
        call.outcome.value if call.outcome else None,
        clean(number.raw),
        number.e164,
        number.kind.value,
        number.key,
        searchable(number.e164 or number.raw)[::-1] or None,
        clean(call.caller_name) if call.caller_name else None,
        clean(call.did) if call.did else None,
        clean(call.queue) if call.queue else None,
        call.extension,
        save.users.get(call.extension) if call.extension else None,
        save.contact_id,
        False,
        save.candidates,
        call.started_at,
        call.answered_at,
        call.ended_at,
        call.wait_seconds,
        call.talk_seconds,
        call.source.value,
        save.disposition,
        record,
    )


CALL_COLUMNS = (
    "id", "pbx", "direction", "outcome", "number_raw", "number_e164", "number_kind", "number_key", "reversed_digits",
    "caller_name", "did", "queue", "extension", "agent", "contact_id", "contact_by_hand", "candidates", "started_at",
    "answered_at", "ended_at", "wait_seconds", "talk_seconds", "source", "disposition", "record",
)  # fmt: skip


def _participants(save: CallToSave, record: str) -> list[tuple[object, ...]]:
    return [
        (
            save.call.id,
            one.extension,
            save.users.get(one.extension),
            save.call.started_at,
            one.rang_at,
            one.answered_at,
            one.left_at,
            one.result.value if one.result else None,
            one.talk_seconds,
            record,
        )
        for one in (*save.call.participants, *_dialler(save.call))
    ]


def _dialler(call: CallRecord) -> tuple[Participant, ...]:
    """Return the phone a call was dialled from, which nobody rang: its user finds the call too."""
    if call.extension is None or any(one.extension == call.extension for one in call.participants):
        return ()
    result = LegResult.ANSWERED if call.answered_at is not None else None
    return (Participant(call.extension, None, call.answered_at, call.ended_at, result, call.talk_seconds),)


PARTICIPANT_COLUMNS = (
    "call_id", "extension", "user_name", "started_at", "rang_at", "answered_at", "left_at", "result", "talk_seconds",
)  # fmt: skip
STANDS = " WHERE EXISTS (SELECT 1 FROM call WHERE id = {0} AND record = {last})"
"""A phone's part is written only when the call's row was not refused: then it holds the very record of this save."""


def _values(table: type[Row], columns: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the numbered parameters of some columns, spelled for SQLite and for PostgreSQL."""
    kinds = [table.__table__.c[name].type.python_type for name in columns]
    return (
        [f"?{position}" for position in range(1, len(columns) + 1)],
        [f"${position}::{POSTGRESQL_TYPES[kind]}" for position, kind in enumerate(kinds, 1)],
    )


def _insert(table: type[Row], columns: Sequence[str], values: Sequence[str]) -> str:
    return f"INSERT INTO {table.__tablename__} ({', '.join(columns)}) SELECT {', '.join(values)}"


def _change(columns: Sequence[str], keys: Sequence[str]) -> str:
    changed = [name for name in columns if name not in (*keys, *DECIDED_BY_PEOPLE)]
    settings = ", ".join(f"{name} = {MERGED.get(name, f'excluded.{name}')}" for name in changed)
    return f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {settings}"


def _save_call() -> Statement:
    change = _change(CALL_COLUMNS, ["id"]) + ACCEPTED
    # SQLite takes "ON" for a join unless a WHERE stands before it.
    spelled = [_insert(CallTable, CALL_COLUMNS, values) + " WHERE true" for values in _values(CallTable, CALL_COLUMNS)]
    return Statement(spelled[0] + change, spelled[1] + change)


def _save_participant() -> Statement:
    change = _change(PARTICIPANT_COLUMNS, ["call_id", "extension"])
    last = len(PARTICIPANT_COLUMNS) + 1
    sqlite, postgresql = _values(ParticipantRow, PARTICIPANT_COLUMNS)
    return Statement(
        _insert(ParticipantRow, PARTICIPANT_COLUMNS, sqlite) + STANDS.format(sqlite[0], last=f"?{last}") + change,
        _insert(ParticipantRow, PARTICIPANT_COLUMNS, postgresql)
        + STANDS.format(postgresql[0], last=f"${last}::text")
        + change,
    )


def _once(table: type[Row], columns: Sequence[str]) -> Statement:
    sqlite, postgresql = (_insert(table, columns, values) + " WHERE true" for values in _values(table, columns))
    return Statement(f"{sqlite} ON CONFLICT DO NOTHING", f"{postgresql} ON CONFLICT DO NOTHING")


SAVE_CALL = _save_call()
SAVE_PARTICIPANT = _save_participant()
SAVE_LINKEDID = _once(LinkedId, ("linkedid", "call_id"))
SAVE_WORD = _once(CallWord, ("word", "call_id", "note_id"))
MARK = Statement("INSERT INTO call_followup (call_id) VALUES (?1)", "INSERT INTO call_followup (call_id) VALUES ($1)")

"""Notes written many at once, and the words notes are found by."""

from collections.abc import Sequence

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.calls.rules import CallToSave
from crm_core.calls.tables import CallTable, CallWord, NoteRow
from crm_core.texts import clean, words


async def known_calls(connection: AsyncConnection, ids: Sequence[str]) -> frozenset[str]:
    """Return which of these calls are in the log already."""
    return frozenset((await connection.execute(select(CallTable.id).where(CallTable.id.in_(ids)))).scalars())


async def write_imported(connection: AsyncConnection, saves: Sequence[CallToSave]) -> None:
    """Write the notes that came with imported calls."""
    notes = [(save.call.id, note) for save in saves for note in save.notes]
    rows = [
        {
            "call_id": call_id,
            "author": clean(note.author),
            "text": clean(note.text),
            "draft": False,
            "at": note.at,
            "updated_at": note.at,
        }
        for call_id, note in notes
    ]
    returning = insert(NoteRow).returning(NoteRow.id, sort_by_parameter_order=True)
    ids = (await connection.execute(returning, rows)).scalars().all()
    found = [
        {"call_id": call_id, "note_id": note_id, "word": word}
        for note_id, (call_id, note) in zip(ids, notes, strict=True)
        for word in sorted(words(note.text))
    ]
    if found:
        await connection.execute(insert(CallWord), found)


async def replace_words(connection: AsyncConnection, call_id: str, note_id: int, text: str) -> None:
    """Make a note findable by its words as they are now."""
    query = select(CallWord.word).where(CallWord.note_id == note_id, CallWord.call_id == call_id)
    before = frozenset((await connection.execute(query)).scalars())
    wanted = words(text)
    gone = before - wanted
    if gone:
        mine = (CallWord.call_id == call_id) & (CallWord.note_id == note_id) & CallWord.word.in_(gone)
        await connection.execute(delete(CallWord).where(mine))
    rows = [{"call_id": call_id, "note_id": note_id, "word": word} for word in sorted(wanted - before)]
    if rows:
        await connection.execute(insert(CallWord), rows)

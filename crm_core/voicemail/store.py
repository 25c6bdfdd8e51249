"""The table of voicemail messages: kept in step with the spool, read by people, and who heard them."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import func, insert, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.calls.reading import RECORD
from crm_core.calls.tables import CallTable, KeptRow
from crm_core.db import Database
from crm_core.errors import NotFound
from crm_core.numbers import Number, Numbering, NumberKind
from crm_core.pages import MAX_INTEGER, Page, Position, decode_position, encode_cursor
from crm_core.texts import clean
from crm_core.upsert import upsert
from crm_core.voicemail.reading import load_voicemails, wanted_voicemails
from crm_core.voicemail.rules import (
    NEW_FOLDERS,
    SLACK_SECONDS,
    Access,
    CallOfMessage,
    Deed,
    Difference,
    Key,
    Known,
    Message,
    Presence,
    Voicemail,
    VoicemailFilter,
    belonging,
    compare,
)
from crm_core.voicemail.tables import VoicemailAccessRow, VoicemailRow
from crm_core.work.rules import RECENT_SECONDS

ONE_HEARING_SECONDS: Final = 15 * 60.0
LONGEST_CALL_SECONDS: Final = 2 * 3600.0
"""A message is left within so long after its call began."""
PATIENCE_SECONDS: Final = 60.0
"""So long a new message waits for its call: its number may be one that must not be shown, and only the call knows."""
MOST_CALLS: Final = 500
MOST_ACCESSES: Final = 200
MOST_LOST: Final = 100
CHUNK: Final = 500


class Voicemails:
    """Queries and commands about voicemail messages."""

    def __init__(self, db: Database, numbering: Numbering, *, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._numbering = numbering
        self._clock = clock

    async def keep_step(self, pbx: str, seen: Sequence[Message], absent: Sequence[Key] = ()) -> int:
        """Write what a look into a PBX's spool shows, idempotently; return how many messages wait for their call.

        `absent` are messages this look and the one before did not find. Raises CrmError.
        """
        async with self._db.read() as connection:
            difference = compare(await _known(connection, pbx, [one.key for one in seen]), seen, set(absent))
            placed = await self._placed(connection, pbx, difference.new)
        patient = self._clock() - PATIENCE_SECONDS
        ready = [(one, call) for one, call in placed if call is not None or one.received_at < patient]
        if ready or difference.moved or difference.heard or difference.gone:
            async with self._db.write() as connection:
                for message, call in ready:
                    await self._insert(connection, pbx, message, call)
                await self._apply(connection, difference)
        return len(placed) - len(ready)

    async def place(self, pbx: str) -> int:
        """Look again for the calls of recent messages that have none: they were rebuilt meanwhile. Returns how many."""
        row = VoicemailRow
        lost = (row.pbx == pbx, row.call_id.is_(None), row.received_at > self._clock() - RECENT_SECONDS)
        query = select(row.id, row.context, row.mailbox, row.msg_id, row.folder, row.path, row.ending, row.size,
                       row.received_at, row.seconds, row.number_raw).where(*lost)  # fmt: skip
        async with self._db.read() as connection:
            found = (await connection.execute(query.order_by(row.received_at.desc()).limit(MOST_LOST))).all()
            ids = {Key(*one[1:4]): one.id for one in found}
            messages = [Message(Key(*one[1:4]), *one[4:10], number=one.number_raw or None) for one in found]
            placed = [(ids[one.key], call) for one, call in await self._placed(connection, pbx, messages) if call]
        if placed:
            async with self._db.write() as connection:
                for identity, (call_id, number) in placed:
                    change = update(row).where(row.id == identity, row.call_id.is_(None))
                    await connection.execute(change.values(_of_call(call_id, number)))
        return len(placed)

    async def present(self, pbx: str) -> frozenset[Key]:
        """Return the messages of a PBX that are in its spool as far as we know."""
        row = VoicemailRow
        query = select(row.context, row.mailbox, row.msg_id).where(row.pbx == pbx, row.presence == Presence.THERE.value)
        async with self._db.read() as connection:
            return frozenset(Key(*found) for found in (await connection.execute(query)).all())

    async def list_messages(
        self, wanted: VoicemailFilter | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> Page[Voicemail]:
        """List messages, newest first; raises InvalidField for a foreign cursor."""
        row, query = VoicemailRow, wanted_voicemails(wanted or VoicemailFilter())
        if cursor is not None:
            last = decode_position(cursor, float, int)
            query = query.where(tuple_(row.received_at, row.id) < (float(last.sort), int(last.id)))
        async with self._db.read() as connection:
            ordered = query.order_by(row.received_at.desc(), row.id.desc()).limit(limit + 1)
            found = (await connection.execute(ordered)).all()
            messages = await load_voicemails(connection, [one.id for one in found[:limit]])
        more = None
        if len(found) > limit:
            more = encode_cursor(Position(found[limit - 1].received_at, found[limit - 1].id))
        return Page(tuple(messages), more)

    async def get(self, voicemail_id: int) -> Voicemail:
        """Read one message; raises NotFound."""
        async with self._db.read() as connection:
            found = await load_voicemails(connection, [voicemail_id]) if voicemail_id <= MAX_INTEGER else []
        if not found:
            raise NotFound("voicemail", voicemail_id)
        return found[0]

    async def count(self, wanted: VoicemailFilter) -> int:
        """Return how many messages a filter means."""
        async with self._db.read() as connection:
            counted = select(func.count()).select_from(wanted_voicemails(wanted).subquery())
            return (await connection.execute(counted)).scalar_one()

    async def mailboxes(self, wanted: VoicemailFilter) -> tuple[str, ...]:
        """Return the mailboxes of the messages a filter means, by name."""
        row, ids = VoicemailRow, wanted_voicemails(wanted).subquery()
        query = select(row.mailbox).where(row.id.in_(select(ids.c.id))).distinct().order_by(row.mailbox)
        async with self._db.read() as connection:
            return tuple((await connection.execute(query)).scalars())

    async def mark(self, voicemail_id: int, by: str, *, heard: bool) -> Voicemail:
        """Say that a message was heard, or is new again; raises NotFound. Who heard it first stays."""
        row = VoicemailRow
        values = {"heard_at": self._clock(), "heard_by": by} if heard else {"heard_at": None, "heard_by": None}
        change = update(row).where(row.id == voicemail_id).values(values)
        async with self._db.write() as connection:
            await connection.execute(change.where(row.heard_at.is_(None)) if heard else change)
            found = await load_voicemails(connection, [voicemail_id])
        if not found:
            raise NotFound("voicemail", voicemail_id)
        return found[0]

    async def accesses(self, voicemail_id: int) -> tuple[Access, ...]:
        """Return who heard or deleted a message, newest first."""
        row = VoicemailAccessRow
        query = select(row.user_name, row.what, row.at).where(row.voicemail_id == voicemail_id)
        async with self._db.read() as connection:
            ordered = query.order_by(row.at.desc(), row.id.desc()).limit(MOST_ACCESSES)
            found = (await connection.execute(ordered)).all()
        return tuple(Access(user, Deed(what), at) for user, what, at in found)

    async def played(self, voicemail_id: int, user: str) -> None:
        """Write down that somebody hears a message: once, however many parts of the file are asked for."""
        row, at = VoicemailAccessRow, self._clock()
        lately = select(row.id).where(
            row.voicemail_id == voicemail_id, row.user_name == user, row.what == Deed.PLAYED.value,
            row.at > at - ONE_HEARING_SECONDS,
        )  # fmt: skip
        async with self._db.read() as connection:
            if (await connection.execute(lately.limit(1))).first() is not None:
                return
        async with self._db.write() as connection:
            await _remember(connection, voicemail_id, user, Deed.PLAYED, at)

    async def deleted(self, voicemail_id: int, user: str, *, expired: bool = False) -> None:
        """Write down that a message is gone and who did it; its row stays and says so."""
        presence, deed = (Presence.EXPIRED, Deed.EXPIRED) if expired else (Presence.DELETED, Deed.DELETED)
        row = VoicemailRow
        async with self._db.write() as connection:
            await connection.execute(
                update(row).where(row.id == voicemail_id).values(presence=presence.value, gone_at=self._clock())
            )
            await _remember(connection, voicemail_id, user, deed, self._clock())

    async def older_than(self, at: float, after: int, limit: int) -> tuple[Voicemail, ...]:
        """Return messages left before `at` that nobody keeps, by id, those after the id `after`."""
        row = VoicemailRow
        kept = row.call_id.in_(select(KeptRow.call_id))
        query = select(row.id).where(
            row.received_at < at,
            row.presence == Presence.THERE.value,
            row.id > after,
            or_(row.call_id.is_(None), ~kept),
        )
        async with self._db.read() as connection:
            ids = (await connection.execute(query.order_by(row.id).limit(limit))).scalars()
            return tuple(await load_voicemails(connection, list(ids)))

    async def _placed(
        self, connection: AsyncConnection, pbx: str, messages: Sequence[Message]
    ) -> list[tuple[Message, tuple[str, Number] | None]]:
        """Give each new message its call, each call one message unless the PBX saved several in it."""
        placed: list[tuple[Message, tuple[str, Number] | None]] = []
        given: list[str] = []
        for message in sorted(messages, key=lambda one: one.received_at):
            call = await self._call_of(connection, pbx, message, given)
            given += [call[0]] if call is not None else []
            placed.append((message, call))
        return placed

    async def _call_of(
        self, connection: AsyncConnection, pbx: str, message: Message, given: Sequence[str]
    ) -> tuple[str, Number] | None:
        """Return the call a message was left in, and its number (which may be one that is not shown)."""
        row, at = CallTable, message.received_at
        lasted = or_(row.ended_at.is_(None), row.ended_at >= at - SLACK_SECONDS)
        query = (
            select(row.id, row.record, row.number_key, row.number_raw, row.number_e164, row.number_kind)
            .where(row.pbx == pbx, row.started_at.between(at - LONGEST_CALL_SECONDS, at + SLACK_SECONDS), lasted)
            .order_by(row.started_at.desc())
            .limit(MOST_CALLS)
        )
        found = (await connection.execute(query)).all()
        have: Counter[str | None] = Counter(given)
        having = select(VoicemailRow.call_id).where(VoicemailRow.call_id.in_([one.id for one in found]))
        have.update((await connection.execute(having)).scalars())
        told = [CallOfMessage(RECORD.decode(one.record), one.number_key) for one in found]
        calls = [one for one in told if have[one.record.id] < max(1, one.messages)]
        call = belonging(message, self._numbering.read(message.number).key, calls)
        if call is None:
            return None
        one = next(one for one in found if one.id == call.record.id)
        return one.id, Number(one.number_raw, one.number_e164, NumberKind(one.number_kind))

    async def _insert(
        self, connection: AsyncConnection, pbx: str, message: Message, call: tuple[str, Number] | None
    ) -> None:
        values = _place(message) | {"caller_name": message.name}
        values |= _of_call(*(call or (None, self._numbering.read(message.number))))
        values |= {
            "pbx": pbx, "context": message.key.context, "mailbox": message.key.mailbox, "msg_id": message.key.msg_id,
            "received_at": message.received_at, "seconds": message.seconds, "urgent": message.urgent,
            "presence": Presence.THERE.value,
            "heard_at": None if message.folder in NEW_FOLDERS else self._clock(), "heard_by": None,
        }  # fmt: skip
        await connection.execute(upsert(self._db, VoicemailRow).on_conflict_do_nothing(), values)

    async def _apply(self, connection: AsyncConnection, difference: Difference) -> None:
        row = VoicemailRow
        for old, now in difference.moved:
            values = _place(now) | {"presence": Presence.THERE.value, "gone_at": None}
            await connection.execute(update(row).where(row.id == old.id).values(values))
        for old in difference.heard:
            await connection.execute(update(row).where(row.id == old.id).values(heard_at=self._clock()))
        for old in difference.gone:
            await connection.execute(
                update(row).where(row.id == old.id).values(presence=Presence.GONE.value, gone_at=self._clock())
            )


async def _known(connection: AsyncConnection, pbx: str, seen: Sequence[Key]) -> dict[Key, Known]:
    """Return what the table says of the messages seen, and of all it thinks are there."""
    row = VoicemailRow
    query = select(
        row.context, row.mailbox, row.msg_id, row.id, row.folder, row.path, row.ending, row.presence, row.heard_at
    ).where(row.pbx == pbx)
    found = list((await connection.execute(query.where(row.presence == Presence.THERE.value))).all())
    there = {Key(one.context, one.mailbox, one.msg_id) for one in found}
    others = sorted({key.msg_id for key in seen if key not in there})
    for start in range(0, len(others), CHUNK):
        found += (await connection.execute(query.where(row.msg_id.in_(others[start : start + CHUNK])))).all()
    return {
        Key(one.context, one.mailbox, one.msg_id): Known(
            one.id, one.folder, one.path, one.ending, Presence(one.presence), one.heard_at is not None
        )
        for one in found
    }


def _of_call(call_id: str | None, number: Number) -> dict[str, object]:
    """Return what a message takes from its call; a caller who withholds the number has no name either."""
    values: dict[str, object] = {
        "call_id": call_id, "number_raw": clean(number.raw), "number_e164": number.e164,
        "number_kind": number.kind.value, "number_key": number.key,
    }  # fmt: skip
    return values | ({"caller_name": None} if number.kind is NumberKind.WITHHELD else {})


def _place(message: Message) -> dict[str, object]:
    return {"folder": message.folder, "path": message.path, "ending": message.ending, "size": message.size}


async def _remember(connection: AsyncConnection, voicemail_id: int, user: str, deed: Deed, at: float) -> None:
    values = {"voicemail_id": voicemail_id, "user_name": user, "what": deed.value, "at": at}
    await connection.execute(insert(VoicemailAccessRow), values)

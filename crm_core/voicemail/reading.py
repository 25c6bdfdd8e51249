"""Messages put together from their tables, many at once."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.calls.tables import CallTable
from crm_core.numbers import Number, NumberKind
from crm_core.people.linking import meanings
from crm_core.people.tables import ContactRow, PhoneRow
from crm_core.texts import clean
from crm_core.voicemail.rules import Callback, Key, Presence, State, Voicemail, VoicemailFilter
from crm_core.voicemail.tables import VoicemailRow
from crm_core.work.rules import TaskKind, client_key
from crm_core.work.tables import TaskRow


async def load_voicemails(connection: AsyncConnection, ids: Sequence[int]) -> list[Voicemail]:
    """Read messages in the order of the ids given; unknown ones are left out."""
    row = VoicemailRow
    query = (
        select(row.__table__, CallTable.contact_id, CallTable.queue)
        .outerjoin(CallTable, CallTable.id == row.call_id)
        .where(row.id.in_(ids))
    )
    found = (await connection.execute(query)).all() if ids else []
    # A message whose call is not known belongs to whom its number means.
    strangers = sorted({one.number_key for one in found if one.call_id is None and one.number_key})
    meant = await meanings(connection, strangers) if strangers else {}
    contacts = {one.id: one.contact_id or meant.get(one.number_key or "", (None, 0))[0] for one in found}
    names = await _names(connection, sorted({contact for contact in contacts.values() if contact is not None}))
    callbacks = await _callbacks(connection, {client_key(contacts[one.id], one.number_key) for one in found})
    messages = {
        one.id: replace(
            _message(one, contacts[one.id], names),
            callback=callbacks.get(client_key(contacts[one.id], one.number_key) or ""),
        )
        for one in found
    }
    return [messages[identity] for identity in ids if identity in messages]


async def voicemails_of_calls(connection: AsyncConnection, calls: Sequence[str]) -> dict[str, list[Voicemail]]:
    """Read the messages left in these calls, in the order they were left."""
    row = VoicemailRow
    query = select(row.id).where(row.call_id.in_(calls)).order_by(row.received_at, row.id)
    found: dict[str, list[Voicemail]] = {}
    for message in await load_voicemails(connection, list((await connection.execute(query)).scalars())):
        found.setdefault(message.call_id or "", []).append(message)
    return found


async def move_voicemails(connection: AsyncConnection, absorbed: str, into: str) -> None:
    """Give a call's messages to the call it became part of."""
    await connection.execute(update(VoicemailRow).where(VoicemailRow.call_id == absorbed).values(call_id=into))


def wanted_voicemails(wanted: VoicemailFilter) -> Select[int, float]:
    """Return the question for the ids and times of the messages a filter means."""
    row = VoicemailRow
    query = select(row.id, row.received_at)
    there = row.presence == Presence.THERE.value
    match wanted.state:
        case State.NEW:
            query = query.where(there, row.heard_at.is_(None))
        case State.HEARD:
            query = query.where(there, row.heard_at.is_not(None))
        case State.DELETED:
            query = query.where(~there)
        case None:
            pass
    for pbx, mailboxes in wanted.hidden:
        query = query.where(or_(row.pbx != pbx, row.mailbox.not_in(sorted(mailboxes))))
    if wanted.mailbox is not None:
        query = query.where(row.mailbox == clean(wanted.mailbox))
    if wanted.call_id is not None:
        query = query.where(row.call_id == clean(wanted.call_id))
    if wanted.queue is not None:
        query = query.where(row.call_id.in_(select(CallTable.id).where(CallTable.queue == clean(wanted.queue))))
    if wanted.contact_id is not None:
        query = query.where(_of_contact(wanted.contact_id))
    return query


def _of_contact(contact_id: int) -> ColumnElement[bool]:
    row = VoicemailRow
    numbers = select(PhoneRow.number_key).where(PhoneRow.contact_id == contact_id)
    calls = select(CallTable.id).where(CallTable.contact_id == contact_id)
    return or_(row.call_id.in_(calls), and_(row.call_id.is_(None), row.number_key.in_(numbers)))


async def _names(connection: AsyncConnection, contacts: Sequence[int]) -> dict[int, str]:
    if not contacts:
        return {}
    query = select(ContactRow.id, ContactRow.name).where(ContactRow.id.in_(contacts))
    return {identity: name for identity, name in (await connection.execute(query)).all()}  # noqa: C416 typed


async def _callbacks(connection: AsyncConnection, keys: set[str | None]) -> dict[str, Callback]:
    wanted = sorted(key for key in keys if key is not None)
    if not wanted:
        return {}
    query = select(TaskRow.client_key, TaskRow.id, TaskRow.owner).where(
        TaskRow.kind == TaskKind.CALLBACK.value, TaskRow.closed_at.is_(None), TaskRow.client_key.in_(wanted)
    )
    return {key or "": Callback(task_id, owner) for key, task_id, owner in (await connection.execute(query)).all()}


def _message(one: Row[Any], contact_id: int | None, names: dict[int, str]) -> Voicemail:
    return Voicemail(
        id=one.id,
        pbx=one.pbx,
        key=Key(one.context, one.mailbox, one.msg_id),
        folder=one.folder,
        path=one.path,
        ending=one.ending,
        size=one.size,
        received_at=one.received_at,
        seconds=one.seconds,
        urgent=one.urgent,
        presence=Presence(one.presence),
        number=Number(one.number_raw, one.number_e164, NumberKind(one.number_kind)),
        caller_name=one.caller_name,
        contact_id=contact_id,
        contact_name=names.get(contact_id) if contact_id is not None else None,
        call_id=one.call_id,
        queue=one.queue,
        heard_at=one.heard_at,
        heard_by=one.heard_by,
        gone_at=one.gone_at,
    )

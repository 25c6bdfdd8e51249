"""What became of a call nobody took: the first talk with the client after it, whoever called whom."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, ScalarSelect, and_, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from crm_core.calls.rules import LOST, CalledBack
from crm_core.calls.tables import CallTable
from telephony.records import Direction, Outcome

_LATER = aliased(CallTable)
_TALKED = and_(
    _LATER.started_at > CallTable.started_at,
    _LATER.answered_at.is_not(None),
    _LATER.direction != Direction.INTERNAL.value,
    or_(_LATER.outcome.is_(None), _LATER.outcome == Outcome.ANSWERED.value),
)
_SAME_CONTACT = _LATER.contact_id == CallTable.contact_id
_SAME_NUMBER = _LATER.number_key == CallTable.number_key


def called_back(*, wanted: bool) -> ColumnElement[bool]:
    """Ask for lost calls whose client was talked to since, or was not. Each question is a range of an index."""
    lost = and_(
        CallTable.direction == Direction.INBOUND.value, CallTable.outcome.in_([outcome.value for outcome in LOST])
    )
    talks = [exists().where(_TALKED, same) for same in (_SAME_CONTACT, _SAME_NUMBER)]
    return and_(lost, or_(*talks)) if wanted else and_(lost, *(~talk for talk in talks))


async def load_returns(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, CalledBack]:
    """Read for lost calls who talked to the client first afterwards; those nobody talked to are left out."""
    if not ids:
        return {}
    query = select(CallTable.id, _first(_SAME_CONTACT), _first(_SAME_NUMBER)).where(CallTable.id.in_(ids))
    pairs: dict[str, list[str]] = {
        call_id: [talk for talk in found if talk] for call_id, *found in (await connection.execute(query)).all()
    }
    row = CallTable
    talks = sorted({talk for found in pairs.values() for talk in found})
    facts = select(row.id, row.answered_at, row.agent, row.direction).where(row.id.in_(talks))
    told = {
        one.id: CalledBack(one.answered_at or 0.0, one.agent, one.id, Direction(one.direction) is Direction.OUTBOUND)
        for one in ((await connection.execute(facts)).all() if talks else ())
    }
    return {
        call_id: min((told[talk] for talk in found if talk in told), key=lambda one: one.at)
        for call_id, found in pairs.items()
        if any(talk in told for talk in found)
    }


def _first(same: ColumnElement[bool]) -> ScalarSelect[str]:
    query = select(_LATER.id).where(_TALKED, same).order_by(_LATER.started_at).limit(1)
    return query.correlate(CallTable).scalar_subquery()

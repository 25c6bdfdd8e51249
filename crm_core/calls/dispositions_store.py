"""The tree of results, read whole and changed one by one. Every write moves the revision on: caches follow."""

from collections.abc import Sequence

from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.agents.rules import LONGEST_QUEUE
from crm_core.calls.dispositions import Disposition, DispositionTree, check_look, check_name
from crm_core.calls.tables import DispositionQueue, DispositionRow
from crm_core.db import Database
from crm_core.errors import InvalidField, NotFound
from crm_core.staff.tables import Revision
from crm_core.texts import line

_ROW = DispositionRow
_COLUMNS = (
    _ROW.id, _ROW.name, _ROW.parent_id, _ROW.position, _ROW.color, _ROW.icon, _ROW.retired, _ROW.builtin,
)  # fmt: skip


class DispositionPatch(Struct, frozen=True):
    """What may change of a result: UNSET stays. `position` is the place among those beside it, from 0."""

    name: str | UnsetType = UNSET
    parent_id: int | UnsetType | None = UNSET
    position: int | UnsetType = UNSET
    color: str | UnsetType | None = UNSET
    icon: str | UnsetType | None = UNSET
    queues: tuple[str, ...] | UnsetType = UNSET
    retired: bool | UnsetType = UNSET


class Dispositions:
    """Queries and commands about the results agents choose from."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def tree(self) -> DispositionTree:
        """Return all results."""
        async with self._db.read() as connection:
            return await _tree(connection)

    async def add(self, patch: DispositionPatch) -> Disposition:
        """Add a result, last among those beside it unless a place is named; raises InvalidField."""
        async with self._db.write() as connection:
            await _touch(connection)
            tree = await _tree(connection)
            parent_id = None if patch.parent_id is UNSET else patch.parent_id
            name = check_name("" if patch.name is UNSET else patch.name)
            tree.check_place(name, parent_id)
            values = _values(patch) | {"name": name, "parent_id": parent_id, "position": 0, "builtin": False}
            made = await connection.execute(insert(_ROW).values({"retired": False, **values}).returning(_ROW.id))
            result_id = made.scalar_one()
            await _set_queues(connection, result_id, () if patch.queues is UNSET else patch.queues, parent_id)
            place = len(tree.children(parent_id)) if patch.position is UNSET else patch.position
            await _put(connection, result_id, parent_id, place)
            return _found(await _tree(connection), result_id)

    async def change(self, result_id: int, patch: DispositionPatch) -> Disposition:
        """Rename, move, retire or otherwise change a result; raises NotFound or InvalidField."""
        async with self._db.write() as connection:
            await _touch(connection)
            tree = await _tree(connection)
            before = _found(tree, result_id)
            name = before.name if patch.name is UNSET else check_name(patch.name)
            parent_id = before.parent_id if patch.parent_id is UNSET else patch.parent_id
            tree.check_place(name, parent_id, result_id)
            values = _values(patch) | {"name": name, "parent_id": parent_id}
            await connection.execute(update(_ROW).where(_ROW.id == result_id).values(**values))
            if patch.queues is not UNSET or parent_id is not None:
                await _set_queues(connection, result_id, patch.queues or (), parent_id)
            if patch.position is not UNSET or parent_id != before.parent_id:
                place = len(tree.children(parent_id)) if patch.position is UNSET else patch.position
                await _put(connection, result_id, parent_id, place)
            return _found(await _tree(connection), result_id)


async def _tree(connection: AsyncConnection) -> DispositionTree:
    queues: dict[int, list[str]] = {}
    told = select(DispositionQueue.disposition_id, DispositionQueue.queue).order_by(DispositionQueue.queue)
    for result_id, queue in (await connection.execute(told)).all():
        queues.setdefault(result_id, []).append(queue)
    rows = (await connection.execute(select(*_COLUMNS))).all()
    return DispositionTree(
        Disposition(
            row.id, row.name, row.parent_id, row.position, row.color, row.icon, tuple(queues.get(row.id, ())),
            row.retired, row.builtin,
        )
        for row in rows
    )  # fmt: skip


async def _touch(connection: AsyncConnection) -> None:
    """Let one change come after the other, and the list be the administrators' from now on."""
    await connection.execute(update(Revision).values(value=Revision.value + 1))
    await connection.execute(update(_ROW).where(_ROW.builtin).values(builtin=False))


def _values(patch: DispositionPatch) -> dict[str, object]:
    color = None if patch.color is UNSET else patch.color
    icon = None if patch.icon is UNSET else patch.icon
    check_look(color, icon)
    given = {"color": patch.color, "icon": patch.icon, "retired": patch.retired}
    return {name: value for name, value in given.items() if value is not UNSET}


async def _set_queues(
    connection: AsyncConnection, result_id: int, queues: Sequence[str], parent_id: int | None
) -> None:
    if queues and parent_id is not None:
        raise InvalidField("queues", "only results of the first level are for some queues")
    for queue in queues:
        if line(queue) != queue or not 0 < len(queue) <= LONGEST_QUEUE:
            raise InvalidField("queues", f"name queues, in 1-{LONGEST_QUEUE} characters")
    await connection.execute(delete(DispositionQueue).where(DispositionQueue.disposition_id == result_id))
    if queues:
        rows = [{"disposition_id": result_id, "queue": queue} for queue in dict.fromkeys(queues)]
        await connection.execute(insert(DispositionQueue), rows)


async def _put(connection: AsyncConnection, result_id: int, parent_id: int | None, place: int) -> None:
    """Give a result its place among those beside it, and number them all again."""
    beside = [one.id for one in (await _tree(connection)).children(parent_id) if one.id != result_id]
    beside.insert(place, result_id)
    for position, one in enumerate(beside):
        await connection.execute(update(_ROW).where(_ROW.id == one).values(position=position))


def _found(tree: DispositionTree, result_id: int) -> Disposition:
    found = tree.get(result_id)
    if found is None:
        raise NotFound("result", result_id)
    return found

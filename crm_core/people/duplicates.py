"""Clients that may be one: looked for every night and on demand, and while somebody writes one down."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby
from typing import Final

from sqlalchemy import Select, delete, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute, aliased

from crm_core.columns import begins_with
from crm_core.db import Database
from crm_core.errors import InvalidField, NotFound
from crm_core.numbers import Numbering
from crm_core.pages import MAX_INTEGER, Page, Position, decode_position, encode_cursor
from crm_core.people.merges import Duplicate
from crm_core.people.reading import load_contacts
from crm_core.people.rules import Candidate
from crm_core.people.similarity import ALIKE, likeness, most_alike, neighbours_alike
from crm_core.people.tables import ContactRow, ContactWord, DuplicateRow, EmailRow, PhoneRow
from crm_core.texts import fold, words
from crm_core.upsert import upsert

MOST_SHARING: Final = 10
"""A number or address of more clients than that is a switchboard's, and tells nothing."""
PAGE: Final = 2000
MOST_COMPARED: Final = 300
MOST_SIMILAR: Final = 5
BEGINNING: Final = 4
"""So many letters of a word are taken to be typed right."""
NUMBER, EMAIL, NAME = "number", "email", "name"
_THERE = ContactRow.deleted_at.is_(None)


@dataclass(slots=True)
class _Pair:
    reason: str
    score: float
    rank: int


Pairs = dict[tuple[int, int], _Pair]
Mark = InstrumentedAttribute[str] | InstrumentedAttribute[str | None]


class Duplicates:
    """Queries and commands about clients that may be one."""

    def __init__(self, db: Database, numbering: Numbering, clock: Callable[[], float]) -> None:
        self._db = db
        self._numbering = numbering
        self._clock = clock

    async def look(self) -> int:
        """Look through all clients anew; return how many pairs there are. Dismissed pairs stay dismissed."""
        async with self._db.read() as connection:
            newest = (await connection.execute(select(func.max(DuplicateRow.found_at)))).scalar_one()
        # Later than the look before, whatever the clock does: what is older was not found again.
        at = max(self._clock(), (newest or 0.0) + 1.0)
        async for pairs in self._found():
            await self._write(pairs, at)
        async with self._db.write() as connection:
            old = delete(DuplicateRow).where(DuplicateRow.found_at < at, DuplicateRow.dismissed.is_(False))
            await connection.execute(old)
            counted = select(func.count()).where(DuplicateRow.dismissed.is_(False))
            return (await connection.execute(counted)).scalar_one()

    async def pairs(self, *, limit: int = 50, cursor: str | None = None) -> Page[Duplicate]:
        """List pairs, the most certain first; raises InvalidField for a foreign cursor."""
        first, second, pair = aliased(ContactRow), aliased(ContactRow), DuplicateRow
        query = (
            select(pair.rank, pair.first_id, pair.second_id, pair.reason, pair.score)
            .join(first, first.id == pair.first_id)
            .join(second, second.id == pair.second_id)
            .where(pair.dismissed.is_(False), first.deleted_at.is_(None), second.deleted_at.is_(None))
            .order_by(pair.rank.desc(), pair.first_id.desc(), pair.second_id.desc())
            .limit(limit + 1)
        )
        if cursor is not None:
            query = query.where(tuple_(pair.rank, pair.first_id, pair.second_id) < _position(cursor))
        async with self._db.read() as connection:
            found = (await connection.execute(query)).all()
            ids = {identity for row in found[:limit] for identity in (row.first_id, row.second_id)}
            contacts = {one.id: one for one in await load_contacts(connection, sorted(ids))}
        items = tuple(
            Duplicate(contacts[row.first_id], contacts[row.second_id], row.reason, row.score) for row in found[:limit]
        )
        if len(found) <= limit:
            return Page(items)
        last = found[limit - 1]
        return Page(items, encode_cursor(Position(f"{last.rank}.{last.first_id}", last.second_id)))

    async def dismiss(self, first_id: int, second_id: int, by: str) -> None:
        """Say that two clients are not one; raises NotFound."""
        low, high = sorted((first_id, second_id))
        if not 0 < low <= high <= MAX_INTEGER:
            raise NotFound("duplicate", f"{low}, {high}")
        these = (DuplicateRow.first_id == low, DuplicateRow.second_id == high)
        async with self._db.write() as connection:
            done = await connection.execute(update(DuplicateRow).where(*these).values(dismissed=True, dismissed_by=by))
            if done.rowcount != 1:
                raise NotFound("duplicate", f"{low}, {high}")

    async def similar(self, name: str, numbers: Iterable[str], emails: Iterable[str]) -> tuple[Candidate, ...]:
        """Return clients that may be the one somebody is writing down: the same number or address, or an alike name."""
        keys = [key for key in (self._numbering.read(number).key for number in numbers) if key]
        addresses = [email.casefold() for email in emails if email]
        async with self._db.read() as connection:
            ids = [
                *await _ids(connection, select(PhoneRow.contact_id).where(PhoneRow.number_key.in_(keys))),
                *await _ids(connection, select(EmailRow.contact_id).where(EmailRow.address_key.in_(addresses))),
                *await _alike(connection, fold(name)),
            ]
            return await _candidates(connection, [*dict.fromkeys(ids)][:MOST_SIMILAR])

    async def _found(self) -> AsyncIterator[Pairs]:
        yield await self._sharing(PhoneRow.number_key, PhoneRow.contact_id, NUMBER)
        yield await self._sharing(EmailRow.address_key, EmailRow.contact_id, EMAIL)
        async for pairs in self._named():
            yield pairs

    async def _sharing(self, mark: Mark, owner: InstrumentedAttribute[int], reason: str) -> Pairs:
        several = func.count(func.distinct(owner)).between(2, MOST_SHARING)
        shared = select(mark).where(mark.is_not(None)).group_by(mark).having(several)
        query = (
            select(mark, ContactRow.id, ContactRow.name_key)
            .join_from(owner.class_, ContactRow, ContactRow.id == owner)
            .where(mark.in_(shared), _THERE)
            .order_by(mark, ContactRow.id)
        )
        async with self._db.read() as connection:
            rows = (await connection.execute(query)).all()
        return await asyncio.to_thread(_pairs_sharing, [(str(key), one, name) for key, one, name in rows], reason)

    async def _named(self) -> AsyncIterator[Pairs]:
        """Give pairs of alike names, a page of names at a time; pages overlap, so that no neighbours are parted."""
        after, before = ("", 0), list[tuple[str, int]]()
        while True:
            query = (
                select(ContactRow.name_key, ContactRow.id)
                .where(_THERE, tuple_(ContactRow.name_key, ContactRow.id) > after)
                .order_by(ContactRow.name_key, ContactRow.id)
                .limit(PAGE)
            )
            async with self._db.read() as connection:
                names = [(row.name_key, row.id) for row in (await connection.execute(query)).all()]
            if not names:
                return
            after = names[-1]
            together = [*before, *names]
            yield await asyncio.to_thread(_pairs_named, together)
            before = names[-MOST_SHARING:]

    async def _write(self, pairs: Pairs, at: float) -> None:
        """Write pairs; one that was found for a better reason in this look keeps it."""
        rows = [
            {
                "first_id": first,
                "second_id": second,
                "reason": pair.reason,
                "score": pair.score,
                "rank": pair.rank,
                "found_at": at,
                "dismissed": False,
            }
            for (first, second), pair in sorted(pairs.items())
        ]
        statement = upsert(self._db, DuplicateRow)
        new = statement.excluded
        statement = statement.on_conflict_do_update(
            index_elements=[DuplicateRow.first_id, DuplicateRow.second_id],
            set_={"reason": new.reason, "score": new.score, "rank": new.rank, "found_at": new.found_at},
            where=(DuplicateRow.found_at < new.found_at) | (DuplicateRow.rank < new.rank),
        )
        for start in range(0, len(rows), PAGE):
            async with self._db.write() as connection:
                await connection.execute(statement, rows[start : start + PAGE])


def _pairs_sharing(rows: Sequence[tuple[str, int, str]], reason: str) -> Pairs:
    found: Pairs = {}
    for _, group in groupby(rows, key=lambda row: row[0]):
        owners = sorted({(identity, name) for _, identity, name in group})
        for (first, name), (second, other) in combinations(owners, 2):
            score = likeness(name, other)
            found[first, second] = _Pair(reason, score, 3 if score >= ALIKE else 1)
    return found


def _pairs_named(names: Sequence[tuple[str, int]]) -> Pairs:
    found: Pairs = {}
    for one, other, score in neighbours_alike(names):
        first, second = sorted((one, other))
        found[first, second] = _Pair(NAME, score, 2 if score > 99 else 0)  # noqa: PLR2004 - the same words
    return found


async def _alike(connection: AsyncConnection, name: str) -> list[int]:
    """Return clients whose names share the beginning of a word with this one and are alike."""
    told = sorted(words(name), key=len, reverse=True)[:3]
    if not told:
        return []
    having = (
        select(ContactRow.name_key, ContactRow.id)
        .join(ContactWord, ContactWord.contact_id == ContactRow.id)
        .where(or_(*(begins_with(ContactWord.word, word[:BEGINNING]) for word in told)), _THERE)
        .limit(MOST_COMPARED)
    )
    rows = (await connection.execute(having)).all()
    places = await asyncio.to_thread(most_alike, name, [row.name_key for row in rows], MOST_SIMILAR)
    return [rows[place].id for place, _ in places]


async def _ids(connection: AsyncConnection, query: Select[int]) -> list[int]:
    return [*(await connection.execute(query.limit(MOST_SIMILAR))).scalars()]


async def _candidates(connection: AsyncConnection, ids: Sequence[int]) -> tuple[Candidate, ...]:
    return tuple(Candidate(one.id, one.name, one.company) for one in await load_contacts(connection, ids))


def _position(cursor: str) -> tuple[int, int, int]:
    last = decode_position(cursor, str, int)
    rank, _, first = str(last.sort).partition(".")
    if not (rank.isdigit() and first.isdigit()):
        raise InvalidField("cursor", "not a cursor of this list")
    return int(rank), int(first), int(last.id)

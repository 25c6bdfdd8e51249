"""Users, their phones and seats."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_core.db import Database, Statement
from crm_core.errors import BadExtension, DuplicateName, NotFound
from crm_core.staff.passwords import Passwords
from crm_core.staff.rules import (
    Role,
    Seat,
    UnassignedPhone,
    User,
    check_display_name,
    check_extension,
    check_name,
    check_password,
    name_key,
)
from crm_core.staff.signin import SignIns
from crm_core.staff.tables import ApiToken, SeatRow, SignIn, UnassignedPhoneRow, UserExtension, UserRow
from crm_core.upsert import upsert

_REVISION = "SELECT value FROM revision"
REVISION: Final = Statement(_REVISION, _REVISION)
"""Asked twice a second: too often for a transaction."""


class Staff(SignIns):
    """Queries and commands about users. Every write moves `revision()` on, so that caches elsewhere follow."""

    def __init__(
        self, db: Database, *, clock: Callable[[], float] = time.time, passwords: Passwords | None = None
    ) -> None:
        super().__init__(db, clock, passwords or Passwords())

    async def revision(self) -> int:
        """Return the counter that moves with every write of users, extensions, seats or tokens."""
        return cast("int", await self._db.fetch_value(REVISION))

    async def add_user(
        self, name: str, role: Role, extensions: Sequence[str], password: str, display_name: str | None = None
    ) -> User:
        """Add a user; raises DuplicateName, BadExtension or InvalidField."""
        cleaned = check_name(name)
        shown = check_display_name(display_name or cleaned)
        phones = [check_extension(extension) for extension in extensions]
        hashed = await self._passwords.hash(check_password(password))
        async with self._db.write() as connection:
            row = {
                "name": cleaned,
                "name_key": name_key(cleaned),
                "display_name": shown,
                "role": role.value,
                "active": True,
                "password_hash": hashed,
                "created_at": self._clock(),
            }
            try:
                user_id = (await connection.execute(insert(UserRow).returning(UserRow.id), row)).scalar_one()
            except IntegrityError as error:
                raise DuplicateName(cleaned) from error
            await _give_phones(connection, user_id, phones)
            await self._touch(connection)
            return await self._one(connection, UserRow.id == user_id, cleaned)

    async def list_users(self) -> tuple[User, ...]:
        """Return all users, by name."""
        async with self._db.read() as connection:
            return tuple(sorted((await self._users(connection)).values(), key=lambda user: user.name.casefold()))

    async def get_user(self, name: str) -> User | None:
        """Find a user by name, whatever the case of its letters."""
        async with self._db.read() as connection:
            users = await self._users(connection, UserRow.name_key == name_key(name))
            return next(iter(users.values()), None)

    async def set_password(self, name: str, password: str) -> None:
        """Replace a password and end the user's sessions; raises NotFound or InvalidField."""
        hashed = await self._passwords.hash(check_password(password))
        async with self._db.write() as connection:
            user = await self._one(connection, UserRow.name_key == name_key(name), name)
            await connection.execute(update(UserRow).where(UserRow.id == user.id).values(password_hash=hashed))
            await connection.execute(delete(SignIn).where(SignIn.user_id == user.id))
            await self._touch(connection)

    async def update_user(
        self,
        name: str,
        *,
        role: Role | None = None,
        display_name: str | None = None,
        extensions: Sequence[str] | None = None,
        active: bool | None = None,
    ) -> User:
        """Change what is given; raises NotFound, BadExtension or InvalidField."""
        changes: dict[str, object] = {}
        if role is not None:
            changes["role"] = role.value
        if display_name is not None:
            changes["display_name"] = check_display_name(display_name)
        if active is not None:
            changes["active"] = active
        phones = None if extensions is None else [check_extension(extension) for extension in extensions]
        async with self._db.write() as connection:
            user = await self._one(connection, UserRow.name_key == name_key(name), name)
            if changes:
                await connection.execute(update(UserRow).where(UserRow.id == user.id).values(**changes))
            if phones is not None:
                await _give_phones(connection, user.id, phones)
            if active is False:
                await _shut_out(connection, user.id, self._clock())
            await self._touch(connection)
            return await self._one(connection, UserRow.id == user.id, name)

    async def deactivate(self, name: str) -> None:
        """Shut a user out: sessions and seat end, tokens stop working. Raises NotFound."""
        await self.update_user(name, active=False)

    async def take_seat(self, user_id: int, extension: str) -> Seat:
        """Sit down at a phone; whoever sat there loses it. Raises NotFound or BadExtension."""
        phone = check_extension(extension)
        async with self._db.write() as connection:
            users = await self._users(connection)
            if user_id not in users or not users[user_id].active:
                raise NotFound("user", user_id)
            there = seated(users).get(phone)
            await connection.execute(delete(SeatRow).where((SeatRow.extension == phone) | (SeatRow.user_id == user_id)))
            await connection.execute(
                insert(SeatRow), {"extension": phone, "user_id": user_id, "taken_at": self._clock()}
            )
            await connection.execute(update(UserRow).where(UserRow.id == user_id).values(last_extension=phone))
            await self._touch(connection)
        return Seat(phone, there if there is not None and there.id != user_id else None)

    async def leave_seat(self, user_id: int) -> None:
        """Give today's seat up; the user's own phones count again."""
        async with self._db.write() as connection:
            await connection.execute(delete(SeatRow).where(SeatRow.user_id == user_id))
            await self._touch(connection)

    async def seats(self) -> Mapping[str, User]:
        """Return who answers for each extension now (active users only)."""
        async with self._db.read() as connection:
            return seated(await self._users(connection))

    async def extensions(self) -> frozenset[str]:
        """Return every extension that belongs to, or is used by, a user."""
        async with self._db.read() as connection:
            given = (await connection.execute(select(UserExtension.extension))).scalars().all()
            taken = (await connection.execute(select(SeatRow.extension))).scalars().all()
            return frozenset(given) | frozenset(taken)

    async def last_seat(self, user_id: int) -> str | None:
        """Return the extension the user sat at last, to preset the question at sign-in."""
        async with self._db.read() as connection:
            last = select(UserRow.last_extension).where(UserRow.id == user_id)
            return (await connection.execute(last)).scalar_one_or_none()

    async def note_phone(self, extension: str, at: float) -> None:
        """Remember that a phone of ours rang and nobody answers for it."""
        statement = upsert(self._db, UnassignedPhoneRow)
        statement = statement.on_conflict_do_update(
            index_elements=[UnassignedPhoneRow.extension],
            set_={"last_at": statement.excluded.last_at, "times": UnassignedPhoneRow.times + 1},
        )
        async with self._db.write() as connection:
            await connection.execute(
                statement, {"extension": check_extension(extension), "first_at": at, "last_at": at, "times": 1}
            )

    async def unassigned_phones(self) -> tuple[UnassignedPhone, ...]:
        """Return phones that rang and still belong to nobody, latest first."""
        known = await self.extensions()
        row = UnassignedPhoneRow
        query = select(row.extension, row.first_at, row.last_at, row.times).order_by(row.last_at.desc())
        async with self._db.read() as connection:
            found = (await connection.execute(query)).all()
        return tuple(UnassignedPhone(*phone) for phone in found if phone.extension not in known)


def seated(users: Mapping[int, User]) -> dict[str, User]:
    """Return who answers for each extension."""
    return {extension: user for user in users.values() if user.active for extension in user.extensions}


async def _give_phones(connection: AsyncConnection, user_id: int, phones: Sequence[str]) -> None:
    """Make exactly these the user's own phones; raises BadExtension when one belongs to someone else."""
    wanted = list(dict.fromkeys(phones))
    owner = (
        select(UserExtension.extension, UserRow.name)
        .join(UserRow, UserRow.id == UserExtension.user_id)
        .where(UserExtension.extension.in_(wanted), UserExtension.user_id != user_id, UserRow.active)
    )
    for extension, name in (await connection.execute(owner)).all():
        raise BadExtension(f"{extension} belongs to {name} already")
    await connection.execute(
        delete(UserExtension).where((UserExtension.user_id == user_id) | UserExtension.extension.in_(wanted))
    )
    if wanted:
        rows = [
            {"extension": extension, "user_id": user_id, "position": position}
            for position, extension in enumerate(wanted)
        ]
        await connection.execute(insert(UserExtension), rows)


async def _shut_out(connection: AsyncConnection, user_id: int, at: float) -> None:
    await connection.execute(delete(SignIn).where(SignIn.user_id == user_id))
    await connection.execute(delete(SeatRow).where(SeatRow.user_id == user_id))
    await connection.execute(
        update(ApiToken).where(ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None)).values(revoked_at=at)
    )

"""What signs people and programs in: passwords, browser sessions, API tokens."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

from crm_core.db import Database
from crm_core.errors import LockedOut, NotFound
from crm_core.staff.passwords import Passwords, hash_token, new_token
from crm_core.staff.rules import Role, Scope, Session, SessionToken, TokenGrant, User, effective_extensions, name_key
from crm_core.staff.tables import ApiToken, Revision, SeatRow, SignIn, SignInFailure, UserExtension, UserRow
from crm_core.texts import clean
from crm_core.upsert import upsert

SESSION_SECONDS = 14 * 3600.0
"""A browser stays signed in this long after it was last used: a shift, and no longer than a night away."""
ROLL_SECONDS = 600.0
"""How much of its time a session uses up before it is prolonged: not every request is a write."""
FAILURES = 10
LOCKED_SECONDS = 1800.0
TOKEN_PREFIX = "cc_"  # noqa: S105 not a secret: lets secret scanners recognise ours
USER_AGENT_LETTERS = 200
AT_ONCE = 500
"""Tokens in one question."""
FEW_USERS = 20


class SignIns:
    """Sign-in half of `Staff`."""

    def __init__(self, db: Database, clock: Callable[[], float], passwords: Passwords) -> None:
        self._db = db
        self._clock = clock
        self._passwords = passwords

    async def verify(self, name: str, password: str, ip: str = "") -> User | None:
        """Check a sign-in; None when name or password is wrong, raises LockedOut after repeated failures."""
        key = name_key(name)
        async with self._db.read() as connection:
            await self._refuse_locked(connection, key, ip)
            query = select(UserRow.password_hash).where(UserRow.name_key == key, UserRow.active)
            stored = (await connection.execute(query)).scalar_one_or_none()
        fits = await self._passwords.match(stored, password)
        async with self._db.write() as connection:
            if not fits:
                await self._count_failure(connection, key, ip)
                return None
            failures = (SignInFailure.name_key == key) & (SignInFailure.ip == ip)
            await connection.execute(delete(SignInFailure).where(failures))
            users = await self._users(connection, UserRow.name_key == key)
            return next(iter(users.values()), None)

    async def create_session(self, user_id: int, *, ip: str = "", user_agent: str = "") -> SessionToken:
        """Sign a browser in; only a hash of the token is kept."""
        made = SessionToken(new_token(), new_token())
        now = self._clock()
        row = {
            "token_hash": hash_token(made.token),
            "user_id": user_id,
            "csrf": made.csrf,
            "created_at": now,
            "expires_at": now + SESSION_SECONDS,
            "ip": ip,
            "user_agent": clean(user_agent)[:USER_AGENT_LETTERS],
        }
        async with self._db.write() as connection:
            await connection.execute(delete(SignIn).where(SignIn.expires_at < now))
            await connection.execute(insert(SignIn), row)
        return made

    async def session(self, token: str) -> Session | None:
        """Find the session of a cookie; None when unknown, expired, or the user was shut out.

        Finding it counts as using it.
        """
        session = (await self.sessions([token])).get(token)
        now = self._clock()
        if session is None or session.expires_at >= now + SESSION_SECONDS - ROLL_SECONDS:
            return session
        async with self._db.write() as connection:
            mine = SignIn.token_hash == hash_token(token)
            await connection.execute(update(SignIn).where(mine).values(expires_at=now + SESSION_SECONDS))
        return replace(session, expires_at=now + SESSION_SECONDS)

    async def sessions(self, tokens: Collection[str]) -> dict[str, Session]:
        """Find the sessions of many cookies at once, by token; those `session` returns None for are absent.

        Finding them here does not count as using them.
        """
        row = SignIn
        columns = (row.token_hash, row.user_id, row.csrf, row.expires_at)
        query = select(*columns).where(row.expires_at > self._clock())
        found: dict[str, Session] = {}
        async with self._db.read() as connection:
            for token, one, user in await self._behind(connection, query, row.token_hash, tokens):
                found[token] = Session(user, one.csrf, one.expires_at)
        return found

    async def end_session(self, token: str) -> None:
        """Sign a browser out; silently nothing for an unknown token."""
        async with self._db.write() as connection:
            await connection.execute(delete(SignIn).where(SignIn.token_hash == hash_token(token)))

    async def create_token(self, name: str, scope: Scope) -> str:
        """Create an API token for a user; the text is shown once, only its hash is kept. Raises NotFound."""
        token = new_token(TOKEN_PREFIX)
        async with self._db.write() as connection:
            user = await self._one(connection, (UserRow.name_key == name_key(name)) & UserRow.active, name)
            row = {
                "token_hash": hash_token(token),
                "user_id": user.id,
                "scope": scope.value,
                "created_at": self._clock(),
            }
            await connection.execute(insert(ApiToken), row)
            await self._touch(connection)
        return token

    async def token(self, text: str) -> TokenGrant | None:
        """Find what a bearer token stands for; None when unknown or revoked, or the user was shut out."""
        return (await self.grants([text])).get(text)

    async def grants(self, texts: Collection[str]) -> dict[str, TokenGrant]:
        """Find what many bearer tokens stand for at once, by text; those `token` returns None for are absent."""
        row = ApiToken
        query = select(row.token_hash, row.id, row.user_id, row.scope).where(row.revoked_at.is_(None))
        found: dict[str, TokenGrant] = {}
        async with self._db.read() as connection:
            for text, one, user in await self._behind(connection, query, row.token_hash, texts):
                found[text] = TokenGrant(user, Scope(one.scope), one.id)
        return found

    async def _behind(
        self,
        connection: AsyncConnection,
        query: Select[*tuple[Any, ...]],
        key: InstrumentedAttribute[str],
        tokens: Collection[str],
    ) -> list[tuple[str, Any, User]]:
        """Return each token that stands for an active user, with its row and the user."""
        by_hash = {hash_token(token): token for token in tokens}
        hashes = list(by_hash)
        rows: list[Any] = []
        for start in range(0, len(hashes), AT_ONCE):
            rows += (await connection.execute(query.where(key.in_(hashes[start : start + AT_ONCE])))).all()
        ids = {row.user_id for row in rows}
        # Few are asked for one by one; many cost less when everybody is read.
        which = UserRow.id.in_(ids) if len(ids) <= FEW_USERS else None
        users = await self._users(connection, which) if ids else {}
        return [
            (by_hash[row.token_hash], row, users[row.user_id])
            for row in rows
            if row.user_id in users and users[row.user_id].active
        ]

    async def revoke_token(self, key: str | int) -> None:
        """Revoke a token by its text or id; raises NotFound."""
        chosen = ApiToken.id == key if isinstance(key, int) else ApiToken.token_hash == hash_token(key)
        async with self._db.write() as connection:
            revoke = update(ApiToken).where(chosen, ApiToken.revoked_at.is_(None)).values(revoked_at=self._clock())
            if (await connection.execute(revoke)).rowcount == 0:
                raise NotFound("token", key if isinstance(key, int) else "")
            await self._touch(connection)

    async def _refuse_locked(self, connection: AsyncConnection, key: str, ip: str) -> None:
        row = SignInFailure
        query = select(row.failures, row.last_at).where(row.name_key == key, row.ip == ip)
        found = (await connection.execute(query)).one_or_none()
        if found and found.failures >= FAILURES and found.last_at + LOCKED_SECONDS > self._clock():
            raise LockedOut(found.last_at + LOCKED_SECONDS)

    async def _count_failure(self, connection: AsyncConnection, key: str, ip: str) -> None:
        now = self._clock()
        # Old failures are forgotten, so the table stays small and a lock ends by itself.
        await connection.execute(delete(SignInFailure).where(SignInFailure.last_at < now - LOCKED_SECONDS))
        statement = upsert(self._db, SignInFailure)
        statement = statement.on_conflict_do_update(
            index_elements=[SignInFailure.name_key, SignInFailure.ip],
            set_={"failures": SignInFailure.failures + 1, "last_at": statement.excluded.last_at},
        )
        await connection.execute(statement, {"name_key": key, "ip": ip, "failures": 1, "last_at": now})

    async def _touch(self, connection: AsyncConnection) -> None:
        """Tell every cache that users changed."""
        await connection.execute(update(Revision).values(value=Revision.value + 1))

    async def _one(self, connection: AsyncConnection, which: ColumnElement[bool], name: str) -> User:
        users = await self._users(connection, which)
        if not users:
            raise NotFound("user", name)
        return next(iter(users.values()))

    async def _users(self, connection: AsyncConnection, which: ColumnElement[bool] | None = None) -> dict[int, User]:
        """Read users with the phones that are theirs now."""
        columns = (UserRow.id, UserRow.name, UserRow.display_name, UserRow.role, UserRow.active)
        query = select(*columns) if which is None else select(*columns).where(which)
        rows = (await connection.execute(query)).all()
        phones = select(UserExtension.user_id, UserExtension.extension).order_by(UserExtension.position)
        taken = select(SeatRow)
        if which is not None:
            # Each sign-in asks for one user: it must not read everybody's phones.
            wanted = [row.id for row in rows]
            phones = phones.where(UserExtension.user_id.in_(wanted))
            theirs = select(UserExtension.extension).where(UserExtension.user_id.in_(wanted))
            taken = taken.where(SeatRow.user_id.in_(wanted) | SeatRow.extension.in_(theirs))
        home: dict[int, list[str]] = {}
        for user_id, extension in (await connection.execute(phones)).all():
            home.setdefault(user_id, []).append(extension)
        seats = {row.user_id: row.extension for row in await connection.execute(taken)}
        users: dict[int, User] = {}
        for row in rows:
            own = tuple(home.get(row.id, ()))
            occupied = frozenset(extension for user_id, extension in seats.items() if user_id != row.id)
            extensions = effective_extensions(own, seats.get(row.id), occupied)
            users[row.id] = User(row.id, row.name, row.display_name, Role(row.role), row.active, extensions, own)
        return users

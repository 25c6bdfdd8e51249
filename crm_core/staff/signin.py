"""What signs people and programs in: passwords, browser sessions, API tokens."""

from collections.abc import Callable

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

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

    async def session(self, token: str, *, prolong: bool = True) -> Session | None:
        """Find the session of a cookie; None when unknown, expired, or the user was shut out.

        Finding it counts as using it, unless `prolong` is false.
        """
        now = self._clock()
        query = select(SignIn.user_id, SignIn.csrf, SignIn.expires_at).where(
            SignIn.token_hash == hash_token(token), SignIn.expires_at > now
        )
        async with self._db.read() as connection:
            found = (await connection.execute(query)).one_or_none()
            if found is None:
                return None
            user = (await self._users(connection, UserRow.id == found.user_id)).get(found.user_id)
        if user is None or not user.active:
            return None
        expires_at = found.expires_at
        if prolong and expires_at < now + SESSION_SECONDS - ROLL_SECONDS:
            expires_at = now + SESSION_SECONDS
            async with self._db.write() as connection:
                mine = SignIn.token_hash == hash_token(token)
                await connection.execute(update(SignIn).where(mine).values(expires_at=expires_at))
        return Session(user, found.csrf, expires_at)

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
        query = select(ApiToken.id, ApiToken.user_id, ApiToken.scope).where(
            ApiToken.token_hash == hash_token(text), ApiToken.revoked_at.is_(None)
        )
        async with self._db.read() as connection:
            found = (await connection.execute(query)).one_or_none()
            if found is None:
                return None
            user = (await self._users(connection, UserRow.id == found.user_id)).get(found.user_id)
        return TokenGrant(user, Scope(found.scope), found.id) if user is not None and user.active else None

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

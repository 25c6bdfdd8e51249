"""One door to the database: SQLite for one node, PostgreSQL for several.

SQLite has one writer: writes wait for each other here, in the event loop, and begin with the write lock of the file,
so that another process (a command beside `serve`) makes them wait and never fail half-way. Reads use their own
connections (WAL). The card look-up passes SQLAlchemy by: its statements run on the drivers themselves.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiosqlite
import asyncpg
from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.schema import MetaData

from crm_core.errors import CrmError, DatabaseUnavailable
from crm_core.sqlite_writer import SqliteWriter

CONNECT_SECONDS = 5
COMMAND_SECONDS = 30
BUSY_MILLISECONDS = 10_000
"""How long a write waits for another process that holds the SQLite file."""
POOL = 5
DRIVER_CONNECTIONS = 6
DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}
SQLITE_PRAGMAS = (
    f"PRAGMA busy_timeout={BUSY_MILLISECONDS}",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-4000",
)


POSTGRESQL_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    ConnectionError,
)


REFUSED = (sqlite3.IntegrityError, asyncpg.IntegrityConstraintViolationError)
MANY = 1000
"""Rows from which a bulk write is worth a look by the database's planner."""


class Row(DeclarativeBase):
    """What every table is declared on; rows never leave the package that declares them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


@dataclass(frozen=True, slots=True)
class Statement:
    """One question in the words of each database, with numbered parameters (`?1` and `$1`)."""

    sqlite: str
    postgresql: str


Batch = Sequence[tuple[Statement, Sequence[tuple[object, ...]]]]
"""Statements with the rows of parameters each is run with, in this order, in one transaction."""


class _PlainConnection(asyncpg.Connection):  # type: ignore[misc]
    """A connection whose return to the pool costs no round trip: look-ups leave nothing behind to reset."""

    def get_reset_query(self) -> str:
        return ""


class Database:
    """An open database; stores take it. `read` and `write` give a connection inside a transaction."""

    def __init__(self, url: URL, engine: AsyncEngine) -> None:
        self.url = url
        self.dialect = url.get_backend_name()
        self._engine = engine
        self._writing = engine.execution_options(writes=True)
        self._writer = asyncio.Lock()
        self._opening = asyncio.Lock()
        self._sqlite_reader: aiosqlite.Connection | None = None
        self._sqlite_writer = SqliteWriter(url.database or "", SQLITE_PRAGMAS)
        self._postgresql: asyncpg.Pool | None = None

    @classmethod
    async def open(cls, url: str) -> "Database":
        """Open a database; raises DatabaseUnavailable with one line that never holds the password."""
        parsed = parse_url(url)
        if parsed.get_backend_name() == "sqlite":
            await asyncio.to_thread(_make_directory, parsed)
        database = cls(parsed, await asyncio.to_thread(_engine, parsed))
        try:
            await database.ping()
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        """Close all connections."""
        if self._sqlite_reader is not None:
            await self._sqlite_reader.close()
        await self._sqlite_writer.close()
        if self._postgresql is not None:
            await self._postgresql.close()
        await self._engine.dispose()

    async def ping(self) -> None:
        """Ask the database for a sign of life; raises DatabaseUnavailable."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection that sees one state of the database throughout; raises DatabaseUnavailable."""
        with self._translated():
            async with self._engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection whose work is committed at the end, or not at all; raises DatabaseUnavailable."""
        with self._translated():
            if self.dialect == "sqlite":
                async with self._writer, self._writing.begin() as connection:
                    yield connection
            else:
                async with self._writing.begin() as connection:
                    yield connection

    async def fetch_json(self, statement: Statement, *parameters: object) -> str:
        """Run a look-up whose answer is one JSON text on the driver itself; raises DatabaseUnavailable."""
        return str(await self.fetch_value(statement, *parameters))

    async def fetch_value(self, statement: Statement, *parameters: object) -> object:
        """Run a look-up of one row with one value on the driver itself; raises DatabaseUnavailable."""
        with self._translated():
            if self.dialect == "sqlite":
                reader = self._sqlite_reader or await self._open_sqlite_reader()
                rows = await reader.execute_fetchall(statement.sqlite, parameters)
                value: object = next(iter(rows))[0]
                return value
            return await self._fetch_postgresql(statement, parameters)

    async def _fetch_postgresql(self, statement: Statement, parameters: Sequence[object]) -> object:
        pool = self._postgresql or await self._open_postgresql()
        try:
            return await pool.fetchval(statement.postgresql, *parameters)
        except POSTGRESQL_AWAY:
            # The connection may have died since it was last used; the pool gives another one.
            return await pool.fetchval(statement.postgresql, *parameters)

    async def write_batch(self, batch: Batch) -> None:
        """Run statements on the driver itself, all in one transaction or none.

        Raises DatabaseUnavailable, or CrmError when the database refuses a row.
        """
        with self._translated():
            if self.dialect == "sqlite":
                async with self._writer:
                    await self._sqlite_writer.run([(one.sqlite, rows) for one, rows in batch])
                return
            pool = self._postgresql or await self._open_postgresql()
            async with pool.acquire() as connection, connection.transaction():
                for statement, rows in batch:
                    if rows:
                        await connection.executemany(statement.postgresql, rows)

    async def analyze(self, written: int) -> None:
        """Tell the planner about new rows, when there are many: it guesses badly about a table it never saw."""
        if written >= MANY:
            async with self.write() as connection:
                await connection.execute(text("ANALYZE"))

    async def _open_sqlite_reader(self) -> aiosqlite.Connection:
        async with self._opening:
            if self._sqlite_reader is None:
                reader = aiosqlite.connect(self.url.database or "", isolation_level=None)
                try:
                    _ = await reader
                    for pragma in (*SQLITE_PRAGMAS, "PRAGMA query_only=ON"):
                        await reader.execute(pragma)
                except BaseException:
                    # A cancelled look-up must not leave a thread behind that keeps the process alive.
                    reader.stop()
                    raise
                self._sqlite_reader = reader
            return self._sqlite_reader

    async def _open_postgresql(self) -> asyncpg.Pool:
        async with self._opening:
            if self._postgresql is None:
                dsn = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
                self._postgresql = await asyncpg.create_pool(
                    dsn,
                    min_size=1,
                    max_size=DRIVER_CONNECTIONS,
                    timeout=CONNECT_SECONDS,
                    command_timeout=COMMAND_SECONDS,
                    connection_class=_PlainConnection,
                )
            return self._postgresql

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the drivers' many ways to say "not reachable" into one error."""
        try:
            yield
        except DBAPIError as error:
            if _is_away(error):
                raise unavailable(self.url, error) from error
            raise
        except REFUSED as error:
            raise CrmError(f"the database refused a row: {error}") from error
        except (PoolTimeoutError, OSError, sqlite3.OperationalError, *POSTGRESQL_AWAY) as error:
            raise unavailable(self.url, error) from error


async def upgrade(url: str) -> None:
    """Bring the database to the newest schema, creating it when new; raises DatabaseUnavailable."""
    run = await asyncio.to_thread(_migrations)
    await run(url)


def _migrations() -> Callable[[str], Awaitable[None]]:
    # Alembic reads files as it is imported: in a thread, for the loop must not wait.
    from crm_core.migrations import run

    return run


def parse_url(url: str) -> URL:
    """Read a database URL; raises DatabaseUnavailable without repeating it, for it may hold a password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise DatabaseUnavailable("the database URL cannot be read") from error
    driver = DRIVERS.get(parsed.drivername)
    if driver is None:
        raise DatabaseUnavailable(
            f"{parsed.drivername} is not supported: use sqlite+aiosqlite:///FILE or postgresql+asyncpg://..."
        )
    if driver.startswith("sqlite") and not parsed.database:
        raise DatabaseUnavailable("the database URL names no SQLite file")
    return parsed.set(drivername=driver)


def unavailable(url: URL, error: BaseException) -> DatabaseUnavailable:
    """Describe in one line what is wrong with the database."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    reason = " ".join(str(cause).split()) or type(cause).__name__
    if url.password:
        reason = reason.replace(str(url.password), "***")
    return DatabaseUnavailable(f"database {url.render_as_string(hide_password=True)}: {reason}")


def _is_away(error: DBAPIError) -> bool:
    cause = error.orig.__cause__ if error.orig is not None else None
    away = isinstance(error, (OperationalError, InterfaceError)) or isinstance(cause, POSTGRESQL_AWAY)
    return error.connection_invalidated or away


def _make_directory(url: URL) -> None:
    try:
        Path(url.database or "").expanduser().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unavailable(url, error) from error


def _engine(url: URL) -> AsyncEngine:
    try:
        if url.get_backend_name() == "sqlite":
            engine = create_async_engine(url, pool_size=POOL, max_overflow=POOL, pool_timeout=COMMAND_SECONDS)
            event.listen(engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(engine.sync_engine, "begin", _begin_sqlite)
            return engine
        return create_async_engine(
            url,
            pool_size=POOL,
            max_overflow=POOL,
            pool_timeout=CONNECT_SECONDS,
            pool_pre_ping=True,
            connect_args={"timeout": CONNECT_SECONDS, "command_timeout": COMMAND_SECONDS},
        )
    except (ArgumentError, NoSuchModuleError) as error:
        raise unavailable(url, error) from error


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    # We begin transactions ourselves: sqlite3's own way begins too late to wait for the lock.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

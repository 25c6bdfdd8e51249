"""A channel event log in a database table: cel_pgsql, cel_odbc, cel_sqlite3_custom."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
from sqlalchemy import (
    Column,
    ColumnElement,
    Float,
    MetaData,
    Select,
    Table,
    cast,
    func,
    literal,
    literal_column,
    make_url,
    select,
    table,
)
from sqlalchemy.exc import DBAPIError, NoSuchModuleError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.types import NullType

from telephony.cel import Row, read
from telephony.sources import LogAddress, LogUnavailable
from telephony.sources.clocks import Clock

TOGETHER: Final = 500
"""Rows handed on at a time."""
CONNECT_SECONDS: Final = 5
QUERY_SECONDS: Final = 120
DRIVERS: Final = {"postgresql": "postgresql+asyncpg", "mysql": "mysql+asyncmy", "sqlite": "sqlite+aiosqlite"}
MORE_LOCAL_SECONDS: Final = 3600.0
"""The hour that local time repeats in autumn."""


class TableLog:
    """A `cel` table; its columns are matched without case, in both families of names."""

    def __init__(self, address: LogAddress) -> None:
        self.refused = 0
        self._address = address
        self._clock = Clock(address.zone)

    async def rows(self, since: float) -> AsyncIterator[Sequence[Row]]:
        """Give the rows from `since` on; see `LogSource`."""
        async with self._connected() as connection:
            newest = await self._newest(connection)
            if newest is None:
                return
            result = await connection.stream(self._question(newest, since))
            async for some in result.mappings().partitions(TOGETHER):
                found = [row for row in map(self._row, some) if row is not None and row.at >= since]
                if found:
                    yield found

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection]:
        engine = self._engine()
        try:
            async with engine.connect() as connection:
                yield connection
        except (DBAPIError, asyncpg.PostgresError, OSError, TimeoutError) as error:
            raise LogUnavailable(self._describe(error)) from error
        finally:
            await engine.dispose()

    def _engine(self) -> AsyncEngine:
        kind = self._address.kind
        arguments: dict[str, Any] = {}
        if kind == "sqlite":
            url = f"{DRIVERS[kind]}:///file:{self._address.path}?mode=ro&uri=true"
            arguments = {"timeout": CONNECT_SECONDS}
        else:
            url = f"{DRIVERS[kind]}:{self._address.server}"
            arguments = (
                {"timeout": CONNECT_SECONDS, "command_timeout": QUERY_SECONDS}
                if kind == "postgresql"
                else {"connect_timeout": CONNECT_SECONDS}
            )
        try:
            return create_async_engine(url, poolclass=NullPool, connect_args=arguments)
        except (ModuleNotFoundError, NoSuchModuleError) as error:
            raise LogUnavailable("the MySQL driver is not installed: pip install 'callcard[mysql]'") from error

    def _describe(self, error: Exception) -> str:
        """Say in one line what is wrong, without the password."""
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        reason = " ".join(str(cause).split()) or type(cause).__name__
        password = make_url(f"x:{self._address.server}").password if self._address.server else None
        where = f"{self._address.kind} table {self._address.table}"
        return f"{where}: {reason.replace(password, '***') if password else reason}"

    async def _newest(self, connection: AsyncConnection) -> Mapping[str, Any] | None:
        """Return the row of the channel that began last, and learn the zone from it; None in an empty table."""
        schema, _, name = self._address.table.rpartition(".")
        source = table(name, schema=schema or None)
        latest: ColumnElement[Any] = literal_column("eventtime").desc()
        question: Select[Any] = select(literal_column("*")).select_from(source).order_by(latest).limit(1)
        started = question.where(func.upper(literal_column("eventtype")).like("%CHAN_START"))
        for one in (started, question):
            found = (await connection.execute(one)).mappings().one_or_none()
            if found is not None:
                row = read(dict(found))
                if row is not None and not row.zoned:
                    self._clock.learn(row.at, row.uniqueid)
                return dict(found)
        return None

    def _question(self, newest: Mapping[str, Any], since: float) -> Select[Any]:
        """Ask for what is not older, in the shape in which this table keeps its times."""
        schema, _, name = self._address.table.rpartition(".")
        columns: list[Column[Any]] = [Column(key, NullType()) for key in newest]
        source = Table(name, MetaData(), *columns, schema=schema or None)
        by_name = {key.lower(): source.c[key] for key in newest}
        when: ColumnElement[Any] = by_name["eventtime"]
        value = newest[by_name["eventtime"].name]
        if self._address.kind == "sqlite" and _is_number(value):
            when = cast(when, Float)  # kept as text by cel_sqlite3_custom
        order = [when, *([by_name["id"]] if "id" in by_name else [])]
        return select(source).where(when >= self._bound(value, since)).order_by(*order)

    def _bound(self, value: object, since: float) -> ColumnElement[Any]:
        local = datetime.fromtimestamp(self._clock.local(since) - MORE_LOCAL_SECONDS, UTC)
        if isinstance(value, datetime):
            return literal(datetime.fromtimestamp(since, UTC) if value.tzinfo else local.replace(tzinfo=None))
        if _is_number(value):
            return literal(since)
        return literal(local.strftime("%Y-%m-%d %H:%M:%S"))

    def _row(self, fields: Mapping[Any, Any]) -> Row | None:
        row = read(dict(fields))
        if row is None:
            self.refused += 1
            return None
        return self._clock.right(row)


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True

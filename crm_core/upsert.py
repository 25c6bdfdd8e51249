"""Insert, or change what is there: both databases say it alike, SQLAlchemy has one class for each."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite

from crm_core.db import Database, Row

Upsert = postgresql.Insert | sqlite.Insert


def upsert(database: Database, table: type[Row]) -> Any:  # noqa: ANN401 two classes with the same methods and no common parent
    """Return an insert that knows `on_conflict_do_update` and `on_conflict_do_nothing`."""
    return sqlite.insert(table) if database.dialect == "sqlite" else postgresql.insert(table)

"""One door to the database: SQLite for one node, PostgreSQL for several."""


class Database:
    """An open database; stores take it."""

    dialect: str

    @classmethod
    async def open(cls, url: str) -> "Database":
        """Open a database; raises DatabaseUnavailable."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close all connections."""
        raise NotImplementedError

    async def ping(self) -> None:
        """Ask the database for a sign of life; raises DatabaseUnavailable."""
        raise NotImplementedError


async def upgrade(url: str) -> None:
    """Bring the database to the newest schema, creating it when new; raises DatabaseUnavailable."""
    raise NotImplementedError

"""A thread that writes batches into the SQLite file: one hop away from the event loop, however many statements."""

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

Work = Sequence[tuple[str, Sequence[tuple[object, ...]]]]


class SqliteWriter:
    """One connection in one thread; both are made when first needed. The caller sees to it that writes take turns."""

    def __init__(self, path: str, pragmas: Sequence[str]) -> None:
        self._path = path
        self._pragmas = pragmas
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    async def run(self, work: Work) -> None:
        """Run statements with their rows in one transaction; raises sqlite3's errors with nothing written."""
        if self._closed:
            raise sqlite3.OperationalError("the database is closed")
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="callcard-writer")
        await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)

    async def close(self) -> None:
        """Close the connection and end the thread."""
        self._closed = True
        if self._thread is not None:
            thread, self._thread = self._thread, None
            closing = asyncio.get_running_loop().run_in_executor(thread, self._close)
            # Said before the wait: whoever stops waiting, the thread ends with its work.
            thread.shutdown(wait=False)
            await closing

    def _run(self, work: Work) -> None:
        connection = self._connection or self._connect()
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement, rows in work:
                if rows:
                    connection.executemany(statement, rows)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None)
        for pragma in self._pragmas:
            connection.execute(pragma)
        self._connection = connection
        return connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

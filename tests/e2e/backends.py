"""PostgreSQL and NATS of this test run."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from tests.e2e.servers import Server, free_port, give_to, port_is_open

CEL_TABLE = """CREATE TABLE cel (id serial PRIMARY KEY, eventtype varchar(30), eventtime timestamp,
userdeftype varchar(255), cid_name varchar(80), cid_num varchar(80), cid_ani varchar(80), cid_rdnis varchar(80),
cid_dnid varchar(80), exten varchar(80), context varchar(80), channame varchar(80), appname varchar(80),
appdata varchar(80), amaflags int, accountcode varchar(20), peeraccount varchar(20), uniqueid varchar(150),
linkedid varchar(150), userfield varchar(255), peer varchar(80), extra text)"""
"""As Asterisk's documentation proposes it; it fills the columns that are there."""


class PostgreSQL:
    """An own cluster in an own folder, reachable on loopback without a password; nothing in it is meant to last."""

    def __init__(self) -> None:
        self._programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        self._folder = Path(tempfile.mkdtemp(prefix="callcard-postgresql-", dir="/var/tmp"))
        give_to("postgres", self._folder)
        self.port = free_port()
        self._databases = 0
        self._server: Server | None = None

    def start(self) -> None:
        """Make the cluster, the first time, and return when it takes connections."""
        data = self._folder / "data"
        if not data.exists():
            self._run("initdb", "--pgdata", str(data), "--auth=trust", "--encoding=UTF8", "--no-sync")
        options = ["-D", str(data), "-p", str(self.port), "-k", str(self._folder), "-h", "127.0.0.1", "-F"]
        command = [str(self._programs / "postgres"), *options]
        self._server = Server(command, self._folder / "log", user="postgres")
        self._server.wait_until(lambda: self._answers("pg_isready", "--quiet"))

    def new_database(self, template: str = "template0") -> tuple[str, str]:
        """Create a database, empty or as a copy; return its name and its CALLCARD_DATABASE_URL."""
        self._databases += 1
        name = f"callcard_{self._databases}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "--template", template, name)
        return name, f"postgresql+asyncpg://postgres@127.0.0.1:{self.port}/{name}"

    def new_cel_table(self) -> str:
        """Create a database with the table of Asterisk's cel_pgsql; return its CALLCARD_CEL_URL."""
        name, _ = self.new_database()
        command = ["psql", "-h", "127.0.0.1", "-p", str(self.port), "-q", "-c", CEL_TABLE, name]
        self._run(*command)
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}?table=cel"

    def crash(self) -> None:
        """End it at once, connections and all; `start` has to recover it."""
        assert self._server is not None
        self._server.stop(signal.SIGQUIT)
        self._server = None

    def send_to_all(self, number: signal.Signals) -> None:
        """Stop (SIGSTOP) or continue (SIGCONT) all its processes: connections stay open, nothing answers."""
        assert self._server is not None
        pid = self._server.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for process in (pid, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def remove(self) -> None:
        """Stop it and forget its data."""
        if self._server is not None:
            self._server.stop()
        shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            user="postgres",
            group="postgres",
            extra_groups=[],
            cwd="/",
            check=True,
            capture_output=True,
        )

    def _answers(self, program: str, *arguments: str) -> bool:
        command = [str(self._programs / program), "-h", "127.0.0.1", "-p", str(self.port), *arguments]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0


class Nats:
    """An own NATS server."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="callcard-nats-"))
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._server: Server | None = None

    def start(self) -> None:
        """Start it and return when it takes connections."""
        command = ["/usr/sbin/nats-server", "-a", "127.0.0.1", "-p", str(self.port)]
        self._server = Server(command, self._folder / "log")
        self._server.wait_until(lambda: port_is_open(self.port))

    def stop(self) -> None:
        """End it."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def remove(self) -> None:
        """Stop it and forget its folder."""
        self.stop()
        shutil.rmtree(self._folder)

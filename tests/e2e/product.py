"""Callcard as its users run it: the `callcard` command in processes of their own, set by the environment alone."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.servers import Server, free_port

PASSWORD = "correct horse battery"
OWN_NUMBERS = "74950000000 74950000001 74950000002 74950000003 74950000004 74950000005 74950000006 74950000007"


@dataclass(frozen=True, slots=True)
class Member:
    """One person of the test company."""

    name: str
    role: str
    extension: str | None = None


COMPANY = (
    Member("ana", "agent", "2001"),
    Member("bruno", "agent", "2002"),
    Member("carla", "agent", "2003"),
    Member("dmitri", "agent", "2004"),
    Member("vera", "supervisor"),
    Member("root", "admin"),
)


HIRE = f"""
import contextlib, io, json, sys
from web.cli import main

tokens = []
for commands in json.load(sys.stdin):
    for arguments in commands:
        sys.stdin = io.StringIO({PASSWORD!r})
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            if main(arguments):
                sys.exit(1)
    tokens.append(printed.getvalue().strip())
print(json.dumps(tokens))
"""
"""The commands of everybody in one process: a process for each would cost the run half a minute."""


def _commands(member: Member) -> list[list[str]]:
    """Return what makes a member: the user, then the token, which is what the last one prints."""
    extension = ["--extension", member.extension] if member.extension else []
    scope = "admin" if member.role == "admin" else "write"
    return [
        ["user", "add", member.name, "--role", member.role, *extension, "--password-stdin"],
        ["token", "create", "--user", member.name, "--scope", scope],
    ]


class Callcard:
    """One node: a folder, a port, a database, perhaps a bus."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self._folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        own = {
            "CALLCARD_HTTP": f"127.0.0.1:{self.port}",
            "CALLCARD_VAR_DIR": str(folder / "var"),
            "CALLCARD_DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'callcard.db'}",
            "CALLCARD_OWN_NUMBERS": OWN_NUMBERS,
            "CALLCARD_REGION": "RU",
        }
        left_out = ("CALLCARD_", "PYTHONDONTWRITEBYTECODE")  # compiled files make every start quicker
        kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        self._env = kept | own | dict(settings)
        self._server: Server | None = None
        (folder / "var").mkdir(parents=True, exist_ok=True)

    def run(self, *arguments: str, text: str = "") -> str:
        """Run a `callcard` subcommand and return what it printed; it must succeed."""
        done = subprocess.run(
            [sys.executable, "-m", "web", *arguments],
            input=text,
            env=self._env,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, f"callcard {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def furnish(self) -> dict[str, str]:
        """Create the database and the company's people; return an API token of each by name."""
        self.run("db", "upgrade")
        hired = subprocess.run(
            [sys.executable, "-c", HIRE],
            input=json.dumps([_commands(member) for member in COMPANY]),
            env=self._env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert hired.returncode == 0, hired.stdout + hired.stderr
        return dict(zip([member.name for member in COMPANY], json.loads(hired.stdout), strict=True))

    def start(self, path: str = "/readyz") -> None:
        """Start `callcard serve` and return when it says that it is ready (`/healthz`: that it lives)."""
        command = [sys.executable, "-m", "web", "serve"]
        self._server = Server(command, self._folder / "serve.log", env=self._env)
        self._server.wait_until(lambda: self.status(path) == http.HTTPStatus.OK)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it and return the exit status."""
        assert self._server is not None
        status = self._server.stop(how)
        self._server = None
        return status

    def remove(self) -> None:
        """End it at once if it runs and forget its folder."""
        if self._server is not None:
            self._server.stop(signal.SIGKILL)
        shutil.rmtree(self._folder)

    def log(self) -> str:
        """Return what `serve` wrote."""
        path = self._folder / "serve.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def status(self, path: str) -> int:
        """GET a path and return the status; 0 while nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

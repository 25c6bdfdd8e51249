"""Programs the end-to-end tests run against: own folder, own ports, waited for, ended by process id."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

POLL_SECONDS = 0.05


class NotReadyError(Exception):
    """A program did not come up: the message holds the end of what it wrote."""


def free_port(host: str = "127.0.0.1", kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port nobody listens on at this moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def free_udp_port(host: str = "127.0.0.1") -> int:
    """Return a UDP port nobody uses at this moment."""
    return free_port(host, socket.SOCK_DGRAM)


def port_is_open(port: int, host: str = "127.0.0.1") -> bool:
    """Say whether somebody accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def wait_until(satisfied: Callable[[], bool], seconds: float = 20) -> None:
    """Return as soon as a condition holds; fail when time is up."""
    deadline = time.monotonic() + seconds
    while not satisfied():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(POLL_SECONDS)


class Server:
    """One program as a child process, its output in a file."""

    def __init__(
        self, command: list[str], log: Path, *, env: dict[str, str] | None = None, user: str | None = None
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "--", *command],  # it never outlives the test run
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                user=user,
                group=user,
                extra_groups=[] if user else None,
                cwd="/" if user else None,
            )

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def wait_until(self, ready: Callable[[], bool], seconds: float = 30) -> None:
        """Return as soon as `ready` says so; raise NotReadyError when the program ends or time is up."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self._process.poll() is not None:
                raise NotReadyError(f"{self._process.args!r} ended with {self._process.returncode}:\n{self.tail()}")
            if time.monotonic() > deadline:
                self.stop()
                raise NotReadyError(f"{self._process.args!r} not ready after {seconds} s:\n{self.tail()}")
            time.sleep(POLL_SECONDS)

    def stop(self, how: signal.Signals = signal.SIGTERM, seconds: float = 15) -> int:
        """End the program and return its exit status; one that does not obey is killed."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(how)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def tail(self, characters: int = 3000) -> str:
        """Return the end of what the program wrote."""
        return self.log.read_text(errors="replace")[-characters:]


def give_to(user: str, path: Path) -> None:
    """Make `user` the owner of a folder."""
    import pwd

    entry = pwd.getpwnam(user)
    os.chown(path, entry.pw_uid, entry.pw_gid)

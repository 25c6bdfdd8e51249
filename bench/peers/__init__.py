"""AMI clients of Node, as published, on the same bytes: installed from a lock of their own, by the bench only."""

import re
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
NAMES: Final = ("ami-io", "asterisk-manager", "asterisk-ami-client")
SECONDS: Final = 120.0
_ACTION_ID: Final = re.compile(rb"actionid: *([^\r\n]+)", re.IGNORECASE)


class PeerFailedError(Exception):
    """A client did not come, or did not read everything in time."""


def installed() -> tuple[str, ...]:
    """Install the clients, where Node is there and the registry answers; names those that can be measured."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return ()
    try:
        subprocess.run([npm, "ci"], cwd=FOLDER, capture_output=True, timeout=SECONDS, check=True)  # noqa: S603 - our own lock
    except subprocess.SubprocessError:
        return ()
    return NAMES


def seconds(name: str, chunks: Sequence[bytes], events: int) -> float:
    """Return the CPU seconds one of the clients needs for the `events` in `chunks`, once it has warmed up.

    Raises:
        PeerFailedError: it did not read them.

    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(SECONDS)
        command = [shutil.which("node") or "node", "client.cjs", name, str(server.getsockname()[1]), str(events)]
        with subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.PIPE, text=True) as client:  # noqa: S603 - our own script
            try:
                _play(server, [*chunks, *chunks])
                told, _ = client.communicate(timeout=SECONDS)
                return float(told)
            except (OSError, subprocess.SubprocessError, ValueError) as error:
                raise PeerFailedError(f"{name}: {error}") from error
            finally:
                client.kill()


def _play(server: socket.socket, chunks: Sequence[bytes]) -> None:
    """Be the manager: let the client in, and send it everything once it pings."""
    connection, _ = server.accept()
    with connection:
        connection.settimeout(SECONDS)
        connection.sendall(b"Asterisk Call Manager/11.0.0\r\n")
        asked = None
        while asked != b"" and b"ping" not in (asked or b"").lower():
            asked = connection.recv(4096)
            for found in _ACTION_ID.finditer(asked):
                connection.sendall(b"Response: Success\r\nActionID: %s\r\n\r\n" % found[1])
        for chunk in chunks:
            connection.sendall(chunk)

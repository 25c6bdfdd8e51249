"""Programs of a run: started, watched, and stopped by their own process id."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path

START_SECONDS = 60.0
STOP_SECONDS = 12.0
LOOK_SECONDS = 0.005
_STARTED: "list[Program]" = []


class Program:
    """A child process of the bench."""

    def __init__(self, process: asyncio.subprocess.Process, began: float) -> None:
        self.process = process
        self.began = began
        self._facts = Path("/proc") / str(process.pid)

    @property
    def rss(self) -> int:
        """Resident memory in bytes."""
        return int((self._facts / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    @property
    def cpu_seconds(self) -> float:
        """CPU time used so far, all threads."""
        fields = (self._facts / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def stop(self) -> None:
        """Ask it to end, and make it end."""
        if self.process.returncode is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


async def start(*arguments: str, log: Path, settings: Mapping[str, str] | None = None, pipes: bool = False) -> Program:
    """Start a Python program of ours; what it says goes to the file `log`, or with `pipes` to us."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CALLCARD_")}
    pipe = asyncio.subprocess.PIPE if pipes else None
    with log.open("ab") as file:
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            stdin=pipe or asyncio.subprocess.DEVNULL,
            stdout=pipe or file,
            stderr=file,
            env={**environment, **(settings or {})},
        )
    program = Program(process, began)
    _STARTED.append(program)
    return program


async def stop_all() -> None:
    """End every program that still runs, whatever happened."""
    for program in _STARTED:
        await program.stop()


def free_port() -> int:
    """Return a loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def ready(program: Program, port: int, path: str = "/readyz") -> float:
    """Wait until the program answers 200; return the seconds since it was started. Raises TimeoutError."""
    async with asyncio.timeout(START_SECONDS):
        while not (await get(port, path)).startswith(b"HTTP/1.1 200"):
            if program.process.returncode is not None:
                raise TimeoutError("the program ended")
            await asyncio.sleep(LOOK_SECONDS)
    return time.perf_counter() - program.began


async def get(port: int, path: str) -> bytes:
    """Ask for a page of a program on loopback; nothing when it does not answer."""
    with contextlib.suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
            return await reader.read()
        finally:
            writer.close()
    return b""

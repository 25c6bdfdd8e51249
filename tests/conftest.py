"""Guards of every test: loopback sockets only, no task left behind, no call that blocks the event loop."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import settings
from pytest_socket import socket_allow_hosts

RECORDINGS = Path(__file__).parent / "recordings"

# How long an example takes says more about the machine than about the code.
# CI tries the same examples each time: what it finds is found again; developers' machines look further.
settings.register_profile("callcard", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("callcard")

OUR_ROOMS = ["telephony", "crm_core", "screenpop", "web"]


@pytest.fixture(autouse=True)
def _loopback_only() -> None:
    """Keep tests on this machine (Unix sockets stay free: databases and browsers use them)."""
    socket_allow_hosts(["127.0.0.1", "127.0.0.2", "::1", "localhost"], allow_unix_socket=True)


@pytest.fixture(autouse=True)
def _no_blocking_calls(request: pytest.FixtureRequest) -> Iterator[BlockBuster | None]:
    """Blocking I/O called by our code on a running event loop raises; threads are free to block."""
    if request.node.get_closest_marker("e2e") is not None:
        yield None
        return
    with blockbuster_ctx(OUR_ROOMS) as guard:
        # asyncpg looks for a password file and certificates whenever it connects.
        for name in ("os.stat", "os.path.abspath"):
            guard.functions[name].can_block_in("asyncpg/connect_utils.py", "_parse_connect_dsn_and_args")
        # The coverage tracer guards its own table.
        guard.functions["threading.Lock.acquire"].can_block_in("coverage/collector.py", {"lock_data", "unlock_data"})
        yield guard


@pytest.fixture(autouse=True)
async def _nothing_lingers() -> AsyncIterator[None]:
    """Fail a test that leaves a task running."""
    before = asyncio.all_tasks()
    left: set[asyncio.Task[object]] = set()
    yield
    for _ in range(20):
        left = {task for task in asyncio.all_tasks() - before if not task.done()} - {asyncio.current_task()}
        if not left:
            return
        await asyncio.wait(left, timeout=0.05)
    names = sorted(str(task.get_coro()) for task in left)
    pytest.fail(f"tasks left running: {names}")


@pytest.fixture(scope="session", autouse=True)
def _no_threads_linger() -> Iterator[None]:
    """Fail a suite that ends with a thread of ours waiting for ever."""
    yield
    threads = (t for t in threading.enumerate() if not t.daemon and t is not threading.main_thread())
    stuck = [t.name for t in threads if not t.name.startswith(("asyncio", "ThreadPoolExecutor", "pytest"))]
    assert not stuck, f"threads left running: {stuck}"


@pytest.fixture(scope="session")
def recordings() -> Path:
    return RECORDINGS


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the same result whatever the developer's environment says."""
    for name in list(os.environ):
        if name.startswith("CALLCARD_") and not name.startswith(("CALLCARD_TEST_", "CALLCARD_E2E")):
            monkeypatch.delenv(name)

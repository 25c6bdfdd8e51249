"""The contract tests once more, with the servers that `make test` does not have."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.backends import Nats, PostgreSQL

CHOSEN = ("-k", "postgresql or nats")
pytestmark = [pytest.mark.e2e, pytest.mark.postgresql, pytest.mark.timeout(300)]


def test_stores_and_bus_keep_their_promises_on_postgresql_and_nats(postgresql: PostgreSQL, nats: Nats) -> None:
    servers = {"CALLCARD_TEST_POSTGRESQL_URL": postgresql.new_database()[1], "CALLCARD_TEST_NATS_URL": nats.url}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/contracts", "-q", "-n", "2", "-p", "no:cacheprovider", *CHOSEN],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **servers},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert "no server" not in done.stdout, done.stdout[-2000:]

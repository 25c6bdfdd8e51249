"""What the end-to-end tests stand on: one Asterisk, one PostgreSQL and one NATS per test run."""

import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from tests.e2e.asterisk import AGENTS_HOST, HOME, TRUNK_HOST, Asterisk, phone_password
from tests.e2e.backends import Nats, PostgreSQL
from tests.e2e.phones import Phone

Plug = Callable[[str], Awaitable[Phone]]


@pytest.fixture(scope="session")
def asterisk() -> Iterator[Asterisk]:
    """Boot one Asterisk for the whole run."""
    assert os.geteuid() == 0, "the end-to-end tests need root"
    assert (HOME / "asterisk-root.complete").exists(), "run tests/e2e/install.sh first"
    instance = Asterisk()
    try:
        instance.start()
        yield instance
    finally:
        instance.remove()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """Start one PostgreSQL for the whole run."""
    cluster = PostgreSQL()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()


@pytest.fixture(scope="session")
def nats() -> Iterator[Nats]:
    """Start one NATS for the whole run."""
    server = Nats()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
async def plug(asterisk: Asterisk) -> AsyncIterator[Plug]:
    """Plug phones in by extension; they are registered, and unplugged after the test."""
    registrar = (AGENTS_HOST, asterisk.sip_port)
    async with contextlib.AsyncExitStack() as stack:

        async def plug_in(extension: str) -> Phone:
            phone = await stack.enter_async_context(Phone.at(extension, phone_password(extension), registrar))
            await phone.register()
            stack.push_async_callback(phone.register, 0)
            return phone

        yield plug_in


@pytest.fixture
async def trunk(asterisk: Asterisk) -> AsyncIterator[Phone]:
    """Play the provider: customers who do what the test says, and who get our calls out."""
    registrar = (AGENTS_HOST, asterisk.sip_port)
    async with Phone.at("provider", "", registrar, host=TRUNK_HOST, port=asterisk.trunk_port) as phone:
        yield phone

"""What the end-to-end tests stand on: one Asterisk, one PostgreSQL and one NATS per test run."""

import asyncio
import contextlib
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Browser

from telephony.simulator.day import direct_number, example_company
from telephony.simulator.pbx import Pbx
from telephony.simulator.server import AmiServer
from telephony.simulator.switch import TRUNK, Reaction
from telephony.simulator.timeline import Timeline
from tests.e2e.api import Api, Live
from tests.e2e.asterisk import AGENTS_HOST, HOME, TRUNK_HOST, Asterisk, phone_password
from tests.e2e.backends import Nats, PostgreSQL
from tests.e2e.desk import chromium
from tests.e2e.laboratory import Lab, listening
from tests.e2e.phones import Phone
from tests.e2e.product import Callcard

LIMIT_SECONDS = 240
Plug = Callable[[str], Awaitable[Phone]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give real programs time: the first test of a run also pays for all that starts only once."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LIMIT_SECONDS))


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


@pytest.fixture
async def lab(asterisk: Asterisk) -> AsyncIterator[Lab]:
    """Listen to the test's calls on AMI, without the rest of the product."""
    async with listening(asterisk) as laboratory:
        yield laboratory


@dataclass(frozen=True, slots=True)
class Furnished:
    """A company ready to be copied: its database and everybody's API token."""

    folder: Path
    tokens: Mapping[str, str]


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    """Create the company's SQLite database once; tests work on copies."""
    folder = tmp_path_factory.mktemp("furnished")
    return Furnished(folder, Callcard(folder, {}).furnish())


@dataclass(frozen=True, slots=True)
class Node:
    """A running Callcard and how to talk to it."""

    callcard: Callcard
    tokens: Mapping[str, str]

    @property
    def url(self) -> str:
        """Where its pages and its API are."""
        return self.callcard.url

    def api(self, user: str = "root") -> contextlib.AbstractAsyncContextManager[Api]:
        """Use the API as that person."""
        return Api.at(self.url, self.tokens[user])

    def live(self, user: str, topic: str = "pops") -> contextlib.AbstractAsyncContextManager[Live]:
        """Listen to that person's live messages."""
        return Live.at(self.url, self.tokens[user], topic)


@pytest.fixture
def node(asterisk: Asterisk, furnished: Furnished, tmp_path: Path) -> Iterator[Node]:
    """Start Callcard on SQLite beside the Asterisk, with an empty call log."""
    folder = tmp_path / "callcard"
    shutil.copytree(furnished.folder, folder)
    callcard = Callcard(folder, {"CALLCARD_AMI_URL": asterisk.ami_url})
    asterisk.wait_idle()
    try:
        callcard.start()
        yield Node(callcard, furnished.tokens)
    finally:
        sys.stderr.write(callcard.log())  # pytest shows it beside a failure
        callcard.remove()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Start a Chromium."""
    async with chromium() as started:
        yield started


@dataclass(frozen=True, slots=True)
class Office:
    """A Callcard, and the simulated PBX it watches."""

    node: Node
    pbx: AmiServer

    @property
    def url(self) -> str:
        """Where the pages are."""
        return self.node.url

    def ring(self, number: str, extension: str = "2001") -> None:
        """Let somebody call a desk phone; `anonymous` withholds the number."""
        self.pbx.act(lambda pbx: pbx.inbound(number, direct_number(extension)))

    def answer(self, extension: str = "2001") -> None:
        """Pick the phone up."""
        assert self.pbx.act(lambda pbx: pbx.answer(extension))

    def dial(self, number: str, extension: str = "2001") -> None:
        """Dial at the desk phone."""
        self.pbx.act(lambda pbx: pbx.dial(extension, number))

    def end(self, extension: str = "2001") -> None:
        """Put an end to every call, whoever is in it."""
        self.pbx.act(partial(_end, extension))

    async def client(self, name: str, number: str) -> int:
        """Put a client in the base."""
        async with self.node.api() as api:
            made = await api.post("contacts", name=name, phones=[{"number": number}])
        return int(made["id"])


def _end(extension: str, pbx: Pbx) -> None:
    for channel in [*pbx.channels_at(TRUNK), *pbx.channels_at(extension)]:
        pbx.hang_up(channel)


@pytest.fixture
async def office(furnished: Furnished, tmp_path: Path) -> AsyncIterator[Office]:
    """Start Callcard beside a simulated PBX; phones ring until somebody says otherwise."""
    folder = tmp_path / "callcard"
    await asyncio.to_thread(shutil.copytree, furnished.folder, folder)
    async with AmiServer(Pbx(Timeline(time.time()), example_company())) as pbx:
        pbx.pbx.far_side = lambda _number: Reaction(answer_after=0.5)
        callcard = Callcard(folder, {"CALLCARD_AMI_URL": pbx.url})
        try:
            await asyncio.to_thread(callcard.start)
            yield Office(Node(callcard, furnished.tokens), pbx)
        finally:
            sys.stderr.write(callcard.log())  # pytest shows it beside a failure
            await asyncio.to_thread(callcard.remove)

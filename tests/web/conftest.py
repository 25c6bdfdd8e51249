"""Fixtures of the web tests."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from telephony.simulator.day import example_company
from telephony.simulator.pbx import Pbx
from telephony.simulator.server import AmiServer
from telephony.simulator.timeline import Timeline
from tests.web.serving import Running, Template, make_template, running


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Give a database with users to copy."""
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
async def service(template: Template, tmp_path: Path) -> AsyncIterator[Running]:
    """Run the service without a PBX."""
    async with running(template, tmp_path) as found:
        yield found


@pytest.fixture
async def pbx() -> AsyncIterator[AmiServer]:
    """Run a simulated PBX."""
    async with AmiServer(Pbx(Timeline(time.time()), example_company())) as server:
        yield server


@pytest.fixture
async def with_pbx(template: Template, tmp_path: Path, pbx: AmiServer) -> AsyncIterator[Running]:
    """Run the service with a simulated PBX."""
    async with running(template, tmp_path, CALLCARD_AMI_URL=pbx.url) as found:
        yield found

"""The link to the PBX: over TLS, with a password it refuses, and set up by hand on the command line."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.asterisk import Asterisk
from tests.e2e.conftest import Furnished, Node, Plug
from tests.e2e.phones import Phone
from tests.e2e.product import Callcard
from tests.e2e.servers import wait_until

pytestmark = pytest.mark.e2e

DIRECT, CLAIRE = "74950000001", "+33601020304"
Serve = Callable[[str], Node]


@pytest.fixture
def linked(furnished: Furnished, tmp_path: Path) -> Iterator[Serve]:
    """Start a Callcard with another CALLCARD_AMI_URL than usual."""
    folder = tmp_path / "callcard"
    shutil.copytree(furnished.folder, folder)
    started: list[Callcard] = []

    def start(url: str) -> Node:
        callcard = Callcard(folder, {"CALLCARD_AMI_URL": url})
        started.append(callcard)
        callcard.start("/healthz")
        return Node(callcard, furnished.tokens)

    yield start
    for callcard in started:
        callcard.remove()


async def test_link_over_tls_tells_calls(linked: Serve, asterisk: Asterisk, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    node = linked(asterisk.amis_url)
    wait_until(lambda: node.callcard.status("/readyz") == 200)
    async with node.api() as api:
        call = await trunk.dial(DIRECT, caller=CLAIRE)
        await (await ana.next_call()).answer()
        await api.talking()
        await call.hang_up()
        assert (await api.only_call())["answered_by"] == "2001"


def test_certificate_nobody_vouches_for_is_refused(linked: Serve, asterisk: Asterisk) -> None:
    node = linked(asterisk.amis_url.partition("?")[0])
    wait_until(lambda: "certificate" in node.callcard.log().lower())
    assert node.callcard.status("/readyz") == 503


def test_refused_password_is_reported_and_not_tried_again_at_once(linked: Serve, asterisk: Asterisk) -> None:
    node = linked(asterisk.ami_url.replace(asterisk.secret, "wrong"))
    wait_until(lambda: "refused" in node.callcard.log().lower())
    assert node.callcard.status("/readyz") == 503
    assert node.callcard.status("/healthz") == 200
    assert "wrong" not in node.callcard.log()
    assert asterisk.log().count("failed to authenticate as 'callcard'") == 1

"""What is around the service fails: cards go on, and afterwards every call is one true row with its notes."""

import asyncio
import contextlib
import errno
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.api import Api, Live, Row
from tests.e2e.asterisk import Asterisk
from tests.e2e.backends import PostgreSQL
from tests.e2e.cable import Cable
from tests.e2e.conftest import Furnished, Node, Plug
from tests.e2e.dialogs import IncomingCall, OutgoingCall
from tests.e2e.phones import Phone
from tests.e2e.product import Callcard

pytestmark = pytest.mark.e2e

DIRECT, SUPPORT, NO_VOICEMAIL = "74950000001", "74950000003", "74950000007"
CLAIRE, BERNARD = "+33601020304", "+33601020305"
NOTE = "wants the blue one"
LOCKED_SECONDS = 8.0
NOTICED_SECONDS, BACK_SECONDS = 30.0, 20.0

Serve = Callable[[Mapping[str, str]], Node]


@pytest.fixture
def serve(asterisk: Asterisk, furnished: Furnished, tmp_path: Path) -> Iterator[Serve]:
    """Start a Callcard with settings of the test's own."""
    folder = tmp_path / "callcard"
    shutil.copytree(furnished.folder, folder)
    asterisk.wait_idle()
    with contextlib.ExitStack() as stack:

        def start(settings: Mapping[str, str]) -> Node:
            callcard = Callcard(folder, {"CALLCARD_AMI_URL": asterisk.ami_url, **settings})
            stack.callback(callcard.remove)
            stack.callback(lambda: sys.stderr.write(callcard.log()))
            callcard.start()
            return Node(callcard, furnished.tokens)

        yield start


async def _answered(trunk: Phone, ana: Phone, pops: Live) -> tuple[OutgoingCall, str]:
    """Claire calls Ana, who answers; return the call and its id."""
    call = await trunk.dial(DIRECT, caller=CLAIRE)
    await (await ana.next_call()).answer()
    await call.wait_answered()
    return call, (await pops.wait_for("pop.update", status="talking"))["call_id"]


async def _missed(trunk: Phone, carla: Phone, pops: Live) -> None:
    """Bernard calls Carla, sees her card come up, and gives up."""
    call = await trunk.dial(NO_VOICEMAIL, caller=BERNARD)
    ringing = await carla.next_call()
    await pops.wait_for("pop.show", seconds=10)
    await call.cancel()
    await ringing.wait_cancelled()


async def _type(api: Api, call_id: str) -> None:
    """Type a note; like the page, keep it and try again until it is taken."""
    await api.until(lambda: api.keeps_draft(call_id, NOTE), bool, 40)


async def _assert_both_true(api: Api, answered: str) -> None:
    rows = await api.until(api.calls, lambda rows: len(rows) == 2 and all(row["ended_at"] for row in rows), 20)
    told = {row["number"]["e164"]: (row["outcome"], row["answered_by"]) for row in rows}
    assert told == {CLAIRE: ("answered", "2001"), BERNARD: ("missed", None)}
    notes = {row["number"]["e164"]: [note["text"] for note in row["notes"]] for row in rows}
    assert notes == {CLAIRE: [NOTE], BERNARD: []}
    assert (await api.get(f"calls/{answered}"))["number"]["e164"] == CLAIRE
    figures = await api.metrics()
    assert (figures["callcard_unwritten_calls"], figures["callcard_lost_writes"]) == (0, 0)


@pytest.fixture(scope="module")
def frail() -> Iterator[PostgreSQL]:
    """Start a PostgreSQL that no other test stands on."""
    cluster = PostgreSQL()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()


@pytest.fixture(scope="module")
def company(frail: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Mapping[str, str]]:
    """Create the company's PostgreSQL database once; tests work on copies."""
    name, url = frail.new_database()
    return name, Callcard(tmp_path_factory.mktemp("company"), {"CALLCARD_DATABASE_URL": url}).furnish()


@pytest.mark.postgresql
@pytest.mark.parametrize("fault", ["frozen", "crashed"])
async def test_postgresql_gone_for_a_while(
    fault: str, serve: Serve, frail: PostgreSQL, company: tuple[str, Mapping[str, str]], plug: Plug, trunk: Phone
) -> None:
    ana, carla = await plug("2001"), await plug("2003")
    template, tokens = company
    node = Node(serve({"CALLCARD_DATABASE_URL": frail.new_database(template)[1]}).callcard, tokens)
    async with (
        node.api("ana") as api,
        node.live("ana") as pops,
        node.live("carla") as other,
        asyncio.TaskGroup() as group,
    ):
        call, call_id = await _answered(trunk, ana, pops)
        if fault == "frozen":
            frail.send_to_all(signal.SIGSTOP)
        else:
            frail.crash()
        try:
            group.create_task(_type(api, call_id))
            await api.until(_log(node), lambda log: "cannot ask who owns service" in log, 20)
            await api.until(api.ready, lambda ready: not ready)
            await _missed(trunk, carla, other)
            await call.hang_up()
        finally:
            if fault == "frozen":
                frail.send_to_all(signal.SIGCONT)
            else:
                await asyncio.to_thread(frail.start)
    async with node.api() as root:
        await _assert_both_true(root, call_id)
    assert "another node owns" not in node.callcard.log()


def _log(node: Node) -> Callable[[], Any]:
    async def log() -> str:
        return node.callcard.log()

    return log


async def test_sqlite_file_locked_by_another_process(node: Node, plug: Plug, trunk: Phone, tmp_path: Path) -> None:
    ana, carla = await plug("2001"), await plug("2003")
    async with (
        node.api("ana") as api,
        node.live("ana") as pops,
        node.live("carla") as other,
        asyncio.TaskGroup() as group,
    ):
        call, call_id = await _answered(trunk, ana, pops)
        with contextlib.closing(sqlite3.connect(tmp_path / "callcard" / "callcard.db", isolation_level=None)) as holder:
            holder.execute("BEGIN EXCLUSIVE")
            released = asyncio.get_running_loop().time() + LOCKED_SECONDS
            group.create_task(_type(api, call_id))
            await _missed(trunk, carla, other)
            await call.hang_up()
            await api.until(api.metrics, lambda figures: figures["callcard_unwritten_calls"] > 0)
            await asyncio.sleep(released - asyncio.get_running_loop().time())  # how long the fault lasts
            holder.execute("ROLLBACK")
    async with node.api() as root:
        await _assert_both_true(root, call_id)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 4 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def _fill(disk: Path) -> Path:
    """Leave not one block free; return the file that takes it all."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    return filler


async def test_disk_full(small_disk: Path, serve: Serve, furnished: Furnished, plug: Plug, trunk: Phone) -> None:
    ana, carla = await plug("2001"), await plug("2003")
    shutil.copy(furnished.folder / "callcard.db", small_disk)
    database = f"sqlite+aiosqlite:///{small_disk / 'callcard.db'}"
    node = serve({"CALLCARD_VAR_DIR": str(small_disk / "var"), "CALLCARD_DATABASE_URL": database})
    async with (
        node.api("ana") as api,
        node.live("ana") as pops,
        node.live("carla") as other,
        asyncio.TaskGroup() as group,
    ):
        call, call_id = await _answered(trunk, ana, pops)
        filler = _fill(small_disk)
        group.create_task(_type(api, call_id))
        await _missed(trunk, carla, other)
        await call.hang_up()
        await api.until(api.metrics, lambda figures: figures["callcard_failed_writes"] > 0)
        await api.until(_log(node), lambda log: "disk is full" in log and "journal main cannot be written" in log)
        assert node.callcard.status("/healthz") == 200
        assert await api.ready()  # it can read: agents stay at work
        filler.unlink()
    async with node.api() as root:
        await _assert_both_true(root, call_id)


@pytest.fixture
async def cable(asterisk: Asterisk) -> AsyncIterator[Cable]:
    """Lay a cable to the manager interface."""
    async with Cable.to(asterisk.ami_port) as laid:
        yield laid


async def test_half_open_link(cable: Cable, serve: Serve, asterisk: Asterisk, plug: Plug, trunk: Phone) -> None:
    ana, carla = await plug("2001"), await plug("2003")
    asterisk.cel_file.unlink(missing_ok=True)
    url = asterisk.ami_url.replace(f":{asterisk.ami_port}", f":{cable.port}")
    node = await asyncio.to_thread(serve, {"CALLCARD_AMI_URL": url, "CALLCARD_CEL_URL": f"file://{asterisk.cel_file}"})
    async with node.api("ana") as api, node.live("ana") as pops:
        call, call_id = await _answered(trunk, ana, pops)
        await _type(api, call_id)
        cable.cut()
        unseen = await trunk.dial(NO_VOICEMAIL, caller=BERNARD)
        ringing = await carla.next_call()
        await unseen.cancel()
        await ringing.wait_cancelled()
        await call.hang_up()
        await api.until(api.ready, lambda ready: not ready, NOTICED_SECONDS)
        cable.mend()
        await api.until(api.ready, bool, BACK_SECONDS)
        async with node.api() as root:
            await _assert_both_true(root, call_id)


async def _kill(node: Node) -> None:
    """End the service as a power cut would, and start it again at once."""
    await asyncio.to_thread(node.callcard.stop, signal.SIGKILL)
    await asyncio.to_thread(node.callcard.start)


async def test_killed_while_rows_wait_for_the_database(
    serve: Serve, asterisk: Asterisk, plug: Plug, trunk: Phone, tmp_path: Path
) -> None:
    ana, carla = await plug("2001"), await plug("2003")
    asterisk.cel_file.unlink(missing_ok=True)
    node = await asyncio.to_thread(serve, {"CALLCARD_CEL_URL": f"file://{asterisk.cel_file}"})
    async with node.api("ana") as api, node.live("ana") as pops, node.live("carla") as other:
        call, call_id = await _answered(trunk, ana, pops)
        await _type(api, call_id)
        with contextlib.closing(sqlite3.connect(tmp_path / "callcard" / "callcard.db", isolation_level=None)) as holder:
            holder.execute("BEGIN EXCLUSIVE")
            await _missed(trunk, carla, other)
            await call.hang_up()
            await api.until(api.metrics, lambda figures: figures["callcard_unwritten_calls"] == 2)
            await asyncio.to_thread(node.callcard.stop, signal.SIGKILL)
            holder.execute("ROLLBACK")
    await asyncio.to_thread(node.callcard.start)
    async with node.api() as root:
        await _assert_both_true(root, call_id)


async def _only_row(node: Node, call_id: str) -> tuple[Row, list[str]]:
    """Return the one row once it is ended, and its notes; it is the one that the card was about."""
    async with node.api() as api:
        row = await api.only_call()
    assert row["id"] == call_id
    return row, [note["text"] for note in row["notes"]]


async def test_killed_while_a_phone_rings(node: Node, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    async with node.live("ana") as pops:
        call = await trunk.dial(DIRECT, caller=CLAIRE)
        ringing = await ana.next_call()
        call_id = (await pops.wait_for("pop.show"))["call_id"]
    async with node.api() as api:
        await api.only_call(ended=False)
    await _kill(node)
    await ringing.answer()
    async with node.api() as api:
        await api.talking()
    await call.hang_up()
    row, notes = await _only_row(node, call_id)
    assert (row["outcome"], row["answered_by"], notes) == ("answered", "2001", [])


async def test_killed_while_a_caller_waits(node: Node, trunk: Phone) -> None:
    call = await trunk.dial(SUPPORT, caller=CLAIRE)
    await call.wait_answered()
    async with node.api() as api:
        row = await api.only_call(ended=False)
    await _kill(node)
    await call.hang_up()
    row, notes = await _only_row(node, row["id"])
    assert (row["outcome"], row["answered_by"], row["queue"], notes) == ("abandoned", None, "support", [])


Point = Callable[[IncomingCall, Phone], Any]


async def _talk(_: IncomingCall, __: Phone) -> str:
    return "2001"


async def _hold(call: IncomingCall, _: Phone) -> str:
    await call.hold()
    return "2001"


async def _transfer(call: IncomingCall, bruno: Phone) -> str:
    await call.transfer("2002")
    await (await bruno.next_call()).answer()
    return "2002"


@pytest.mark.parametrize("point", [_talk, _hold, _transfer])
async def test_killed_in_mid_call(point: Point, node: Node, plug: Plug, trunk: Phone) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    call = await trunk.dial(DIRECT, caller=CLAIRE)
    ringing = await ana.next_call()
    await ringing.answer()
    await call.wait_answered()
    async with node.api("ana") as api:
        await api.talking()
        before = await api.only_call(ended=False)
        await _type(api, before["id"])
        last = await point(ringing, bruno)
        await api.until(api.calls, lambda rows: any(part["extension"] == last for part in rows[0]["participants"]))
    await _kill(node)
    await call.hang_up()
    row, notes = await _only_row(node, before["id"])
    assert (row["outcome"], row["answered_by"], notes) == ("answered", "2001", [NOTE])
    assert {part["extension"] for part in row["participants"]} == {"2001", last}

"""Calls that happened while nobody watched: taken over when still running, rebuilt from Asterisk's own log when not."""

import asyncio
import shutil
import signal
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.e2e.asterisk import Asterisk
from tests.e2e.backends import PostgreSQL
from tests.e2e.conftest import Furnished, Node, Plug
from tests.e2e.phones import Phone
from tests.e2e.product import Callcard

pytestmark = pytest.mark.e2e

DIRECT, SUPPORT, NO_VOICEMAIL = "74950000001", "74950000003", "74950000007"
CLAIRE, BERNARD = "+33601020304", "+33601020305"


async def test_call_that_began_while_callcard_was_down_is_taken_over(node: Node, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    assert node.callcard.stop() == 0
    call = await trunk.dial(DIRECT, caller=CLAIRE)
    await (await ana.next_call()).answer()
    await call.wait_answered()
    waiting = await trunk.dial(SUPPORT, caller=BERNARD)
    await waiting.wait_answered()
    node.callcard.start()
    async with node.api() as api:
        running = await api.until(api.calls, lambda rows: len(rows) == 2)
        assert all(row["ended_at"] is None for row in running)
        await call.hang_up()
        await waiting.hang_up()
        rows = await api.until(api.calls, lambda rows: len(rows) == 2 and all(row["ended_at"] for row in rows))
    told = {row["number"]["e164"]: (row["direction"], row["outcome"], row["answered_by"]) for row in rows}
    assert told == {CLAIRE: ("inbound", "answered", "2001"), BERNARD: ("inbound", "abandoned", None)}


async def test_calls_of_an_outage_are_rebuilt_from_the_channel_event_log(
    node: Node, plug: Plug, trunk: Phone, asterisk: Asterisk
) -> None:
    ana, carla = await plug("2001"), await plug("2003")
    asterisk.cel_file.unlink(missing_ok=True)
    assert node.callcard.stop() == 0
    call = await trunk.dial(DIRECT, caller=CLAIRE)
    await (await ana.next_call()).answer()
    await call.wait_answered()
    await asyncio.to_thread(asterisk.wait_bridged)
    await call.hang_up()
    missed = await trunk.dial(NO_VOICEMAIL, caller=BERNARD)
    ringing = await carla.next_call()
    await missed.cancel()
    await ringing.wait_cancelled()
    await asyncio.to_thread(asterisk.wait_idle)
    node.callcard.start()
    await asyncio.to_thread(node.callcard.run, "calls", "rebuild", "--cel", str(asterisk.cel_file))
    async with node.api() as api:
        rows = await api.until(api.calls, lambda rows: len(rows) == 2)
    told = {row["number"]["e164"]: (row["outcome"], row["answered_by"], row["did"], row["source"]) for row in rows}
    assert told[CLAIRE] == ("answered", "2001", DIRECT, "recovered")
    assert told[BERNARD] == ("missed", None, NO_VOICEMAIL, "recovered")


async def test_calls_of_an_outage_are_added_from_cdr_and_queue_log(
    node: Node, plug: Plug, trunk: Phone, asterisk: Asterisk
) -> None:
    """A PBX without CEL: who answered, how long he waited, and who gave up in the queue are told nevertheless."""
    bruno, carla = await plug("2002"), await plug("2003")
    since = time.time()
    assert node.callcard.stop() == 0
    await _two_calls_unseen(trunk, bruno, carla, asterisk)
    given_up = await trunk.dial(SUPPORT, caller=CLAIRE)
    ringing = await bruno.next_call()
    await given_up.wait_answered()
    await given_up.hang_up()
    await ringing.wait_cancelled()
    await asyncio.to_thread(asterisk.wait_idle)
    node.callcard.start()
    files = ("--cdr", str(asterisk.cdr_file), "--queue-log", str(asterisk.queue_log))
    for _ in range(2):
        await asyncio.to_thread(node.callcard.run, "calls", "rebuild", *files)
    async with node.api() as api:
        rows = await api.calls()
    told = sorted(
        (row["number"]["e164"], row["did"], row["outcome"], row["answered_by"], row["queue"], row["source"])
        for row in rows
        if datetime.fromisoformat(row["started_at"]).timestamp() >= since - 1
    )
    assert told == [
        (CLAIRE, SUPPORT, "abandoned", None, "support", "recovered"),
        (CLAIRE, NO_VOICEMAIL, "missed", None, None, "recovered"),
        (BERNARD, SUPPORT, "answered", "2002", "support", "recovered"),
    ]


@pytest.fixture(params=["file", "postgresql"])
def recovering(
    request: pytest.FixtureRequest, asterisk: Asterisk, postgresql: PostgreSQL, furnished: Furnished, tmp_path: Path
) -> Iterator[Node]:
    """Start Callcard with the place where Asterisk keeps its channel event log."""
    log = f"file://{asterisk.cel_file}"
    asterisk.wait_idle()
    asterisk.cel_file.unlink(missing_ok=True)  # a first start reads a minute back: into the calls of the test before
    if request.param == "postgresql":
        log = postgresql.new_cel_table()
        asterisk.keep_cel_in(log)
    folder = tmp_path / "callcard"
    shutil.copytree(furnished.folder, folder)
    callcard = Callcard(folder, {"CALLCARD_AMI_URL": asterisk.ami_url, "CALLCARD_CEL_URL": log})
    try:
        callcard.start()
        yield Node(callcard, furnished.tokens)
    finally:
        callcard.remove()
        print(callcard.log())  # noqa: T201 - pytest shows it beside a failure


async def _two_calls_unseen(trunk: Phone, bruno: Phone, carla: Phone, asterisk: Asterisk) -> None:
    """Bernard reaches Bruno through the queue; then Claire gives up while Carla's phone rings."""
    answered = await trunk.dial(SUPPORT, caller=BERNARD)
    ringing = [await phone.next_call() for phone in (bruno, carla)]
    await ringing[0].answer()
    await answered.wait_answered()
    await asyncio.to_thread(asterisk.wait_bridged)
    await answered.hang_up()
    missed = await trunk.dial(NO_VOICEMAIL, caller=CLAIRE)
    late = await carla.next_call()
    await missed.cancel()
    await late.wait_cancelled()
    await asyncio.to_thread(asterisk.wait_idle)


async def test_after_a_kill_in_mid_call_the_log_holds_what_nobody_saw(
    recovering: Node, plug: Plug, trunk: Phone, asterisk: Asterisk
) -> None:
    ana, bruno, carla = await plug("2001"), await plug("2002"), await plug("2003")
    call = await trunk.dial(DIRECT, caller=CLAIRE)
    await (await ana.next_call()).answer()
    await call.wait_answered()
    async with recovering.api("ana") as api:
        (row,) = await api.until(api.calls, lambda rows: len(rows) == 1 and rows[0]["answered_at"])
        await api.post(f"calls/{row['id']}/notes", text="wants the blue one")
    assert recovering.callcard.stop(signal.SIGKILL) == -signal.SIGKILL
    await call.hang_up()
    await _two_calls_unseen(trunk, bruno, carla, asterisk)
    recovering.callcard.start()
    async with recovering.api() as api:
        rows = await api.until(api.calls, lambda rows: len(rows) == 3 and all(row["ended_at"] for row in rows))
        told = {(row["number"]["e164"], row["did"]): row for row in rows}
        first = await api.until(
            lambda: api.get(f"calls/{row['id']}"), lambda call: call["participants"][0]["left_at"] is not None
        )
    assert first["source"] == "recovered"
    assert (first["outcome"], first["answered_by"], first["hangup_cause"]) == ("answered", "2001", 16)
    assert [note["text"] for note in first["notes"]] == ["wants the blue one"]
    assert 0 < first["talk_seconds"] < 30
    queued, given_up = told[BERNARD, SUPPORT], told[CLAIRE, NO_VOICEMAIL]
    assert (queued["outcome"], queued["answered_by"], queued["queue"]) == ("answered", "2002", "support")
    assert (given_up["outcome"], given_up["answered_by"]) == ("missed", None)
    assert {row["source"] for row in rows} == {"recovered"}

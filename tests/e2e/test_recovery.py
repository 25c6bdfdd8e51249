"""Calls that happened while nobody watched: taken over when still running, rebuilt from Asterisk's own log when not."""

import asyncio

import pytest

from tests.e2e.asterisk import Asterisk
from tests.e2e.conftest import Node, Plug
from tests.e2e.phones import Phone

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

"""Calls on a real Asterisk, each told as one row of the call log, as a person would tell it."""

import signal

import pytest

from tests.e2e.asterisk import Asterisk
from tests.e2e.callers import customer
from tests.e2e.conftest import Node, Plug
from tests.e2e.dialogs import SipError
from tests.e2e.phones import Phone

pytestmark = pytest.mark.e2e

DIRECT, GROUP, SUPPORT, SALES, BILLING = (f"7495000000{number}" for number in range(1, 6))
SHORT_RING, NO_VOICEMAIL = "74950000006", "74950000007"
CLAIRE = "+33601020304"
MESSAGE_SECONDS = 4.0
"""Greeting and beep take about half a second; messages under 2 s are thrown away."""


async def test_direct_call_answered(node: Node, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    async with node.api() as api, node.live("ana") as live:
        client = await api.post("contacts", name="Claire Durand", phones=[{"number": CLAIRE}])
        call = await trunk.dial(DIRECT, caller=CLAIRE, name="CLAIRE D")
        ringing = await ana.next_call()
        shown = await live.wait_for("pop.show")
        assert (shown["reason"], shown["card"]["contact"]["id"]) == ("ring", client["id"])
        await ringing.answer()
        await call.wait_answered()
        await live.wait_for("pop.update", status="talking")
        await call.hang_up()
        row = await api.only_call()
    assert row["id"] == shown["call_id"]
    assert (row["direction"], row["outcome"], row["did"], row["queue"]) == ("inbound", "answered", DIRECT, None)
    assert (row["number"]["e164"], row["caller_name"]) == (CLAIRE, "CLAIRE D")
    assert (row["contact"]["id"], row["answered_by"], row["candidates"]) == (client["id"], "2001", 1)
    assert [(part["extension"], part["user"], part["result"]) for part in row["participants"]] == [
        ("2001", "ana", "answered")
    ]


async def test_queue_rings_all_one_answers(node: Node, plug: Plug, asterisk: Asterisk) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    async with node.api() as api, node.live("ana") as first, node.live("bruno") as second:
        async with customer(asterisk.sip_port, SUPPORT, CLAIRE, talk_seconds=30) as claire:
            answering, losing = await ana.next_call(), await bruno.next_call()
            await first.wait_for("pop.show", reason="ring")
            await second.wait_for("pop.show", reason="ring")
            await answering.answer()
            await second.wait_for("pop.close", reason="answered_elsewhere")
            await first.wait_for("pop.update", status="talking")
            await losing.wait_cancelled()
            await answering.hang_up()
            await claire.wait_done()
        row = await api.only_call()
    assert (row["outcome"], row["queue"], row["did"], row["answered_by"]) == ("answered", "support", SUPPORT, "2001")
    results = {part["extension"]: part["result"] for part in row["participants"]}
    assert results == {"2001": "answered", "2002": "elsewhere"}


async def test_queue_one_by_one_after_a_refusal(node: Node, plug: Plug, trunk: Phone) -> None:
    dmitri, elena = await plug("2004"), await plug("2005")
    async with node.api() as api:
        call = await trunk.dial(SALES, caller=CLAIRE)
        (await dmitri.next_call()).decline(486)
        second = await elena.next_call(15)
        await second.answer()
        await api.talking()
        await call.hang_up()
        row = await api.only_call()
    assert (row["outcome"], row["queue"], row["answered_by"]) == ("answered", "sales", "2005")
    assert {part["extension"]: part["result"] for part in row["participants"]} == {"2004": "busy", "2005": "answered"}


async def test_caller_leaves_the_queue(node: Node, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    async with node.api() as api, node.live("ana") as live:
        call = await trunk.dial(SUPPORT, caller=CLAIRE)
        ringing = await ana.next_call()
        await live.wait_for("pop.show")
        await call.wait_answered()
        await call.hang_up()
        await live.wait_for("pop.close", reason="caller_gone")
        await ringing.wait_cancelled()
        row = await api.only_call()
    assert (row["outcome"], row["queue"], row["answered_by"], row["answered_at"]) == (
        "abandoned",
        "support",
        None,
        None,
    )


async def test_ring_group_missed(node: Node, plug: Plug, trunk: Phone) -> None:
    ana, carla = await plug("2001"), await plug("2003")
    async with node.api() as api:
        call = await trunk.dial(GROUP, caller=CLAIRE)
        rung = [await ana.next_call(), await carla.next_call()]
        await call.cancel()
        for ringing in rung:
            await ringing.wait_cancelled()
        row = await api.only_call()
    assert (row["direction"], row["outcome"], row["queue"]) == ("inbound", "missed", None)
    assert {part["extension"]: part["result"] for part in row["participants"]} == {
        "2001": "no_answer",
        "2003": "no_answer",
    }


async def test_withheld_caller_has_no_client(node: Node, plug: Plug, trunk: Phone) -> None:
    carla = await plug("2003")
    async with node.api() as api, node.live("carla") as live:
        await api.post("contacts", name="Claire Durand", phones=[{"number": CLAIRE}])
        call = await trunk.dial(NO_VOICEMAIL, caller=CLAIRE, privacy=True)
        ringing = await carla.next_call()
        card = (await live.wait_for("pop.show"))["card"]
        assert (card["number"]["kind"], card["number"]["e164"], card["contact"]) == ("withheld", None, None)
        ringing.decline(486)
        with pytest.raises(SipError):
            await call.wait_answered()
        row = await api.only_call()
    assert (row["number"]["kind"], row["contact"]) == ("withheld", None)
    assert CLAIRE not in str(row)


async def test_nobody_answers_and_voicemail_takes_a_message(node: Node, plug: Plug, trunk: Phone) -> None:
    bruno = await plug("2002")
    async with node.api() as api:
        call = await trunk.dial(SHORT_RING, caller=CLAIRE)
        ringing = await bruno.next_call()
        await ringing.wait_cancelled(15)
        await call.wait_answered()
        await call.speak(MESSAGE_SECONDS)
        await call.hang_up()
        row = await api.only_call()
    assert (row["outcome"], row["answered_by"]) == ("voicemail", None)
    assert [part["result"] for part in row["participants"]] == ["no_answer"]


async def test_unregistered_phone_never_rings(node: Node, trunk: Phone) -> None:
    async with node.api() as api:
        call = await trunk.dial(NO_VOICEMAIL, caller=CLAIRE)
        with pytest.raises(SipError):
            await call.wait_answered()
        row = await api.only_call()
    assert (row["direction"], row["outcome"], row["did"]) == ("inbound", "failed", NO_VOICEMAIL)


async def test_internal_call(node: Node, plug: Plug) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    async with node.api() as api:
        call = await ana.dial("2002")
        ringing = await bruno.next_call()
        await ringing.answer()
        await api.talking()
        await call.hang_up()
        row = await api.only_call()
    assert (row["direction"], row["outcome"], row["number"]["kind"]) == ("internal", "answered", "internal")
    assert (row["number"]["raw"], row["answered_by"], row["extension"]) == ("2001", "2002", "2001")


@pytest.mark.parametrize(("code", "outcome"), [(486, "busy"), (603, "failed"), (None, "canceled"), (200, "answered")])
async def test_call_out(node: Node, plug: Plug, trunk: Phone, code: int | None, outcome: str) -> None:
    ana = await plug("2001")
    async with node.api() as api:
        call = await ana.dial("33601020304")
        far = await trunk.next_call()
        await call.wait_ringing()
        match code:
            case None:
                await call.cancel()
            case 200:
                await far.answer()
                await api.talking()
                await call.hang_up()
            case refusal:
                far.decline(refusal)
                await call.wait_ended()
        row = await api.only_call()
    assert (row["direction"], row["outcome"], row["extension"]) == ("outbound", outcome, "2001")
    assert (row["answered_by"], bool(row["answered_at"])) == (None, code == 200)


async def test_two_calls_of_one_number_are_two_rows(node: Node, plug: Plug, trunk: Phone) -> None:
    ana, carla = await plug("2001"), await plug("2003")
    async with node.api() as api:
        first = await trunk.dial(DIRECT, caller=CLAIRE)
        await (await ana.next_call()).answer()
        await first.wait_answered()
        second = await trunk.dial(NO_VOICEMAIL, caller=CLAIRE)
        await (await carla.next_call()).answer()
        await api.talking()
        await first.hang_up()
        await second.hang_up()
        rows = await api.until(api.calls, lambda rows: len(rows) == 2 and all(row["ended_at"] for row in rows))
    assert {row["answered_by"] for row in rows} == {"2001", "2003"}


async def test_call_in_progress_survives_a_restart_of_callcard(node: Node, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    async with node.api() as api:
        call = await trunk.dial(DIRECT, caller=CLAIRE)
        await (await ana.next_call()).answer()
        await call.wait_answered()
        before = await api.only_call(ended=False)
        assert node.callcard.stop() == 0
        node.callcard.start()
        await call.hang_up()
        row = await api.only_call()
    assert (row["id"], row["outcome"], row["answered_by"]) == (before["id"], "answered", "2001")


async def test_power_cut_of_asterisk_ends_the_call(node: Node, plug: Plug, trunk: Phone, asterisk: Asterisk) -> None:
    ana = await plug("2001")
    async with node.api() as api:
        call = await trunk.dial(DIRECT, caller=CLAIRE)
        await (await ana.next_call()).answer()
        await call.wait_answered()
        await api.talking()
        asterisk.stop(signal.SIGKILL)
        asterisk.start()
        row = await api.only_call(seconds=25)
        assert (row["outcome"], row["answered_by"]) == ("answered", "2001")
        call.ended.set()
        await ana.register()
        again = await trunk.dial(DIRECT, caller=CLAIRE)
        await (await ana.next_call()).answer()
        await api.talking()
        await again.hang_up()
        rows = await api.until(api.calls, lambda rows: len(rows) == 2 and all(row["ended_at"] for row in rows))
    assert rows[0]["id"] != rows[1]["id"]

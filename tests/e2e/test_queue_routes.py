"""Queues on a real Asterisk, as plain dialplans and FreePBX make them: what the phones say is what the row says."""

import asyncio
import time

import pytest

from tests.e2e.conftest import Plug
from tests.e2e.laboratory import Lab
from tests.e2e.phones import Phone
from tests.e2e.routes import CLAIRE, answered, inbound, number, press, recorded, talk

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("line", [114])
async def test_queue_that_takes_nobody_in(lab: Lab, trunk: Phone, line: int) -> None:
    call = await trunk.dial(number(line), caller=CLAIRE)
    await call.wait_ended()
    await lab.judge(inbound(line, outcome="missed", queue="billing"))


@pytest.mark.parametrize("how", ["unregisters", "pauses"])
async def test_queue_that_lets_its_callers_go(lab: Lab, plug: Plug, trunk: Phone, how: str) -> None:
    ana = await plug("2001")
    call = await trunk.dial(number(130), caller=CLAIRE)
    ringing = await ana.next_call()
    await asyncio.sleep(0.5)
    await leave(lab, ana, how)
    ringing.decline(486)
    await call.wait_ended()
    await come_back(lab, how)
    await lab.judge(inbound(130, outcome="missed", queue="leaver", phones={"2001": "busy"}))


async def leave(lab: Lab, phone: Phone, how: str) -> None:
    if how == "pauses":
        lab.full.send("QueuePause", Interface="PJSIP/2001", Paused="true")
        await asyncio.sleep(0.2)
    else:
        await phone.register(0)


async def come_back(lab: Lab, how: str) -> None:
    if how == "pauses":
        lab.full.send("QueuePause", Interface="PJSIP/2001", Paused="false")
        await asyncio.sleep(0.1)


@recorded
async def test_queue_lets_its_caller_go_and_a_colleague_takes_the_call(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    call = await trunk.dial(number(131), caller=CLAIRE)
    ringing = await ana.next_call()
    await asyncio.sleep(0.3)
    await ana.register(0)
    ringing.decline(603)
    await (await bruno.next_call()).answer()
    since = time.time()
    await talk()
    await call.hang_up()
    phones = {"2001": "rejected", "2002": "answered"}
    await lab.judge(inbound(131, queue="leaver", answered_by="2002", phones=phones, talk=time.time() - since))


@recorded
@pytest.mark.parametrize("speaks", [True, False])
async def test_queue_left_by_key_for_voicemail(lab: Lab, plug: Plug, trunk: Phone, speaks: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    ana = await plug("2001")
    call = await trunk.dial(number(132), caller=CLAIRE)
    ringing = await ana.next_call()
    await asyncio.sleep(0.3)
    await press(call, "2")
    await ringing.wait_cancelled()
    if speaks:
        await call.speak(3)
    await call.hang_up()
    outcome = "voicemail" if speaks else "missed"
    await lab.judge(inbound(132, outcome=outcome, queue="exit", phones={"2001": "no_answer"}))


@recorded
async def test_queue_times_out_and_no_message_is_left(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    call = await trunk.dial(number(102), caller=CLAIRE)
    await (await ana.next_call()).wait_cancelled()
    await asyncio.sleep(0.3)
    await call.hang_up()
    await lab.judge(inbound(102, outcome="missed", queue="short", phones={"2001": "no_answer"}))


@recorded
async def test_queue_that_tries_its_members_once(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    call = await trunk.dial(number(146), caller=CLAIRE)
    await (await ana.next_call()).wait_cancelled()
    await call.wait_ended()
    await lab.judge(inbound(146, outcome="missed", queue="once", phones={"2001": "no_answer"}))


@recorded
async def test_caller_gives_up_in_a_queue_between_two_rounds(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    call = await trunk.dial(number(103), caller=CLAIRE)
    (await ana.next_call()).decline(486)
    await asyncio.sleep(0.5)
    await call.hang_up()
    await lab.judge(inbound(103, outcome="abandoned", queue="exit", phones={"2001": "busy"}))


@pytest.mark.parametrize("taker", ["2001", "2003"])
async def test_queue_as_freepbx_makes_it(lab: Lab, plug: Plug, trunk: Phone, taker: str) -> None:
    phones = {name: await plug(name) for name in ("2001", "2003")}
    call = await trunk.dial(number(140), caller=CLAIRE)
    rung = {name: await phone.next_call() for name, phone in phones.items()}
    await rung[taker].answer()
    since = time.time()
    (loser,) = set(phones) - {taker}
    await rung[loser].wait_cancelled()
    await talk()
    await call.hang_up()
    results = {taker: "answered", loser: "elsewhere"}
    await lab.judge(inbound(140, queue="600", answered_by=taker, phones=results, talk=time.time() - since))


@recorded
async def test_queue_as_freepbx_makes_it_second_round(lab: Lab, plug: Plug, trunk: Phone) -> None:
    """The first round rings out; in the second one agent declines and the other answers."""
    ana, carla = await plug("2001"), await plug("2003")
    call = await trunk.dial(number(140), caller=CLAIRE)
    first = [await phone.next_call() for phone in (ana, carla)]
    for ringing in first:
        await ringing.wait_cancelled()
    (await ana.next_call()).decline(486)
    await (await carla.next_call()).answer()
    since = time.time()
    await talk()
    await call.hang_up()
    phones = {"2001": "busy", "2003": "answered"}
    await lab.judge(inbound(140, queue="600", answered_by="2003", phones=phones, talk=time.time() - since))


@recorded
async def test_queue_as_freepbx_makes_it_abandoned(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    call = await trunk.dial(number(140), caller=CLAIRE)
    ringing = await ana.next_call()
    await asyncio.sleep(0.5)
    await call.hang_up()
    await ringing.wait_cancelled()
    await lab.judge(inbound(140, outcome="abandoned", queue="600", phones={"2001": "no_answer"}))


@recorded
@pytest.mark.parametrize("style", ["blind", "refer"])
async def test_queue_as_freepbx_makes_it_transferred(lab: Lab, plug: Plug, trunk: Phone, style: str) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    call, ringing, since = await answered(trunk, ana, 140)
    if style == "blind":
        await ringing.transfer("2002")
        await (await bruno.next_call()).answer()
    else:
        await ringing.hold()
        asking = await ana.dial("2002")
        await (await bruno.next_call()).answer()
        await asking.wait_answered()
        await talk()
        await ringing.transfer_to(asking, "2002")
    await talk()
    await call.hang_up()
    phones = {"2001": "answered", "2002": "answered"}
    kind = "blind" if style == "blind" else "attended"
    truth = inbound(
        140, queue="600", answered_by="2001", phones=phones, transfers=[(kind, "2001", "2002")],
        holds=0 if style == "blind" else 1, talk=time.time() - since,
    )  # fmt: skip
    await lab.judge(truth)


async def test_queue_call_picked_up_from_a_local_member(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    call = await trunk.dial(number(140), caller=CLAIRE)
    ringing = await ana.next_call()
    await asyncio.sleep(0.5)
    taking = await bruno.dial("*82001")
    await taking.wait_answered()
    since = time.time()
    await ringing.wait_cancelled()
    await talk()
    await call.hang_up()
    phones = {"2001": "elsewhere", "2002": "answered"}
    talked = time.time() - since
    await lab.judge(inbound(140, queue="600", answered_by="2002", phones=phones, silent=["2002"], talk=talked))

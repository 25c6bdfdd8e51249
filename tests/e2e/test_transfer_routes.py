"""Transfers of all kinds and conferences: what the phones say that happened is what the row says."""

import asyncio
import time
from itertools import pairwise

import msgspec
import pytest

from tests.e2e.conftest import Plug
from tests.e2e.laboratory import Lab
from tests.e2e.phones import Phone
from tests.e2e.routes import MOBILE, answered, inbound, press, recorded, talk
from tests.telephony.truths import Truth

pytestmark = pytest.mark.e2e


@recorded
async def test_blind_transfers_one_after_the_other(lab: Lab, plug: Plug, trunk: Phone) -> None:
    names = ("2001", "2002", "2003", "2004")
    phones = [await plug(name) for name in names]
    call, ringing, since = await answered(trunk, phones[0], 101)
    for target, phone in zip(names[1:], phones[1:], strict=True):
        await ringing.transfer(target)
        ringing = await phone.next_call()
        await ringing.answer()
        await talk()
    await call.hang_up()
    moved = [("blind", one, two) for one, two in pairwise(names)]
    results = dict.fromkeys(names, "answered")
    await lab.judge(inbound(101, answered_by="2001", phones=results, transfers=moved, talk=time.time() - since))


@recorded
async def test_attended_transfers_one_after_the_other(lab: Lab, plug: Plug, trunk: Phone) -> None:
    names = ("2001", "2002", "2003")
    phones = [await plug(name) for name in names]
    call, ringing, since = await answered(trunk, phones[0], 101)
    for phone, target, taker in zip(phones, names[1:], phones[1:], strict=False):
        await ringing.hold()
        asking = await phone.dial(target)
        taking = await taker.next_call()
        await taking.answer()
        await asking.wait_answered()
        await talk()
        await ringing.transfer_to(asking, target)
        ringing = taking
        await talk()
    await call.hang_up()
    moved = [("attended", one, two) for one, two in pairwise(names)]
    results = dict.fromkeys(names, "answered")
    truth = inbound(101, answered_by="2001", phones=results, transfers=moved, holds=2, talk=time.time() - since)
    await lab.judge(truth)


@recorded
@pytest.mark.parametrize("style", ["blind", "keys"])
async def test_transferred_and_back(lab: Lab, plug: Plug, trunk: Phone, style: str) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    call, ringing, since = await answered(trunk, ana, 101)
    for target, phone in (("2002", bruno), ("2001", ana)):
        if style == "blind":
            await ringing.transfer(target)
            ringing = await phone.next_call()
            await ringing.answer()
        else:
            await press(ringing, "*2")
            await asyncio.sleep(1)
            await press(ringing, target)
            taking = await phone.next_call()
            await taking.answer()
            await talk()
            await ringing.hang_up()
            ringing = taking
        await talk()
    await call.hang_up()
    kind = "blind" if style == "blind" else "attended"
    moved = [(kind, "2001", "2002"), (kind, "2002", "2001")]
    phones = {"2001": "answered", "2002": "answered"}
    await lab.judge(inbound(101, answered_by="2001", phones=phones, transfers=moved, talk=time.time() - since))


@recorded
async def test_blonde_transfer_declined_comes_back(lab: Lab, plug: Plug, trunk: Phone) -> None:
    """Asterisk calls the transferer again when the target declines."""
    ana, bruno = await plug("2001"), await plug("2002")
    call, ringing, since = await answered(trunk, ana, 101)
    await press(ringing, "*2")
    await asyncio.sleep(1)
    await press(ringing, "2002")
    rung = await bruno.next_call()
    await asyncio.sleep(0.3)
    await ringing.hang_up()
    await talk()
    rung.decline(486)
    await (await ana.next_call(30)).answer()
    await talk()
    await call.hang_up()
    phones = {"2001": "answered", "2002": "busy"}
    moved = [("attended", "2001", "2002")]
    await lab.judge(inbound(101, answered_by="2001", phones=phones, transfers=moved, talk=time.time() - since))


@recorded
async def test_blonde_transfer_that_nobody_takes_comes_back(lab: Lab, plug: Plug, trunk: Phone) -> None:
    """After its time-out (15 s) Asterisk calls the transferer again."""
    ana, bruno = await plug("2001"), await plug("2002")
    call, ringing, since = await answered(trunk, ana, 101)
    await press(ringing, "*2")
    await asyncio.sleep(1)
    await press(ringing, "2002")
    rung = await bruno.next_call()
    await asyncio.sleep(0.3)
    await ringing.hang_up()
    await rung.wait_cancelled(30)
    await (await ana.next_call(30)).answer()
    await talk()
    await call.hang_up()
    phones = {"2001": "answered", "2002": "no_answer"}
    moved = [("attended", "2001", "2002")]
    await lab.judge(inbound(101, answered_by="2001", phones=phones, transfers=moved, talk=time.time() - since))


@recorded
@pytest.mark.parametrize("target", [MOBILE, "501", "610"])
async def test_attended_transfer_outside_to_a_queue_and_to_a_group(
    lab: Lab, plug: Plug, trunk: Phone, target: str
) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    call, ringing, since = await answered(trunk, ana, 101)
    await ringing.hold()
    asking = await ana.dial(target)
    await (await (trunk if target == MOBILE else bruno).next_call()).answer()
    await asking.wait_answered()
    await talk()
    await ringing.transfer_to(asking, target)
    await talk()
    await call.hang_up()
    taker = MOBILE if target == MOBILE else "2002"
    phones = {"2001": "answered"} | ({} if target == MOBILE else {"2002": "answered"})
    truth = inbound(
        101, answered_by="2001", phones=phones, transfers=[("attended", "2001", taker)], holds=1,
        talk=time.time() - since,
    )  # fmt: skip
    await lab.judge(truth)


@recorded
async def test_transferred_into_a_queue_and_given_up(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    call, ringing, since = await answered(trunk, ana, 101)
    await ringing.transfer("501")
    talked = time.time() - since
    rung = await bruno.next_call()
    await talk()
    await call.hang_up()
    await rung.wait_cancelled()
    phones = {"2001": "answered", "2002": "no_answer"}
    moved = [("blind", "2001", "501")]
    truth = inbound(101, answered_by="2001", queue="support", phones=phones, transfers=moved, talk=talked)
    await lab.judge(truth)


@recorded
async def test_blonde_transfer_and_the_customer_gives_up(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    call, ringing, since = await answered(trunk, ana, 101)
    await press(ringing, "*2")
    await asyncio.sleep(1)
    await press(ringing, "2002")
    rung = await bruno.next_call()
    await asyncio.sleep(0.3)
    await ringing.hang_up()
    talked = time.time() - since
    await talk()
    await call.hang_up()
    await rung.wait_cancelled()
    phones = {"2001": "answered", "2002": "no_answer"}
    moved = [("attended", "2001", "2002")]
    await lab.judge(inbound(101, answered_by="2001", phones=phones, transfers=moved, talk=talked))


@recorded
@pytest.mark.parametrize("key", ["*3", "*4"])
async def test_consultation_that_becomes_more(lab: Lab, plug: Plug, trunk: Phone, key: str) -> None:
    """*2, the colleague answers; *3: all three talk, *4: back to the customer. Then the transferer leaves."""
    ana, bruno = await plug("2001"), await plug("2002")
    call, ringing, since = await answered(trunk, ana, 101)
    await press(ringing, "*2")
    await asyncio.sleep(1)
    await press(ringing, "2002")
    await (await bruno.next_call()).answer()
    await talk()
    await press(ringing, key)
    await talk()
    await ringing.hang_up()
    await talk()
    await call.hang_up()
    phones = {"2001": "answered", "2002": "answered"}
    moved = [("attended", "2001", "2002")]
    truth = inbound(101, answered_by="2001", phones=phones, transfers=moved, talk=time.time() - since)
    await lab.judge(msgspec.structs.replace(truth, holds=1 if key == "*4" else 0))


@recorded
@pytest.mark.parametrize("how", ["declined", "cancelled"])
async def test_consultation_by_keys_that_fails(lab: Lab, plug: Plug, trunk: Phone, how: str) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    call, ringing, since = await answered(trunk, ana, 101)
    await press(ringing, "*2")
    await asyncio.sleep(1)
    await press(ringing, "2002")
    rung = await bruno.next_call()
    await asyncio.sleep(0.5)
    if how == "declined":
        rung.decline(486)
        await asyncio.sleep(3)
    else:
        await rung.answer()
        await talk()
        await press(ringing, "*1")
        await rung.wait_ended()
    await talk()
    await call.hang_up()
    phones = {"2001": "answered", "2002": "busy" if how == "declined" else "answered"}
    await lab.judge(inbound(101, answered_by="2001", phones=phones, holds=1, talk=time.time() - since))


@recorded
async def test_blind_transfer_to_a_number_nobody_has(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    call, ringing, since = await answered(trunk, ana, 101)
    await ringing.transfer("99")
    await talk()
    await call.hang_up()
    await lab.judge(inbound(101, answered_by="2001", phones={"2001": "answered"}, talk=time.time() - since))


@recorded
async def test_blind_transfer_to_voicemail(lab: Lab, plug: Plug, trunk: Phone) -> None:
    """An extension whose phone is not there and which has no voicemail: the call ends."""
    ana = await plug("2001")
    call, ringing, since = await answered(trunk, ana, 101)
    await ringing.transfer("2008")
    talked = time.time() - since
    await call.wait_ended()
    moved = [("blind", "2001", "2008")]
    await lab.judge(inbound(101, answered_by="2001", phones={"2001": "answered"}, transfers=moved, talk=talked))


async def test_internal_call_transferred(lab: Lab, plug: Plug) -> None:
    ana, bruno, carla = await plug("2001"), await plug("2002"), await plug("2003")
    call = await ana.dial("2002")
    ringing = await bruno.next_call()
    await ringing.answer()
    since = time.time()
    await talk()
    await ringing.transfer("2003")
    await (await carla.next_call()).answer()
    await talk()
    await call.hang_up()
    truth = Truth(
        direction="internal", number="2001", extension="2001", answered_by="2002",
        phones={"2002": "answered", "2003": "answered"}, transfers=[("blind", "2002", "2003")],
        talk=time.time() - since,
    )  # fmt: skip
    await lab.judge(truth)


@recorded
@pytest.mark.parametrize("style", ["blind", "refer"])
async def test_outbound_call_transferred_to_a_colleague(lab: Lab, plug: Plug, trunk: Phone, style: str) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    call = await ana.dial(MOBILE)
    customer = await trunk.next_call()
    await customer.answer()
    await call.wait_answered()
    since = time.time()
    await talk()
    if style == "blind":
        await call.transfer("2002")
        await (await bruno.next_call()).answer()
    else:
        await call.hold()
        asking = await ana.dial("2002")
        await (await bruno.next_call()).answer()
        await asking.wait_answered()
        await call.transfer_to(asking, "2002")
    await talk()
    await customer.hang_up()
    kind = "blind" if style == "blind" else "attended"
    truth = Truth(
        direction="outbound", number=MOBILE, extension="2001", phones={"2002": "answered"},
        transfers=[(kind, "2001", "2002")], holds=0 if style == "blind" else 1, talk=time.time() - since,
    )  # fmt: skip
    await lab.judge(truth)


@pytest.mark.parametrize("style", ["blind", "refer"])
async def test_transferred_into_a_conference(lab: Lab, plug: Plug, trunk: Phone, style: str) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    other = await bruno.dial("601")
    await other.wait_answered()
    joined = time.time()
    call, ringing, since = await answered(trunk, ana, 101)
    if style == "blind":
        await ringing.transfer("601")
    else:
        await ringing.hold()
        asking = await ana.dial("601")
        await asking.wait_answered()
        await talk()
        await ringing.transfer_to(asking, "601")
    await lab.full.event("ConfbridgeJoin", channel="trunk" if style == "blind" else "2001")
    await talk()
    await call.hang_up()
    talked = time.time() - since
    await talk()
    await other.hang_up()
    kind = "blind" if style == "blind" else "attended"
    await lab.judge(
        Truth(direction="internal", number="2002", extension="2002", talk=time.time() - joined),
        inbound(
            101, answered_by="2001", phones={"2001": "answered"}, transfers=[(kind, "2001", "601")], talk=talked,
            holds=0 if style == "blind" else 1,
        ),
    )  # fmt: skip


async def test_caller_and_phone_meet_in_a_conference(lab: Lab, plug: Plug, trunk: Phone) -> None:
    """`G` of Dial; a third one joins by dialling, then both of ours leave. Being in a conference counts as talking."""
    ana, bruno = await plug("2001"), await plug("2002")
    call, ringing, since = await answered(trunk, ana, 135)
    third = await bruno.dial("601")
    await third.wait_answered()
    joined = time.time()
    await talk()
    await ringing.hang_up()
    await talk()
    await third.hang_up()
    left = time.time()
    await talk()
    await call.hang_up()
    await lab.judge(
        inbound(135, answered_by="2001", phones={"2001": "answered"}, talk=time.time() - since),
        Truth(direction="internal", number="2002", extension="2002", talk=left - joined),
    )

"""Ways through dialplans on a real Asterisk: what the phones say that happened is what the row says."""

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import pairwise

import msgspec
import pytest

from tests.e2e.asterisk import Asterisk
from tests.e2e.conftest import Plug
from tests.e2e.dialogs import Dialog, IncomingCall, OutgoingCall
from tests.e2e.laboratory import RECORD_IN, Lab, listening
from tests.e2e.phones import Phone
from tests.telephony.truths import Truth

pytestmark = pytest.mark.e2e

recorded = pytest.mark.skipif(not RECORD_IN, reason="played from tests/recordings/own instead")
"""What takes long, or is much like another one: CALLCARD_E2E_RECORD=FOLDER makes its recording anew."""

CLAIRE, MOBILE = "33601020304", "89031112233"
TALK = 0.8


def number(line: int) -> str:
    return f"74950000{line:03}"


def inbound(line: int, **facts: object) -> Truth:
    return msgspec.convert({"number": CLAIRE, "did": number(line)} | facts, Truth)


@pytest.fixture
async def lab(asterisk: Asterisk) -> AsyncIterator[Lab]:
    asterisk.load("app_followme")
    async with listening(asterisk) as lab:
        yield lab


async def talk() -> None:
    await asyncio.sleep(TALK)


async def press(phone: Dialog, keys: str) -> None:
    for key in keys:
        body = f"Signal={key}\r\nDuration=100\r\n"
        await phone.request("INFO", ("Content-Type", "application/dtmf-relay"), body=body)
        await asyncio.sleep(0.15)


async def answered(trunk: Phone, phone: Phone, line: int) -> tuple[OutgoingCall, IncomingCall, float]:
    call = await trunk.dial(number(line), caller=CLAIRE)
    ringing = await phone.next_call()
    await ringing.answer()
    since = time.time()
    await talk()
    return call, ringing, since


# ---------------------------------------------------------------- queues


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


# ---------------------------------------------------------------- extensions, as FreePBX writes them


@recorded
async def test_extension_as_freepbx_makes_it(lab: Lab, plug: Plug, trunk: Phone) -> None:
    call, _, since = await answered(trunk, await plug("2001"), 141)
    await call.hang_up()
    await lab.judge(inbound(141, answered_by="2001", phones={"2001": "answered"}, talk=time.time() - since))


@recorded
@pytest.mark.parametrize("speaks", [True, False])
async def test_extension_as_freepbx_makes_it_goes_to_voicemail(
    lab: Lab,
    plug: Plug,
    trunk: Phone,
    speaks: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    ana = await plug("2001")
    call = await trunk.dial(number(141), caller=CLAIRE)
    await (await ana.next_call()).wait_cancelled()
    await call.wait_answered()
    await asyncio.sleep(0.3)
    if speaks:
        await call.speak(3)
    await call.hang_up()
    outcome = "voicemail" if speaks else "missed"
    await lab.judge(inbound(141, outcome=outcome, phones={"2001": "no_answer"}))


@recorded
async def test_group_of_extensions_as_freepbx_makes_it(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    call = await trunk.dial(number(142), caller=CLAIRE)
    losing = await ana.next_call()
    await (await bruno.next_call()).answer()
    since = time.time()
    await losing.wait_cancelled()
    await talk()
    await call.hang_up()
    phones = {"2001": "elsewhere", "2002": "answered"}
    await lab.judge(inbound(142, answered_by="2002", phones=phones, talk=time.time() - since))


# ---------------------------------------------------------------- follow-me, accept by key


@recorded
async def test_followme_answered_at_the_desk(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    call = await trunk.dial(number(133), caller=CLAIRE)
    desk = await ana.next_call(15)
    await desk.answer()
    await asyncio.sleep(0.7)
    await press(desk, "1")
    since = time.time()
    await talk()
    await call.hang_up()
    await lab.judge(inbound(133, answered_by="2001", phones={"2001": "answered"}, talk=time.time() - since))


@pytest.mark.parametrize("accepts", [True, False])
async def test_followme_to_a_mobile(lab: Lab, plug: Plug, trunk: Phone, accepts: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    ana = await plug("2001")
    call = await trunk.dial(number(133), caller=CLAIRE)
    await (await ana.next_call(15)).wait_cancelled()
    mobile = await trunk.next_call()
    await mobile.answer()
    await asyncio.sleep(0.7)
    await press(mobile, "1" if accepts else "2")
    since = time.time()
    await talk()
    if accepts:
        await call.hang_up()
    else:
        await call.wait_ended()
    talked = time.time() - since if accepts else 0.0
    outcome = "answered" if accepts else "missed"
    await lab.judge(inbound(133, outcome=outcome, phones={"2001": "no_answer"}, talk=talked))


@pytest.mark.parametrize("key", ["1", "2"])
async def test_phone_that_must_accept_by_key(lab: Lab, plug: Plug, trunk: Phone, key: str) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    call = await trunk.dial(number(134), caller=CLAIRE)
    ringing = await ana.next_call()
    await ringing.answer()
    await asyncio.sleep(0.8)
    await press(ringing, key)
    if key == "2":
        await (await bruno.next_call()).answer()
    since = time.time()
    await talk()
    await call.hang_up()
    taker = "2001" if key == "1" else "2002"
    phones = {"2001": "answered"} if key == "1" else {"2001": "rejected", "2002": "answered"}
    await lab.judge(inbound(134, answered_by=taker, phones=phones, talk=time.time() - since))


# ---------------------------------------------------------------- phones that behave oddly


@recorded
async def test_phone_that_never_says_anything(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    ana.rings = False
    call = await trunk.dial(number(101), caller=CLAIRE)
    await ana.next_call()
    await call.wait_ended()
    await lab.judge(inbound(101, outcome="missed", phones={"2001": "no_answer"}, silent=["2001"]))


@recorded
async def test_phone_that_rings_late(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    ana.rings = False
    call = await trunk.dial(number(101), caller=CLAIRE)
    ringing = await ana.next_call()
    await asyncio.sleep(1.5)
    ringing.ring()
    await asyncio.sleep(0.5)
    await ringing.answer()
    since = time.time()
    await talk()
    await call.hang_up()
    (row,) = await lab.judge(inbound(101, answered_by="2001", phones={"2001": "answered"}, talk=time.time() - since))
    assert row.wait_seconds == pytest.approx(0.5, abs=0.5)


@recorded
async def test_phone_that_answers_without_having_rung(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    ana.rings = False
    call, _, since = await answered(trunk, ana, 101)
    await call.hang_up()
    truth = inbound(101, answered_by="2001", phones={"2001": "answered"}, silent=["2001"], talk=time.time() - since)
    await lab.judge(truth)


@pytest.mark.parametrize("code", [404, 480, 503])
async def test_phone_that_refuses_otherwise(lab: Lab, plug: Plug, trunk: Phone, code: int) -> None:
    ana = await plug("2001")
    ana.rings = False
    call = await trunk.dial(number(101), caller=CLAIRE)
    (await ana.next_call()).decline(code)
    await call.wait_ended()
    result = {404: "failed", 480: "no_answer", 503: "failed"}[code]
    outcome = {404: "failed", 480: "missed", 503: "failed"}[code]
    await lab.judge(inbound(101, outcome=outcome, phones={"2001": result}, silent=["2001"]))


@recorded
async def test_phone_called_twice_over(lab: Lab, plug: Plug, trunk: Phone) -> None:
    """Rung, not taken, rung again and answered: one phone, one result, the wait from the first ring."""
    ana = await plug("2001")
    call = await trunk.dial(number(143), caller=CLAIRE)
    rung = time.time()
    await (await ana.next_call()).wait_cancelled()
    await (await ana.next_call()).answer()
    since = time.time()
    await talk()
    await call.hang_up()
    (row,) = await lab.judge(inbound(143, answered_by="2001", phones={"2001": "answered"}, talk=time.time() - since))
    assert row.wait_seconds == pytest.approx(since - rung, abs=0.5)


@pytest.mark.parametrize("how", ["answers", "declines", "nobody"])
async def test_two_devices_of_one_extension(lab: Lab, plug: Plug, trunk: Phone, how: str) -> None:
    """One phone of ours, whatever its devices do: the second takes the call, after the first declined, or none does."""
    desk, soft = await plug("2001"), await plug("2001")
    call = await trunk.dial(number(147), caller=CLAIRE)
    one, two = await desk.next_call(), await soft.next_call()
    await asyncio.sleep(0.3)
    if how == "nobody":
        await two.wait_cancelled()
        await call.wait_ended()
        await lab.judge(inbound(147, outcome="missed", phones={"2001": "no_answer"}))
        return
    if how == "declines":
        one.decline(486)
        await asyncio.sleep(0.3)
    await two.answer()
    since = time.time()
    await talk()
    await call.hang_up()
    await lab.judge(inbound(147, answered_by="2001", phones={"2001": "answered"}, talk=time.time() - since))


@recorded
async def test_hold_by_both_sides_at_once(lab: Lab, plug: Plug, trunk: Phone) -> None:
    call, ringing, since = await answered(trunk, await plug("2001"), 101)
    await ringing.hold()
    await call.hold()
    await talk()
    await ringing.resume()
    await call.resume()
    await talk()
    await call.hang_up()
    truth = inbound(101, answered_by="2001", phones={"2001": "answered"}, holds=2, talk=time.time() - since)
    (row,) = await lab.judge(truth)
    assert row.hold_seconds <= row.talk_seconds


@recorded
async def test_agent_hangs_up_while_the_customer_is_held(lab: Lab, plug: Plug, trunk: Phone) -> None:
    call, ringing, since = await answered(trunk, await plug("2001"), 101)
    await ringing.hold()
    await talk()
    await ringing.hang_up()
    await call.wait_ended()
    truth = inbound(101, answered_by="2001", phones={"2001": "answered"}, holds=1, talk=time.time() - since)
    await lab.judge(truth)


@recorded
async def test_announcement_before_the_phone_rings(lab: Lab, plug: Plug, trunk: Phone) -> None:
    call, _, since = await answered(trunk, await plug("2001"), 145)
    await call.hang_up()
    await lab.judge(inbound(145, answered_by="2001", phones={"2001": "answered"}, talk=time.time() - since))


@recorded
@pytest.mark.parametrize("speaks", [True, False])
async def test_voicemail_at_once(lab: Lab, trunk: Phone, speaks: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    call = await trunk.dial(number(111), caller=CLAIRE)
    await call.wait_answered()
    await asyncio.sleep(0.5)
    if speaks:
        await call.speak(3)
    await call.hang_up()
    await lab.judge(inbound(111, outcome="voicemail" if speaks else "missed"))


@recorded
async def test_own_voicemail_is_no_call(lab: Lab, plug: Plug) -> None:
    ana = await plug("2001")
    own = await ana.dial("*97")
    await own.wait_answered()
    await asyncio.sleep(0.5)
    await own.hang_up()
    await lab.judge()


# ---------------------------------------------------------------- Local channels, groups, pickup, forwards


@recorded
@pytest.mark.parametrize("line", [137, 138])
async def test_local_channels_behind_each_other(lab: Lab, plug: Plug, trunk: Phone, line: int) -> None:
    call, _, since = await answered(trunk, await plug("2001"), line)
    await call.hang_up()
    await lab.judge(inbound(line, answered_by="2001", phones={"2001": "answered"}, talk=time.time() - since))


@recorded
@pytest.mark.parametrize("code", ["*8", "*82001"])
async def test_pickup_from_a_group_that_rings(lab: Lab, plug: Plug, trunk: Phone, code: str) -> None:
    ana, bruno, carla = await plug("2001"), await plug("2002"), await plug("2003")
    call = await trunk.dial(number(136), caller=CLAIRE)
    rung = [await phone.next_call() for phone in (ana, carla)]
    await asyncio.sleep(0.5)
    taking = await bruno.dial(code)
    await taking.wait_answered()
    since = time.time()
    for ringing in rung:
        await ringing.wait_cancelled()
    await talk()
    await call.hang_up()
    phones = {"2001": "elsewhere", "2003": "elsewhere", "2002": "answered"}
    await lab.judge(inbound(136, answered_by="2002", phones=phones, silent=["2002"], talk=time.time() - since))


async def test_forwards_that_lead_back(lab: Lab, plug: Plug, trunk: Phone) -> None:
    """2001 sends to 2002 and 2002 back to 2001, which declines at last."""
    ana, bruno = await plug("2001"), await plug("2002")
    call = await trunk.dial(number(101), caller=CLAIRE)
    (await ana.next_call()).forward("2002")
    (await bruno.next_call()).forward("2001")
    (await ana.next_call()).decline(486)
    await call.wait_ended()
    await lab.judge(inbound(101, outcome="missed", phones={"2001": "busy", "2002": "no_answer"}))


@recorded
async def test_forwards_without_end(lab: Lab, plug: Plug, trunk: Phone) -> None:
    """Asterisk itself ends a loop of forwards."""
    ana, bruno = await plug("2001"), await plug("2002")
    call = await trunk.dial(number(101), caller=CLAIRE)

    async def send_on(phone: Phone, to: str) -> None:
        while True:
            (await phone.next_call(60)).forward(to)

    sending = [asyncio.create_task(send_on(ana, "2002")), asyncio.create_task(send_on(bruno, "2001"))]
    await call.wait_ended(30)
    for task in sending:
        task.cancel()
    await asyncio.gather(*sending, return_exceptions=True)
    await lab.judge(inbound(101, outcome="missed", phones={"2001": "no_answer", "2002": "no_answer"}))


@recorded
async def test_two_mobiles_outside(lab: Lab, trunk: Phone) -> None:
    call = await trunk.dial(number(144), caller=CLAIRE)
    one, two = await trunk.next_call(), await trunk.next_call()
    await two.answer()
    since = time.time()
    await one.wait_cancelled()
    await talk()
    await call.hang_up()
    await lab.judge(inbound(144, talk=time.time() - since))


# ---------------------------------------------------------------- transfers of all kinds


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


# ---------------------------------------------------------------- conferences


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


# ---------------------------------------------------------------- what we dial


async def click(lab: Lab, to: str = MOBILE, **fields: str) -> None:
    where = {"Context": "from-internal", "Exten": to, "Priority": "1", "Timeout": "20000"} | fields
    lab.full.send("Originate", Channel="PJSIP/2001", CallerID=f"<{to}>", Async="true", **where)


def clicked(outcome: str, **facts: object) -> Truth:
    own = {"direction": "outbound", "number": MOBILE, "extension": "2001", "outcome": outcome}
    return msgspec.convert(own | facts, Truth)


@recorded
@pytest.mark.parametrize("code", [486, 603])
async def test_click_refused_by_the_own_phone(lab: Lab, plug: Plug, code: int) -> None:
    ana = await plug("2001")
    await click(lab)
    (await ana.next_call()).decline(code)
    await lab.judge(clicked("failed", phones={"2001": {486: "busy", 603: "rejected"}[code]}))


@recorded
async def test_click_that_the_own_phone_does_not_answer(lab: Lab, plug: Plug) -> None:
    ana = await plug("2001")
    await click(lab, Timeout="1500")
    await (await ana.next_call()).wait_cancelled()
    await lab.judge(clicked("failed", phones={"2001": "no_answer"}))


@pytest.mark.parametrize(("code", "outcome"), [(486, "busy"), (404, "failed"), (480, "no_answer"), (503, "failed")])
async def test_click_to_somebody_who_cannot_be_reached(
    lab: Lab, plug: Plug, trunk: Phone, code: int, outcome: str
) -> None:
    ana = await plug("2001")
    await click(lab)
    own = await ana.next_call()
    await own.answer()
    (await trunk.next_call()).decline(code)
    await own.wait_ended()
    await lab.judge(clicked(outcome, phones={"2001": "answered"}))


@recorded
async def test_click_given_up_while_it_rings(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    await click(lab)
    own = await ana.next_call()
    await own.answer()
    far = await trunk.next_call()
    await talk()
    await own.hang_up()
    await far.wait_cancelled()
    await lab.judge(clicked("canceled", phones={"2001": "answered"}))


@recorded
@pytest.mark.parametrize("answers", [True, False])
async def test_click_to_a_colleague(lab: Lab, plug: Plug, answers: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    ana, bruno = await plug("2001"), await plug("2002")
    await click(lab, "2002")
    own = await ana.next_call()
    await own.answer()
    far = await bruno.next_call()
    since = time.time()
    if answers:
        await far.answer()
        since = time.time()
        await talk()
        await own.hang_up()
    else:
        far.decline(603)
        await own.wait_ended()
    phones = {"2001": "answered", "2002": "answered" if answers else "rejected"}
    truth = clicked(
        "answered" if answers else "rejected", direction="internal", number="2001", phones=phones,
        answered_by="2002" if answers else None, talk=time.time() - since if answers else 0.0,
    )  # fmt: skip
    await lab.judge(truth)


@recorded
async def test_click_to_a_queue(lab: Lab, plug: Plug) -> None:
    ana, bruno = await plug("2004"), await plug("2003")
    where = {"Context": "from-internal", "Exten": "501", "Priority": "1", "Timeout": "20000", "Async": "true"}
    lab.full.send("Originate", Channel="PJSIP/2004", CallerID="<501>", **where)
    own = await ana.next_call()
    await own.answer()
    await (await bruno.next_call()).answer()
    since = time.time()
    await talk()
    await own.hang_up()
    truth = Truth(
        direction="internal", number="2004", extension="2004", queue="support", answered_by="2003",
        phones={"2004": "answered", "2003": "answered"}, talk=time.time() - since,
    )  # fmt: skip
    await lab.judge(truth)


@pytest.mark.parametrize(("code", "outcome"), [(480, "no_answer"), (486, "busy")])
async def test_outbound_with_an_announcement_alone(lab: Lab, plug: Plug, trunk: Phone, code: int, outcome: str) -> None:
    """183 with media ("the number is not available"), then a refusal: nobody talked."""
    ana = await plug("2001")
    trunk.rings = False
    call = await ana.dial(MOBILE)
    far = await trunk.next_call()
    far.announce()
    await talk()
    far.decline(code)
    await call.wait_ended()
    await lab.judge(Truth(direction="outbound", outcome=outcome, number=MOBILE, extension="2001"))


@recorded
async def test_outbound_with_an_announcement_given_up(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    trunk.rings = False
    call = await ana.dial(MOBILE)
    far = await trunk.next_call()
    far.announce()
    await talk()
    await call.cancel()
    await far.wait_cancelled()
    await lab.judge(Truth(direction="outbound", outcome="canceled", number=MOBILE, extension="2001"))


@recorded
async def test_announcement_to_an_outside_caller(lab: Lab, trunk: Phone) -> None:
    call = await trunk.dial(number(139), caller=CLAIRE)
    await call.wait_ended()
    await lab.judge(inbound(139, outcome="failed"))

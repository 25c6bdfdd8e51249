"""Extensions, follow-me, voicemail, forwards, and phones that behave oddly: the row says what the phones say."""

import asyncio
import time

import pytest

from tests.e2e.asterisk import Asterisk
from tests.e2e.conftest import Plug
from tests.e2e.laboratory import Lab
from tests.e2e.phones import Phone
from tests.e2e.routes import CLAIRE, answered, inbound, number, press, recorded, talk

pytestmark = pytest.mark.e2e


@pytest.fixture
def follow_me(asterisk: Asterisk) -> None:
    asterisk.load("app_followme")


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


@recorded
@pytest.mark.usefixtures("follow_me")
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
@pytest.mark.usefixtures("follow_me")
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


@recorded
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

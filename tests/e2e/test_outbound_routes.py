"""What we dial, by phone and by click, and what becomes of it: what the phones say is what the row says."""

import time

import msgspec
import pytest

from tests.e2e.conftest import Plug
from tests.e2e.laboratory import Lab
from tests.e2e.phones import Phone
from tests.e2e.routes import CLAIRE, MOBILE, inbound, number, recorded, talk
from tests.telephony.truths import Truth

pytestmark = pytest.mark.e2e


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

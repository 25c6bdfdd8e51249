"""Telephony life on a real Asterisk: every kind of call is exactly one true row, told by the phones themselves."""

import asyncio
import time

import pytest

from telephony.records import CallRecord
from tests.e2e.conftest import Plug
from tests.e2e.dialogs import Dialog, IncomingCall, OutgoingCall
from tests.e2e.laboratory import Lab
from tests.e2e.phones import Phone

pytestmark = pytest.mark.e2e

CLAIRE, MOBILE = "33601020304", "89031112233"
NEAR = 0.5
TALK = 0.8
"""Seconds a phone talks before the next thing happens: what is played here."""


def number(line: int) -> str:
    return f"74950000{line:03}"


async def talk() -> None:
    await asyncio.sleep(TALK)


def told(row: CallRecord) -> tuple[str, str | None, str | None, dict[str, str | None]]:
    """Direction, outcome, who answered, and what became of each phone."""
    results = {part.extension: part.result and part.result.value for part in row.participants}
    return (row.direction.value, row.outcome and row.outcome.value, row.answered_by, results)


def moves(row: CallRecord) -> list[tuple[str, str, str]]:
    return [(moved.kind.value, moved.source, moved.target) for moved in row.transfers]


async def answered(trunk: Phone, phone: Phone, line: int) -> tuple[OutgoingCall, IncomingCall, float]:
    """Let a customer call and the phone answer; give both ends and the moment of the answer."""
    call = await trunk.dial(number(line), caller=CLAIRE)
    ringing = await phone.next_call()
    await ringing.answer()
    since = time.time()
    await talk()
    return call, ringing, since


async def over(lab: Lab, call: Dialog, since: float) -> CallRecord:
    """Let the customer hang up; give the only row, its talk measured by the phones."""
    await call.hang_up()
    talked = time.time() - since
    (row,) = await lab.rows()
    assert row.talk_seconds == pytest.approx(talked, abs=NEAR)
    return row


@pytest.mark.parametrize("line", [101, 113, 118])
async def test_direct(lab: Lab, plug: Plug, trunk: Phone, line: int) -> None:
    """Plain, recorded, and with early media plus an announcement to the agent."""
    call, _, since = await answered(trunk, await plug("2001"), line)
    row = await over(lab, call, since)
    assert told(row) == ("inbound", "answered", "2001", {"2001": "answered"})


@pytest.mark.parametrize("presses", [1, 2])
async def test_hold(lab: Lab, plug: Plug, trunk: Phone, presses: int) -> None:
    call, ringing, since = await answered(trunk, await plug("2001"), 101)
    for _ in range(presses):
        await ringing.hold()
        await talk()
        await ringing.resume()
    row = await over(lab, call, since)
    assert row.holds == presses
    assert row.hold_seconds == pytest.approx(presses * TALK, abs=NEAR)


async def test_hold_by_the_caller_until_the_end(lab: Lab, plug: Plug, trunk: Phone) -> None:
    call, _, since = await answered(trunk, await plug("2001"), 101)
    await call.hold()
    await talk()
    row = await over(lab, call, since)
    assert row.holds == 1
    assert row.hold_seconds == pytest.approx(TALK, abs=NEAR)


@pytest.mark.parametrize("style", ["refer", "keys", "ami"])
async def test_blind_transfer(lab: Lab, plug: Plug, trunk: Phone, style: str) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    call, ringing, since = await answered(trunk, ana, 101)
    channel = lab.full.channel("2001")
    match style:
        case "refer":
            await ringing.transfer("2002")
        case "keys":
            await press(ringing, "##")
            await asyncio.sleep(1)
            await press(ringing, "2002")
        case _:
            lab.full.send("BlindTransfer", Channel=channel, Exten="2002", Context="from-internal")
    await (await bruno.next_call()).answer()
    await talk()
    row = await over(lab, call, since)
    assert told(row) == ("inbound", "answered", "2001", {"2001": "answered", "2002": "answered"})
    assert (len(row.transfers), row.transfers[0].kind.value, row.transfers[0].target) == (1, "blind", "2002")
    assert row.holds == 0


async def press(phone: Dialog, keys: str) -> None:
    """Press keys during the call."""
    for key in keys:
        body = f"Signal={key}\r\nDuration=100\r\n"
        await phone.request("INFO", ("Content-Type", "application/dtmf-relay"), body=body)
        await asyncio.sleep(0.15)


@pytest.mark.parametrize("target", ["610", "501", MOBILE])
async def test_blind_transfer_to_a_group_a_queue_or_outside(lab: Lab, plug: Plug, trunk: Phone, target: str) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    call, ringing, since = await answered(trunk, ana, 101)
    await ringing.transfer(target)
    await (await (trunk if target == MOBILE else bruno).next_call()).answer()
    await talk()
    row = await over(lab, call, since)
    assert row.answered_by == "2001"
    assert row.outcome == "answered"
    assert len(row.transfers) == 1
    assert moves(row)[0][2] == (MOBILE if target == MOBILE else "2002")
    if target != MOBILE:
        assert told(row)[3]["2002"] == "answered"


async def test_blind_transfer_that_nobody_takes(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    call, ringing, since = await answered(trunk, ana, 101)
    await ringing.transfer("2002")
    await bruno.next_call()
    talked = time.time() - since
    await asyncio.sleep(1)
    await call.hang_up()
    (row,) = await lab.rows()
    assert told(row) == ("inbound", "answered", "2001", {"2001": "answered", "2002": "no_answer"})
    assert row.talk_seconds == pytest.approx(talked, abs=NEAR)
    assert moves(row) == [("blind", "2001", "2002")]


@pytest.mark.parametrize(("style", "line"), [("refer", 101), ("keys", 101), ("ami", 101), ("refer", 3)])
async def test_attended_transfer(lab: Lab, plug: Plug, trunk: Phone, style: str, line: int) -> None:
    ana, bruno = await plug("2001"), await plug("2002" if line == 101 else "2004")
    target = bruno.extension
    call, ringing, since = await answered(trunk, ana, line)
    if style == "refer":
        await ringing.hold()
        asking = await ana.dial(target)
        await (await bruno.next_call()).answer()
        await asking.wait_answered()
        await talk()
        await ringing.transfer_to(asking, target)
    else:
        await consult(lab, ringing, target, by_keys=style == "keys")
        await (await bruno.next_call()).answer()
        await talk()
        await ringing.hang_up()
    await talk()
    row = await over(lab, call, since)
    assert told(row) == ("inbound", "answered", "2001", {"2001": "answered", target: "answered"})
    assert moves(row) == [("attended", "2001", target)]
    assert row.holds == (1 if style == "refer" else 0)


async def consult(lab: Lab, ringing: Dialog, target: str, *, by_keys: bool) -> None:
    if by_keys:
        await press(ringing, "*2")
        await asyncio.sleep(1)
        await press(ringing, target)
    else:
        lab.full.send("Atxfer", Channel=lab.full.channel("2001"), Exten=target, Context="from-internal")


async def test_consultation_that_fails(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    call, ringing, since = await answered(trunk, ana, 101)
    await ringing.hold()
    asking = await ana.dial("2002")
    (await bruno.next_call()).decline(486)
    await asking.wait_ended()
    await ringing.resume()
    await call.hang_up()
    talked = time.time() - since
    first, second = await lab.rows()
    assert told(first) == ("inbound", "answered", "2001", {"2001": "answered"})
    assert (first.holds, moves(first)) == (1, [])
    assert first.talk_seconds == pytest.approx(talked, abs=NEAR)
    assert told(second) == ("internal", "busy", None, {"2002": "busy"})


async def test_blonde_transfer(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    call, ringing, since = await answered(trunk, ana, 101)
    await consult(lab, ringing, "2002", by_keys=True)
    rung = await bruno.next_call()
    await asyncio.sleep(0.3)
    await ringing.hang_up()
    await talk()
    await rung.answer()
    await talk()
    row = await over(lab, call, since)
    assert told(row) == ("inbound", "answered", "2001", {"2001": "answered", "2002": "answered"})
    assert moves(row) == [("attended", "2001", "2002")]


@pytest.mark.parametrize("both", [False, True])
async def test_redirect(lab: Lab, plug: Plug, trunk: Phone, both: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    ana, bruno = await plug("2001"), await plug("2002")
    call, _, since = await answered(trunk, ana, 101)
    extra = {"ExtraChannel": lab.full.channel("2001"), "ExtraExten": "600", "ExtraContext": "from-internal"}
    where = {"Channel": lab.full.channel("trunk"), "Context": "from-internal", "Priority": "1"}
    if both:
        lab.full.send("Redirect", Exten="600", **where, **extra, ExtraPriority="1")
        await lab.full.event("ConfbridgeJoin")
        await talk()
        await ana.hang_up_all()
    else:
        lab.full.send("Redirect", Exten="2002", **where)
        await (await bruno.next_call()).answer()
        await talk()
    row = await over(lab, call, since)
    assert row.answered_by == "2001"
    if not both:
        assert moves(row) == [("redirect", "2001", "2002")]
        assert told(row)[3] == {"2001": "answered", "2002": "answered"}


async def test_park_and_fetch(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana, carla = await plug("2001"), await plug("2003")
    call, ringing, since = await answered(trunk, ana, 101)
    await ringing.transfer("700")
    space = await lab.full.parked()
    await talk()
    await (await carla.dial(space)).wait_answered()
    await talk()
    row = await over(lab, call, since)
    assert told(row) == ("inbound", "answered", "2001", {"2001": "answered", "2003": "answered"})
    assert (moves(row), row.holds) == ([], 0)


async def test_park_that_nobody_fetches_comes_back(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    call, ringing, since = await answered(trunk, ana, 101)
    lab.full.send("Park", Channel=lab.full.channel("trunk"), TimeoutChannel=lab.full.channel("2001"), Timeout="1500")
    await ringing.wait_ended()
    await (await ana.next_call()).answer()
    await talk()
    row = await over(lab, call, since)
    assert told(row) == ("inbound", "answered", "2001", {"2001": "answered"})
    assert moves(row) == []


@pytest.mark.parametrize("code", ["*8", "*82001"])
@pytest.mark.parametrize("line", [101, 102])
async def test_pickup(lab: Lab, plug: Plug, trunk: Phone, code: str, line: int) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    call = await trunk.dial(number(line), caller=CLAIRE)
    ringing = await ana.next_call()
    await call.wait_ringing() if line == 101 else await asyncio.sleep(0.5)
    taking = await bruno.dial(code)
    await taking.wait_answered()
    since = time.time()
    await ringing.wait_cancelled()
    await talk()
    row = await over(lab, call, since)
    assert told(row) == ("inbound", "answered", "2002", {"2001": "elsewhere", "2002": "answered"})
    assert row.queue == ("short" if line == 102 else None)


@pytest.mark.parametrize("code", [486, 603])
async def test_refused(lab: Lab, plug: Plug, trunk: Phone, code: int) -> None:
    ana = await plug("2001")
    call = await trunk.dial(number(101), caller=CLAIRE)
    (await ana.next_call()).decline(code)
    await call.wait_ended()
    (row,) = await lab.rows()
    result = {486: "busy", 603: "rejected"}[code]
    assert told(row) == ("inbound", {486: "busy", 603: "missed"}[code], None, {"2001": result})


async def test_follow_me_to_a_mobile(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    call = await trunk.dial(number(107), caller=CLAIRE)
    await (await ana.next_call()).wait_cancelled()
    await (await trunk.next_call()).answer()
    since = time.time()
    await talk()
    row = await over(lab, call, since)
    assert told(row) == ("inbound", "answered", None, {"2001": "no_answer"})


@pytest.mark.parametrize("mobile", [False, True])
async def test_desk_and_mobile_ring_together(lab: Lab, plug: Plug, trunk: Phone, mobile: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    ana = await plug("2001")
    call = await trunk.dial(number(108), caller=CLAIRE)
    desk, outside = await ana.next_call(), await trunk.next_call()
    await (outside if mobile else desk).answer()
    since = time.time()
    await talk()
    row = await over(lab, call, since)
    taken = ("inbound", "answered", None, {"2001": "elsewhere"})
    assert told(row) == (taken if mobile else ("inbound", "answered", "2001", {"2001": "answered"}))


@pytest.mark.parametrize("line", [109, 110])
async def test_local_channels(lab: Lab, plug: Plug, trunk: Phone, line: int) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    call = await trunk.dial(number(line), caller=CLAIRE)
    losing = await ana.next_call()
    await (await bruno.next_call()).answer()
    since = time.time()
    await losing.wait_cancelled()
    await talk()
    row = await over(lab, call, since)
    assert told(row) == ("inbound", "answered", "2002", {"2001": "elsewhere", "2002": "answered"})


@pytest.mark.parametrize("line", [104, 105])
async def test_queue_member_behind_a_local_channel(lab: Lab, plug: Plug, trunk: Phone, line: int) -> None:
    call, _, since = await answered(trunk, await plug("2003"), line)
    row = await over(lab, call, since)
    assert told(row) == ("inbound", "answered", "2003", {"2003": "answered"})
    assert row.queue == {104: "localn", 105: "localo"}[line]


async def test_hunt(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana, bruno, carla = await plug("2001"), await plug("2002"), await plug("2003")
    call = await trunk.dial(number(106), caller=CLAIRE)
    await (await ana.next_call()).wait_cancelled()
    (await bruno.next_call()).decline(486)
    await (await carla.next_call()).answer()
    since = time.time()
    await talk()
    row = await over(lab, call, since)
    results = {"2001": "no_answer", "2002": "busy", "2003": "answered"}
    assert told(row) == ("inbound", "answered", "2003", results)


async def test_queue_time_out_to_voicemail(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    call = await trunk.dial(number(102), caller=CLAIRE)
    await (await ana.next_call()).wait_cancelled()
    await asyncio.sleep(0.5)
    await call.speak(3)
    await call.hang_up()
    await lab.full.quiet()
    (row,) = lab.own.rows().in_order()
    assert told(row) == ("inbound", "voicemail", None, {"2001": "no_answer"})
    assert row.queue == "short"


@pytest.mark.parametrize(("line", "taker"), [(119, "2002"), (124, "2002"), (120, "2002")])
async def test_not_taken_here_but_there(lab: Lab, plug: Plug, trunk: Phone, line: int, taker: str) -> None:
    """A queue then a phone, a queue then another queue, a phone then a queue."""
    ana, bruno = await plug("2001"), await plug(taker)
    call = await trunk.dial(number(line), caller=CLAIRE)
    await (await ana.next_call()).wait_cancelled()
    await (await bruno.next_call()).answer()
    since = time.time()
    await talk()
    row = await over(lab, call, since)
    assert (row.outcome, row.answered_by) == ("answered", taker)
    assert row.queue == {119: "short", 124: "support", 120: "support"}[line]


async def test_leaving_a_queue_by_key(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    call = await trunk.dial(number(103), caller=CLAIRE)
    ringing = await ana.next_call()
    await asyncio.sleep(0.3)
    await press(call, "1")
    await ringing.wait_cancelled()
    await (await bruno.next_call()).answer()
    since = time.time()
    await talk()
    row = await over(lab, call, since)
    assert told(row) == ("inbound", "answered", "2002", {"2001": "no_answer", "2002": "answered"})
    assert row.queue == "exit"


async def test_menu_then_queue(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    call = await trunk.dial(number(115), caller=CLAIRE)
    await call.wait_answered()
    await asyncio.sleep(0.5)
    await press(call, "1")
    await (await ana.next_call()).answer()
    since = time.time()
    await talk()
    row = await over(lab, call, since)
    assert (row.outcome, row.queue, row.did, row.answered_by) == ("answered", "support", number(115), "2001")
    assert row.wait_seconds < 1


@pytest.mark.parametrize("leaves", [False, True])
async def test_spy_is_no_participant(lab: Lab, plug: Plug, trunk: Phone, leaves: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    call, _, since = await answered(trunk, await plug("2001"), 101)
    spy = await (await plug("2004")).dial("*92001")
    await spy.wait_answered()
    await talk()
    if leaves:
        await spy.hang_up()
    await call.hang_up()
    talked = time.time() - since
    if not leaves:
        await spy.hang_up()
    (row,) = await lab.rows()
    assert row.talk_seconds == pytest.approx(talked, abs=NEAR)
    assert told(row) == ("inbound", "answered", "2001", {"2001": "answered"})


async def test_call_waiting(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    one, first, since = await answered(trunk, ana, 101)
    two = await trunk.dial(number(101), caller=CLAIRE)
    second = await ana.next_call()
    await first.hold()
    await second.answer()
    await talk()
    await two.hang_up()
    await first.resume()
    await one.hang_up()
    talked = time.time() - since
    rows = await lab.rows()
    assert [told(row) for row in rows] == [("inbound", "answered", "2001", {"2001": "answered"})] * 2
    assert [row.holds for row in rows] == [1, 0]
    assert rows[0].talk_seconds == pytest.approx(talked, abs=NEAR)
    assert rows[1].talk_seconds == pytest.approx(TALK, abs=NEAR)


@pytest.mark.parametrize("target", ["2002", MOBILE])
async def test_forward_by_302(lab: Lab, plug: Plug, trunk: Phone, target: str) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    call = await trunk.dial(number(101), caller=CLAIRE)
    (await ana.next_call()).forward(target)
    await (await (trunk if target == MOBILE else bruno).next_call()).answer()
    since = time.time()
    await talk()
    row = await over(lab, call, since)
    assert (row.direction, row.outcome) == ("inbound", "answered")
    assert row.answered_by == (None if target == MOBILE else "2002")


@pytest.mark.parametrize("channel", ["PJSIP/2001", "Local/2001@internal", "Local/2001@internal/n"])
async def test_click_to_call(lab: Lab, plug: Plug, trunk: Phone, channel: str) -> None:
    ana = await plug("2001")
    where = {"Context": "from-internal", "Exten": MOBILE, "Priority": "1"}
    lab.full.send("Originate", Channel=channel, CallerID=f"<{MOBILE}>", Timeout="20000", Async="true", **where)
    own = await ana.next_call()
    await own.answer()
    await (await trunk.next_call()).answer()
    since = time.time()
    await talk()
    row = await over(lab, own, since)
    assert (row.direction, row.outcome, row.extension) == ("outbound", "answered", "2001")
    assert row.number == MOBILE


@pytest.mark.parametrize("line", [116, 122, 123])
async def test_nobody_was_called(lab: Lab, trunk: Phone, line: int) -> None:
    call = await trunk.dial(number(line), caller=CLAIRE)
    await call.wait_ended()
    (row,) = await lab.rows()
    assert (row.direction, row.answered_at, row.participants) == ("inbound", None, ())


async def test_conference_of_three(lab: Lab, plug: Plug, trunk: Phone) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    call = await trunk.dial(number(112), caller=CLAIRE)
    inside = [await phone.dial("600") for phone in (ana, bruno)]
    for dialog in inside:
        await dialog.wait_answered()
    await talk()
    for dialog in (*inside, call):
        await dialog.hang_up()
    rows = await lab.rows()
    assert [(row.direction, row.outcome) for row in rows] == [
        ("inbound", "answered"),
        ("internal", "answered"),
        ("internal", "answered"),
    ]

"""The workshop itself: Asterisk runs with the files users copy, and its AMI user sees what Callcard needs."""

import pytest

from tests.e2e.asterisk import Asterisk
from tests.e2e.backends import Nats, PostgreSQL
from tests.e2e.callers import customer
from tests.e2e.conftest import Plug
from tests.e2e.manager import Manager
from tests.e2e.phones import Phone
from tests.e2e.servers import port_is_open

pytestmark = pytest.mark.e2e

SUPPORT, GROUP, DIRECT = "74950000003", "74950000002", "74950000001"


async def test_queue_call_is_seen_by_the_ami_user(asterisk: Asterisk, plug: Plug) -> None:
    ana, bruno = await plug("2001"), await plug("2002")
    async with Manager.connect(asterisk.ami_port, "callcard", asterisk.secret) as ami:
        async with customer(asterisk.sip_port, SUPPORT, "+33601020304", name="Claire", talk_seconds=30) as claire:
            ringing, elsewhere = await ana.next_call(), await bruno.next_call()
            assert (ringing.caller_number, ringing.caller_name) == ("+33601020304", "Claire")
            await ringing.answer()
            await elsewhere.wait_cancelled()
            await ami.wait_for("AgentConnect", Queue="support", Interface="PJSIP/2001")
            await ringing.hang_up()
            await claire.wait_done()
        await ami.wait_for("AgentComplete", Queue="support")
        await ami.wait_for("Cdr", Destination=SUPPORT)
        names = ami.names()
    begun = {event["DestCallerIDNum"] for event in ami.events if event["Event"] == "DialBegin"}
    assert begun == {"2001", "2002"}
    needed = {"FullyBooted", "Newchannel", "Newstate", "DialEnd", "BridgeEnter", "BridgeLeave", "Hangup"}
    needed |= {"QueueCallerJoin", "QueueCallerLeave", "AgentCalled", "HangupRequest", "DeviceStateChange"}
    assert needed <= names.keys()
    assert not {"CEL", "TestEvent", "RTCPSent", "RTCPReceived"} & names.keys()
    assert all("Timestamp" in event for event in ami.events if event["Event"] != "FullyBooted")


async def test_of_the_dialplan_only_voicemail_and_queue_steps_arrive(asterisk: Asterisk) -> None:
    async with Manager.connect(asterisk.ami_port, "callcard", asterisk.secret) as ami:
        async with customer(asterisk.sip_port, DIRECT, "+33601020304", talk_seconds=1) as claire:
            await ami.wait_for("Newexten", Application="VoiceMail", AppData="2001@default,us")
            await claire.wait_done()
        await ami.wait_for("VarSet", Variable="VMSTATUS")
    assert {event["Application"] for event in ami.events if event["Event"] == "Newexten"} <= {"VoiceMail", "Queue"}
    variables = {event["Variable"] for event in ami.events if event["Event"] == "VarSet"}
    assert all(name.startswith(("VM", "MIXMONITOR", "QUEUESTATUS")) for name in variables), variables


async def test_withheld_number_is_marked_before_a_phone_rings(asterisk: Asterisk, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    async with Manager.connect(asterisk.ami_port, "callcard", asterisk.secret) as ami:
        call = await trunk.dial(DIRECT, caller="+33601020304", privacy=True)
        ringing = await ana.next_call()
        assert ringing.caller_number == "anonymous"
        await call.cancel()
        await ringing.wait_cancelled()
        begin = await ami.wait_for("DialBegin", DestCallerIDNum="2001")
    assert begin["CallerIDNum"] == "+33601020304"
    assert begin["ChanVariable"].startswith("CALLERID(pres)=prohib")


async def test_customer_gives_up_and_the_ring_group_stops(asterisk: Asterisk, plug: Plug) -> None:
    phones = [await plug("2001"), await plug("2003")]
    async with customer(asterisk.sip_port, GROUP, "+33601020305", talk_seconds=0.3, scenario="give_up") as claire:
        for call in [await phone.next_call() for phone in phones]:
            await call.wait_cancelled()
        await claire.wait_done()


async def test_phone_calls_out_through_the_trunk_and_transfers(asterisk: Asterisk, plug: Plug, trunk: Phone) -> None:
    del asterisk
    ana, bruno = await plug("2001"), await plug("2002")
    call = await ana.dial("33601020304")
    far = await trunk.next_call()
    assert far.caller_number == "74950000000"
    await call.wait_ringing()
    await far.answer()
    await call.wait_answered()
    await call.hold()
    await call.resume()
    await call.transfer("2002")
    ringing = await bruno.next_call()
    await ringing.answer()
    await call.hang_up()
    await ringing.hang_up()
    await far.wait_ended()


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("CoreShowChannels", {}),
        ("BridgeList", {}),
        ("QueueStatus", {}),
        ("QueueSummary", {}),
        ("DeviceStateList", {}),
        ("Ping", {}),
    ],
)
async def test_rights_are_enough_for_the_lists_after_a_reconnect(
    asterisk: Asterisk, action: str, fields: dict[str, str]
) -> None:
    async with Manager.connect(asterisk.ami_port, "callcard", asterisk.secret) as ami:
        assert (await ami.action(action, **fields))["Response"] == "Success"


@pytest.mark.parametrize("action", ["Command", "GetConfig", "ModuleLoad", "DBPut", "UserEvent", "CreateConfig"])
async def test_rights_are_the_least(asterisk: Asterisk, action: str) -> None:
    async with Manager.connect(asterisk.ami_port, "callcard", asterisk.secret) as ami:
        assert (await ami.action(action))["Message"] == "Permission denied"


async def test_phones_stay_registered_over_a_restart(asterisk: Asterisk, plug: Plug, trunk: Phone) -> None:
    ana = await plug("2001")
    asterisk.stop()
    asterisk.start()
    call = await trunk.dial(DIRECT, caller="+33601020304")
    ringing = await ana.next_call()
    await ringing.answer()
    await call.wait_answered()
    await call.hang_up()
    await ringing.wait_ended()


def test_postgresql_and_nats_answer(postgresql: PostgreSQL, nats: Nats) -> None:
    assert postgresql.new_database() != postgresql.new_database()
    assert port_is_open(nats.port)

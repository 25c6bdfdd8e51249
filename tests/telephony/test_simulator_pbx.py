"""What people and AMI can do to the simulated PBX beyond the recorded scenarios."""

import pytest

from telephony.simulator.actions import Request, parse, perform
from telephony.simulator.frames import Frame, frame
from telephony.simulator.listings import clock, device_states, queue_status
from telephony.simulator.originating import Origination
from telephony.simulator.pbx import Company, Pbx, ToPhones, ToQueue
from telephony.simulator.queueing import WaitingQueue
from telephony.simulator.switch import CallPlan, DeviceState, Party, Phone, Reaction
from telephony.simulator.timeline import Timeline
from tests.telephony.simulated import STARTED, lab

CALLER = "+79161234567"


def new_pbx(company: Company | None = None) -> tuple[Pbx, list[Frame]]:
    pbx, frames = Pbx(Timeline(STARTED), company or lab()), list[Frame]()
    pbx.switch.listeners.append(frames.append)
    return pbx, frames


def said(frames: list[Frame], event: str) -> list[dict[str, str]]:
    return [dict(frame.headers) for frame in frames if frame.name == event]


def ask(pbx: Pbx, action: str, **fields: str) -> str:
    answer = perform(pbx, Request(action, tuple((name.lower(), value) for name, value in fields.items())))
    pbx.timeline.run_for(0.01)
    return dict(answer.headers)["Message"]


def test_a_planned_caller_gives_up_and_hangs_up_by_itself() -> None:
    pbx, frames = new_pbx()
    pbx.inbound(CALLER, "74951230018", plan=CallPlan(patience=3.0))
    pbx.timeline.run_for(10)
    assert said(frames, "DialEnd")[0]["DialStatus"] == "CANCEL"
    pbx.switch.phones["2001"].reaction = lambda: Reaction(answer_after=1.0)
    pbx.inbound(CALLER, "74951230018", plan=CallPlan(talk=4.0, hung_up_by_called=True))
    pbx.timeline.run_for(10)
    assert said(frames, "HangupRequest")[-1]["CallerIDNum"] == "2001"
    assert not pbx.switch.channels
    assert not pbx.switch.bridges


def test_a_planned_message_is_kept_and_ends() -> None:
    pbx, frames = new_pbx()
    pbx.inbound(CALLER, "74951230004", plan=CallPlan(voicemail=6.0))
    pbx.timeline.run_for(20)
    assert said(frames, "MessageWaiting")[0]["New"] == "1"
    assert not pbx.switch.channels


def test_waiting_callers_have_places_and_move_up() -> None:
    pbx, frames = new_pbx()
    first = pbx.inbound(CALLER, "74951230001")
    pbx.inbound("+79160000002", "74951230001")
    assert [join["Position"] for join in said(frames, "QueueCallerJoin")] == ["1", "2"]
    pbx.hang_up(first)
    assert [waiting.position for waiting in pbx.queues["support"].callers] == [1]
    assert pbx.queues["support"].abandoned == 1


def test_a_caller_waits_until_a_member_is_free_again() -> None:
    pbx, frames = new_pbx()
    pbx.add_member("support", "2001", "Agent One")
    pbx.inbound(CALLER, "74951230001")
    pbx.timeline.run_for(1)
    assert pbx.answer("2001")
    pbx.inbound("+79160000002", "74951230001")
    pbx.timeline.run_for(5)
    assert len(said(frames, "AgentCalled")) == 1
    assert pbx.put_down("2001")
    pbx.timeline.run_for(2)
    assert [called["CallerIDNum"] for called in said(frames, "AgentCalled")] == [CALLER, "+79160000002"]


def test_a_member_has_time_to_wrap_up() -> None:
    queue = WaitingQueue("support", wrapup=10)
    pbx, frames = new_pbx(Company((Phone("2001", "Agent One"),), (queue,), {"100": ToQueue("support")}))
    pbx.add_member("support", "2001")
    for _ in range(2):
        pbx.inbound(CALLER, "100", plan=CallPlan(talk=1.0))
    pbx.switch.phones["2001"].reaction = lambda: Reaction(answer_after=0.5)
    pbx.timeline.run_for(30)
    connected = [frame.at for frame in frames if frame.name == "AgentConnect"]
    assert len(connected) == 2
    assert connected[1] - connected[0] > 10


def test_the_member_who_rested_longest_is_called_first() -> None:
    phones = (Phone("2001", "One"), Phone("2002", "Two"))
    queue = WaitingQueue("billing", "leastrecent", retry=1.0)
    pbx, frames = new_pbx(Company(phones, (queue,), {"100": ToQueue("billing")}))
    for phone in phones:
        phone.reaction = lambda: Reaction(answer_after=0.5)
        pbx.add_member("billing", phone.extension)
    for _ in range(3):
        pbx.inbound(CALLER, "100", plan=CallPlan(talk=2.0))
        pbx.timeline.run_for(5)
    assert [connect["Interface"] for connect in said(frames, "AgentConnect")] == [
        "PJSIP/2001",
        "PJSIP/2002",
        "PJSIP/2001",
    ]


def test_a_refusing_member_is_passed_over() -> None:
    pbx, frames = new_pbx()
    pbx.add_member("sales", "2001")
    pbx.add_member("sales", "2002")
    pbx.switch.phones["2001"].reaction = lambda: Reaction(refuse_after=0.5, refuse_with=486)
    pbx.inbound(CALLER, "74951230002")
    pbx.timeline.run_for(3)
    assert said(frames, "DialEnd")[0]["DialStatus"] == "NOANSWER"
    assert said(frames, "Hangup")[0]["Cause"] == "17"
    assert said(frames, "AgentCalled")[1]["Interface"] == "PJSIP/2002"


def test_a_waiting_caller_can_be_moved_to_a_person() -> None:
    pbx, frames = new_pbx()
    pbx.add_member("support", "2001")
    caller = pbx.inbound(CALLER, "74951230001")
    pbx.timeline.run_for(1)
    assert ask(pbx, "Redirect", Channel=caller.name, Exten="2003") == "Redirect successful"
    assert said(frames, "QueueCallerLeave")
    assert not said(frames, "QueueCallerAbandon")
    assert said(frames, "DialBegin")[-1]["DestCallerIDNum"] == "2003"
    assert pbx.switch.phones["2001"].state is DeviceState.NOT_INUSE


def test_who_does_not_talk_cannot_be_moved() -> None:
    pbx, _ = new_pbx()
    caller = pbx.inbound(CALLER, "74951230018")
    pbx.timeline.run_for(1)
    assert ask(pbx, "Redirect", Channel=caller.name, Exten="2003").startswith("Redirect failed")
    assert ask(pbx, "BlindTransfer", Channel=caller.name, Exten="2003") == "Transfer not permitted"


def test_hold_shows_on_the_wire_and_in_the_list_of_devices() -> None:
    pbx, frames = new_pbx()
    assert not pbx.hold("2001")
    pbx.dial("2002", "2001")
    pbx.timeline.run_for(1)
    assert pbx.answer("2001")
    assert ask(pbx, "PJSIPNotify", Endpoint="2001", Variable="Event=hold") == "NOTIFY sent"
    assert said(frames, "Hold")[0]["CallerIDNum"] == "2001"
    states = {headers["Device"]: headers["State"] for _, headers in device_states(pbx, {}).items}
    assert (states["PJSIP/2001"], states["PJSIP/2002"]) == ("INUSE", "ONHOLD")
    assert ask(pbx, "PJSIPNotify", Endpoint="2001", Variable="Event=talk") == "NOTIFY sent"
    assert len(said(frames, "Unhold")) == 1
    assert ask(pbx, "PJSIPNotify", Endpoint="9999", Variable="Event=talk").startswith("Unable to retrieve endpoint")


def test_a_ringing_phone_can_be_hung_up_from_a_page() -> None:
    pbx, frames = new_pbx()
    pbx.inbound(CALLER, "74951230003")
    pbx.timeline.run_for(1)
    ringing = pbx.channels_at("2001")[0]
    assert ask(pbx, "Hangup", Channel=ringing.name) == "Channel Hungup"
    assert not said(frames, "HangupRequest")
    assert pbx.switch.phones["2001"].state is DeviceState.NOT_INUSE
    assert pbx.switch.phones["2002"].state is DeviceState.RINGING


def test_an_agent_can_refuse_the_call_the_page_dialled() -> None:
    pbx, frames = new_pbx()
    pbx.originate(Origination("2001", "internal", "89161234567", Party("89161234567")))
    pbx.timeline.run_for(1)
    assert pbx.decline("2001")
    assert said(frames, "OriginateResponse")[0]["Response"] == "Failure"
    assert not pbx.switch.channels


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"Channel": "Local/2001@internal", "Exten": "1"}, "Invalid channel"),
        ({"Channel": "PJSIP/2001"}, "Extension does not exist."),
        ({"Channel": "PJSIP/2001", "Exten": "1", "Timeout": "soon"}, "Invalid timeout"),
    ],
)
def test_an_order_to_dial_that_cannot_be_read_is_refused(fields: dict[str, str], message: str) -> None:
    pbx, _ = new_pbx()
    assert ask(pbx, "Originate", **fields) == message


def test_unplugging_a_phone_makes_it_unavailable() -> None:
    pbx, frames = new_pbx()
    pbx.add_member("support", "2001")
    pbx.register("2001", registered=False)
    assert said(frames, "PeerStatus")[0]["PeerStatus"] == "Unreachable"
    assert said(frames, "QueueMemberStatus")[0]["Status"] == "5"
    pbx.register("2001", registered=True)
    assert said(frames, "QueueMemberStatus")[1]["Status"] == "1"


def test_a_member_is_paused_in_one_queue_or_in_all() -> None:
    pbx, frames = new_pbx()
    for queue in ("support", "sales"):
        pbx.add_member(queue, "2001")
    assert ask(pbx, "QueuePause", Interface="PJSIP/2001", Paused="true", Queue="sales", Reason="lunch") == (
        "Interface paused successfully"
    )
    assert [(pause["Queue"], pause["PausedReason"]) for pause in said(frames, "QueueMemberPause")] == [
        ("sales", "lunch")
    ]
    assert ask(pbx, "QueuePause", Interface="PJSIP/2001", Paused="false") == "Interface unpaused successfully"
    assert len(said(frames, "QueueMemberPause")) == 3
    assert not any(queue.members["2001"].paused for queue in (pbx.queues["support"], pbx.queues["sales"]))


def test_a_member_is_added_once() -> None:
    pbx, _ = new_pbx()
    order = {"Queue": "support", "Interface": "PJSIP/2001"}
    assert ask(pbx, "QueueAdd", **order, Penalty="2", Paused="true") == "Added interface to queue"
    assert ask(pbx, "QueueAdd", **order) == "Unable to add interface: Already there"
    assert ask(pbx, "QueueAdd", Queue="support", Interface="SIP/1").startswith("Unable to add interface to queue")
    members = [headers for event, headers in queue_status(pbx, {"queue": "support"}).items if event == "QueueMember"]
    assert [(member["Penalty"], member["Paused"]) for member in members] == [("2", "1")]


def test_a_number_may_ring_nobody() -> None:
    company = Company((Phone("2001", "One", registered=False),), (), {"100": ToPhones(("2001",), mailbox="2001")})
    pbx, frames = new_pbx(company)
    pbx.inbound(CALLER, "100")
    assert said(frames, "Hangup")[0]["Cause"] == "3"
    assert not said(frames, "DialBegin")


def test_actions_are_read_as_they_come() -> None:
    request = parse("Action: Originate\r\nVariable: A=1\r\nnonsense\r\nVARIABLE: B=Ж".encode())
    assert (request.name, request.all("variable"), request.get("none", "-")) == ("Originate", ("A=1", "B=Ж"), "-")


def test_an_event_has_no_header_that_asterisk_does_not_give_it() -> None:
    with pytest.raises(ValueError, match="Newstate has no header Colour"):
        frame(STARTED, "Newstate", {"Colour": "red"})


def test_time_goes_on_in_order_and_only_forward() -> None:
    timeline, done = Timeline(100.0), list[str]()
    timeline.after(2, lambda: done.append("later"))

    def plan_more() -> None:
        timeline.after(0, lambda: done.append("then"))

    timeline.after(1, plan_more)
    never = timeline.after(1, lambda: done.append("never"))
    never.cancel()
    timeline.run_until(101.5)
    timeline.run_until(50.0)
    assert (done, timeline.now) == (["then"], 101.5)
    timeline.run_for(1)
    assert done == ["then", "later"]
    assert timeline.next_at() is None


def test_durations_are_written_as_a_clock() -> None:
    assert [clock(seconds) for seconds in (0, 61.9, 3_725)] == ["00:00:00", "00:01:01", "01:02:05"]

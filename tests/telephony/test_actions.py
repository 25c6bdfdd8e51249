"""Nothing a person types becomes a second header, variable or action."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony import actions
from telephony.actions import DialPlan, checked, dialable
from telephony.links import BadField

PLAN = DialPlan()


def test_originate_is_asynchronous_and_carries_who_is_called() -> None:
    name, fields = actions.originate(PLAN, "2001", "8 (495) 123-45-67", channel_id="callcard-1")
    assert name == "Originate"
    assert fields == {
        "Channel": "PJSIP/2001",
        "Context": "from-internal",
        "Exten": "84951234567",
        "Priority": "1",
        "CallerID": "<84951234567>",
        "Timeout": "30000",
        "ChannelId": "callcard-1",
        "Async": "true",
    }


def test_the_dial_plan_is_the_installations_own() -> None:
    plan = DialPlan("SIP", "internal", {"CRM": "42", "WHO": "ana"})
    _, fields = actions.originate(plan, "2001", "2002", channel_id="x", ring_seconds=12.5)
    assert fields["Channel"] == "SIP/2001"
    assert fields["Context"] == "internal"
    assert fields["Timeout"] == "12500"
    assert fields["Variable"] == ["CRM=42", "WHO=ana"]


@pytest.mark.parametrize("variables", [{"A": "1,B=2"}, {"A=1": "2"}, {"": "x"}])
def test_a_variable_cannot_bring_a_second_one(variables: dict[str, str]) -> None:
    with pytest.raises(BadField):
        actions.originate(DialPlan(variables=variables), "2001", "2002", channel_id="x")


@pytest.mark.parametrize(
    ("typed", "dialled"),
    [("+7 916 123-45-67", "+79161234567"), ("*65", "*65"), ("2.0.0.1", "2001"), (" sales.manager ", "sales.manager")],
)
def test_numbers_are_dialled_without_their_punctuation(typed: str, dialled: str) -> None:
    assert dialable(typed) == dialled


@pytest.mark.parametrize(
    "typed", ["", " ", "1,2", "a b", "2001@other", "2001&2002", "1\r\nAction: Logoff", "${X}", "9" * 41 + "&"]
)
def test_what_cannot_be_dialled_is_refused(typed: str) -> None:
    with pytest.raises(BadField):
        dialable(typed)


@pytest.mark.parametrize("extension", ["", "2001&PJSIP", "a/b", "1\n2"])
def test_what_is_no_extension_is_refused(extension: str) -> None:
    with pytest.raises(BadField):
        PLAN.interface(extension)
    with pytest.raises(BadField):
        actions.answer(extension)


def test_the_other_actions_say_what_they_do() -> None:
    assert actions.answer("2001") == ("PJSIPNotify", {"Endpoint": "2001", "Variable": ["Event=talk"]})
    assert actions.hangup("PJSIP/1-1") == ("Hangup", {"Channel": "PJSIP/1-1", "Cause": "16"})
    assert actions.redirect(PLAN, "c", "2002")[1] == {
        "Channel": "c",
        "Context": "from-internal",
        "Exten": "2002",
        "Priority": "1",
    }
    assert actions.blind_transfer(PLAN, "c", "2002") == (
        "BlindTransfer",
        {"Channel": "c", "Context": "from-internal", "Exten": "2002"},
    )
    assert actions.attended_transfer(PLAN, "c", "+33 6 01")[1]["Exten"] == "33601#"
    assert actions.stop_recording("c") == ("StopMixMonitor", {"Channel": "c"})
    assert actions.mute_recording("c", muted=False)[1]["State"] == "0"
    assert actions.prioritise("q", "c", 5)[1] == {"Queue": "q", "Caller": "c", "Priority": "5", "Immediate": "yes"}
    assert actions.knows(PLAN, "700")[1] == {"Variable": "DIALPLAN_EXISTS(from-internal,700,1)"}
    with pytest.raises(BadField):
        actions.attended_transfer(PLAN, "c", "sales.manager")
    assert actions.park("c") == ("Park", {"Channel": "c"})
    assert actions.park("c", announce_to="d", seconds=1.5)[1] == {
        "Channel": "c",
        "TimeoutChannel": "d",
        "Timeout": "1500",
    }
    assert actions.queue_add("q", "PJSIP/1") == ("QueueAdd", {"Queue": "q", "Interface": "PJSIP/1", "Penalty": "0"})
    assert actions.queue_add("q", "PJSIP/1", member_name="Ana", penalty=2)[1]["MemberName"] == "Ana"
    assert actions.queue_remove("q", "PJSIP/1") == ("QueueRemove", {"Queue": "q", "Interface": "PJSIP/1"})
    assert actions.queue_pause("PJSIP/1", paused=True, reason="lunch", queue="q")[1] == {
        "Interface": "PJSIP/1",
        "Paused": "true",
        "Reason": "lunch",
        "Queue": "q",
    }
    assert actions.queue_pause("PJSIP/1", paused=False)[1] == {"Interface": "PJSIP/1", "Paused": "false"}


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("Ping", {"A": "1\r\nAction: Originate"}),
        ("Ping", {"A": "1\nB: 2"}),
        ("Ping", {"A": "1\rB"}),
        ("Ping", {"A": "\0"}),
        ("Ping", {"A": "\ud83d"}),
        ("Ping", {"A": ["fine", "not\nfine"]}),
        ("Ping", {"A": "x" * 1000}),
        ("Ping", {"A": "я" * 500}),
        ("Ping", {"A: b\r\nC": "1"}),
        ("Ping", {"": "1"}),
        ("Ping", {"ActionID": "mine"}),
        ("Ping", {"action": "Logoff"}),
        ("Ping\r\nAction: Logoff", {}),
        ("", {}),
        ("Ping", {"Variable": ["a"] * 121}),
    ],
)
def test_fields_that_would_break_out_are_refused(name: str, fields: dict[str, str | list[str]]) -> None:
    with pytest.raises(BadField):
        checked(name, fields)


def test_good_fields_stay_as_they_are() -> None:
    assert checked("UserEvent", {"Note": "Иван: 100 %", "Variable": ("a=1", "b=2")}) == {
        "Note": "Иван: 100 %",
        "Variable": ["a=1", "b=2"],
    }


@given(value=st.text())
def test_a_value_is_one_line_or_refused(value: str) -> None:
    try:
        lines = checked("UserEvent", {"Value": value})
    except BadField:
        return
    assert len(f"Value: {lines['Value']}".encode().split(b"\n")) == 1
    assert "\r" not in value

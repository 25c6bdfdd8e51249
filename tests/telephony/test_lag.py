"""How late a PBX is: measured past clocks that disagree, with an alarm that neither flutters nor stays."""

import pytest

from telephony.causes import cause_of
from telephony.events import parse
from telephony.lag import ALARM_SECONDS, BUCKET_SECONDS, BUCKETS, FRESH_SECONDS, LagMeter
from telephony.records import Cause

T0 = 1_763_754_000.0


def hear(meter: LagMeter, at: float, late: float, skew: float = 0.0, worked_after: float = 0.0) -> None:
    """Let an event arrive at `at` that happened `late` seconds before, by a clock that is `skew` ahead."""
    meter.note(at, at - late + skew)
    meter.handled(at + worked_after)


@pytest.mark.parametrize("skew", [0.0, 3600.0, -3600.0])
def test_a_clock_that_is_wrong_is_no_lag(skew: float) -> None:
    meter = LagMeter()
    hear(meter, T0, 0.002, skew)
    assert meter.look(T0) == 0.0
    hear(meter, T0 + 1, 2.502, skew)
    assert meter.look(T0 + 1) == pytest.approx(2.5)
    assert meter.stamped


def test_without_the_time_of_the_pbx_our_own_queue_is_measured() -> None:
    meter = LagMeter()
    meter.note(T0, T0)
    meter.handled(T0 + 0.7)
    assert meter.look(T0 + 1) == pytest.approx(0.7)
    assert not meter.stamped


def test_a_clock_that_was_set_back_is_believed_after_a_while() -> None:
    meter = LagMeter()
    hear(meter, T0, 0.002)
    lags = []
    for minute in range(1, BUCKETS + 2):
        at = T0 + minute * BUCKET_SECONDS
        hear(meter, at, 0.002, skew=-30.0)
        lags.append(meter.look(at))
    assert lags[0] == pytest.approx(30.0)
    assert lags[-1] == pytest.approx(0.0, abs=1e-6)


def test_a_clock_that_was_set_ahead_is_believed_at_once() -> None:
    meter = LagMeter()
    hear(meter, T0, 0.002)
    hear(meter, T0 + 1, 0.002, skew=30.0)
    assert meter.look(T0 + 1) == 0.0


def test_the_alarm_comes_after_a_while_and_goes_after_a_while() -> None:
    meter = LagMeter()
    hear(meter, T0, 0.0, skew=5.0)
    states = []
    for second in range(1, 30):
        at = T0 + second
        hear(meter, at, 3.0 if second <= 10 else 0.0, skew=5.0)
        meter.look(at)
        states.append(meter.late_since)
    assert states[: int(ALARM_SECONDS)] == [None] * int(ALARM_SECONDS)
    assert states[9] == T0 + 1 + ALARM_SECONDS
    assert states[-1] is None


def test_one_late_event_is_no_alarm() -> None:
    meter = LagMeter()
    for second in range(60):
        hear(meter, T0 + second, 4.0 if second % 4 == 3 else 0.01)
        meter.look(T0 + second)
        assert meter.late_since is None


def test_what_was_measured_long_ago_says_nothing_about_now() -> None:
    meter = LagMeter()
    hear(meter, T0, 0.0, skew=1.0)
    hear(meter, T0 + 1, 9.0, skew=1.0)
    assert meter.look(T0 + 2) == pytest.approx(9.0)
    assert meter.look(T0 + 2 + FRESH_SECONDS) == 0.0


def test_a_pbx_that_owes_a_sign_of_life_is_late_before_it_is_given_up() -> None:
    meter = LagMeter()
    hear(meter, T0, 0.0, skew=1.0)
    for second in range(1, 9):
        assert meter.look(T0 + second, owed=float(second)) == second
    assert meter.late_since == T0 + 2 + ALARM_SECONDS
    meter.lose()
    assert meter.look(T0 + 9) == 0.0


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        (
            {"Event": "Hangup", "Channel": "PJSIP/2001-1", "Uniqueid": "1.1", "Cause": "16", "Timestamp": "99.5"},
            Cause("Hangup", "PJSIP/2001-1", "1.1", 99.5, 100.0),
        ),
        (
            {
                "Event": "DialState", "Channel": "PJSIP/t-1", "Uniqueid": "1.1", "DestChannel": "PJSIP/2001-1",
                "DestUniqueid": "1.2", "DialStatus": "RINGING",
            },
            Cause("DialState", "PJSIP/2001-1", "1.2", 100.0, 100.0),
        ),
        (
            {"Event": "Newexten", "Channel": "PJSIP/t-1", "Uniqueid": "1.1", "Application": "VoiceMail"},
            Cause("Newexten", "PJSIP/t-1", "1.1", 100.0, 100.0),
        ),
        ({"Event": "Shutdown"}, Cause("Shutdown", "", "", 100.0, 100.0)),
    ],
)  # fmt: skip
def test_a_cause_names_event_and_channel(fields: dict[str, str], cause: Cause) -> None:
    event = parse(fields, 100.0)
    assert event is not None
    assert cause_of(event, 100.0) == cause


def test_an_event_whose_arrival_nobody_told_arrived_when_it_happened() -> None:
    event = parse({"Event": "Shutdown"}, 100.0)
    assert event is not None
    assert cause_of(event, None).arrived_at == 100.0

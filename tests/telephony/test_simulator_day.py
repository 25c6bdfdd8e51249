"""The simulated day: the same for the same seed, believable, and clean for the product that watches it."""

from collections import Counter
from functools import cache

import pytest

from telephony.records import Direction
from telephony.records import Outcome as CallOutcome
from telephony.simulator.day import AGENTS, Callers, Day, direct_number, example_company
from telephony.simulator.frames import Frame
from telephony.simulator.pbx import Pbx
from telephony.simulator.switch import DeviceState
from telephony.simulator.timeline import Timeline
from tests.telephony.recording import Outcome, new_book, play
from tests.telephony.simulated import STARTED, blocks_of_frames

CALLERS = Callers(
    known=("+34612345678", "+351912345678", "+33601020304"),
    shared=("+5511987654321",),
    unknown=("+16465550100", "+84901234567"),
)
HOUR = 3600.0


def day(seconds: float, *, seed: int = 1) -> tuple[Pbx, Day, list[Frame]]:
    pbx, frames = Pbx(Timeline(STARTED), example_company()), list[Frame]()
    pbx.switch.listeners.append(frames.append)
    played = Day(pbx, CALLERS, seed=seed)
    played.begin()
    pbx.timeline.run_for(seconds)
    return pbx, played, frames


def test_the_same_seed_is_the_same_day() -> None:
    assert day(600.0)[2] == day(600.0)[2]
    assert day(600.0)[2] != day(600.0, seed=2)[2]


def test_everything_that_began_ends() -> None:
    pbx, _, frames = day(HOUR)
    began = Counter(dict(frame.headers)["Channel"] for frame in frames if frame.name == "Newchannel")
    ended = Counter(dict(frame.headers)["Channel"] for frame in frames if frame.name == "Hangup")
    assert began - ended == Counter(pbx.switch.channels.keys())
    assert len(pbx.switch.channels) < 3 * len(AGENTS)
    bridged = {id(channel.bridge) for channel in pbx.switch.channels.values() if channel.bridge}
    assert len(pbx.switch.bridges) == len(bridged)


@cache
def an_hour() -> tuple[list[Frame], Outcome]:
    """Play an hour once for all tests that only look at it."""
    frames = day(HOUR, seed=2)[2]
    return frames, play(blocks_of_frames(frames), new_book())


def test_the_product_understands_every_call_of_a_day() -> None:
    frames, outcome = an_hour()
    assert outcome.surprises == []
    rows = outcome.in_order()
    began = {dict(frame.headers)["Linkedid"] for frame in frames if frame.name == "Newchannel"}
    assert {linkedid for row in rows for linkedid in row.linkedids} == began
    assert len(rows) == len(began)


def test_a_day_has_all_that_a_day_has() -> None:
    frames, outcome = an_hour()
    rows = [row for row in outcome.in_order() if row.ended_at is not None]
    assert {row.direction for row in rows} == set(Direction)
    assert {row.queue for row in rows} == {"support", "sales", "billing", None}
    assert {row.outcome for row in rows} >= set(CallOutcome) - {CallOutcome.REJECTED, CallOutcome.FAILED}
    assert any(row.number == "anonymous" or row.withheld for row in rows)
    numbers = {row.number for row in rows}
    assert numbers >= {*CALLERS.known, *CALLERS.shared, *CALLERS.unknown}
    assert {row.extension for row in rows} >= set(AGENTS)
    kinds = {frame.name for frame in frames}
    assert kinds >= {"QueueMemberPause", "PeerStatus", "AgentRingNoAnswer", "MessageWaiting"}


def rings_at(extension: str, frames: list[Frame]) -> list[float]:
    return [
        frame.at - STARTED
        for frame in frames
        if frame.name == "Newstate"
        and dict(frame.headers)["Channel"].startswith(f"PJSIP/{extension}-")
        and dict(frame.headers)["ChannelStateDesc"] == "Ringing"
    ]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("extension", ["2001", "2005", "2008"])
def test_who_sits_down_is_called_by_a_client_within_ten_seconds(extension: str, seed: int) -> None:
    pbx, played, frames = day(300.0, seed=seed)
    pbx.register(extension, registered=True)
    frames.clear()
    played.man(extension)
    pbx.timeline.run_for(10.0)
    direct = [
        dict(frame.headers)
        for frame in frames
        if frame.name == "DialBegin"
        and dict(frame.headers)["Exten"] == direct_number(extension)
        and dict(frame.headers)["DestCallerIDNum"] == extension
    ]
    assert direct
    assert direct[0]["CallerIDNum"] in CALLERS.known
    assert rings_at(extension, frames)


def test_a_manned_phone_rings_until_its_person_had_time_and_then_answers() -> None:
    pbx, played, frames = day(0.0)
    played.man("2001")
    pbx.timeline.run_for(played.pace.first_call + played.pace.manned_answer - 0.5)
    assert pbx.switch.device_state("2001") is DeviceState.RINGING
    assert rings_at("2001", frames)
    pbx.timeline.run_for(1.0)
    assert pbx.switch.device_state("2001") is DeviceState.INUSE


def test_a_manned_phone_can_be_answered_and_hung_up_by_its_person() -> None:
    pbx, played, _ = day(0.0)
    played.man("2001")
    pbx.timeline.run_for(played.pace.first_call + 1.0)
    assert pbx.answer("2001")
    assert pbx.switch.device_state("2001") is DeviceState.INUSE
    assert pbx.put_down("2001")
    assert pbx.switch.device_state("2001") is DeviceState.NOT_INUSE


def test_nobody_talks_to_two_at_once() -> None:
    pbx, played, _ = day(0.0)
    played.man("2001")
    for _ in range(300):
        pbx.timeline.run_for(1.0)
        for extension in AGENTS:
            assert len([channel for channel in pbx.channels_at(extension) if channel.bridge]) <= 1


def test_nobody_is_called_at_a_number_that_does_not_exist() -> None:
    pbx, _, _ = day(0.0)
    with pytest.raises(ValueError, match="nobody has the number"):
        pbx.inbound("+34612345678", "000")
    with pytest.raises(ValueError, match="there is no phone"):
        pbx.dial("9999", "2001")

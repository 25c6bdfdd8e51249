"""The simulator against recordings of real Asterisk: same events, same headers, same order for each channel."""

from collections.abc import Mapping, Sequence

import pytest

from tests.telephony.recording import ASTERISK22, Block, blocks_of
from tests.telephony.simulated import SCENARIOS, blocks_of_frames, play_people

UNREAD = {"RTCPSent", "RTCPReceived", "TestEvent", "CEL", "Cdr"}
"""Events the product does not read; the simulator does not say them."""

STEPS = {"Dial", "AppDial", "AppDial2", "AppQueue", "Queue", "Answer", "VoiceMail", "Hangup", "Busy", "Congestion"}
"""Dialplan steps that follow from the call; the laboratory's own (NoOp, Set, GotoIf, Playback) are not compared."""

VARIABLES = {"VMSTATUS", "VM_MESSAGEFILE"}
"""The variables the product reads."""

RACES = {
    frozenset(pair)
    for pair in (
        # The phone answers an INVITE while the calling thread still says that it dials.
        ("DialBegin/Dest", "Newstate"),
        ("DialBegin/Dest", "HangupRequest"),
        ("DialBegin/Dest", "Newexten"),
        ("DialBegin/Dest", "NewConnectedLine"),
        ("AgentCalled/Dest", "Newstate"),
        ("AgentCalled/Dest", "Newexten"),
        ("AgentCalled/Dest", "NewConnectedLine"),
        ("DialState/Dest", "Newstate"),
        ("DialState/Dest", "Newexten"),
        ("DialState/Dest", "NewConnectedLine"),
        # Originate reports from a thread of its own.
        ("OriginateResponse", "Newstate"),
        ("OriginateResponse", "DialEnd/Dest"),
        # A transferred caller goes on in the dialplan while its old bridge is taken apart.
        ("BridgeLeave", "Newexten"),
    )
}
"""Events of one channel said by different threads: both orders are in the recordings (asterisk.md, 3.8)."""

LEFT_OUT: Mapping[str, tuple[str, str]] = {
    "queue_ringnoanswer_next": (
        "AgentComplete",
        "the recorded one came after both channels were gone and names neither; here it comes in time, as in 9 of 11",
    ),
}
"""Recording -> an event that is not compared in it, and why."""

Said = tuple[str, tuple[str, ...]]
"""An event with the role the channel plays in it, and the names of all its headers in order."""


def read(block: bytes) -> list[tuple[str, str]]:
    lines = block.decode("utf-8", "surrogateescape").strip("\r\n").split("\r\n")
    return [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]


def compared(recording: str, headers: Mapping[str, str]) -> bool:
    event = headers["Event"]
    if event == "Newexten":
        return headers["Application"] in STEPS
    if event == "VarSet":
        return headers["Variable"] in VARIABLES
    return event not in UNREAD and event != LEFT_OUT.get(recording, ("", ""))[0]


def by_channel(recording: str, blocks: Sequence[Block]) -> list[list[Said]]:
    """Collect what was said about each channel; channels in the order in which they began."""
    said: dict[str, list[Said]] = {}
    for _, block in blocks:
        pairs = read(block)
        headers = dict(pairs)
        if "Event" not in headers or not compared(recording, headers):
            continue
        if headers["Event"] == "Newchannel":
            said[headers["Channel"]] = []
        for name, value in pairs:
            if name.endswith("Channel") and value in said:
                role = name.removesuffix("Channel")
                event = f"{headers['Event']}/{role}" if role else headers["Event"]
                said[value].append((event, tuple(key for key, _ in pairs)))
    return [in_normal_order(sequence) for sequence in said.values()]


def in_normal_order(sequence: Sequence[Said]) -> list[Said]:
    """Order what may come in either order always the same way: two sequences are alike when this makes them equal."""
    left, ordered = list(sequence), []
    while left:
        first = min((place for place in range(len(left)) if may_come_first(left, place)), key=lambda place: left[place])
        ordered.append(left.pop(first))
    return ordered


def may_come_first(sequence: Sequence[Said], place: int) -> bool:
    return all(frozenset((before[0], sequence[place][0])) in RACES for before in sequence[:place])


@pytest.mark.parametrize("recording", SCENARIOS)
def test_says_what_asterisk_says_about_each_channel(recording: str) -> None:
    _, frames = play_people(SCENARIOS[recording])
    assert by_channel(recording, blocks_of_frames(frames)) == by_channel(
        recording, blocks_of(ASTERISK22 / f"{recording}.jsonl")
    )


def lamp_of(extension: str, blocks: Sequence[Block]) -> list[str]:
    told = (dict(read(block)) for _, block in blocks)
    return [
        headers["Status"]
        for headers in told
        if headers.get("Event") == "ExtensionStatus" and headers["Exten"] == extension
    ]


@pytest.mark.parametrize("extension", ["2001", "2002"])
@pytest.mark.parametrize(
    "recording", ["did_answered", "ringgroup_answered", "queue_ringall_answered", "queue_ringnoanswer_next"]
)
def test_lamps_change_as_on_asterisk(recording: str, extension: str) -> None:
    _, frames = play_people(SCENARIOS[recording])
    real = lamp_of(extension, blocks_of(ASTERISK22 / f"{recording}.jsonl"))
    assert lamp_of(extension, blocks_of_frames(frames)) == real


def members_said(blocks: Sequence[Block]) -> list[tuple[str, str, str, tuple[str, ...]]]:
    told = [read(block) for _, block in blocks]
    return [
        (headers["Event"], headers["Interface"], headers["Status"], tuple(name for name, _ in pairs))
        for pairs, headers in ((pairs, dict(pairs)) for pairs in told)
        if headers.get("Event", "").startswith("QueueMember")
    ]


@pytest.mark.parametrize("recording", ["queue_ringall_answered", "queue_abandoned_ringing", "queue_timeout_voicemail"])
def test_members_change_as_on_asterisk(recording: str) -> None:
    _, frames = play_people(SCENARIOS[recording])
    real = members_said(blocks_of(ASTERISK22 / f"{recording}.jsonl"))
    # Two members' lamps change in the same millisecond: whose first is chance.
    assert sorted(members_said(blocks_of_frames(frames))) == sorted(real)

"""The simulator against recordings of real Asterisk: same events, same headers, same order for each channel."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from telephony.simulator.frames import Frame
from telephony.simulator.originating import Origination
from telephony.simulator.pbx import Company, Pbx, ToPhones, ToQueue
from telephony.simulator.queueing import WaitingQueue
from telephony.simulator.switch import Party, Phone, Reaction
from telephony.simulator.timeline import Timeline

RECORDINGS = Path(__file__).parents[1] / "recordings" / "asterisk22"
CALLER = "+79161234567"

UNREAD = {"VarSet", "RTCPSent", "RTCPReceived", "TestEvent", "CEL", "Cdr", "LocalBridge"}
"""Events the product does not read and the simulator does not send."""

STEPS = {"Dial", "AppDial", "AppDial2", "AppQueue", "Queue", "Answer", "VoiceMail", "Hangup", "Busy", "Congestion"}
"""Dialplan steps every dialplan takes; the lab's own (NoOp, Set, GotoIf, Log, Playback) are not compared."""

Said = tuple[str, str, tuple[str, ...]]
"""Event, the header that named the channel, all its headers."""


@dataclass
class Drive:
    """A scenario: the lab's company, and what its people do."""

    recording: str
    people: Callable[[Pbx], None]
    seconds: float
    queues: Sequence[str] = ()


def lab() -> Company:
    names = ("One", "Two", "Three", "Four")
    phones = tuple(Phone(f"200{number}", f"Agent {name}") for number, name in enumerate(names, 1))
    return Company(
        phones=(*phones, Phone("2010", "Offline", registered=False)),
        queues=(
            WaitingQueue("support", "ringall", ring_timeout=15),
            WaitingQueue("sales", "linear", ring_timeout=4),
            WaitingQueue("late", "ringall", ring_timeout=15),
            WaitingQueue("empty", join_empty=False),
        ),
        routes={
            "74951230001": ToQueue("support", timeout=60),
            "74951230002": ToQueue("sales", timeout=60),
            "74951230003": ToPhones(("2001", "2002", "2003"), timeout=20),
            "74951230004": ToPhones(("2001",), timeout=8, mailbox="2001"),
            "74951230011": ToQueue("support", timeout=5, mailbox="2000"),
            "74951230018": ToPhones(("2001",), timeout=20),
            "74951230019": ToQueue("empty"),
            "74951230020": ToQueue("support", timeout=60, answer_first=False),
            "74951230023": ToPhones(("2010",), timeout=20),
        },
        number="74951230000",
    )


def pbx() -> Pbx:
    return Pbx(Timeline(1795291188.0), lab())


def record(drive: Drive) -> list[Frame]:
    frames: list[Frame] = []
    switch = pbx()
    switch.switch.listeners.append(frames.append)
    drive.people(switch)
    switch.timeline.run_for(drive.seconds)
    return frames


def at(switch: Pbx, seconds: float, act: Callable[[], object]) -> None:
    switch.timeline.after(seconds, lambda: (act(), None)[1])


def blocks_of(recording: str) -> list[list[tuple[str, str]]]:
    blocks = []
    for line in (RECORDINGS / f"{recording}.jsonl").read_text(encoding="utf-8").splitlines():
        headers = [tuple(header.split(": ", 1)) for header in json.loads(line)["raw"].strip().split("\r\n")]
        blocks.append([(header[0], header[1] if len(header) > 1 else "") for header in headers])
    return [block for block in blocks if block[0][0] == "Event"]


def blocks_said(frames: Sequence[Frame]) -> list[list[tuple[str, str]]]:
    blocks = []
    for frame in frames:
        lines = frame.render(timestamps=False).decode().strip("\r\n").split("\r\n")
        blocks.append([(line.split(":", 1)[0], line.split(":", 1)[1].strip()) for line in lines])
    return blocks


def by_channel(blocks: Sequence[Sequence[tuple[str, str]]]) -> list[list[Said]]:
    """What was said about each channel, channels in the order in which they began."""
    said: dict[str, list[Said]] = {}
    for block in blocks:
        event, headers = block[0][1], dict(block)
        if event in UNREAD or (event == "Newexten" and headers["Application"] not in STEPS):
            continue
        if event == "Newchannel":
            said.setdefault(headers["Channel"], [])
        for key, value in block:
            if key.endswith("Channel") and value in said:
                said[value].append((event, key, tuple(name.rstrip(":") for name, _ in block)))
    return list(said.values())


def inbound(did: str, *acts: tuple[float, str]) -> Callable[[Pbx], None]:
    """Let a caller ring `did`; then, after so many seconds: `answer 2001`, `put_down 2001`, `hang_up`..."""

    def people(switch: Pbx) -> None:
        caller = switch.inbound(CALLER, did)
        for seconds, act in acts:
            verb, *rest = act.split()
            match verb:
                case "answer":
                    at(switch, seconds, lambda phone=rest[0]: switch.answer(phone))
                case "decline":
                    at(switch, seconds, lambda phone=rest[0], code=int(rest[1]): switch.decline(phone, code))
                case "put_down":
                    at(switch, seconds, lambda phone=rest[0]: switch.put_down(phone))
                case "ami_hangup":
                    at(switch, seconds, lambda: switch.hang_up(caller, asked=False))
                case "transfer":
                    at(switch, seconds, lambda to=rest[0]: switch.blind_transfer(switch.channels_at("2001")[0], to))
                case _:
                    at(switch, seconds, lambda: switch.hang_up(caller))

    return people

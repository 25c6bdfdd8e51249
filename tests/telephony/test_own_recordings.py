"""Recordings of our own laboratory: the rows are what the phones say that happened, however the PBX tells the story."""

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from telephony.calls import Line
from telephony.cel import finished_calls, read_line
from telephony.records import CallRecord
from tests.telephony.recording import OWN, Block, blocks_of, new_book, play
from tests.telephony.truths import Truth, differences

RECORDINGS = sorted(OWN.glob("*.events.jsonl"))
Alter = Callable[[bytes], bytes | None]

UNKNOWN_TO_CEL: dict[str, dict[str, object]] = {
    # A bell: CEL has no row for it. It is taken to have rung unless the phone refused at once.
    "*": {"silent": None, "holds": None},
    # VoiceMail answers by itself, and no row says that the caller left no message.
    "extension_as_freepbx_makes_it_goes_to_voicemail_false": {"outcome": "voicemail"},
    "queue_left_by_key_for_voicemail_false": {"outcome": "voicemail"},
    "queue_times_out_and_no_message_is_left": {"outcome": "voicemail"},
    "voicemail_at_once_false": {"outcome": "voicemail"},
    # The phone went up and was hung up: that its person pressed "no" is in no row.
    "phone_that_must_accept_by_key_2": {"phones": {"2001": "no_answer", "2002": "answered"}},
}
"""What cannot be known from CEL: the fact, and what the row says instead (None: anything)."""


def name_of(path: Path) -> str:
    return path.name.removesuffix(".events.jsonl")


def truths_of(path: Path) -> list[Truth]:
    return msgspec.json.decode(path.with_name(f"{name_of(path)}.truth.json").read_bytes(), type=list[Truth])


def as_told(block: bytes) -> bytes | None:
    return block


def as_chan_sip(block: bytes) -> bytes | None:
    """Name the channels as chan_sip does, and the machine in each uniqueid (`systemname`)."""
    return re.sub(rb"(id: )(1[0-9]{9}\.[0-9]+)", rb"\1pbx1-\2", block.replace(b"PJSIP/", b"SIP/"))


def without_dialplan(block: bytes) -> bytes | None:
    return None if block.startswith((b"Event: VarSet", b"Event: Newexten")) else block


@pytest.mark.parametrize("alter", [as_told, as_chan_sip, without_dialplan])
@pytest.mark.parametrize("path", RECORDINGS, ids=name_of)
def test_the_rows_are_true(path: Path, alter: Alter) -> None:
    blocks: list[Block] = [(at, told) for at, raw in blocks_of(path) if (told := alter(raw)) is not None]
    outcome = play(blocks, new_book())
    rows, truths = outcome.in_order(), truths_of(path)
    assert len(rows) == len(truths)
    wrong = [differences(row, truth) for row, truth in zip(rows, truths, strict=True)]
    if alter is without_dialplan:  # voicemail and a queue that takes nobody in are told by the dialplan alone
        wrong = [{fact: pair for fact, pair in one.items() if fact not in {"outcome", "queue"}} for one in wrong]
    assert wrong == [{}] * len(truths)
    assert outcome.surprises == []
    assert (outcome.book.calls, outcome.book.by_channel, outcome.book.graph.channels) == ({}, {}, {})


@pytest.mark.parametrize("path", RECORDINGS, ids=name_of)
def test_the_channel_event_log_tells_the_same(path: Path) -> None:
    lines = path.with_name(f"{name_of(path)}.cel.jsonl").read_text().splitlines()
    cel = [row for line in lines if (row := read_line(line)) is not None]
    rows = sorted(finished_calls(cel, Line("main", re.compile("[0-9]{2,5}"))), key=lambda row: row.started_at)
    live, truths = play(blocks_of(path), new_book()).in_order(), truths_of(path)
    assert [row.id for row in rows] == [row.id for row in live if row.channels]
    known = {row.id: truth for row, truth in zip(live, truths, strict=True)}
    assert [unexplained(path, row, known[row.id]) for row in rows] == [{}] * len(rows)


def unexplained(path: Path, row: CallRecord, truth: Truth) -> dict[str, tuple[object, object]]:
    """Name the differences that nothing excuses."""
    excused = UNKNOWN_TO_CEL["*"] | UNKNOWN_TO_CEL.get(name_of(path), {})

    def excuses(fact: str, told: object) -> bool:
        return fact in excused and (excused[fact] is None or excused[fact] == told)

    return {fact: pair for fact, pair in differences(row, truth).items() if not excuses(fact, pair[0])}

"""A journal over an outage: what the link did and what the PBX listed is played back as it was."""

import re

import pytest

from telephony import marks
from telephony.calls import CallBook, Line
from telephony.journal import read
from telephony.marks import Lists, Marks
from telephony.pipeline import retell
from telephony.records import CallRecord, LinkChange, Outcome
from tests.telephony.recording import ASTERISK22

LINE = Line("main", re.compile(r"[0-9]{2,5}"))
RECORDING = list(read(ASTERISK22 / "did_answered_agent_hangup.jsonl"))
ANSWERED = next(number for number, (_, raw) in enumerate(RECORDING) if b"Event: BridgeEnter" in raw)


def written(*blocks: bytes, at: float) -> list[tuple[float, bytes]]:
    return [(at, block + b"\r\n\r\n") for block in blocks]


def calls(messages: list[tuple[float, bytes]]) -> list[CallRecord]:
    return [told for told in retell(messages, LINE) if isinstance(told, CallRecord)]


def test_a_call_that_ended_during_an_outage_ends_with_the_snapshot_after_it() -> None:
    until = RECORDING[: ANSWERED + 4]
    back_at = until[-1][0] + 30.0
    assert calls(until) == [], "without the marks nobody knows"
    outage = written(marks.down("it went away"), at=until[-1][0] + 1)
    outage += written(marks.up(), *marks.listed(Lists([], [], None)), at=back_at)
    [call] = calls([*written(marks.up(), at=until[0][0]), *until, *outage])
    assert (call.outcome, call.ended_at) == (Outcome.ANSWERED, back_at)
    assert call.talk_seconds > 0


def test_a_call_that_the_lists_still_name_goes_on() -> None:
    until, rest = RECORDING[: ANSWERED + 4], RECORDING[ANSWERED + 4 :]
    channels = [
        {"Channel": told["Channel"], "Uniqueid": told["Uniqueid"], "ChannelStateDesc": "Up", "BridgeId": "b"}
        for told in _channels(until)
    ]
    at = until[-1][0]
    outage = written(marks.down("a\r\nreason: of two lines"), marks.up(), *marks.listed(Lists(channels)), at=at)
    begin = written(marks.up(), at=until[0][0])
    assert [call.outcome for call in calls([*begin, *until, *outage, *rest])] == [Outcome.ANSWERED]


def _channels(messages: list[tuple[float, bytes]]) -> list[dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for _, raw in messages:
        text = raw.decode()
        if text.startswith("Event: Newchannel"):
            fields = dict(line.split(": ", 1) for line in text.strip().split("\r\n") if ": " in line)
            found[fields["Uniqueid"]] = fields
    return list(found.values())


def test_a_reason_is_one_line_and_told_again() -> None:
    book, played = CallBook(LINE), Marks()
    [up] = played.play(book, marks.up(), 1.0).changes
    [down] = played.play(book, marks.down("refused:\r\nEvent: Hangup"), 2.0).changes
    assert isinstance(up, LinkChange)
    assert isinstance(down, LinkChange)
    assert (up.up, down.up, down.reason) == (True, False, "refused: Event: Hangup")


def test_lists_that_were_not_answered_say_nothing() -> None:
    told = list(marks.listed(Lists(None, [], [{"Device": "PJSIP/2001", "State": "INUSE"}])))
    assert told[-1] == b"Event: CallcardItemsEnd\r\nLists: queues,devices"
    assert all(marks.is_mark(block) for block in told)
    assert not marks.is_mark(b"Event: Hangup")


@pytest.mark.parametrize("block", [b"Event: CallcardSomethingNew", b"Event: CallcardItem", b"Event: Callcard"])
def test_a_mark_of_another_version_does_nothing(block: bytes) -> None:
    assert Marks().play(CallBook(LINE), block, 1.0).changes == ()

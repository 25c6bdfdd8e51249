"""The same bytes tell the same calls, however they come."""

import re

import pytest

from telephony import pipeline
from telephony.calls import CallBook, Line
from telephony.framing import Framer
from telephony.journal import read
from telephony.pipeline import fold, retell
from telephony.records import CallChange, CallRecord, ChangeKind, Outcome
from tests.telephony.recording import ASTERISK22

LINE = Line("main", re.compile(r"[0-9]{2,5}"))
RECORDING = list(read(ASTERISK22 / "queue_ringall_answered.jsonl"))


def shifted(by: int) -> list[tuple[float, bytes]]:
    """Give the recording once more, later and with other channels."""
    return [(at + by, raw.replace(b"id: 17", f"id: {by}17".encode())) for at, raw in RECORDING]


@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_raw_bytes_in_any_pieces_fold_into_the_book(size: int) -> None:
    stream = b"".join(raw for _, raw in RECORDING)
    chunks = (stream[start : start + size] for start in range(0, len(stream), size))
    framer = Framer()
    changes = [change for step in fold(CallBook(LINE), framer, chunks, 1000.0) for change in step.changes]
    ended = [change for change in changes if isinstance(change, CallChange) and change.kind is ChangeKind.ENDED]
    assert [change.call.outcome for change in ended] == [Outcome.ANSWERED]
    assert framer.skipped > 0


def test_retelling_tells_each_finished_call_once_in_the_order_they_ended() -> None:
    messages = [*RECORDING, *shifted(100), *shifted(200)]
    calls = [told for told in retell(messages, LINE) if isinstance(told, CallRecord)]
    assert [call.outcome for call in calls] == [Outcome.ANSWERED] * 3
    assert len({call.id for call in calls}) == 3
    ends = [call.ended_at for call in calls if call.ended_at is not None]
    assert ends == sorted(ends)


def test_finished_calls_are_let_go_before_memory_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "REMEMBERED", 1)
    monkeypatch.setattr(pipeline, "SETTLED_SECONDS", 1e9)
    told = retell([*RECORDING, *shifted(100), *shifted(200)], LINE)
    assert len([one for one in told if isinstance(one, CallRecord)]) == 3


def test_nothing_tells_nothing() -> None:
    assert list(retell([], LINE)) == []

"""When somebody listened to a call, as its timeline tells."""

import pytest

from crm_core.oversight.rules import SpyingDraft, spied
from telephony.records import CallPhase, CallRecord, Direction, TimelineEntry

ASKED = SpyingDraft("C1", "main", "Sam: Ñ'Boss", "2008", "listen", "ana", "2001")
WHO = "Sam ÑBoss"


def call(*steps: tuple[float, str, str | None], ended_at: float | None = None) -> CallRecord:
    timeline = tuple(TimelineEntry(at, what, "2001", detail) for at, what, detail in steps)
    return CallRecord(
        "C1", "main", Direction.INBOUND, CallPhase.TALKING, 0.0, None, timeline=timeline, ended_at=ended_at
    )


@pytest.mark.parametrize(
    ("record", "times"),
    [
        (None, (None, None)),
        (call(), (None, None)),
        (call((101.0, "listen", "vera")), (None, None)),
        (call((101.0, "whisper", WHO)), (None, None)),
        (call((5.0, "listen", WHO)), (None, None)),
        (call((101.0, "listen", WHO)), (101.0, None)),
        (call((101.0, "listen", WHO), ended_at=140.0), (101.0, 140.0)),
        (call((101.0, "listen", WHO), (110.0, "spy_end", "vera"), (120.0, "spy_end", WHO), ended_at=140.0), (101, 120)),
        (call((90.0, "spy_end", WHO), (99.0, "listen", WHO)), (99.0, None)),
    ],
)
def test_times_are_those_of_the_call(record: CallRecord | None, times: tuple[float | None, float | None]) -> None:
    assert spied(record, ASKED, 100.0) == times

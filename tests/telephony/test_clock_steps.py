"""The PBX's clock is set forward or back in mid-call: no negative time, no row lost, none open for ever."""

from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telephony.calls import apply
from telephony.events import Event, parse
from telephony.headers import headers
from telephony.recovery import sweep
from tests.telephony.recording import Outcome, all_recordings, blocks_of, new_book

PATHS = [path for path in all_recordings() if path.suffix == ".jsonl"]


@cache
def stream(path: Path) -> tuple[tuple[float, bytes], ...]:
    """Give the blocks that say something, without the PBX's stamps, and when they happened."""
    blocks = []
    for at, raw in blocks_of(path):
        event = parse(headers(raw), at)
        if event is not None:
            bare = b"\r\n".join(line for line in raw.split(b"\r\n") if not line.startswith(b"Timestamp: "))
            blocks.append((event.at, bare))
    return tuple(blocks)


def followed(path: Path, step_at: int, seconds: float) -> Outcome:
    outcome = Outcome(new_book())
    at = 0.0
    for place, (happened, raw) in enumerate(stream(path)):
        at = happened + 10_000.0 + (seconds if place >= step_at else 0.0)
        event: Event | None = parse(headers(raw), at)
        assert event is not None
        step = apply(outcome.book, event)
        outcome.take((*step.changes, *sweep(outcome.book, at).changes))
        outcome.surprises.extend(step.surprises)
    outcome.take(sweep(outcome.book, at + 90.0).changes)
    return outcome


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(path=st.sampled_from(PATHS), data=st.data(), seconds=st.sampled_from([-7200.0, -30.0, -0.5, 0.5, 30.0, 7200.0]))
def test_a_clock_that_is_set_makes_no_time_absurd_and_loses_no_row(
    path: Path, data: st.DataObject, seconds: float
) -> None:
    step_at = data.draw(st.integers(1, len(stream(path))))
    stepped, steady = followed(path, step_at, seconds), followed(path, 0, 0.0)
    assert stepped.surprises == []
    assert (stepped.book.calls, stepped.book.graph.channels) == ({}, {})
    # An attempt without a channel is told by the time between two events alone.
    whole, expected = ([row for row in one.rows.values() if row.channels] for one in (stepped, steady))
    assert len(whole) == len(expected)
    for row in stepped.rows.values():
        assert row.ended_at is not None
        assert row.started_at <= row.ended_at
        times = (
            row.wait_seconds,
            row.talk_seconds,
            row.hold_seconds,
            *(part.talk_seconds for part in row.participants),
        )
        assert min(times) >= 0
        assert max(times) <= stream(path)[-1][0] - stream(path)[0][0] + max(0.0, seconds) + 1.0

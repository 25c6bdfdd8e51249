"""The product gives the same rows for a scenario on the simulator and on the recording of the real one."""

from pathlib import Path

import pytest

from telephony.records import CallRecord
from tests.telephony.recording import ASTERISK22, blocks_of, new_book, play, truth_of
from tests.telephony.simulated import SCENARIOS, blocks_of_frames, play_people

Facts = dict[str, object]


def facts(row: CallRecord) -> Facts:
    """Tell what a person would say about a call; which phone rang first among several is chance."""
    return {
        "direction": row.direction,
        "outcome": row.outcome,
        "did": row.did,
        "called": row.called,
        "queue": row.queue,
        "answered_by": row.answered_by,
        "extension": row.extension,
        "rang": sorted((part.extension, part.result, part.rang_at is not None) for part in row.participants),
        "transfers": [(transfer.kind, transfer.source, transfer.target) for transfer in row.transfers],
        "answered": row.answered_at is not None,
        "cause": row.hangup_cause,
    }


def rows_of_recording(path: Path) -> list[CallRecord]:
    return play(blocks_of(path), new_book()).in_order()


def rows_of_simulator(recording: str) -> list[CallRecord]:
    _, frames = play_people(SCENARIOS[recording])
    outcome = play(blocks_of_frames(frames), new_book())
    assert outcome.surprises == []
    return outcome.in_order()


@pytest.mark.parametrize("recording", SCENARIOS)
def test_rows_are_those_of_the_recording(recording: str) -> None:
    real, simulated = rows_of_recording(ASTERISK22 / f"{recording}.jsonl"), rows_of_simulator(recording)
    assert [facts(row) for row in simulated] == [facts(row) for row in real]
    assert all(row.ended_at is not None for row in simulated)


@pytest.mark.parametrize("recording", SCENARIOS)
def test_times_are_those_the_people_took(recording: str) -> None:
    # The people of the recording acted at the moments the scenario names; their machines took up to 0.6 s to follow.
    truth = truth_of(ASTERISK22 / f"{recording}.jsonl")["calls"]
    simulated = rows_of_simulator(recording)
    assert len(simulated) == len(truth)
    for row, told in zip(simulated, truth, strict=True):
        assert row.talk_seconds == pytest.approx(told["talk_s"] or 0.0, abs=0.6)

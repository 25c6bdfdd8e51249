"""What the demo lets one hear: real sound on calls that were, and nobody else's files are touched."""

import asyncio
import wave
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from crm_core.recordings.folder import Folder
from crm_core.voicemail.spool import Spool
from telephony.records import Outcome
from web.demo.clients import invent
from web.demo.history import Cast, PastCall, tell
from web.demo.sounds import LONGEST_TALK, MESSAGE_SECONDS, MESSAGES, RECORDED, Sounds, clear_sounds


@pytest.fixture(scope="module")
def year() -> list[PastCall]:
    clients = invent(200)
    cast = Cast([draft.phones[0].number for draft in clients.drafts], frozenset(clients.shared), clients.strangers)
    return list(tell(cast, datetime(2026, 11, 21, 15, 30, tzinfo=UTC), 3_000))


async def test_the_last_calls_can_be_heard(year: list[PastCall], tmp_path: Path) -> None:
    monitor, spool = tmp_path / "monitor", tmp_path / "voicemail"
    sounds = Sounds(monitor, spool)
    for each in year:
        sounds.note(each.record)
    found = await asyncio.to_thread(sounds.write)
    calls = {each.record.id: each.record for each in year}
    assert len(found) == RECORDED
    for call_id, recording in found.items():
        facts = await Folder(monitor).find(recording.path)
        assert facts is not None
        assert facts.size == recording.size
        assert facts.seconds == pytest.approx(calls[call_id].talk_seconds, abs=0.1)
        assert calls[call_id].talk_seconds <= LONGEST_TALK
    messages = await Spool(spool).scan()
    assert len(messages) == len({one.key for one in messages}) == MESSAGES
    left = {int(call.ended_at or 0) - MESSAGE_SECONDS for call in calls.values() if call.outcome is Outcome.VOICEMAIL}
    assert {int(one.received_at) for one in messages} <= left


def test_it_is_no_silence_and_is_cleared_away_without_anything_else(year: list[PastCall], tmp_path: Path) -> None:
    monitor, spool = tmp_path / "monitor", tmp_path / "voicemail"
    clear_sounds(monitor, spool)
    sounds = Sounds(monitor, spool)
    for each in year:
        sounds.note(each.record)
    sounds.write()
    with wave.open(str(next(monitor.glob("*.wav")))) as file:
        samples = memoryview(file.readframes(8000)).cast("h")
    assert max(samples) > 3000
    assert sum(before * after < 0 for before, after in pairwise(samples)) > 100
    (monitor / "mine.wav").write_bytes(b"kept")
    clear_sounds(monitor, spool)
    assert [one.name for one in monitor.iterdir()] == ["mine.wav"]
    assert list(spool.rglob("msg*")) == []

"""Recordings on both databases: one file is one call's, a deleted one stays deleted, hearing is written down once."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from crm_core.calls.store import Calls
from crm_core.db import Database
from crm_core.numbers import Numbering
from crm_core.recordings.collector import PAUSES, Collector
from crm_core.recordings.folder import Folder
from crm_core.recordings.paths import Pattern
from crm_core.recordings.places import Source, Sources
from crm_core.recordings.rules import Deed, Found, RecordingState
from crm_core.recordings.store import ONE_HEARING_SECONDS, Recordings
from telephony.records import CallRecord, Recording, RecordingKind
from tests.contracts.conftest import NOON, Clock
from tests.contracts.records import answered
from tests.crm_core.test_recording_paths import sound

READY, MISSING, DELETED = RecordingState.READY, RecordingState.MISSING, RecordingState.DELETED


@pytest.fixture
def recordings(db: Database, clock: Clock) -> Recordings:
    return Recordings(db, clock=clock)


def found(path: str, at: float = NOON, state: RecordingState = READY, *, told: bool = True) -> Found:
    return Found(RecordingKind.CALL, path, "1.1", at, at + 5, state, 1000, 4.5, told=told)


async def states(recordings: Recordings, call_id: str) -> list[tuple[str, RecordingState]]:
    return [(one.path, one.state) for one in await recordings.of_call(call_id)]


async def test_writing_twice_is_writing_once(recordings: Recordings) -> None:
    for state in (RecordingState.RECORDING, READY, READY):
        await recordings.write("a", "main", [found("1.wav", state=state), found("2.wav", NOON - 1)])
    assert await states(recordings, "a") == [("2.wav", READY), ("1.wav", READY)]


async def test_a_file_named_again_is_the_later_calls(recordings: Recordings) -> None:
    await recordings.write("a", "main", [found("same.wav")])
    await recordings.write("b", "main", [found("same.wav", NOON + 100)])
    await recordings.write("c", "other", [found("same.wav", NOON + 50)])
    await recordings.write("d", "main", [found("same.wav", NOON + 200, told=False)])
    await recordings.write("e", "main", [found("same.wav", NOON - 100)])
    assert await states(recordings, "a") == [("same.wav", MISSING)]
    assert await states(recordings, "b") == await states(recordings, "c") == [("same.wav", READY)]
    assert await states(recordings, "d") == await states(recordings, "e") == []


async def test_deleted_stays_deleted_and_says_by_whom(recordings: Recordings) -> None:
    await recordings.write("a", "main", [found("1.wav")])
    (one,) = await recordings.of_call("a")
    await recordings.deleted(one.id, "root")
    await recordings.write("a", "main", [found("1.wav")])
    assert await states(recordings, "a") == [("1.wav", DELETED)]
    assert [(access.user, access.what) for access in await recordings.accesses([one.id])] == [("root", Deed.DELETED)]


async def test_one_hearing_is_one_entry(recordings: Recordings, clock: Clock) -> None:
    await recordings.write("a", "main", [found("1.wav")])
    (one,) = await recordings.of_call("a")
    for user in ("ana", "ana", "vera"):
        await recordings.heard(one.id, user)
    clock.now += ONE_HEARING_SECONDS
    await recordings.heard(one.id, "ana")
    assert [access.user for access in await recordings.accesses([one.id])] == ["ana", "vera", "ana"]


async def save(calls: Calls, numbering: Numbering, call: CallRecord) -> None:
    await calls.save(call, numbering.read(call.number))


async def test_a_consultation_brings_its_recordings(recordings: Recordings, calls: Calls, numbering: Numbering) -> None:
    for call_id in ("a", "b"):
        await save(calls, numbering, answered(call_id, NOON))
    await recordings.write("b", "main", [found("both.wav"), found("b.wav", NOON + 9)])
    await recordings.write("a", "main", [found("both.wav", NOON + 1)])
    await calls.absorb("b", "a")
    assert await states(recordings, "a") == [("both.wav", READY), ("b.wav", READY)]
    row = await calls.get("a")
    assert row is not None
    assert [one.path for one in row.recordings] == ["both.wav", "b.wav"]


async def test_what_another_pbx_records_of_a_call_is_the_whole_calls(
    recordings: Recordings, calls: Calls, numbering: Numbering
) -> None:
    for call_id in ("near", "far"):
        await save(calls, numbering, answered(call_id, NOON))
    await calls.absorb("far", "near")
    await recordings.write("far", "branch", [found("far.wav")])
    await recordings.write("near", "main", [found("near.wav", NOON + 1)])
    assert [(one.pbx, one.path) for one in await recordings.of_call("near")] == [
        ("branch", "far.wav"),
        ("main", "near.wav"),
    ]


def recorded(call: CallRecord, *files: str) -> CallRecord:
    told = tuple(Recording(RecordingKind.CALL, file, "1.1", call.started_at, call.ended_at) for file in files)
    return replace(call, recordings=told, channels=(f"{NOON}.1",))


def collector(recordings: Recordings, calls: Calls, folder: Path, pattern: str | None = None) -> Collector:
    source = Source(Folder(folder), "/pbx/monitor", Pattern.parse(pattern) if pattern else None)
    return Collector(recordings, calls, Sources({"main": source}))


async def test_the_collector_takes_what_the_pbx_named_and_nothing_outside(
    recordings: Recordings, calls: Calls, tmp_path: Path
) -> None:
    (tmp_path / "monitor").mkdir()
    (tmp_path / "monitor/1.wav").write_bytes(sound(2.0))
    (tmp_path / "secret.wav").write_bytes(sound())
    files = ("/pbx/monitor/1.wav", "/pbx/monitor/../secret.wav", "/pbx/monitor/gone.wav")
    await collector(recordings, calls, tmp_path / "monitor").look(recorded(answered("a", NOON), *files))
    told = {one.path: (one.state, one.seconds) for one in await recordings.of_call("a")}
    assert told == {"1.wav": (READY, 2.0), "": (MISSING, None), "gone.wav": (MISSING, None)}


async def test_a_call_whose_file_nobody_named_is_found_by_its_uniqueid(
    recordings: Recordings, calls: Calls, tmp_path: Path
) -> None:
    (tmp_path / "2026/11/21").mkdir(parents=True)
    (tmp_path / f"2026/11/21/in-{NOON}.1.wav").write_bytes(sound())
    (tmp_path / f"2026/11/21/in-{NOON}.12.wav").write_bytes(sound())
    looking = collector(recordings, calls, tmp_path, "{yyyy}/{mm}/{dd}/*-{uniqueid}.*")
    await looking.look(recorded(answered("a", NOON)))
    assert await states(recordings, "a") == [(f"2026/11/21/in-{NOON}.1.wav", READY)]
    assert len(PAUSES) < 10

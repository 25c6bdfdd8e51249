"""What the PBX said is on disk, bounded, readable after a crash, and tells the same calls again."""

import asyncio
import json
import re
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from telephony import journal
from telephony.calls import Line
from telephony.journal import Journal, read, replay
from telephony.pipeline import retell
from telephony.records import CallRecord, Outcome, Surprise
from tests.telephony.recording import ASTERISK22

LINE = Line("main", re.compile(r"[0-9]{2,5}"))


def files(directory: Path) -> list[str]:
    return sorted(file.name for file in directory.iterdir())


async def on_disk(path: Path) -> list[tuple[float, bytes]]:
    return await asyncio.to_thread(lambda: list(read(path)))


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the condition is another thread's work
            await asyncio.sleep(0.01)


async def test_what_was_recorded_is_read_back_byte_for_byte(tmp_path: Path) -> None:
    one = Journal(tmp_path, name="main")
    told = [(1.25, "Event: Hangup\r\nCallerIDName: Иван 😀".encode()), (2.5, b"Event: Hangup\r\nName: \xcf\xe5\xff")]
    for at, block in told:
        one.record(at, block)
    await one.flush()
    assert await on_disk(tmp_path / "main-00000001.jsonl") == [(at, block + b"\r\n\r\n") for at, block in told]
    assert (one.written, one.lost) == (2, 0)
    await one.close()


async def test_the_task_writes_by_itself_and_leaves_nothing_behind_when_it_ends(tmp_path: Path) -> None:
    one = Journal(tmp_path)
    task = asyncio.create_task(one.run())
    one.record(1.0, b"Event: One")
    await eventually(lambda: one.written == 1)
    one.record(2.0, b"Event: Two")
    task.cancel()
    await asyncio.wait({task}, timeout=5)
    assert [raw for _, raw in await on_disk(tmp_path)] == [b"Event: One\r\n\r\n", b"Event: Two\r\n\r\n"]


async def test_the_ring_stays_within_its_bound_and_keeps_the_newest(tmp_path: Path) -> None:
    one = Journal(tmp_path, max_bytes=4000, file_bytes=1000)
    for number in range(400):
        one.record(float(number), b"Event: Hangup\r\nUniqueid: " + str(number).encode())
        await one.flush()
    await one.close()
    assert await asyncio.to_thread(lambda: sum(file.stat().st_size for file in tmp_path.iterdir())) <= 4000 + 200
    kept = [at for at, _ in await on_disk(tmp_path)]
    assert kept == [float(number) for number in range(400)][-len(kept) :]
    assert len(kept) > 30


async def test_a_new_start_begins_a_new_file_and_leaves_other_pbxs_alone(tmp_path: Path) -> None:
    (tmp_path / "branch-00000007.jsonl").write_bytes(b"")
    (tmp_path / "main-notes.jsonl").write_bytes(b"")
    for _ in range(2):
        one = Journal(tmp_path)
        one.record(1.0, b"Event: X")
        await one.flush()
        await one.close()
    assert files(tmp_path) == [
        "branch-00000007.jsonl",
        "main-00000001.jsonl",
        "main-00000002.jsonl",
        "main-notes.jsonl",
    ]


async def test_a_disk_that_fails_costs_lines_and_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    place = tmp_path / "journal"
    place.write_bytes(b"a file where the folder should be")
    one = Journal(place)
    for _ in range(3):
        one.record(1.0, b"Event: Lost")
        await one.flush()
    assert (one.written, one.lost) == (0, 3)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    place.unlink()
    one.record(2.0, b"Event: Kept")
    await one.flush()
    assert [raw for _, raw in await on_disk(place)] == [b"Event: Kept\r\n\r\n"]
    assert "writing again, 3 messages were lost" in caplog.text
    await one.close()


async def test_memory_is_bounded_while_the_disk_is_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MOST_PENDING", 100)
    one = Journal(tmp_path)
    for _ in range(5):
        one.record(1.0, b"x" * 40)
    assert one.lost == 3
    await one.flush()
    one.record(1.0, b"x" * 40)
    assert one.lost == 3
    await one.flush()
    await one.close()


def test_damaged_lines_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    good = json.dumps({"t": 1.0, "raw": "Event: X\r\n\r\n"}).encode()
    bad = [
        b"",
        b"not json",
        b"[]",
        b'{"t": "x", "raw": ""}',
        b'{"raw": ""}',
        b'{"t": 1, "raw": "\\ud83d"}',
        b"\xff\xfe",
    ]
    path.write_bytes(b"\n".join([good, *bad, good, good[: len(good) // 2]]))
    assert list(read(path)) == [(1.0, b"Event: X\r\n\r\n")] * 2


def calls_of(path: Path) -> list[CallRecord]:
    return [told for told in replay(path, LINE) if isinstance(told, CallRecord)]


def test_a_recording_tells_its_call() -> None:
    (call,) = calls_of(ASTERISK22 / "did_answered.jsonl")
    assert (call.outcome, call.answered_by) == (Outcome.ANSWERED, "2001")


@pytest.mark.parametrize("name", ["did_answered", "queue_ringall_answered", "internal_busy_noanswer"])
async def test_a_journal_of_a_recording_tells_the_same_calls(name: str, tmp_path: Path) -> None:
    recording = ASTERISK22 / f"{name}.jsonl"
    one = Journal(tmp_path)
    for at, raw in await on_disk(recording):
        one.record(at, raw.removesuffix(b"\r\n\r\n"))
    await one.flush()
    await one.close()
    calls = await asyncio.to_thread(calls_of, tmp_path)
    assert calls
    assert calls == await asyncio.to_thread(calls_of, recording)


def test_surprises_are_told_and_every_finished_call_once() -> None:
    recording = list(read(ASTERISK22 / "did_answered.jsonl"))
    strange = (0.0, b"Event: DialEnd\r\nDestChannel: PJSIP/2009-1\r\nDestUniqueid: 1.999\r\nDialStatus: ANSWER\r\n\r\n")
    told = list(retell([strange, *recording], LINE))
    assert len([one for one in told if isinstance(one, CallRecord)]) == 1
    assert all(isinstance(one, CallRecord | Surprise) for one in told)


def test_a_finished_call_is_told_while_later_ones_are_still_read() -> None:
    recording = list(read(ASTERISK22 / "did_answered.jsonl"))
    later = (1e9, b"Event: Newchannel\r\nChannel: PJSIP/2002-9\r\nUniqueid: 9.9\r\nTimestamp: 3000000000.5\r\n\r\n")
    calls = [told.id for told in retell([*recording, later, later], LINE) if isinstance(told, CallRecord)]
    assert len(calls) == 1


async def test_a_full_disk_leaves_no_heap_of_empty_files(tmp_path: Path) -> None:
    one = Journal(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
        for _ in range(3):
            one.record(1.0, b"Event: X")
            await one.flush()
        assert (one.lost, one.written) == (3, 0)
        assert await asyncio.to_thread(files, tmp_path) == []
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    one.record(2.0, b"Event: Y")
    await one.close()
    assert await asyncio.to_thread(lambda: list(read(tmp_path))) == [(2.0, b"Event: Y\r\n\r\n")]

"""Hearing recordings: in parts, by those who may, and written down."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from crm_core.calls.rules import CallToSave
from telephony.records import Recording, RecordingKind
from tests.contracts.records import answered, recorded_as
from tests.crm_core.test_recording_paths import sound
from tests.web.serving import Answer, Running, Template, running
from web.settings import SettingsError, load

AUDIO = "calls/a/recordings/1/audio"
SOUND = sound(3.0)


async def fill(service: Running) -> None:
    parts = service.node.services
    for call_id, user in (("a", "ana"), ("b", "bruno")):
        call = recorded_as(
            answered(call_id, time.time() - 3600), Recording(RecordingKind.CALL, f"/pbx/{call_id}.wav", "1.1", 1.0, 4.0)
        )
        await parts.calls.add_many([CallToSave(call, parts.numbering.read(call.number), users={"2001": user})])


@pytest.fixture
def monitor(tmp_path: Path) -> Path:
    folder = tmp_path / "monitor"
    folder.mkdir()
    for name in ("a.wav", "b.wav"):
        (folder / name).write_bytes(SOUND)
    return folder


@pytest.fixture
async def heard(template: Template, tmp_path: Path, monitor: Path) -> AsyncIterator[Running]:
    settings = {"CALLCARD_RECORDINGS": str(monitor), "CALLCARD_RECORDINGS_PREFIX": "/pbx"}
    async with running(template, tmp_path, **settings) as service:
        await fill(service)
        for call_id in ("a", "b"):
            assert (await service.ask("GET", f"calls/{call_id}/recordings", "root")).status == 200
        yield service


async def part(service: Running, spelled: str, **headers: str) -> Answer:
    """Ask for a part; what comes back is compared by length and headers (sound is no text)."""
    return await service.ask("GET", AUDIO, headers={"Range": spelled} | headers)


async def test_a_recording_is_listed_and_the_row_leads_to_it(heard: Running) -> None:
    listed = (await heard.ask("GET", "calls/a/recordings")).body
    (one,) = listed["items"]
    assert (one["n"], one["state"], one["seconds"], one["size"]) == (1, "ready", 3.0, len(SOUND))
    assert (one["playable"], one["audio"], listed["may_listen"]) == (True, f"/api/v1/{AUDIO}", True)
    row = (await heard.ask("GET", "calls/a")).body
    assert (row["recording"], row["recordings"]) == (one["audio"], [one])


async def test_the_whole_and_its_parts(heard: Running) -> None:
    url, token = f"{heard.url}/api/v1/{AUDIO}", {"Authorization": f"Bearer {heard.token('ana')}"}
    async with heard.http.get(url, headers=token) as whole:
        assert (whole.status, whole.headers["Content-Type"], await whole.read()) == (200, "audio/wav", SOUND)
        assert whole.headers["Accept-Ranges"] == "bytes"
        etag = whole.headers["ETag"]
    for spelled, start, end in (("bytes=0-9", 0, 10), ("bytes=100-", 100, len(SOUND)), ("bytes=-5", -5, len(SOUND))):
        async with heard.http.get(url, headers=token | {"Range": spelled}) as some:
            assert (some.status, await some.read()) == (206, SOUND[start:end])
            first = start if start >= 0 else len(SOUND) + start
            assert some.headers["Content-Range"] == f"bytes {first}-{end - 1}/{len(SOUND)}"
    async with heard.http.get(url, headers=token | {"Range": "bytes=0-9", "If-Range": etag}) as same:
        assert same.status == 206
    async with heard.http.get(url, headers=token | {"Range": "bytes=0-9", "If-Range": '"other"'}) as changed:
        assert (changed.status, await changed.read()) == (200, SOUND)


@pytest.mark.parametrize("spelled", [f"bytes={len(SOUND)}-", "bytes=0-1,5-6", "rubbish"])
async def test_a_range_of_nothing_is_refused(heard: Running, spelled: str) -> None:
    refused = await part(heard, spelled)
    assert (refused.status, refused.headers["Content-Type"]) == (416, "application/problem+json")
    assert refused.headers["Content-Range"] == f"bytes */{len(SOUND)}"


async def test_who_may_listen_and_who_did(heard: Running) -> None:
    for who, status in (("ana", 206), ("bruno", 403), ("sam", 206), ("hugo", 206), ("root", 206)):
        answer = await heard.ask("GET", AUDIO, who, headers={"Range": "bytes=0-3"})
        assert answer.status == status, who
    await part(heard, "bytes=100-103")
    seen = (await heard.ask("GET", "calls/a/recordings", "sam")).body["accesses"]
    assert [(one["user"], one["what"]) for one in seen] == [(who, "played") for who in ("root", "hugo", "sam", "ana")]
    assert (await heard.ask("GET", "calls/a/recordings", "ana")).body["accesses"] == []
    assert (await heard.ask("GET", "calls/a/recordings", "bruno")).body["may_listen"] is False
    assert (await heard.ask("GET", "calls/a/recordings/2/audio")).status == 404


async def test_the_administrator_deletes(heard: Running, monitor: Path) -> None:
    assert (await heard.ask("DELETE", "calls/a/recordings/1", "sam")).status == 403
    for _ in range(2):
        assert (await heard.ask("DELETE", "calls/a/recordings/1", "root")).status == 204
    assert not (monitor / "a.wav").exists()
    assert (await heard.ask("GET", AUDIO)).status == 404
    listed = (await heard.ask("GET", "calls/a/recordings", "sam")).body
    assert (listed["items"][0]["state"], listed["items"][0]["audio"]) == ("deleted", None)
    assert [(one["user"], one["what"]) for one in listed["accesses"]] == [("root", "deleted")]


async def test_a_file_that_went_away_is_not_found(heard: Running, monitor: Path) -> None:
    (monitor / "a.wav").unlink()
    assert (await heard.ask("GET", AUDIO)).status == 404
    (monitor / "b.wav").unlink()
    monitor.rmdir()
    assert (await heard.ask("GET", AUDIO)).status == 503


async def test_agents_may_be_kept_from_all_of_it(template: Template, tmp_path: Path, monitor: Path) -> None:
    settings = {
        "CALLCARD_RECORDINGS": str(monitor), "CALLCARD_RECORDINGS_PREFIX": "/pbx", "CALLCARD_RECORDINGS_AGENTS": "none",
    }  # fmt: skip
    async with running(template, tmp_path, **settings) as service:
        await fill(service)
        assert (await service.ask("GET", "calls/a/recordings", "sam")).status == 200
        assert (await service.ask("GET", AUDIO, "ana")).status == 403
        assert (await service.ask("GET", "calls/nobody/recordings/1/audio", "ana")).status == 403
        assert (await service.ask("HEAD", AUDIO, "sam")).status == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CALLCARD_RECORDINGS", "monitor"),
        ("CALLCARD_RECORDINGS", "/a#main /b#main"),
        ("CALLCARD_RECORDINGS_PREFIX", "monitor"),
        ("CALLCARD_RECORDINGS_PATTERN", "*.wav"),
        ("CALLCARD_RECORDINGS_AGENTS", "some"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: "):
        load({name: value}, tmp_path / "callcard.toml")

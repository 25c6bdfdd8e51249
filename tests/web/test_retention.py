"""Keeping recordings, by right and by rule, and a PBX that gives them out over HTTP."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.crm_core.test_http_place import SOUND, Server
from tests.crm_core.test_http_place import server as server  # noqa: PLC0414 - the fixture is used here too
from tests.web.pages.test_pages import page
from tests.web.serving import Running, Template, environment, running
from tests.web.test_recordings import AUDIO, fill
from web.settings import SettingsError, load


@pytest.fixture
async def remote(template: Template, tmp_path: Path, server: Server) -> AsyncIterator[Running]:
    settings = {
        "CALLCARD_RECORDINGS": f"http://callcard:s3cr%3At%40@{server.url}/rec/{{path}}",
        "CALLCARD_RECORDINGS_PREFIX": "/pbx",
    }
    async with running(template, tmp_path, **settings) as service:
        await fill(service)
        assert (await service.ask("GET", "calls/a/recordings", "root")).body["items"][0]["state"] == "ready"
        yield service


async def test_a_recording_on_a_web_server_is_heard_in_parts_and_written_down(remote: Running, server: Server) -> None:
    url, token = f"{remote.url}/api/v1/{AUDIO}", {"Authorization": f"Bearer {remote.token('ana')}"}
    async with remote.http.get(url, headers=token) as whole:
        assert (whole.status, whole.headers["Content-Type"], await whole.read()) == (200, "audio/wav", SOUND)
        assert whole.headers["Accept-Ranges"] == "bytes"
    async with remote.http.get(url, headers=token | {"Range": "bytes=100-199"}) as some:
        assert (some.status, await some.read()) == (206, SOUND[100:200])
        assert some.headers["Content-Range"] == f"bytes 100-199/{len(SOUND)}"
    async with remote.http.get(url, headers=token | {"Range": "bytes=0-9", "If-Range": '"any"'}) as whole:
        assert (whole.status, await whole.read()) == (200, SOUND)
    async with remote.http.head(url, headers=token) as head:
        assert (head.status, head.headers["Content-Length"]) == (200, str(len(SOUND)))
    assert (await remote.ask("GET", AUDIO, headers={"Range": "bytes=999999-"})).status == 416
    assert (await remote.ask("GET", AUDIO, "bruno")).status == 403
    accesses = (await remote.ask("GET", "calls/a/recordings", "sam")).body["accesses"]
    assert [(one["user"], one["what"]) for one in accesses] == [("ana", "played")]
    server.files.clear()
    assert (await remote.ask("GET", AUDIO)).status == 404


async def test_who_supervises_keeps_a_call(remote: Running) -> None:
    assert (await remote.ask("PUT", "calls/a/keep", "ana")).status == 403
    assert 'data-testid="keep"' not in (await page(remote, "/calls/a")).text
    assert "Keep the recordings" in (await page(remote, "/calls/a", who="sam")).text
    kept = await remote.ask("PUT", "calls/a/keep", "sam")
    assert (kept.status, kept.body["kept"]["by"]) == (200, "sam")
    assert (await remote.ask("GET", "calls/a")).body["kept"] == kept.body["kept"]
    assert "Kept by sam" in (await page(remote, "/calls/a", who="sam")).text
    assert (await remote.ask("DELETE", "calls/a/keep", "sam")).status == 204
    assert (await remote.ask("GET", "calls/a")).body["kept"] is None
    assert (await remote.ask("PUT", "calls/nobody/keep", "sam")).status == 404


def _sweep(folder: Path, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "web", "recordings", "sweep", *options]
    env = environment(folder, **settings)
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=folder, timeout=50)


async def test_the_command_says_what_it_did(template: Template, tmp_path: Path) -> None:
    monitor = tmp_path / "monitor"
    monitor.mkdir()
    for name in ("a.wav", "b.wav"):
        (monitor / name).write_bytes(SOUND)
    settings = {"CALLCARD_RECORDINGS": str(monitor), "CALLCARD_RECORDINGS_PREFIX": "/pbx"}
    async with running(template, tmp_path, **settings) as service:
        await fill(service)
        for call in ("a", "b"):
            await service.ask("GET", f"calls/{call}/recordings", "root")
        assert (await service.ask("PUT", "calls/b/keep", "sam")).status == 200
    assert "nothing is ever too old" in _sweep(tmp_path, **settings).stderr
    rule = settings | {"CALLCARD_RECORDINGS_DAYS": "1", "CALLCARD_RETENTION": "delete"}
    assert _sweep(tmp_path, "--dry-run", **rule).stdout == "1 recordings and 0 messages are too old\n"
    done = _sweep(tmp_path, **rule)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "1 recordings and 0 messages deleted")
    assert [one.name for one in monitor.iterdir()] == ["b.wav"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CALLCARD_RECORDINGS_DAYS", "0"),
        ("CALLCARD_RECORDINGS_DAYS", "-1"),
        ("CALLCARD_VOICEMAIL_DAYS", "ten"),
        ("CALLCARD_VOICEMAIL", "voicemail"),
        ("CALLCARD_RETENTION", "maybe"),
        ("CALLCARD_RECORDINGS", "https://user:hidden@host/recordings"),
    ],
)
def test_a_wrong_setting_is_named_and_tells_no_secret(name: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: ") as told:
        load({name: value}, tmp_path / "callcard.toml")
    assert "hidden" not in str(told.value)

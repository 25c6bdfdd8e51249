"""The gap of an outage is filled from the PBX's own log, whatever fails on the way."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from telephony.simulator.server import AmiServer
from tests.telephony.recording import ASTERISK22, truth_of
from tests.web.serving import Running, Template, running
from web.ownership import only_service
from web.settings import SettingsError

Told = list[dict[str, Any]]


@pytest.fixture
def told() -> Told:
    rows: Told = truth_of(ASTERISK22 / "queue_ringall_answered.jsonl")["cel"]
    return rows


@pytest.fixture
def away(template: Template, tmp_path: Path, told: Told) -> Template:
    """Give the database of a service that went away just before the calls of the log."""
    file = tmp_path / "away.db"
    shutil.copy(template.file, file)
    with sqlite3.connect(file) as db:
        db.execute("INSERT INTO pbx_heard (pbx, at) VALUES ('main', ?)", (told[0]["eventtime"] - 1,))
    db.close()
    return replace(template, file=file)


async def until(service: Running, path: str, true: Callable[[Any], object]) -> Any:  # noqa: ANN401 - as it came
    async with asyncio.timeout(20):
        while True:
            answer = await service.ask("GET", path, who="root" if path.startswith("/api") else None)
            if true(answer):
                return answer
            await asyncio.sleep(0.05)


def write(log: Path, told: Told) -> None:
    log.write_text("".join(json.dumps(row) + "\n" for row in told))


async def test_calls_of_the_outage_appear_once_the_log_can_be_read(
    away: Template, tmp_path: Path, pbx: AmiServer, told: Told
) -> None:
    log = tmp_path / "cel.json"
    settings = {"CALLCARD_AMI_URL": pbx.url, "CALLCARD_CEL_URL": f"file://{log}"}
    async with running(away, tmp_path, **settings) as service:
        await until(
            service, "/metrics", lambda answer: 'callcard_recovery_failures_total{pbx="main"} 1.0' in answer.text
        )
        figures = (await service.ask("GET", "/metrics", who=None)).text
        assert 'callcard_recovery_behind{pbx="main"} 1.0' in figures
        write(log, told)
        answer = await until(
            service, "/metrics", lambda answer: 'callcard_recovered_calls_total{pbx="main"} 1.0' in answer.text
        )
        answer = await until(
            service, "/api/v1/calls?outcome=answered&queue=support", lambda answer: answer.body["items"]
        )
    (row,) = answer.body["items"]
    assert (row["source"], row["queue"], row["direction"]) == ("recovered", "support", "inbound")
    assert row["answered_by"] is not None


def test_a_second_service_on_the_same_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "callcard.db"
    refused = pytest.raises(SettingsError, match=r"another service runs on .*callcard\.db")
    with only_service(file), refused, only_service(file):
        pass
    with only_service(file):  # the first one has let go
        pass


def test_a_lock_that_cannot_be_written_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "x.db.serve").mkdir()
    with pytest.raises(SettingsError, match="CALLCARD_DATABASE_URL"), only_service(tmp_path / "x.db"):
        pass

"""`calls rebuild --cdr --queue-log` as a user runs it: what is known stays, what is missing comes, in any order."""

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.web.serving import environment
from web.cli import main

RECORDINGS = Path(__file__).parents[1] / "recordings" / "asterisk22"


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the logs of three recordings: one answered queue call, one given up, one direct."""
    for key, value in environment(tmp_path).items():
        monkeypatch.setenv(key, value)
    monkeypatch.chdir(tmp_path)
    cdr, queue, cel = [], [], []
    for name in ("queue_ringall_answered", "queue_abandoned_ringing", "did_answered"):
        told = json.loads((RECORDINGS / f"{name}.truth.json").read_text("utf-8"))
        cdr += told["cdr_csv"]
        queue += told["queue_log"]
        cel += told["cel"]
    (tmp_path / "Master.csv").write_text("\n".join([*cdr, "no,record", ""]))
    (tmp_path / "queue_log").write_text("\n".join([*queue, "no line", ""]))
    (tmp_path / "cel.json").write_text("".join(json.dumps(row) + "\n" for row in cel))
    return tmp_path


def rebuild(*options: str) -> None:
    assert main(["calls", "rebuild", *options]) == 0


def rows(folder: Path) -> list[tuple[str, str | None, str | None, float]]:
    with closing(sqlite3.connect(folder / "var" / "callcard.db")) as db:
        query = "select outcome, queue, extension, round(wait_seconds), source from call order by started_at"
        found = db.execute(query).fetchall()
    assert {row[-1] for row in found} <= {"recovered"}
    return [row[:-1] for row in found]


def test_records_and_queue_log_together(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rebuild("--cdr", "Master.csv", "--queue-log", "queue_log")
    told = sorted(rows(logs), key=lambda row: row[0])
    assert [row[:2] for row in told] == [("abandoned", "support"), ("answered", None), ("answered", "support")]
    assert "2 not understood, 3 calls added, 0 completed, 0 known already" in capsys.readouterr().out
    rebuild("--cdr", "Master.csv", "--queue-log", "queue_log")
    assert sorted(rows(logs), key=lambda row: row[0]) == told
    assert "0 calls added, 0 completed, 3 known already" in capsys.readouterr().out


def test_the_channel_event_log_comes_first_and_stays(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rebuild("--cel", "cel.json")
    exact = rows(logs)
    capsys.readouterr()
    rebuild("--cdr", "Master.csv", "--queue-log", "queue_log")
    assert rows(logs) == exact
    assert "0 calls added, 0 completed, 3 known already" in capsys.readouterr().out


def test_a_queue_log_completes_what_the_records_left_open(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rebuild("--cdr", "Master.csv")
    assert {row[0] for row in rows(logs)} == {"answered", "missed"}
    capsys.readouterr()
    rebuild("--queue-log", "queue_log")
    assert {row[0] for row in rows(logs)} == {"answered", "abandoned"}
    assert "0 calls added, 1 completed, 1 known already" in capsys.readouterr().out


@pytest.mark.parametrize("told", [(), ("--timezone", "Asia/Tokyo")])
def test_local_times_are_put_right_by_the_channels_ids_or_by_the_zone_that_is_told(
    logs: Path, told: tuple[str, ...]
) -> None:
    """The file is of a PBX in Tokyo: nine hours ahead."""
    with (logs / "Master.csv").open(newline="") as file:
        lines = [line for line in csv.reader(file) if len(line) > 2]
    with (logs / "tokyo.csv").open("w", newline="") as file:
        csv.writer(file).writerows([[_nine_hours_on(cell) for cell in line] for line in lines])
    rebuild("--cdr", "tokyo.csv", *told)
    with closing(sqlite3.connect(logs / "var" / "callcard.db")) as db:
        for started, record in db.execute("select started_at, record from call").fetchall():
            began = float(json.loads(record)["channels"][0])
            assert abs(started - int(began)) <= 1


def _nine_hours_on(cell: str) -> str:
    if not cell.startswith("2026-"):
        return cell
    day, _, clock = cell.partition(" ")
    hours = int(clock[:2]) + 9
    return f"{day[:-2]}{int(day[-2:]) + hours // 24:02} {hours % 24:02}{clock[2:]}"


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        ((), 2, "name a file"),
        (("--cdr", "none.csv"), 1, "no such file"),
        (("--cdr", "x", "--timezone", "Mars/X"), 2, "no time zone"),
    ],
)
def test_wrong_use_is_told(
    logs: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], status: int, said: str
) -> None:
    del logs
    try:
        code = main(["calls", "rebuild", *options])
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    assert code == status
    assert said in capsys.readouterr().err

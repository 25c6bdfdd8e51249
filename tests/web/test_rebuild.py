"""`calls rebuild` as a user runs it: bad rows, a kill in the middle, Ctrl-C, and doing it again."""

import csv
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.web.serving import environment
from web.cli import main
from web.commands.progress import progress_line

TRACE = Path(__file__).parents[1] / "recordings" / "asterisk22" / "ringgroup_answered.truth.json"
CALLS = 3500
BAD = 500
"""Every so many calls a row that is none."""
EVERY_SECONDS = 2
"""Calls of 5 s begin so often: there is always one that runs."""
DEADLINE = 50.0
COLUMNS = (
    "eventtype",
    "eventtime",
    "num",
    "exten",
    "channame",
    "appname",
    "appdata",
    "uniqueid",
    "linkedid",
    "eventextra",
)


def rows(calls: int) -> Iterator[list[str]]:
    """Repeat a recorded call, with its busy phones left out, and put the rows in the order of their times."""
    recorded = json.loads(TRACE.read_text("utf-8"))["cel"]
    recorded = [row for row in recorded if "2001-" not in row["channame"] and "2003-" not in row["channame"]]
    made: list[tuple[float, list[str]]] = []
    for number in range(calls):
        later, ids = number * EVERY_SECONDS, str(1795291242 + number * EVERY_SECONDS)
        text = json.dumps(recorded).replace('"1795291242.', f'"{ids}.').replace("-000000", f"-{number:06x}")
        for row in json.loads(text.replace("0a557d67", f"{number:08x}")):
            at = row["eventtime"] + later
            made.append((at, [f"{at:.6f}" if key == "eventtime" else row[key] for key in COLUMNS]))
        if number % BAD == 0:
            made.append((recorded[0]["eventtime"] + later, ["HANGUP", "", f"bad {number}"]))
    for _, cells in sorted(made, key=lambda one: one[0]):
        yield cells


def write(file: Path, calls: int = CALLS) -> Path:
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(COLUMNS)
        writer.writerows(rows(calls))
    return file


def in_database(folder: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "var" / "callcard.db")) as db:
        return db.execute("select id, started_at, ended_at, outcome, source from call order by id").fetchall()


def rebuild(folder: Path, file: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "web", "calls", "rebuild", "--cel", str(file)],
        cwd=folder, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def stop_in_the_middle(folder: Path, file: Path, by: signal.Signals) -> tuple[int, str, str]:
    """Send a signal once a first step is closed."""
    with rebuild(folder, file) as process:
        deadline = time.monotonic() + DEADLINE
        while not list((folder / "var").glob("rebuild/*.json")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(by)
        out, err = process.communicate(timeout=DEADLINE)
        return process.returncode, out, err


@pytest.mark.timeout(180)
def test_after_a_kill_and_after_ctrl_c_the_next_run_goes_on_and_all_is_as_in_one_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, errors = write(tmp_path / "cel.csv"), tmp_path / "cel.csv.errors.csv"

    assert stop_in_the_middle(tmp_path, file, signal.SIGKILL)[0] == -signal.SIGKILL
    killed_at = len(in_database(tmp_path))
    assert 0 < killed_at < CALLS
    (checkpoint,) = (tmp_path / "var" / "rebuild").glob("*.json")
    first = checkpoint.read_bytes()
    with errors.open("a", encoding="utf-8") as opened:
        opened.write("what a killed run wrote after its last step\r\n")

    code, out, err = stop_in_the_middle_after(tmp_path, file, checkpoint, first)
    assert (code, out) == (1, "")
    assert err.startswith("callcard: stopped: ")
    assert err.endswith("the same command goes on from there\n")
    assert err.count("\n") == 1
    assert killed_at <= len(in_database(tmp_path)) < CALLS

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CALLCARD_VAR_DIR", str(tmp_path / "var"))
    assert main(["calls", "rebuild", "--cel", str(file)]) == 0
    went_on, *rest = capsys.readouterr().out.splitlines()
    assert went_on.startswith("went on from line ")
    assert int(went_on.split()[4].rstrip(",")) > 1000
    resumed, refused = in_database(tmp_path), errors.read_bytes()
    assert len(resumed) == CALLS
    assert not checkpoint.exists()

    assert main(["calls", "rebuild", "--cel", str(file)]) == 0
    assert capsys.readouterr().out.splitlines() == rest, "from the beginning, with the same counts"
    assert in_database(tmp_path) == resumed
    assert errors.read_bytes() == refused
    assert {row[3:] for row in resumed} == {("answered", "recovered")}


def stop_in_the_middle_after(folder: Path, file: Path, checkpoint: Path, first: bytes) -> tuple[int, str, str]:
    """Press Ctrl-C once another step is closed."""
    with rebuild(folder, file) as process:
        deadline = time.monotonic() + DEADLINE
        while checkpoint.read_bytes() == first:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=DEADLINE)
        return process.returncode, out, err


class Few:
    """A small log in a folder of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.file = write(folder / "cel.csv", 3)
        self.errors = folder / "cel.csv.errors.csv"
        self._capsys = capsys

    def run(self) -> list[str]:
        assert main(["calls", "rebuild", "--cel", str(self.file)]) == 0
        return self._capsys.readouterr().out.splitlines()

    def goes_on(self) -> bool:
        return self.run()[0].startswith("went on from line ")

    def checkpoint(self) -> str:
        (found,) = (self.folder / "var" / "rebuild").iterdir()
        return found.name

    def stop(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Leave the checkpoint of a run that was stopped: in short steps, and not taken away at the end."""
        with monkeypatch.context() as patch:
            patch.setattr("web.commands.rebuilding.BATCH", 1)
            patch.setattr("web.commands.rebuilding.TOGETHER", 5)
            patch.setattr("web.commands.checkpoints.Checkpoints.clear", lambda _: None)
            self.run()
        assert self.checkpoint()


@pytest.fixture
def few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Few:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CALLCARD_VAR_DIR", str(tmp_path / "var"))
    return Few(tmp_path, capsys)


def test_bad_rows_are_told_with_line_and_reason_and_gone_when_the_file_is_mended(few: Few) -> None:
    lines = few.file.read_text("utf-8").splitlines()
    lines.insert(1, 'HANGUP,1795291242,"J\u00e3o, and more"')
    few.file.write_text("\n".join(lines), encoding="utf-8")
    bad = next(number for number, line in enumerate(lines, start=1) if "bad 0" in line)
    good = len(lines) - 3
    assert few.run() == [f"{good + 2} rows read, 2 not understood, 3 calls", f"rows not understood: {few.errors}"]
    with few.errors.open(encoding="utf-8-sig", newline="") as opened:
        assert list(csv.reader(opened)) == [
            ["line", "error", "row"],
            ["2", "no ChanName", lines[1]],
            [str(bad), "no EventTime", "HANGUP,,bad 0"],
        ]
    few.file.write_text("\n".join(line for line in lines if line not in {lines[1], lines[bad - 1]}), encoding="utf-8")
    assert few.run() == [f"{good} rows read, 0 not understood, 3 calls"]
    assert not few.errors.exists()
    assert len(in_database(few.folder)) == 3


def test_where_the_bad_rows_cannot_be_written_the_calls_are(few: Few) -> None:
    few.errors.mkdir()
    told = few.run()
    assert told[0].endswith("1 not understood, 3 calls")
    assert told[1].startswith(f"{few.errors} cannot be written: ")
    assert len(in_database(few.folder)) == 3


def test_a_checkpoint_is_of_this_file_and_these_settings_only(few: Few, monkeypatch: pytest.MonkeyPatch) -> None:
    few.stop(monkeypatch)
    assert few.goes_on()
    assert not few.goes_on(), "it is done"
    before = few.file.read_bytes()
    few.stop(monkeypatch)
    few.file.write_bytes(before + before.splitlines(keepends=True)[-1])
    assert few.goes_on(), "the log grew meanwhile"
    few.stop(monkeypatch)
    few.file.write_bytes(before.replace(b"+33142345678", b"+33142345679"))
    assert not few.goes_on(), "another file under the same name"
    few.stop(monkeypatch)
    with monkeypatch.context() as patch:
        patch.setenv("CALLCARD_REGION", "FR")
        assert not few.goes_on(), "numbers are read otherwise"
    few.stop(monkeypatch)
    (few.folder / "var" / "rebuild").joinpath(few.checkpoint()).write_bytes(b'{"made_with": 1')
    assert not few.goes_on(), "the checkpoint is broken"


def test_a_checkpoint_is_of_a_database_that_holds_what_was_written(few: Few, monkeypatch: pytest.MonkeyPatch) -> None:
    few.stop(monkeypatch)
    with closing(sqlite3.connect(few.folder / "var" / "callcard.db")) as db, db:
        db.execute("delete from call")
    assert not few.goes_on()
    assert len(in_database(few.folder)) == 3


def test_the_progress_says_how_far_how_fast_and_how_long_yet() -> None:
    assert progress_line(0.0, 0.0, 0, "0 calls") == "  0%  0 rows  0 calls  0 rows/s  beginning"
    assert progress_line(0.25, 10.0, 20_000, "1,500 calls") == " 25%  20,000 rows  1,500 calls  2,000 rows/s  0:30 left"
    assert progress_line(0.75, 100.0, 1_000, "7 calls", 0.5) == " 75%  1,000 rows  7 calls  10 rows/s  1:40 left"
    assert progress_line(0.01, 100.0, 1, "1 calls").endswith("2:45:00 left")

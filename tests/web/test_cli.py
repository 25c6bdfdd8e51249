"""The commands as a user runs them: programs of their own, their exit codes and what they print."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.web.serving import Template, environment
from web.cli import build_parser

RECORDINGS = Path(__file__).parents[1] / "recordings" / "asterisk22"


def run(folder: Path, *arguments: str, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "web", *arguments],
        cwd=folder,
        env=environment(folder, **settings),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def fails(done: subprocess.CompletedProcess[str], *words: str) -> bool:
    """Exit 1 and one line on stderr that says these words."""
    lines = done.stderr.strip().splitlines()
    return done.returncode == 1 and len(lines) == 1 and all(word in lines[0] for word in words)


@pytest.mark.parametrize(
    "command",
    [
        [],
        *[
            [name]
            for name in ("serve", "demo", "doctor", "db", "user", "token", "calls", "journal", "openapi", "watch")
        ],
        ["db", "upgrade"],
        ["user", "add"],
        ["user", "list"],
        ["user", "passwd"],
        ["token", "create"],
        ["token", "revoke"],
        ["calls", "rebuild"],
        ["journal", "replay"],
        ["backup"],
        ["restore"],
        ["import", "contacts"],
        ["export", "contacts"],
    ],
)
def test_every_command_has_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args([*command, "--help"])
    assert ended.value.code == 0
    assert "usage: callcard" in capsys.readouterr().out


@pytest.mark.parametrize("command", [[], ["dance"], ["user"], ["user", "add", "x", "--role", "boss"], ["backup"]])
def test_wrong_usage_is_2(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args(command)
    assert ended.value.code == 2
    assert "usage: callcard" in capsys.readouterr().err


def test_users_and_tokens(tmp_path: Path) -> None:
    assert run(tmp_path, "db", "upgrade").returncode == 0
    added = run(
        tmp_path, "user", "add", "ana", "--role", "agent", "--extension", "2001", "--extension", "2002",
        "--password-stdin", stdin="correct horse\n",
    )  # fmt: skip
    assert (added.returncode, added.stderr) == (0, "")
    assert run(tmp_path, "user", "list").stdout.split("\t")[:4] == ["ana", "agent", "active", "2001,2002"]
    again = run(tmp_path, "user", "add", "ana", "--role", "agent", "--password-stdin", stdin="correct horse\n")
    assert fails(again, "ana", "exists")
    short = run(tmp_path, "user", "add", "bruno", "--role", "agent", "--password-stdin", stdin="short\n")
    assert fails(short, "password")
    assert fails(run(tmp_path, "user", "passwd", "ana"), "--password-stdin")
    assert run(tmp_path, "user", "passwd", "ana", "--password-stdin", stdin="battery staple\n").returncode == 0
    created = run(tmp_path, "token", "create", "--user", "ana", "--scope", "write")
    token = created.stdout.strip()
    assert (created.returncode, created.stdout, " " in token) == (0, f"{token}\n", False)
    assert fails(run(tmp_path, "token", "create", "--user", "nobody"), "nobody")
    assert run(tmp_path, "token", "revoke", token).returncode == 0
    assert fails(run(tmp_path, "token", "revoke", token), "not")
    assert run(tmp_path, "user", "deactivate", "ana").returncode == 0
    assert "inactive" in run(tmp_path, "user", "list").stdout


def test_openapi_prints_the_document_and_nothing_else(tmp_path: Path) -> None:
    done = run(tmp_path, "openapi")
    document = json.loads(done.stdout)
    assert (done.returncode, done.stderr, document["openapi"]) == (0, "", "3.1.0")
    assert not (tmp_path / "var").exists(), "a document needs no database"


def test_a_recording_is_replayed_as_calls(tmp_path: Path) -> None:
    file = RECORDINGS / "ringgroup_answered.jsonl"
    done = run(tmp_path, "journal", "replay", str(file))
    calls = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert [(call["outcome"], call["answered_by"]) for call in calls] == [("answered", "2002")]
    assert {one["extension"]: one["result"] for one in calls[0]["participants"]} == {
        "2001": "elsewhere", "2002": "answered", "2003": "elsewhere",
    }  # fmt: skip
    assert fails(run(tmp_path, "journal", "replay", "nothing.jsonl"), "nothing.jsonl")


def test_a_backup_is_restored(tmp_path: Path, template: Template) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "callcard.db").write_bytes(template.file.read_bytes())
    done = run(tmp_path, "backup", "saved.db")
    assert done.returncode == 0, done.stderr
    assert run(tmp_path, "user", "deactivate", "ana").returncode == 0
    assert run(tmp_path, "restore", "saved.db").returncode == 0
    users = [line.split("\t")[:3] for line in run(tmp_path, "user", "list").stdout.splitlines()]
    assert ["ana", "agent", "active"] in users


def test_what_is_no_backup_is_not_restored(tmp_path: Path, template: Template) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "callcard.db").write_bytes(template.file.read_bytes())
    (tmp_path / "text.db").write_text("this is no database, and long enough to be read as one" * 100)
    assert fails(run(tmp_path, "restore", "text.db"), "text.db")
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE things (id)").connection.close()
    assert fails(run(tmp_path, "restore", "other.db"), "other.db", "Callcard")
    assert fails(run(tmp_path, "restore", "missing.db"), "missing.db")
    assert "ana" in run(tmp_path, "user", "list").stdout


def test_a_database_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    url = f"sqlite+aiosqlite:///{tmp_path / 'file' / 'callcard.db'}"
    for command in (["serve"], ["user", "list"], ["db", "upgrade"]):
        assert fails(run(tmp_path, *command, CALLCARD_DATABASE_URL=url), "callcard.db")
    away = "postgresql+asyncpg://crm:hunter2@127.0.0.1:1/callcard"
    done = run(tmp_path, "serve", CALLCARD_DATABASE_URL=away)
    assert fails(done, "127.0.0.1")
    assert "hunter2" not in done.stderr


def test_a_wrong_setting_stops_the_start_with_its_name(tmp_path: Path) -> None:
    assert fails(run(tmp_path, "serve", CALLCARD_HTTP="everywhere"), "CALLCARD_HTTP")
    (tmp_path / "callcard.toml").write_text('callcard_region = "Brazil"\n')
    assert fails(run(tmp_path, "serve"), "CALLCARD_REGION")


def test_the_doctor_says_what_is_wrong(tmp_path: Path) -> None:
    good = run(tmp_path, "doctor", CALLCARD_HTTP="127.0.0.1:0")
    assert good.returncode == 0
    assert {line.split()[0] for line in good.stdout.splitlines()} == {"PASS"}
    bad = run(tmp_path, "doctor", CALLCARD_HTTP="127.0.0.1:0", CALLCARD_AMI_URL="ami://crm:hunter2@127.0.0.1:1")
    assert fails(bad, "1 check failed")
    assert [line.split()[:3] for line in bad.stdout.splitlines() if line.startswith("FAIL")] == [
        ["FAIL", "pbx", "main:"]
    ]
    assert "hunter2" not in bad.stdout + bad.stderr
    wrong = run(tmp_path, "doctor", CALLCARD_LOG="loud")
    assert wrong.returncode == 1
    assert "FAIL settings: CALLCARD_LOG" in wrong.stdout


def test_what_is_not_there_yet_says_so(tmp_path: Path) -> None:
    assert fails(run(tmp_path, "calls", "rebuild", "--cel", "cel.csv"), "not available yet")


def test_watching_without_a_token_or_a_server_is_one_line(tmp_path: Path) -> None:
    assert fails(run(tmp_path, "watch"), "CALLCARD_TOKEN")
    assert fails(run(tmp_path, "watch", "--url", "ws://127.0.0.1:1/ws", CALLCARD_TOKEN="x"), "127.0.0.1:1")

"""The commands as a user runs them: programs of their own, their exit codes and what they print."""

import io
import json
import logging
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.web.serving import Template, environment
from web.cli import build_parser, main

RECORDINGS = Path(__file__).parents[1] / "recordings" / "asterisk22"


@dataclass(frozen=True)
class Done:
    """How a command ended and what it printed."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Give a way to run commands in an empty folder of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CALLCARD_VAR_DIR", str(tmp_path / "var"))

    def command(*arguments: str, stdin: str = "", **settings: str) -> Done:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            for name, value in settings.items():
                patch.setenv(name, value)
            patch.setattr(logging.root, "handlers", list(logging.root.handlers))
            try:
                code = main(arguments)
            except SystemExit as ended:
                code = int(str(ended.code))
        printed = capsys.readouterr()
        return Done(code, printed.out, printed.err)

    return command


def test_the_program_itself_ends_with_the_code_and_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "web", "token", "create", "--user", "nobody"],
        cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert fails(Done(done.returncode, done.stdout, done.stderr), "nobody")


def fails(done: Done, *words: str) -> bool:
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


def test_users_and_tokens(run: Run) -> None:
    assert run("db", "upgrade").returncode == 0
    added = run(
        "user", "add", "ana", "--role", "agent", "--extension", "2001", "--extension", "2002",
        "--password-stdin", stdin="correct horse\n",
    )  # fmt: skip
    assert (added.returncode, added.stderr) == (0, "")
    assert run("user", "list").stdout.split("\t")[:4] == ["ana", "agent", "active", "2001,2002"]
    again = run("user", "add", "ana", "--role", "agent", "--password-stdin", stdin="correct horse\n")
    assert fails(again, "ana", "exists")
    short = run("user", "add", "bruno", "--role", "agent", "--password-stdin", stdin="short\n")
    assert fails(short, "password")
    assert fails(run("user", "passwd", "ana"), "--password-stdin")
    assert run("user", "passwd", "ana", "--password-stdin", stdin="battery staple\n").returncode == 0
    created = run("token", "create", "--user", "ana", "--scope", "write")
    token = created.stdout.strip()
    assert (created.returncode, created.stdout, " " in token) == (0, f"{token}\n", False)
    assert fails(run("token", "create", "--user", "nobody"), "nobody")
    assert run("token", "revoke", token).returncode == 0
    assert fails(run("token", "revoke", token), "not")
    assert run("user", "deactivate", "ana").returncode == 0
    assert "inactive" in run("user", "list").stdout


def test_openapi_prints_the_document_and_nothing_else(run: Run, tmp_path: Path) -> None:
    done = run("openapi")
    document = json.loads(done.stdout)
    assert (done.returncode, done.stderr, document["openapi"]) == (0, "", "3.1.0")
    assert not (tmp_path / "var").exists(), "a document needs no database"


def test_a_recording_is_replayed_as_calls(run: Run) -> None:
    file = RECORDINGS / "ringgroup_answered.jsonl"
    done = run("journal", "replay", str(file))
    calls = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert [(call["outcome"], call["answered_by"]) for call in calls] == [("answered", "2002")]
    assert {one["extension"]: one["result"] for one in calls[0]["participants"]} == {
        "2001": "elsewhere", "2002": "answered", "2003": "elsewhere",
    }  # fmt: skip
    assert fails(run("journal", "replay", "nothing.jsonl"), "nothing.jsonl")


def test_a_replay_tells_why_twice_the_same_and_of_one_call(run: Run) -> None:
    file = str(RECORDINGS / "ringgroup_answered.jsonl")
    once = run("journal", "replay", file)
    assert "replayed without seats and clients" in once.stderr
    (call,) = [json.loads(line) for line in once.stdout.splitlines()]
    assert {"what": "pop.none", "why": "no_agent"}.items() <= {
        "what": "pop.none", **next(step for step in call["trace"] if step["what"] == "pop.none")["facts"],
    }.items()  # fmt: skip
    assert run("journal", "replay", file).stdout == once.stdout
    assert run("journal", "replay", file, "--call", call["id"], "--json").stdout == once.stdout
    assert run("journal", "replay", file, "--call", "another").stdout == ""
    text = run("journal", "replay", file, "--text").stdout
    assert text.startswith(f"{call['id']}  ")
    assert "No card: nobody sits at 2001" in text
    assert fails(run("journal", "replay", file, "--database", "mysql://x"), "--database")


def test_a_file_that_is_no_journal_is_not_replayed_as_an_empty_one(run: Run, tmp_path: Path) -> None:
    (tmp_path / "clients.csv").write_text("name,phone\nClaire,+33601020304\n")
    assert fails(run("journal", "replay", "clients.csv"), "clients.csv is no journal")


def test_a_backup_is_restored(run: Run, tmp_path: Path, template: Template) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "callcard.db").write_bytes(template.file.read_bytes())
    done = run("backup", "saved.db")
    assert done.returncode == 0, done.stderr
    assert run("user", "deactivate", "ana").returncode == 0
    assert run("restore", "saved.db").returncode == 0
    users = [line.split("\t")[:3] for line in run("user", "list").stdout.splitlines()]
    assert ["ana", "agent", "active"] in users


def test_files_are_for_nobody_elses_eyes(tmp_path: Path) -> None:
    script = "umask 022; for command in 'db upgrade' 'backup saved.db' 'export contacts out.csv'; do"
    done = subprocess.run(
        ["/bin/sh", "-c", f'{script} "$1" -m web $command || exit 1; done', "sh", sys.executable],
        cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for path in ("var", "var/callcard.db", "saved.db", "out.csv"):
        assert (tmp_path / path).stat().st_mode & 0o077 == 0, path


def test_what_is_no_backup_is_not_restored(run: Run, tmp_path: Path, template: Template) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "callcard.db").write_bytes(template.file.read_bytes())
    (tmp_path / "text.db").write_text("this is no database, and long enough to be read as one" * 100)
    assert fails(run("restore", "text.db"), "text.db")
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE things (id)").connection.close()
    assert fails(run("restore", "other.db"), "other.db", "Callcard")
    assert fails(run("restore", "missing.db"), "missing.db")
    assert "ana" in run("user", "list").stdout


def test_a_database_that_cannot_be_opened_is_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    url = f"sqlite+aiosqlite:///{tmp_path / 'file' / 'callcard.db'}"
    for command in (["serve"], ["user", "list"], ["db", "upgrade"]):
        assert fails(run(*command, CALLCARD_DATABASE_URL=url), "callcard.db")
    away = "postgresql+asyncpg://crm:hunter2@127.0.0.1:1/callcard"
    done = run("serve", CALLCARD_DATABASE_URL=away)
    assert fails(done, "127.0.0.1")
    assert "hunter2" not in done.stderr


def test_a_wrong_setting_stops_the_start_with_its_name(run: Run, tmp_path: Path) -> None:
    assert fails(run("serve", CALLCARD_HTTP="everywhere"), "CALLCARD_HTTP")
    (tmp_path / "callcard.toml").write_text('callcard_region = "Brazil"\n')
    assert fails(run("serve"), "CALLCARD_REGION")


def test_the_doctor_says_what_is_wrong(run: Run) -> None:
    good = run("doctor", CALLCARD_HTTP="127.0.0.1:0")
    assert good.returncode == 0
    assert {line.split()[0] for line in good.stdout.splitlines()} == {"PASS"}
    bad = run("doctor", CALLCARD_HTTP="127.0.0.1:0", CALLCARD_AMI_URL="ami://crm:hunter2@127.0.0.1:1")
    assert fails(bad, "1 check failed")
    assert [line.split()[:3] for line in bad.stdout.splitlines() if line.startswith("FAIL")] == [
        ["FAIL", "pbx", "main:"]
    ]
    assert "hunter2" not in bad.stdout + bad.stderr
    wrong = run("doctor", CALLCARD_LOG="loud")
    assert wrong.returncode == 1
    assert "FAIL settings: CALLCARD_LOG" in wrong.stdout


def test_contacts_come_from_a_file_and_go_into_one(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("Cliente;Teléfono;Talla\nClaire Durand;+33 6 01 02 03 04;12\nBad;12;1\n;;\n")
    dry = run("import", "contacts", "in.csv", "--dry-run")
    assert (dry.returncode, dry.stdout.splitlines()[0]) == (0, "2 rows: 1 would be created, 0 known already, 1 refused")
    done = run("import", "contacts", "in.csv", "--map", "custom.size=Talla")
    assert done.stdout.splitlines()[0] == "2 rows: 1 created, 0 known already, 1 refused"
    assert "12" in (tmp_path / "in.csv.errors.csv").read_text(encoding="utf-8-sig").splitlines()[1]
    again = run("import", "contacts", "in.csv")
    assert again.stdout.startswith("2 rows: 0 created, 1 known already, 1 refused")
    assert run("export", "contacts", "out.csv").returncode == 0
    exported = (tmp_path / "out.csv").read_text(encoding="utf-8-sig")
    assert "Claire Durand" in exported
    assert "custom.size" in exported.splitlines()[0]
    assert fails(run("import", "contacts", "missing.csv"), "missing.csv")
    assert run("import", "contacts", "in.csv", "--map", "name").returncode == 2
    assert fails(run("import", "contacts", "in.csv", "--map", "shoe=Talla"), "shoe")


def test_calls_are_rebuilt_from_a_file_that_is_there(run: Run) -> None:
    assert fails(run("calls", "rebuild", "--cel", "cel.csv"), "cel.csv")


def test_watching_without_a_token_or_a_server_is_one_line(run: Run) -> None:
    assert fails(run("watch"), "CALLCARD_TOKEN")
    assert fails(run("watch", "--url", "ws://127.0.0.1:1/ws", CALLCARD_TOKEN="x"), "127.0.0.1:1")

"""`backup` and `restore`: the whole database in one file."""

import argparse
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from web import settings
from web.commands.command import CommandFailed, Commands
from web.settings import Settings


def register(commands: Commands) -> None:
    """Add the commands."""
    backup = commands.add_parser(
        "backup",
        help="write the database to a file",
        description="Write the database to a file; serve may run.",
    )
    backup.add_argument("file", metavar="FILE", type=Path)
    backup.set_defaults(run=run_backup)
    restore = commands.add_parser(
        "restore",
        help="replace the database by a backup",
        description="Replace the database by a backup. Stop serve first; what is in the database now is lost.",
    )
    restore.add_argument("file", metavar="FILE", type=Path)
    restore.set_defaults(run=run_restore)


def run_backup(options: argparse.Namespace) -> None:
    """Write the database to a file; an existing file is replaced only by a complete one."""
    chosen = settings.load()
    part = options.file.with_name(options.file.name + ".part")
    try:
        if chosen.database_file is not None:
            _copy_sqlite(_existing(chosen.database_file), part)
            _check_sqlite(part)
        else:
            _postgresql(chosen, "pg_dump", "--format=custom", "--file", str(part))
        part.replace(options.file)
    finally:
        part.unlink(missing_ok=True)
    sys.stdout.write(f"{options.file}: {options.file.stat().st_size} bytes\n")


def run_restore(options: argparse.Namespace) -> None:
    """Replace the database by a backup, after the backup was found good."""
    chosen = settings.load()
    source = _existing(options.file)
    if chosen.database_file is None:
        _postgresql(
            chosen, "pg_restore", "--clean", "--if-exists", "--single-transaction", "--exit-on-error", str(source)
        )
        return
    _check_sqlite(source)
    target = chosen.database_file
    target.parent.mkdir(parents=True, exist_ok=True)
    _copy_sqlite(source, target)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise CommandFailed(f"{path}: no such file")
    return path


def _copy_sqlite(source: Path, target: Path) -> None:
    """Copy with SQLite's own backup: consistent beside writers; a reader sees the old or the new, never half."""
    try:
        with contextlib.closing(sqlite3.connect(source)) as old, contextlib.closing(sqlite3.connect(target)) as new:
            new.execute("PRAGMA busy_timeout=10000")
            old.backup(new)
    except sqlite3.Error as error:
        raise CommandFailed(f"{source} -> {target}: {error}") from error


def _check_sqlite(path: Path) -> None:
    try:
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
            known = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'").fetchone()[
                0
            ]
    except sqlite3.Error as error:
        raise CommandFailed(f"{path}: no SQLite database: {error}") from error
    if verdict != "ok":
        raise CommandFailed(f"{path}: damaged: {verdict}")
    if not known:
        raise CommandFailed(f"{path}: no Callcard database")


def _postgresql(chosen: Settings, program: str, *options: str) -> None:
    """Run one of PostgreSQL's own programs; the password goes by environment: a process list shows arguments."""
    found = shutil.which(program)
    if found is None:
        raise CommandFailed(f"{program} is not installed: it comes with PostgreSQL's client programs")
    url = urlsplit(chosen.database_url)
    environment = {
        **os.environ,
        "PGHOST": url.hostname or "localhost",
        "PGPORT": str(url.port or 5432),
        "PGUSER": unquote(url.username or ""),
        "PGPASSWORD": unquote(url.password or ""),
        "PGDATABASE": unquote(url.path.lstrip("/")),
    }
    if program == "pg_restore":
        options = ("--dbname", environment["PGDATABASE"], *options)
    command = [found, *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode != 0:
        raise CommandFailed(f"{program}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")

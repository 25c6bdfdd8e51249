"""`calls rebuild`: call-log rows from Asterisk's CEL, for calls made while Callcard was down or was not there yet."""

import argparse
import csv
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from web.commands.command import CommandFailed, Commands, with_database
from web.settings import Settings

if TYPE_CHECKING:
    from crm_core.db import Database
    from telephony.cel import Row

BATCH = 1000
"""Calls written together."""
LONGEST_FIELD = 1_000_000
"""Characters of one CSV field; a broken quote must not take the whole file for one."""


def register(commands: Commands) -> None:
    """Add the command."""
    calls = commands.add_parser("calls", help="look after the call log", description="Look after the call log.")
    actions = calls.add_subparsers(title="commands", required=True, metavar="COMMAND")
    rebuild = actions.add_parser(
        "rebuild",
        help="write call-log rows from Asterisk's CEL",
        description="Write call-log rows from Asterisk's CEL, oldest row first. Calls that Callcard followed live are"
        " left as they are; doing it again changes nothing. Works beside a running service.",
    )
    rebuild.add_argument("--cel", required=True, metavar="FILE", type=Path, help="CSV with header, or JSON lines")
    rebuild.add_argument("--pbx", default="main", metavar="NAME", help="the PBX the log is from (default: main)")
    rebuild.set_defaults(run=run_rebuild)


def run_rebuild(options: argparse.Namespace) -> None:
    """Read the log, write its calls, print the counts."""
    if not options.cel.is_file():
        raise CommandFailed(f"{options.cel}: no such file")
    reader = _Reader(options.cel)
    written = with_database(lambda chosen, db: _rebuild(chosen, db, reader, options.pbx))
    cut = f", {reader.cut_off} more whose beginning is not in the file" if reader.cut_off else ""
    sys.stdout.write(f"{reader.rows} rows read, {reader.refused} not understood, {written} calls{cut}\n")


async def _rebuild(chosen: Settings, db: "Database", reader: "_Reader", pbx: str) -> int:
    from crm_core.calls.history import HistoryWriter
    from crm_core.calls.store import Calls
    from crm_core.numbers import Numbering
    from crm_core.staff.store import Staff
    from telephony.calls import Line
    from telephony.cel import Finished, History
    from telephony.records import Source

    staff = Staff(db)
    known = await staff.extensions()
    numbering = Numbering(chosen.region, chosen.own_numbers, chosen.extensions, lambda: known)
    writer = HistoryWriter(Calls(db, numbering), staff, numbering)
    history = History(Line(pbx, chosen.extensions, known), Source.RECOVERED)
    progress = _Progress(reader)
    waiting: list[Finished] = []
    written = 0
    for row in reader:
        waiting.extend(history.take(row))
        if len(waiting) >= BATCH:
            await writer.write(waiting)
            written += len(waiting)
            waiting.clear()
            progress.show(written)
    await writer.write(waiting)
    written += len(waiting)
    progress.end(written)
    reader.cut_off = history.cut_off
    return written


class _Reader:
    """The log's rows, one after the other; what cannot be read is counted and passed over."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self.refused = 0
        self.cut_off = 0
        self.size = path.stat().st_size
        self.position = 0

    def __iter__(self) -> "Iterator[Row]":
        with self.path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            start = file.read(1)
            file.seek(0)
            for row in _json_rows(file, self) if start in {"{", "["} else _csv_rows(file, self):
                self.rows += 1
                if row is None:
                    self.refused += 1
                else:
                    yield row


def _json_rows(file: TextIO, reader: _Reader) -> "Iterator[Row | None]":
    from telephony.cel import read_line

    for line in file:
        reader.position += len(line)
        if line.strip():
            yield read_line(line)


def _csv_rows(file: TextIO, reader: _Reader) -> "Iterator[Row | None]":
    from telephony.cel import read

    csv.field_size_limit(LONGEST_FIELD)

    def lines() -> Iterator[str]:
        for line in file:
            reader.position += len(line)
            yield line.replace("\0", "")

    table = csv.DictReader(lines(), restkey="_more", restval="")
    try:
        if not {name.strip().lower() for name in table.fieldnames or ()} >= {"eventtype", "eventtime", "uniqueid"}:
            raise CommandFailed(
                f"{reader.path}: the first line must name the columns (EventType, EventTime, UniqueID...)"
            )
        table.fieldnames = [name.strip() for name in table.fieldnames or ()]
        while True:
            try:
                fields = next(table)
            except StopIteration:
                return
            except csv.Error:
                yield None
                continue
            fields.pop("_more", None)
            yield read(fields)
    except csv.Error as error:
        raise CommandFailed(f"{reader.path}: {error}") from error


class _Progress:
    """How far it is, on a terminal."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        self._since = time.monotonic()
        self._shown = sys.stderr.isatty()

    def show(self, written: int) -> None:
        """Draw the line anew."""
        if not self._shown:
            return
        share = self._reader.position / max(1, self._reader.size)
        passed = time.monotonic() - self._since
        left = passed / share - passed if share > 0 else 0.0
        rate = self._reader.rows / max(passed, 0.001)
        sys.stderr.write(f"\r{share:4.0%}  {written:,} calls  {rate:,.0f} rows/s  {left:,.0f} s left ")
        sys.stderr.flush()

    def end(self, written: int) -> None:
        """Leave the finished line."""
        if self._shown:
            self.show(written)
            sys.stderr.write("\n")

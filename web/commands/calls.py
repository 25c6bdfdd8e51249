"""`calls rebuild`: call-log rows from Asterisk's CEL, for calls made while Callcard was down or was not there yet."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from web.commands.command import CommandFailed, Commands, with_database

if TYPE_CHECKING:
    from web.commands.rebuilding import Rebuild


def register(commands: Commands) -> None:
    """Add the command."""
    calls = commands.add_parser("calls", help="look after the call log", description="Look after the call log.")
    actions = calls.add_subparsers(title="commands", required=True, metavar="COMMAND")
    rebuild = actions.add_parser(
        "rebuild",
        help="write call-log rows from Asterisk's CEL",
        description="Write call-log rows from Asterisk's CEL, oldest row first. Calls that Callcard followed live are"
        " left as they are; doing it again changes nothing, and goes on where an earlier run was stopped. Rows that"
        " cannot be understood go to FILE.errors.csv with the reason. Works beside a running service.",
    )
    rebuild.add_argument("--cel", required=True, metavar="FILE", type=Path, help="CSV with header, or JSON lines")
    rebuild.add_argument("--pbx", default="main", metavar="NAME", help="the PBX the log is from (default: main)")
    rebuild.set_defaults(run=run_rebuild)


def run_rebuild(options: argparse.Namespace) -> None:
    """Read the log, write its calls, print the counts."""
    if not options.cel.is_file():
        raise CommandFailed(f"{options.cel}: no such file")
    from telephony.sources import LogUnavailable
    from telephony.sources.exports import CelExport
    from web.commands.rebuilding import Rebuild
    from web.commands.refused import RefusedRows

    refused = RefusedRows(options.cel)
    try:
        rebuild = Rebuild(CelExport(options.cel.resolve()), refused, options.pbx)
        _run(rebuild)
    except LogUnavailable as error:
        raise CommandFailed(str(error)) from error
    finally:
        refused.close()
    counts = rebuild.counts
    if rebuild.resumed_at:
        sys.stdout.write(f"went on from line {rebuild.resumed_at}, which an earlier run had come to\n")
    cut = f", {counts.cut_off} more whose beginning is not in the file" if counts.cut_off else ""
    sys.stdout.write(f"{counts.rows} rows read, {counts.refused} not understood, {counts.calls} calls{cut}\n")
    if refused.failure:
        sys.stdout.write(f"{refused.path} cannot be written: {refused.failure}\n")
    elif counts.refused:
        sys.stdout.write(f"rows not understood: {refused.path}\n")


def _run(rebuild: "Rebuild") -> None:
    try:
        with_database(rebuild.run)
    except KeyboardInterrupt:
        written = rebuild.counts.calls
        raise CommandFailed(f"stopped: {written} calls are written; the same command goes on from there") from None

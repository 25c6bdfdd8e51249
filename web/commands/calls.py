"""`calls rebuild`: call-log rows from Asterisk's CEL, for calls made while Callcard was down or was not there yet."""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from web.commands.command import CommandFailed, Commands, with_database

if TYPE_CHECKING:
    from telephony.sources.clocks import Clock
    from web.commands.rebuilding import Rebuild


def register(commands: Commands) -> None:
    """Add the command."""
    calls = commands.add_parser("calls", help="look after the call log", description="Look after the call log.")
    actions = calls.add_subparsers(title="commands", required=True, metavar="COMMAND")
    rebuild = actions.add_parser(
        "rebuild",
        help="write call-log rows from Asterisk's CEL, CDR or queue_log",
        description="Write call-log rows from Asterisk's CEL, oldest row first. CDR (poorer: no transfers, no holds)"
        " only adds calls that nothing else told; queue_log adds queue, wait and who gave up. Calls that Callcard"
        " followed live are left as they are; doing it again changes nothing, and reading CEL goes on where an earlier"
        " run was stopped. Rows of CEL that cannot be understood go to FILE.errors.csv with the reason, others are"
        " counted. Works beside a running service.",
    )
    rebuild.add_argument("--cel", metavar="FILE", type=Path, help="channel event log: CSV with header, or JSON lines")
    rebuild.add_argument("--cdr", metavar="FILE", type=Path, help="call detail records (Master.csv): the poorer source")
    rebuild.add_argument("--queue-log", metavar="FILE", type=Path, help="queue_log: queue, wait, who gave up")
    rebuild.add_argument(
        "--timezone",
        metavar="ZONE",
        type=_zone,
        help="zone of times that name none, for example Europe/Madrid (default: found out from the channels' ids,"
        " else that of this machine)",
    )
    rebuild.add_argument("--pbx", default="main", metavar="NAME", help="the PBX the log is from (default: main)")
    rebuild.set_defaults(run=run_rebuild, usage=rebuild.error)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise argparse.ArgumentTypeError(f"{name!r} is no time zone") from error


def _clock(zone: ZoneInfo | None) -> "Clock":
    from telephony.sources.clocks import Clock

    return Clock(zone, float(time.localtime().tm_gmtoff))


def run_rebuild(options: argparse.Namespace) -> None:
    """Read the logs, the best first, write their calls, print the counts."""
    files = [file for file in (options.cel, options.cdr, options.queue_log) if file is not None]
    if not files:
        options.usage("name a file: --cel, --cdr or --queue-log")
    for file in files:
        if not file.is_file():
            raise CommandFailed(f"{file}: no such file")
    if options.cel is not None:
        _rebuild_from_cel(options)
    if options.cdr is not None or options.queue_log is not None:
        _add_from_poor_logs(options)


def _add_from_poor_logs(options: argparse.Namespace) -> None:
    from web.commands.poor_logs import PoorLogs

    poor = PoorLogs(options.cdr, options.queue_log, options.pbx, _clock(options.timezone))
    with_database(poor.run)
    added = poor.added
    sys.stdout.write(
        f"{added.rows} records read, {added.refused} not understood, {added.calls} calls added,"
        f" {added.enriched} completed, {added.known} known already\n"
    )


def _rebuild_from_cel(options: argparse.Namespace) -> None:
    from telephony.sources import LogUnavailable
    from telephony.sources.exports import CelExport
    from web.commands.rebuilding import Rebuild
    from web.commands.refused import RefusedRows

    refused = RefusedRows(options.cel)
    try:
        export = CelExport(options.cel.resolve(), _clock(options.timezone))
        rebuild = Rebuild(export, refused, options.pbx, str(options.timezone or ""))
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

"""`journal replay`: what the call book makes of recorded AMI messages; the first thing to ask of a call gone wrong."""

import argparse
import sys
from pathlib import Path

from web import settings
from web.commands.command import CommandFailed, Commands


def register(commands: Commands) -> None:
    """Add the command."""
    journal = commands.add_parser("journal", help="the record of raw AMI messages", description="Raw AMI messages.")
    actions = journal.add_subparsers(title="commands", required=True, metavar="COMMAND")
    replay = actions.add_parser("replay", help="print the calls a journal file tells of, as JSON lines")
    replay.add_argument("file", metavar="FILE", type=Path)
    replay.add_argument("--pbx", default="main", metavar="NAME", help="the PBX's name: call ids depend on it")
    replay.set_defaults(run=run_replay)


def run_replay(options: argparse.Namespace) -> None:
    """Print the finished calls as the API writes them; what made no sense goes to stderr."""
    import msgspec

    from crm_core.calls.rules import CallRow
    from crm_core.numbers import Numbering
    from telephony.calls import Line
    from telephony.journal import NotAJournalError, replay
    from telephony.records import CallRecord
    from web.api.models import call

    chosen = settings.load()
    numbering = Numbering(chosen.region, chosen.own_numbers, chosen.extensions)
    try:
        for found in replay(options.file, Line(options.pbx, chosen.extensions)):
            if isinstance(found, CallRecord):
                row = CallRow(found, numbering.read(found.number, withheld=found.withheld))
                sys.stdout.write(msgspec.json.encode(call(row)).decode() + "\n")
            else:
                sys.stderr.write(f"surprise at {found.at:.3f}: {found.what} ({found.event} {found.channel})\n")
    except OSError as error:
        raise CommandFailed(f"{options.file}: {error.strerror}") from error
    except NotAJournalError as error:
        raise CommandFailed(str(error)) from error

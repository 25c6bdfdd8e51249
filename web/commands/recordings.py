"""`recordings sweep`: delete what was kept for long enough now, or say what would be."""

import argparse
import sys
from typing import TYPE_CHECKING

from web.commands.command import CommandFailed, Commands, with_database

if TYPE_CHECKING:
    from crm_core.db import Database
    from crm_core.recordings.retention import Swept
    from web.settings import Settings


def register(commands: Commands) -> None:
    """Add the command."""
    recordings = commands.add_parser(
        "recordings", help="look after recordings and voicemail", description="Look after recordings and voicemail."
    )
    actions = recordings.add_subparsers(title="commands", required=True, metavar="COMMAND")
    sweep = actions.add_parser(
        "sweep",
        help="delete recordings and messages that were kept for long enough",
        description="Delete recordings older than CALLCARD_RECORDINGS_DAYS and messages older than"
        " CALLCARD_VOICEMAIL_DAYS, as a running service does several times a day. The files go too with"
        " CALLCARD_RETENTION=delete, where the folder may be written. Calls that somebody keeps stay.",
    )
    sweep.add_argument("--dry-run", action="store_true", help="only say how many there are")
    sweep.set_defaults(run=run_sweep)


def run_sweep(options: argparse.Namespace) -> None:
    """Sweep and print the counts."""

    async def work(chosen: "Settings", db: "Database") -> "Swept":
        from crm_core.numbers import Numbering
        from crm_core.recordings.retention import Sweeper
        from crm_core.recordings.store import Recordings
        from crm_core.voicemail.store import Voicemails
        from web.__main__ import recording_sources, voicemail_spools

        rule, sources = chosen.retention, recording_sources(chosen)
        if rule.recordings_days is None and rule.voicemail_days is None:
            raise CommandFailed("nothing is ever too old: set CALLCARD_RECORDINGS_DAYS or CALLCARD_VOICEMAIL_DAYS")
        numbering = Numbering(chosen.region, chosen.own_numbers, chosen.extensions)
        sweeper = Sweeper(rule, Recordings(db), sources, Voicemails(db, numbering), voicemail_spools(chosen))
        try:
            return await sweeper.sweep(dry_run=options.dry_run)
        finally:
            await sources.close()

    swept = with_database(work)
    said = "are too old" if options.dry_run else "deleted"
    sys.stdout.write(f"{swept.recordings} recordings and {swept.voicemails} messages {said}\n")
    if swept.files or swept.left:
        sys.stdout.write(f"{swept.files} deleted on the disk, {swept.left} left there: not ours to delete\n")
    if swept.unreachable:
        raise CommandFailed(f"{swept.unreachable} could not be reached and are still there")

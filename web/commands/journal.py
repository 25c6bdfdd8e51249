"""`journal replay`: what was made of recorded AMI messages, and why; the first thing to ask of a call gone wrong."""

import argparse
import asyncio
import re
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from web import settings
from web.commands.command import CommandFailed, Commands, database
from web.settings import Settings

if TYPE_CHECKING:
    from crm_core.calls.rules import CallRow, TraceEntry
    from telephony.records import Surprise

OF_PBX = re.compile(r"(?P<pbx>.+)-\d{8}")
"""A file of our own journal is called after its PBX."""


def register(commands: Commands) -> None:
    """Add the command."""
    journal = commands.add_parser("journal", help="the record of raw AMI messages", description="Raw AMI messages.")
    actions = journal.add_subparsers(title="commands", required=True, metavar="COMMAND")
    replay = actions.add_parser(
        "replay",
        help="print the calls a journal file tells of, and why their cards came up or not",
        description="Print the finished calls of a journal file (or of a folder of them) with what would be decided"
        " about their cards, from the seats and clients of the database as they are now. Nothing is written.",
    )
    replay.add_argument("file", metavar="FILE", type=Path)
    replay.add_argument("--pbx", metavar="NAME", help="the PBX's name (default: that of the file, else main)")
    replay.add_argument("--call", metavar="ID", help="only this call")
    replay.add_argument("--database", metavar="URL", help="whose seats and clients (default: CALLCARD_DATABASE_URL)")
    form = replay.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="JSON lines, as the API writes them (default for a pipe)")
    form.add_argument("--text", action="store_true", help="sentences, times in UTC (default on a terminal)")
    replay.set_defaults(run=run_replay)


def run_replay(options: argparse.Namespace) -> None:
    """Print the finished calls; what made no sense goes to stderr."""
    from telephony.journal import NotAJournalError

    chosen = settings.load()
    if options.database:
        chosen = replace(chosen, **settings.database_settings(options.database))
    file = chosen.database_file
    try:
        with tempfile.TemporaryDirectory() as folder:
            alone = file is not None and not file.exists()
            if alone:
                chosen = replace(chosen, database_url=f"sqlite+aiosqlite:///{folder}/empty.db")
            asyncio.run(_replay(chosen, options))
            if alone:
                sys.stderr.write(f"no database at {file}: replayed without seats and clients\n")
    except OSError as error:
        raise CommandFailed(f"{options.file}: {error.strerror}") from error
    except NotAJournalError as error:
        raise CommandFailed(str(error)) from error


async def _replay(chosen: Settings, options: argparse.Namespace) -> None:
    from crm_core.calls.store import Calls
    from crm_core.numbers import Numbering
    from crm_core.people.store import People
    from crm_core.staff.store import Staff
    from screenpop.rehearsal import Rehearsal
    from screenpop.seats import Seats
    from telephony.calls import Line
    from telephony.journal import read
    from telephony.phones import dialled, locals_of
    from telephony.records import Surprise

    named = OF_PBX.fullmatch(options.file.stem)
    pbx = options.pbx or (named["pbx"] if named else "main")
    messages = read(options.file, options.pbx)
    as_text = options.text or (sys.stdout.isatty() and not options.json)
    async with database(chosen) as db:
        staff = Staff(db)
        known, seats = await staff.extensions(), Seats(await staff.seats())
        numbering = Numbering(chosen.region, chosen.own_numbers, chosen.extensions, lambda: dialled(known))
        rehearsal = Rehearsal(People(db, numbering), Calls(db, numbering), numbering, seats)
        async for told in rehearsal.play(messages, Line(pbx, chosen.extensions, locals_of(known, pbx))):
            if isinstance(told, Surprise):
                _complain(told)
            elif options.call in {None, told[0].id}:
                sys.stdout.write(_text(*told) if as_text else _json(*told))


def _complain(surprise: "Surprise") -> None:
    sys.stderr.write(f"surprise at {surprise.at:.3f}: {surprise.what} ({surprise.event} {surprise.channel})\n")


def _json(row: "CallRow", trace: "tuple[TraceEntry, ...]") -> str:
    import msgspec

    from web.api.models import call_details

    return msgspec.json.encode(call_details(row, trace)).decode() + "\n"


def _text(row: "CallRow", trace: "tuple[TraceEntry, ...]") -> str:
    from screenpop.messages import timestamp
    from web.pages.why import sentence

    call = row.record
    number = row.number.e164 or row.number.raw or row.number.kind.value
    head = f"{call.id}  {timestamp(call.started_at)}  {call.direction}  {number}  {call.outcome}\n"
    return head + "".join(f"  {timestamp(step.at)[11:]}  {sentence(step)}\n" for step in trace) + "\n"

"""`import contacts` and `export contacts`: clients from a spreadsheet and into one."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from web.commands.command import Commands, with_database
from web.settings import Settings

if TYPE_CHECKING:
    from crm_core.db import Database
    from crm_core.people.store import People


def register(commands: Commands) -> None:
    """Add the commands."""
    importing = commands.add_parser("import", help="read clients from a file", description="Read from a file.")
    actions = importing.add_subparsers(title="commands", required=True, metavar="COMMAND")
    contacts = actions.add_parser(
        "contacts",
        help="read clients from a CSV file",
        description="Read clients from a CSV file. Columns are found by their headers; --map says what headers do not."
        " Refused rows go to FILE.errors.csv with the reason.",
    )
    contacts.add_argument("file", metavar="FILE", type=Path)
    contacts.add_argument(
        "--map",
        action="append",
        default=[],
        type=_pair,
        metavar="FIELD=COLUMN",
        help="name, company, phone, email, group, tag, owner, note or custom.NAME, and the column's header; repeatable",
    )
    contacts.add_argument("--dry-run", action="store_true", help="check the file, write nothing")
    contacts.set_defaults(run=run_import)
    exporting = commands.add_parser("export", help="write clients to a file", description="Write to a file.")
    actions = exporting.add_subparsers(title="commands", required=True, metavar="COMMAND")
    contacts = actions.add_parser("contacts", help="write clients to a CSV file that import contacts reads")
    contacts.add_argument("file", metavar="FILE", type=Path)
    contacts.set_defaults(run=run_export)


def run_import(options: argparse.Namespace) -> None:
    """Read clients and print the counts."""
    from crm_core.people.importing import import_contacts

    report = with_database(
        lambda chosen, db: import_contacts(
            _people(chosen, db), options.file, chosen=options.map, dry_run=options.dry_run
        )
    )
    done = "would be created" if options.dry_run else "created"
    sys.stdout.write(
        f"{report.rows} rows: {report.created} {done}, {report.known} known already, {report.refused} refused\n"
    )
    if report.ignored:
        sys.stdout.write(f"columns not read: {', '.join(report.ignored)}\n")
    if report.errors is not None:
        sys.stdout.write(f"refused rows: {report.errors}\n")


def run_export(options: argparse.Namespace) -> None:
    """Write clients and print how many."""
    from crm_core.people.importing import export_contacts

    written = with_database(lambda chosen, db: export_contacts(_people(chosen, db), options.file))
    sys.stdout.write(f"{options.file}: {written} clients\n")


def _people(chosen: Settings, db: "Database") -> "People":
    from crm_core.numbers import Numbering
    from crm_core.people.store import People

    return People(db, Numbering(chosen.region, chosen.own_numbers, chosen.extensions))


def _pair(text: str) -> tuple[str, str]:
    field, equals, column = text.partition("=")
    if not equals or not field or not column:
        raise argparse.ArgumentTypeError(f"{text!r} is not FIELD=COLUMN")
    return field, column

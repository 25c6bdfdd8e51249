"""`import contacts` and `export contacts`: clients from a file and into one."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from web.commands.command import Commands, with_database
from web.commands.progress import Progress
from web.settings import Settings

if TYPE_CHECKING:
    from crm_core.db import Database
    from crm_core.imports.rules import Import
    from crm_core.numbers import Numbering


def register(commands: Commands) -> None:
    """Add the commands."""
    importing = commands.add_parser("import", help="read clients from a file", description="Read from a file.")
    actions = importing.add_subparsers(title="commands", required=True, metavar="COMMAND")
    contacts = actions.add_parser(
        "contacts",
        help="read clients from a CSV, XLSX or vCard file",
        description="Read clients from a CSV, XLSX or vCard file. Columns are found by their headers; --map says what"
        " headers do not. Refused rows go to FILE.errors.csv with the reason. One that was cut off goes on where it"
        " was; in the page it can be undone.",
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
    contacts.add_argument(
        "--duplicates",
        choices=("skip", "update", "merge", "create"),
        default="skip",
        help="a client that is there already: left alone (the default), changed to what the file says, filled where"
        " it is empty, or made once more",
    )
    contacts.add_argument("--dry-run", action="store_true", help="check the file, write nothing")
    contacts.set_defaults(run=run_import)
    exporting = commands.add_parser("export", help="write clients to a file", description="Write to a file.")
    actions = exporting.add_subparsers(title="commands", required=True, metavar="COMMAND")
    contacts = actions.add_parser(
        "contacts", help="write clients to a file that import contacts reads: CSV, or XLSX or vCard by its name"
    )
    contacts.add_argument("file", metavar="FILE", type=Path)
    contacts.set_defaults(run=run_export)


def run_import(options: argparse.Namespace) -> None:
    """Read clients and print the counts."""
    report, errors = with_database(lambda chosen, db: _import(chosen, db, options))
    would = "would be " if options.dry_run else ""
    changed = f"{report.updated} {would}changed, " if report.updated else ""
    sys.stdout.write(
        f"{report.position} rows: {report.created} {would}created, {changed}{report.known} known already,"
        f" {report.refused} refused\n"
    )
    ignored = [header for header, field in zip(report.headers, report.columns, strict=True) if field is None]
    if ignored:
        sys.stdout.write(f"columns not read: {', '.join(ignored)}\n")
    if errors is not None:
        sys.stdout.write(f"refused rows: {errors}\n")


async def _import(chosen: Settings, db: "Database", options: argparse.Namespace) -> "tuple[Import, Path | None]":
    from crm_core.imports.files import import_file, write_errors
    from crm_core.imports.rules import Duplicates
    from crm_core.imports.store import Imports

    numbering, progress = _numbering(chosen), Progress(0.0, "clients")
    imports, file = Imports(db, numbering), options.file
    try:
        report = await import_file(
            imports,
            numbering,
            file,
            chosen=options.map,
            duplicates=Duplicates(options.duplicates),
            dry_run=options.dry_run,
            on_written=lambda job: progress.show(job.position / job.total, job.position, job.created),
        )
    finally:
        progress.end()
    return report, await write_errors(imports, report, file.with_name(file.name + ".errors.csv"))


def run_export(options: argparse.Namespace) -> None:
    """Write clients and print how many."""
    from crm_core.people.exporting import export_contacts
    from crm_core.people.store import People

    written = with_database(lambda chosen, db: export_contacts(People(db, _numbering(chosen)), options.file))
    sys.stdout.write(f"{options.file}: {written} clients\n")


def _numbering(chosen: Settings) -> "Numbering":
    from crm_core.numbers import Numbering

    return Numbering(chosen.region, chosen.own_numbers, chosen.extensions)


def _pair(text: str) -> tuple[str, str]:
    field, equals, column = text.partition("=")
    if not equals or not field or not column:
        raise argparse.ArgumentTypeError(f"{text!r} is not FIELD=COLUMN")
    return field, column

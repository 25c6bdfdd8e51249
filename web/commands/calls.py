"""`calls rebuild`: call-log rows from Asterisk's CEL."""

import argparse

from web.commands.command import CommandFailed, Commands


def register(commands: Commands) -> None:
    """Add the command."""
    calls = commands.add_parser("calls", help="look after the call log", description="Look after the call log.")
    actions = calls.add_subparsers(title="commands", required=True, metavar="COMMAND")
    rebuild = actions.add_parser("rebuild", help="write call-log rows from Asterisk's CEL")
    rebuild.add_argument("--cel", required=True, metavar="FILE", help="CSV with header, or JSON lines")
    rebuild.set_defaults(run=run_rebuild)


def run_rebuild(_: argparse.Namespace) -> None:
    """Say that it is not there yet."""
    raise CommandFailed("calls rebuild is not available yet")

"""The `callcard` command: exit 0 done, 1 failed (one line on stderr), 2 wrong usage. No traceback reaches a user."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from web.commands import (
    backup,
    calls,
    contacts,
    doctor,
    journal,
    openapi,
    recordings,
    service,
    staff,
    watch,
)
from web.commands.command import CommandFailed, describe
from web.settings import SettingsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = build_parser()
    parsed = parser.parse_args(arguments)
    # Database, journal, backup and export hold what clients said: nobody else on the machine reads them.
    os.umask(0o077)
    # A command answers with its own lines; `serve` and `demo` set a real log up.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        parsed.run(parsed)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has had enough: nothing is wrong, and nothing more can be written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (CommandFailed, SettingsError) as error:
        return _failed(str(error))
    except Exception as error:
        if os.environ.get("CALLCARD_LOG", "").lower() == "debug":
            raise
        return _failed(describe(error))
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Build the parser with every command."""
    parser = argparse.ArgumentParser(prog="callcard", description="Call-centre CRM for companies that run Asterisk.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in (service, doctor, staff, contacts, calls, journal, recordings, backup, openapi, watch):
        module.register(commands)
    return parser


def _failed(text: str) -> int:
    sys.stderr.write(f"callcard: {' '.join(text.split())}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())

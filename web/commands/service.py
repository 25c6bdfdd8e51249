"""`serve`, `demo` and `db upgrade`."""

import argparse
import asyncio
import gc
import sys
from typing import Final

from web import settings
from web.commands.command import CommandFailed, Commands
from web.frontend import vendor

SWITCH_SECONDS: Final = 0.0005
COLLECT_AFTER: Final = (5_000, 10, 100)
"""Objects, and young and middle collections: hardly anything here is a cycle, and a full collection takes 60 ms."""


def register(commands: Commands) -> None:
    """Add the commands."""
    serve = commands.add_parser("serve", help="run the service", description="Run the service until SIGTERM or Ctrl-C.")
    serve.set_defaults(run=run_serve)
    demo = commands.add_parser(
        "demo",
        help="run the service with demo data and a simulated PBX",
        description="Run the service on SQLite with demo data and a simulated PBX; prints the URL and the sign-ins.",
    )
    demo.set_defaults(run=run_demo)
    db = commands.add_parser("db", help="look after the database", description="Look after the database.")
    actions = db.add_subparsers(title="commands", required=True, metavar="COMMAND")
    upgrade = actions.add_parser("upgrade", help="bring the database to the newest schema")
    upgrade.set_defaults(run=run_upgrade)


def run_serve(_: argparse.Namespace) -> None:
    """Run the service."""
    from web.__main__ import serve

    check_browser_files()
    chosen = settings.load()
    start_logging(chosen)
    # A thread that computes keeps the event loop waiting this long for its turn; Python's own 5 ms are a late card.
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(*COLLECT_AFTER)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(chosen))


def run_demo(_: argparse.Namespace) -> None:
    """Run the demo."""
    from web.demo import main

    check_browser_files()
    main()


def run_upgrade(_: argparse.Namespace) -> None:
    """Bring the database to the newest schema."""
    from crm_core.db import upgrade

    asyncio.run(upgrade(settings.load().database_url))


def check_browser_files() -> None:
    """Refuse to serve pages with browser files that are missing or old. Raises `CommandFailed`."""
    try:
        vendor.check()
    except vendor.StaleVendorFilesError as error:
        raise CommandFailed(str(error)) from None


def start_logging(chosen: settings.Settings) -> None:
    """Set the log up."""
    from web.logs import configure

    configure(chosen)


def loop_factory() -> "type[asyncio.AbstractEventLoop] | None":
    """Return uvloop's event loop where it is installed, else None: the default one."""
    try:
        from uvloop import Loop
    except ImportError:
        return None
    return Loop

"""`openapi`: the API's document, the same the service gives."""

import argparse
import sys

from web.commands.command import Commands


def register(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("openapi", help="print the API's OpenAPI document")
    parser.set_defaults(run=run_openapi)


def run_openapi(_: argparse.Namespace) -> None:
    """Print the document and nothing else."""
    from web.api.documents import document, encode
    from web.api.table import ROUTES

    sys.stdout.write(encode(document(ROUTES)).decode() + "\n")

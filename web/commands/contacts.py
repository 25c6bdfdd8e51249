"""`import contacts` and `export contacts`."""

from web.commands.command import Commands


def register(commands: Commands) -> None:
    """Add the commands."""

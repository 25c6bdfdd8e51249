"""`user` and `token`: who may sign in, and programs on their behalf."""

import argparse
import getpass
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from crm_core.staff.rules import Role, Scope
from web.commands.command import CommandFailed, Commands, with_database

if TYPE_CHECKING:
    from crm_core.staff.store import Staff


def register(commands: Commands) -> None:
    """Add the commands."""
    _register_users(commands)
    _register_tokens(commands)


def _register_users(commands: Commands) -> None:
    user = commands.add_parser("user", help="add and change users", description="Add and change users.")
    actions = user.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add = actions.add_parser("add", help="add a user")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--role", required=True, choices=[role.value for role in Role])
    add.add_argument("--extension", action="append", default=[], metavar="EXT", help="a phone of the user; repeatable")
    add.add_argument("--display-name", metavar="TEXT", help="as colleagues see it")
    _add_password_option(add)
    add.set_defaults(run=add_user)
    listing = actions.add_parser("list", help="list users: name, role, state, phones")
    listing.set_defaults(run=list_users)
    passwd = actions.add_parser("passwd", help="set a user's password")
    passwd.add_argument("name", metavar="NAME")
    _add_password_option(passwd)
    passwd.set_defaults(run=set_password)
    deactivate = actions.add_parser("deactivate", help="shut a user out")
    deactivate.add_argument("name", metavar="NAME")
    deactivate.set_defaults(run=deactivate_user)


def _register_tokens(commands: Commands) -> None:
    token = commands.add_parser("token", help="API tokens", description="API tokens.")
    actions = token.add_subparsers(title="commands", required=True, metavar="COMMAND")
    create = actions.add_parser("create", help="create a token and print it, once")
    create.add_argument("--user", required=True, metavar="NAME")
    create.add_argument("--scope", default="read", choices=[scope.value for scope in Scope])
    create.set_defaults(run=create_token)
    revoke = actions.add_parser("revoke", help="revoke a token")
    revoke.add_argument("token", metavar="TOKEN", help="the token, or - to read it from stdin")
    revoke.set_defaults(run=revoke_token)


def _add_password_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--password-stdin", action="store_true", help="read the password from stdin, without asking")


def add_user(options: argparse.Namespace) -> None:
    """Add a user."""
    password = _password(options)
    _with_staff(
        lambda staff: staff.add_user(
            options.name, Role(options.role), options.extension, password, options.display_name
        )
    )


def list_users(_: argparse.Namespace) -> None:
    """Print the users."""

    async def work(staff: "Staff") -> None:
        for user in await staff.list_users():
            state = "active" if user.active else "inactive"
            phones = ",".join(user.home_extensions) or "-"
            sys.stdout.write(f"{user.name}\t{user.role}\t{state}\t{phones}\t{user.display_name}\n")

    _with_staff(work)


def set_password(options: argparse.Namespace) -> None:
    """Set a password."""
    password = _password(options)
    _with_staff(lambda staff: staff.set_password(options.name, password))


def deactivate_user(options: argparse.Namespace) -> None:
    """Shut a user out."""
    _with_staff(lambda staff: staff.deactivate(options.name))


def create_token(options: argparse.Namespace) -> None:
    """Print a new token alone."""

    async def work(staff: "Staff") -> None:
        sys.stdout.write(await staff.create_token(options.user, Scope(options.scope)) + "\n")

    _with_staff(work)


def revoke_token(options: argparse.Namespace) -> None:
    """Revoke a token."""
    token = sys.stdin.readline().strip() if options.token == "-" else options.token  # noqa: S105 - a dash, no secret
    _with_staff(lambda staff: staff.revoke_token(int(token) if token.isdigit() else token))


def _with_staff(work: Callable[["Staff"], Awaitable[object]]) -> None:
    from crm_core.staff.store import Staff

    with_database(lambda _, db: work(Staff(db)))


def _password(options: argparse.Namespace) -> str:
    if options.password_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise CommandFailed("no terminal to ask for the password: use --password-stdin")
    password = getpass.getpass("Password: ")
    if password != getpass.getpass("Again: "):
        raise CommandFailed("the passwords differ")
    return password

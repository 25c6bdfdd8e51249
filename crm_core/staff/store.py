"""Users, their phones and seats, sign-in sessions and API tokens."""

import time
from collections.abc import Callable, Mapping, Sequence

from crm_core.db import Database
from crm_core.staff.rules import Role, Scope, Seat, Session, SessionToken, TokenGrant, UnassignedPhone, User


class Staff:
    """Queries and commands about users. Every write moves `revision()` on, so that caches elsewhere follow."""

    def __init__(self, db: Database, *, clock: Callable[[], float] = time.time) -> None: ...

    async def revision(self) -> int:
        """Return the counter that moves with every write of users, extensions, seats or tokens."""
        raise NotImplementedError

    async def add_user(
        self, name: str, role: Role, extensions: Sequence[str], password: str, display_name: str | None = None
    ) -> User:
        """Add a user; raises DuplicateName, BadExtension or InvalidField."""
        raise NotImplementedError

    async def list_users(self) -> tuple[User, ...]:
        """Return all users, by name."""
        raise NotImplementedError

    async def get_user(self, name: str) -> User | None:
        """Find a user by name, whatever the case of its letters."""
        raise NotImplementedError

    async def set_password(self, name: str, password: str) -> None:
        """Replace a password and end the user's sessions; raises NotFound or InvalidField."""
        raise NotImplementedError

    async def update_user(
        self,
        name: str,
        *,
        role: Role | None = None,
        display_name: str | None = None,
        extensions: Sequence[str] | None = None,
        active: bool | None = None,
    ) -> User:
        """Change what is given; raises NotFound, BadExtension or InvalidField."""
        raise NotImplementedError

    async def deactivate(self, name: str) -> None:
        """Shut a user out: sessions and seat end, tokens stop working."""
        raise NotImplementedError

    async def verify(self, name: str, password: str, ip: str = "") -> User | None:
        """Check a sign-in; None when name or password is wrong, raises LockedOut after repeated failures."""
        raise NotImplementedError

    async def create_session(self, user_id: int, *, ip: str = "", user_agent: str = "") -> SessionToken:
        """Sign a browser in; only a hash of the token is kept."""
        raise NotImplementedError

    async def session(self, token: str) -> Session | None:
        """Find the session of a cookie; None when unknown, expired, or the user was shut out."""
        raise NotImplementedError

    async def end_session(self, token: str) -> None:
        """Sign a browser out; silently nothing for an unknown token."""
        raise NotImplementedError

    async def create_token(self, name: str, scope: Scope) -> str:
        """Create an API token for a user; the text is shown once, only its hash is kept. Raises NotFound."""
        raise NotImplementedError

    async def token(self, text: str) -> TokenGrant | None:
        """Find what a bearer token stands for; None when unknown or revoked, or the user was shut out."""
        raise NotImplementedError

    async def revoke_token(self, key: str | int) -> None:
        """Revoke a token by its text or id; raises NotFound."""
        raise NotImplementedError

    async def take_seat(self, user_id: int, extension: str) -> Seat:
        """Sit down at a phone; whoever sat there loses it. Raises NotFound or BadExtension."""
        raise NotImplementedError

    async def leave_seat(self, user_id: int) -> None:
        """Give today's seat up; the user's own phones count again."""
        raise NotImplementedError

    async def seats(self) -> Mapping[str, User]:
        """Return who answers for each extension now (active users only)."""
        raise NotImplementedError

    async def extensions(self) -> frozenset[str]:
        """Return every extension that belongs to, or is used by, a user."""
        raise NotImplementedError

    async def last_seat(self, user_id: int) -> str | None:
        """Return the extension the user sat at last, to preset the question at sign-in."""
        raise NotImplementedError

    async def note_phone(self, extension: str, at: float) -> None:
        """Remember that a phone of ours rang and nobody answers for it."""
        raise NotImplementedError

    async def unassigned_phones(self) -> tuple[UnassignedPhone, ...]:
        """Return phones that rang and still belong to nobody, latest first."""
        raise NotImplementedError

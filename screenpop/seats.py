"""Which agent a phone's calls belong to. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from crm_core.staff.rules import User


@dataclass(frozen=True, slots=True)
class Seats:
    """Who sits where now: phones nobody answers for are simply absent."""

    by_extension: Mapping[str, User] = field(default_factory=dict)

    def user(self, extension: str | None) -> str | None:
        """Return the name of the user who must see this phone's calls."""
        seated = self.by_extension.get(extension) if extension else None
        return seated.name if seated else None

    def display_name(self, extension: str | None) -> str | None:
        """Return how colleagues call whoever sits at a phone."""
        seated = self.by_extension.get(extension) if extension else None
        return seated.display_name if seated else None

    def users(self) -> Iterator[tuple[User, tuple[str, ...]]]:
        """Go through the users who have phones, with all their phones."""
        phones: dict[str, list[str]] = {}
        users: dict[str, User] = {}
        for extension, user in self.by_extension.items():
            users[user.name] = user
            phones.setdefault(user.name, []).append(extension)
        for name, user in users.items():
            yield user, tuple(sorted(phones[name]))

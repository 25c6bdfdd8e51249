"""Which agent a phone's calls belong to, and which phones of ours a call occupies. Pure."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from crm_core.staff.rules import User
from telephony.phones import AT
from telephony.records import CallPhase, CallRecord, Direction


class Seats:
    """Who sits where now: phones nobody answers for are simply absent."""

    def __init__(self, by_extension: Mapping[str, User] | None = None) -> None:
        self._by_extension: Mapping[str, User] = by_extension or {}
        self.written = frozenset(phone for phone in self._by_extension if AT in phone)
        """The phones that are written with their PBX (`2001@branch`)."""
        self._places: dict[str, tuple[User, tuple[str, ...]]] = {}
        for extension, user in sorted(self._by_extension.items()):
            _, phones = self._places.get(user.name, (user, ()))
            self._places[user.name] = (user, (*phones, extension))

    def user(self, extension: str | None) -> str | None:
        """Return the name of the user who must see this phone's calls."""
        seated = self._by_extension.get(extension) if extension else None
        return seated.name if seated else None

    def display_name(self, extension: str | None) -> str | None:
        """Return how colleagues call whoever sits at a phone."""
        seated = self._by_extension.get(extension) if extension else None
        return seated.display_name if seated else None

    def place(self, name: str) -> tuple[User, tuple[str, ...]] | None:
        """Return a user who has phones, with all of them."""
        return self._places.get(name)

    def names(self) -> Iterable[str]:
        """Return the names of the users who have phones."""
        return self._places.keys()


class Use(StrEnum):
    """What a call does with one of our phones."""

    RINGING = "ringing"
    DIALING = "dialing"
    TALKING = "talking"
    HOLDING = "holding"


def uses(call: CallRecord) -> dict[str, tuple[Use, float]]:
    """Tell which phones of ours a running call occupies, how, and since when."""
    if call.ended_at is not None:
        return {}
    found: dict[str, tuple[Use, float]] = {}
    in_talk = Use.HOLDING if call.phase is CallPhase.HELD else Use.TALKING
    out = set()
    for phone in call.participants:
        if phone.left_at is not None or phone.result not in {None, "answered"}:
            out.add(phone.extension)
        elif phone.answered_at is not None:
            found[phone.extension] = (in_talk, phone.answered_at)
        elif phone.rang_at is not None:
            found[phone.extension] = (Use.RINGING, phone.rang_at)
    dialler = dialling_phone(call)
    if dialler is not None and dialler not in out:
        talks = call.answered_at is not None
        found[dialler] = (in_talk, call.answered_at or call.started_at) if talks else (Use.DIALING, call.started_at)
    return found


def dialling_phone(call: CallRecord) -> str | None:
    """Return the phone of ours that dialled: the outbound call's own, the internal call's caller."""
    match call.direction:
        case Direction.INBOUND:
            return None
        case Direction.OUTBOUND:
            return call.extension
        case Direction.INTERNAL:
            return call.extension or call.number

"""Which queue members Callcard itself pauses and unpauses, from what is and what should be. Pure.

What should be is compared with what is, again and again: a restart, a lost link or an order that went astray leave
nobody paused for ever. Only a pause with one of our own reasons is ever taken away; a person's pause stays.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from crm_core.agents.rules import AWAY_REASON, RESERVED_REASONS, WRAP_UP_REASON, reason_key
from telephony.records import QueueRecord

PATIENCE_SECONDS: Final = 5.0
"""How long an order may go without effect before it is given again."""


@dataclass(frozen=True, slots=True)
class PauseOrder:
    """What is asked of a PBX about one member of one queue."""

    pbx: str
    queue: str
    extension: str
    reason: str | None
    """Why it is paused; None: unpaused."""


class Absences:
    """Who has had a browser open and has it no more, and since when (epoch seconds)."""

    def __init__(self) -> None:
        self._left: dict[str, float] = {}
        self._here: set[str] = set()

    def came(self, user: str) -> None:
        """Take in that somebody has a browser open."""
        self._here.add(user)
        self._left.pop(user, None)

    def went(self, user: str, at: float) -> None:
        """Take in that somebody has none open any more."""
        self._here.discard(user)
        self._left[user] = at

    def away(self, at: float, seconds: float | None) -> frozenset[str]:
        """Return who has been gone for `seconds`; nobody where no limit is set."""
        if seconds is None:
            return frozenset()
        return frozenset(user for user, left in self._left.items() if at - left >= seconds)

    def is_here(self, user: str) -> bool:
        """Tell whether somebody has a browser open."""
        return user in self._here


def wanted(
    queues: Iterable[QueueRecord],
    user_of: Callable[[str, str], str | None],
    wrapping_up: Collection[str],
    away: Collection[str],
    still_away: Callable[[str], bool],
) -> Iterator[PauseOrder]:
    """Say which members are not as they should be, and what makes them so.

    `wrapping_up` and `away` are users; `still_away` is asked about who is paused for being away already, since after a
    restart nobody was seen leaving. A member without a user is left alone, unless it bears a reason of ours.
    """
    for queue in queues:
        for member in queue.members:
            if member.extension is None:
                continue
            user = user_of(queue.pbx, member.extension)
            key = reason_key(member.paused_reason or "")
            ours = member.paused and key in RESERVED_REASONS
            reason = None
            if user is not None and user in wrapping_up:
                reason = WRAP_UP_REASON
            elif user is not None and (user in away or (ours and key == AWAY_REASON and still_away(user))):
                reason = AWAY_REASON
            if (ours and key != (reason or "")) or (reason is not None and not member.paused):
                yield PauseOrder(queue.pbx, queue.name, member.extension, reason)


class Patience:
    """Keeps an order from being given again before it could have had its effect."""

    def __init__(self) -> None:
        self._given: dict[PauseOrder, float] = {}

    def due(self, orders: Iterable[PauseOrder], at: float) -> tuple[PauseOrder, ...]:
        """Return the orders to be given now; what is not wanted any more is forgotten."""
        wanted_now = tuple(orders)
        self._given = {order: when for order in wanted_now if (when := self._given.get(order)) is not None}
        due = tuple(
            order for order in wanted_now if not 0 <= at - self._given.get(order, float("-inf")) < PATIENCE_SECONDS
        )
        self._given |= dict.fromkeys(due, at)
        return due

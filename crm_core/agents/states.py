"""An agent's day as intervals: one state each, one after the other. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

SHORTEST: Final = 0.001
"""Seconds; an interval is never shorter, so that its start is its own."""


@dataclass(frozen=True, slots=True)
class StateInterval:
    """What an agent did from one instant to the next (epoch seconds); user and start name it."""

    user: str
    state: str | None
    """None: nobody watched, see `observed`."""
    started_at: float
    ended_at: float | None = None
    """None: it lasts."""
    reason: str | None = None
    """Why the agent paused."""
    call_id: str | None = None
    observed: bool = True
    """False: no service was there to see what the agent did."""

    @property
    def key(self) -> tuple[str, float]:
        """What names the interval."""
        return self.user, self.started_at

    def ended(self, at: float) -> "StateInterval":
        """Return the interval as it ended, never before it began."""
        return replace(self, ended_at=max(at, self.started_at + SHORTEST))


@dataclass(frozen=True, slots=True)
class StateTotals:
    """Seconds an agent spent in each state, and seconds in which nobody watched."""

    seconds: Mapping[str, float]
    unobserved: float = 0.0


def unobserved(user: str, at: float) -> StateInterval:
    """Return the interval that begins when watching ended."""
    return StateInterval(user, None, at, observed=False)


def after_restart(lasting: Iterable[StateInterval], heartbeat: float | None) -> tuple[StateInterval, ...]:
    """Return what is to be written about intervals that lasted when the service was last alive, oldest first.

    Each ends with the last heartbeat, for nobody saw more of it, and an unobserved one follows.
    """
    found: list[StateInterval] = []
    following: dict[str, float] = {}
    for one in sorted(lasting, key=lambda one: one.started_at, reverse=True):
        if one.user in following:  # two nodes wrote at once
            found.append(one.ended(following[one.user]))
        elif heartbeat is not None and heartbeat >= one.started_at + SHORTEST:
            found += (unobserved(one.user, heartbeat), one.ended(heartbeat))
        else:  # it was hardly seen: the unobserved one takes its place
            found.append(unobserved(one.user, one.started_at))
        following[one.user] = one.started_at
    return tuple(reversed(found))

"""From looks at the board to intervals of agents' states: without overlap, and without a gap while we watch. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from crm_core.agents.states import SHORTEST, StateInterval
from screenpop.messages import AgentState

RETURN_SECONDS: Final = 10.0
"""So long after a restart an agent without a browser may be one whose browser is not back yet."""
MOST_UNWRITTEN: Final = 20_000
"""Intervals that may wait for the database."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the board says of an agent; `since` where it knows from when."""

    state: AgentState
    since: float | None = None
    call_id: str | None = None
    reason: str | None = None


class Timelines:
    """Owner of the intervals that last, and of those not written yet.

    `before` are the unobserved intervals that last since before `begun`, until something is known of the agent.
    Where the clock is set back, time stands still until the clock is where it was, and an agent's changes meanwhile
    replace each other: nothing ends before it began.
    """

    def __init__(self, begun: float, before: Iterable[StateInterval] = ()) -> None:
        self._begun = begun
        self._looked = begun
        self._lasting = {one.user: one for one in before}
        self._unknown = set(self._lasting)
        self._standings: dict[str, Standing] = {}
        self._left: dict[str, float] = {}
        self._unwritten: dict[tuple[str, float], StateInterval] = {}
        self.lost = 0

    def look(self, moved: Mapping[str, Standing | None], at: float) -> None:
        """Take in how agents stand that moved since the look before; None: the agent has no phone any more."""
        at = self.watched_until(at)
        for user, standing in moved.items():
            if standing is None:
                self._standings.pop(user, None)
                self._leave(user, at)
            else:
                self._standings[user] = standing
                self._move(user, standing, at)
        if at - self._begun >= RETURN_SECONDS:
            self._know_all(at)
        self._looked = at

    def watched_until(self, at: float) -> float:
        """Return `at`, or the latest look where the clock was set back."""
        return max(at, self._looked)

    def take(self) -> tuple[StateInterval, ...]:
        """Take out what must be written, all at once: an end without what follows it would be a hole after a crash."""
        taken, self._unwritten = tuple(self._unwritten.values()), {}
        return taken

    def give_back(self, intervals: Sequence[StateInterval]) -> None:
        """Put back what could not be written; what is newer by now stays."""
        self._unwritten = {one.key: one for one in intervals} | self._unwritten

    @property
    def unwritten(self) -> int:
        """How many intervals are not written as they are now."""
        return len(self._unwritten)

    def _move(self, user: str, standing: Standing, at: float) -> None:
        if user in self._unknown and standing.state is AgentState.OFFLINE and at - self._begun < RETURN_SECONDS:
            return
        self._unknown.discard(user)
        before = self._lasting.get(user)
        if before is not None and _same(before, standing):
            return
        start = max(self._start(standing, at), self._left.pop(user, 0.0))
        if before is not None:
            if start < before.started_at + SHORTEST:
                start = before.started_at
            else:
                self._put(before.ended(start))
        now = StateInterval(user, standing.state.value, start, None, standing.reason, standing.call_id)
        self._lasting[user] = now
        self._put(now)

    def _start(self, standing: Standing, at: float) -> float:
        """Tell when a state began: when the board says, unless we looked since and saw another one."""
        since = standing.since
        return since if since is not None and self._looked < since <= at else at

    def _leave(self, user: str, at: float) -> None:
        self._unknown.discard(user)
        before = self._lasting.pop(user, None)
        if before is not None:
            gone = before.ended(at)
            self._left[user] = gone.ended_at or at
            self._put(gone)

    def _know_all(self, at: float) -> None:
        """Believe the board also of those who did not come back; who is not on it has left."""
        for user in tuple(self._unknown):
            standing = self._standings.get(user)
            if standing is None:
                self._leave(user, at)
            else:
                self._move(user, standing, at)

    def _put(self, interval: StateInterval) -> None:
        if len(self._unwritten) >= MOST_UNWRITTEN and interval.key not in self._unwritten:
            self.lost += 1
        else:
            self._unwritten[interval.key] = interval


def _same(interval: StateInterval, standing: Standing) -> bool:
    known = (interval.state, interval.reason, interval.call_id)
    return interval.observed and known == (standing.state.value, standing.reason, standing.call_id)

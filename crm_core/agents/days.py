"""Agents' days: what each did from one instant to the next, cut to a span of time, and what it adds up to. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from crm_core.agents.states import StateInterval, StateTotals


@dataclass(frozen=True, slots=True)
class Handled:
    """Calls an agent talked in, and for how many seconds."""

    calls: int = 0
    talk_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class AgentDay:
    """What one agent did in a span of time (epoch seconds)."""

    user: str
    intervals: tuple[StateInterval, ...] = ()
    """One after the other, within the span; what lasts ends where it was watched last."""
    totals: StateTotals = field(default_factory=lambda: StateTotals({}))
    handled: Handled = Handled()


def day_of(
    user: str, intervals: Iterable[StateInterval], since: float, until: float, watched: float | None, handled: Handled
) -> AgentDay:
    """Cut an agent's intervals to a span and add them up; `watched`: until when what lasts was seen for certain."""
    cut = tuple(_cut(intervals, since, until, watched))
    seconds: dict[str, float] = {}
    unobserved = 0.0
    for one in cut:
        length = (one.ended_at or one.started_at) - one.started_at
        if one.observed and one.state is not None:
            seconds[one.state] = seconds.get(one.state, 0.0) + length
        else:
            unobserved += length
    return AgentDay(user, cut, StateTotals(seconds, unobserved), handled)


def added(inbound: Mapping[str, Handled], outbound: Mapping[str, Handled]) -> dict[str, Handled]:
    """Add up what agents handled of two kinds."""
    found = dict(inbound)
    for user, more in outbound.items():
        known = found.get(user, Handled())
        found[user] = Handled(known.calls + more.calls, known.talk_seconds + more.talk_seconds)
    return found


def _cut(
    intervals: Iterable[StateInterval], since: float, until: float, watched: float | None
) -> Sequence[StateInterval]:
    found: list[StateInterval] = []
    for one in sorted(intervals, key=lambda one: one.started_at):
        end = one.ended_at if one.ended_at is not None else max(one.started_at, watched or one.started_at)
        start, end = max(one.started_at, since), min(end, until)
        if end > start:
            found.append(replace(one, started_at=start, ended_at=end))
    return found

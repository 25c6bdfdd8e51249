"""Who still works on a call that ended: what ends it, when, and whether the queues wait meanwhile. Pure.

A wrap-up belongs to a card that waits for its note and result. It ends with the card, with the result, with the timer
of the call's queue, or by hand; the card may stay up longer, and then says nothing about what the agent does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from crm_core.agents.rules import LONGEST_WRAP_UP, QueueRules
from crm_core.agents.wrap_ups import StoredWrapUp
from screenpop.messages import PopWrapUp, optional_timestamp
from screenpop.pops import Pop

MORE_SECONDS: Final = 60.0
"""How much more time an agent gets when asking for it."""

Key = tuple[str, str]
"""User and call."""


@dataclass(frozen=True, slots=True)
class WrapUp:
    """What one agent does about one ended call, as long as its card is up. Times are epoch seconds."""

    user: str
    call_id: str
    extension: str
    started_at: float
    until: float | None = None
    """When the timer ends it; None: no timer."""
    result_required: bool = False
    pauses: bool = False
    kept: bool = False
    """The queue set rules for it: a restart goes on with it."""
    has_result: bool = False
    attended: bool = False
    """The agent had a browser open since it began: who has none can choose no result, and is not kept from calls."""
    over: bool = False

    @property
    def key(self) -> Key:
        """What names it."""
        return self.user, self.call_id

    @property
    def waits_for_result(self) -> bool:
        """Whether the card must stay until its result is chosen."""
        return self.result_required and not self.has_result

    @property
    def holds_calls(self) -> bool:
        """Whether the agent's queues must offer no call meanwhile."""
        return self.pauses and self.attended and not self.over

    def stored(self) -> StoredWrapUp | None:
        """Return what a restart needs to know; None: nothing."""
        if not self.kept or (self.over and not self.waits_for_result):
            return None
        return StoredWrapUp(self.user, self.call_id, self.extension, self.started_at, self.until)

    def told(self) -> PopWrapUp | None:
        """Return what its card says of it; None: that the agent does something else."""
        if self.over and not self.waits_for_result:
            return None
        return PopWrapUp(optional_timestamp(self.until), self.waits_for_result, self.pauses, self.over)


class WrapUps:
    """All wrap-ups of cards that are up."""

    def __init__(self) -> None:
        self.rules = QueueRules()
        """What queues ask; who wraps up already goes on as it began."""
        self.changes = 0
        """Grows whenever a wrap-up begins, changes or ends."""
        self._by_user: dict[str, dict[str, WrapUp]] = {}
        # Agents of whom something may be due; looked at many times a second, so nobody else is among them.
        self._unattended: set[str] = set()
        self._timed: set[str] = set()
        self._holding: set[str] = set()
        self._restored: dict[Key, float | None] = {}
        self._unwritten: dict[Key, StoredWrapUp | None] = {}

    def follow(self, user: str, waiting: Iterable[Pop]) -> frozenset[str]:
        """Take in which cards of an agent wait for their wrap-up; gives the calls whose cards say another thing now."""
        cards = {pop.call_id: pop for pop in waiting}
        before = self._by_user.get(user, {})
        now: dict[str, WrapUp] = {}
        for call_id, pop in cards.items():
            has_result = pop.card.disposition is not None
            known = before.get(call_id)
            if known is None:
                now[call_id] = self._begin(pop, has_result=has_result)
            elif has_result != known.has_result:
                now[call_id] = replace(known, has_result=has_result, over=known.over or has_result)
            else:
                now[call_id] = known
        return self._keep(user, now)

    def restore(self, one: StoredWrapUp) -> None:
        """Say until when a wrap-up lasts that a restart interrupted, before its card is put up again."""
        self._restored[one.key] = one.until

    def forget(self, key: Key) -> None:
        """Drop a wrap-up that a restart cannot go on with."""
        self._restored.pop(key, None)
        self._unwritten[key] = None

    def attend(self, online: Iterable[str]) -> None:
        """Take in who has a browser open."""
        for user in self._unattended.intersection(online):
            for one in tuple(self._by_user[user].values()):
                if not one.attended:
                    self._by_user[user][one.call_id] = replace(one, attended=True)
            self._sort(user)

    def sweep(self, at: float) -> dict[str, frozenset[str]]:
        """End what the timer ends; gives the calls whose cards say another thing now, by user."""
        changed: dict[str, frozenset[str]] = {}
        for user in tuple(self._timed):
            late = {one.call_id for one in self._lasting(user) if one.until is not None and one.until <= at}
            if late:
                changed[user] = self._end(user, late)
        return changed

    def more(self, user: str, at: float) -> frozenset[str]:
        """Prolong what a timer would end, never beyond the longest wrap-up; gives the calls."""
        now = dict(self._by_user.get(user, {}))
        for one in self._lasting(user):
            if one.until is not None and one.until > at:
                until = min(one.until + MORE_SECONDS, one.started_at + LONGEST_WRAP_UP)
                now[one.call_id] = replace(one, until=max(one.until, until))
        return self._keep(user, now)

    def finish(self, user: str, *, forced: bool = False) -> frozenset[str] | None:
        """End an agent's wrap-ups by hand; gives the calls, None where one of them waits for its result."""
        lasting = self._lasting(user)
        if not forced and any(one.waits_for_result for one in lasting):
            return None
        calls = frozenset(one.call_id for one in lasting)
        self._end(user, calls)
        return calls

    def waits_for_result(self, user: str, call_id: str) -> bool:
        """Tell whether the card of an ended call must stay until its result is chosen."""
        one = self._by_user.get(user, {}).get(call_id)
        return one is not None and one.waits_for_result

    def current(self, user: str) -> WrapUp | None:
        """Return what an agent works on: the call that ended last."""
        return max(self._lasting(user), key=lambda one: one.started_at, default=None)

    def told(self, user: str, call_id: str) -> PopWrapUp | None:
        """Return what the card of a call says of its wrap-up."""
        one = self._by_user.get(user, {}).get(call_id)
        return None if one is None else one.told()

    def holding(self) -> frozenset[str]:
        """Return the agents whose queues must wait."""
        return frozenset(self._holding)

    def take(self) -> tuple[tuple[StoredWrapUp, ...], tuple[Key, ...]]:
        """Take out what must be written: what began or was prolonged, and what ended."""
        taken, self._unwritten = self._unwritten, {}
        kept = tuple(one for one in taken.values() if one is not None)
        return kept, tuple(key for key, one in taken.items() if one is None)

    def give_back(self, kept: Sequence[StoredWrapUp], ended: Sequence[Key]) -> None:
        """Put back what could not be written; what is newer by now stays."""
        earlier: dict[Key, StoredWrapUp | None] = {one.key: one for one in kept}
        self._unwritten = {**earlier, **dict.fromkeys(ended), **self._unwritten}

    def _lasting(self, user: str) -> tuple[WrapUp, ...]:
        return tuple(one for one in self._by_user.get(user, {}).values() if not one.over)

    def _begin(self, pop: Pop, *, has_result: bool) -> WrapUp:
        rule = self.rules.of(pop.card.queue)
        timed = None if rule.wrap_up_seconds is None else pop.since + rule.wrap_up_seconds
        return WrapUp(
            pop.user,
            pop.call_id,
            pop.view.extension,
            pop.since,
            self._restored.pop((pop.user, pop.call_id), timed),
            result_required=rule.result_required,
            pauses=rule.pauses,
            kept=rule.pauses or timed is not None,
            has_result=has_result,
            over=rule.wrap_up_seconds == 0,
        )

    def _end(self, user: str, calls: Iterable[str]) -> frozenset[str]:
        now = self._by_user.get(user, {})
        return self._keep(user, now | {call_id: replace(now[call_id], over=True) for call_id in calls})

    def _keep(self, user: str, now: dict[str, WrapUp]) -> frozenset[str]:
        """Put an agent's wrap-ups in place of those before; gives the calls whose cards say another thing now."""
        before = self._by_user.pop(user, {})
        self.changes += before != now
        if now:
            self._by_user[user] = now
        if now == before:
            return frozenset()
        self._sort(user)
        changed: set[str] = set()
        for call_id in before.keys() | now.keys():
            old, new = before.get(call_id), now.get(call_id)
            stored = None if new is None else new.stored()
            if stored != (None if old is None else old.stored()):
                self._unwritten[user, call_id] = stored
            if new is not None and new.told() != (None if old is None else old.told()):
                changed.add(call_id)
        return frozenset(changed)

    def _sort(self, user: str) -> None:
        all_ = self._by_user.get(user, {}).values()
        for kept, due in (
            (self._unattended, any(not one.attended for one in all_)),
            (self._timed, any(one.until is not None and not one.over for one in all_)),
            (self._holding, any(one.holds_calls for one in all_)),
        ):
            kept.add(user) if due else kept.discard(user)

"""Which cards are up on whose screen, and what one change of a call does to them. Pure.

A card is keyed by (agent, call): it comes up once however many devices ring, follows the call through its states and is
closed everywhere at once. Everything is bounded: a card waits for its wrap-up only so long, an agent has only so many.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from screenpop.cards import View
from screenpop.messages import Card, CloseReason, PopReason, PopsState, PopState, PopStatus, PopWrapUp
from telephony.records import LINKED, CallChange, CallRecord, ChangeKind, Direction, LegResult

WRAP_UP_SECONDS: Final = 30 * 60.0
"""How long a card waits for its note and result; the call log can bring it back later."""

MAX_POPS: Final = 20
"""Cards of one agent at a time; the oldest gives way."""

SETTLES: Final = 2
"""Rounds of `settle` after which a phone that stopped ringing simply rang in vain: the caller is still there."""

FORGET_DISMISSED_SECONDS: Final = 12 * 3600.0
"""A call that is still not over after this long is not remembered as dismissed any more."""


@dataclass(slots=True)
class Pop:
    """One card on one agent's screen."""

    view: View
    call_id: str
    reason: PopReason
    status: PopStatus
    card: Card
    since: float
    ringing: set[str] = field(default_factory=set)
    """The agent's phones that ring for it."""
    talking: set[str] = field(default_factory=set)
    stopped: int = 0
    """Not 0: the phone stopped ringing and what comes next says why; grows with each `settle`."""
    reopened: bool = False
    """Brought back from the call log: it says nothing about what the agent does now."""

    @property
    def user(self) -> str:
        """The agent's name."""
        return self.view.user

    def concerns(self, extension: str | None) -> bool:
        """Tell whether one of the agent's phones in this call is `extension`."""
        return extension in self.ringing or extension in self.talking


@dataclass(frozen=True, slots=True)
class Show:
    """A card comes up."""

    user: str
    call_id: str
    reason: PopReason
    status: PopStatus
    card: Card


@dataclass(frozen=True, slots=True)
class Update:
    """A card changes; None stays as it is, and so does an unset wrap-up."""

    user: str
    call_id: str
    status: PopStatus | None = None
    card: Card | None = None
    wrap_up: PopWrapUp | UnsetType | None = UNSET


@dataclass(frozen=True, slots=True)
class Close:
    """A card goes away."""

    user: str
    call_id: str
    reason: CloseReason


PopAction = Show | Update | Close
MakeCard = Callable[[View], Card]
"""Builds the card of the call at hand, as one agent should see it."""


class PopBook:
    """All cards that are up."""

    def __init__(self) -> None:
        self._by_call: dict[str, dict[str, Pop]] = {}
        self._by_user: dict[str, dict[str, Pop]] = {}
        self._dismissed: dict[str, tuple[float, set[str]]] = {}
        self._transferring: dict[str, float] = {}
        self._stopped: set[tuple[str, str]] = set()

    def decide(self, change: CallChange, user: str | None, make: MakeCard) -> list[PopAction]:
        """Say what a change does to the cards; `user` is who sits at the phone that the change names."""
        actions: list[PopAction]
        match change.kind:
            case ChangeKind.RINGING | ChangeKind.DIALING:
                actions = self._ring(change, user, make)
            case ChangeKind.ANSWERED:
                actions = self._answer(change, user, make)
            case ChangeKind.STOPPED:
                actions = self._stop(change)
            case ChangeKind.LEFT:
                actions = self._leave(change, make)
            case ChangeKind.TRANSFERRED:
                self._transferring[change.call.id] = change.at
                actions = self.refresh(change.call.id, make)
            case ChangeKind.STARTED | ChangeKind.UPDATED:
                actions = self.refresh(change.call.id, make)
            case ChangeKind.ABSORBED:
                actions = self._absorb(change, make)
            case ChangeKind.ENDED:
                actions = self._end(change, make)
        if change.call.consulting is not None:
            actions += self.refresh(change.call.id, make)  # whoever consults sees whether the colleague is there
        return actions

    def refresh(self, call_id: str, make: MakeCard) -> list[PopAction]:
        """Rebuild the cards of a call and say which of them look different."""
        actions: list[PopAction] = []
        for pop in self._by_call.get(call_id, {}).values():
            card = self._redraw(pop, make)
            if card is not None:
                actions.append(Update(pop.user, call_id, card=card))
        return actions

    def dismiss(self, user: str, call_id: str, at: float) -> list[PopAction]:
        """Take a card away because its agent is done with it; it does not come back for the same call by itself."""
        pop = self._by_call.get(call_id, {}).get(user)
        if pop is None:
            return []
        if pop.status is not PopStatus.WRAP_UP:
            self._dismissed.setdefault(call_id, (at, set()))[1].add(user)
        return [self._close(pop, CloseReason.DISMISSED)]

    def reopen(self, view: View, call: CallRecord, make: MakeCard, status: PopStatus, at: float) -> list[PopAction]:
        """Put the card of a call up again, usually to finish its note; nothing when it is up already."""
        self._dismissed.get(call.id, (0.0, set[str]()))[1].discard(view.user)
        if call.id in self._by_user.get(view.user, {}):
            return []
        actions = self.adopt(call, view, make, status)
        pop = self._by_call[call.id][view.user]
        pop.since, pop.reopened = at, status is PopStatus.WRAP_UP
        return actions

    def resume(self, view: View, call: CallRecord, make: MakeCard, since: float) -> list[PopAction]:
        """Put the card of an ended call up again whose wrap-up, begun at `since`, a restart interrupted."""
        actions = self.adopt(call, view, make, PopStatus.WRAP_UP)
        pop = self._by_call[call.id][view.user]
        if pop.status is PopStatus.WRAP_UP:
            pop.since = since
        return actions

    def adopt(self, call: CallRecord, view: View, make: MakeCard, status: PopStatus) -> list[PopAction]:
        """Put up the card of a call that is running already."""
        pop = self._by_call.get(call.id, {}).get(view.user)
        actions: list[PopAction] = []
        if pop is None:
            pop = Pop(view, call.id, self._reason(call, view, status), status, make(view), call.started_at)
            actions = self._put_up(pop)
        match status:
            case PopStatus.RINGING:
                pop.ringing.add(view.extension)
            case PopStatus.TALKING:
                pop.talking.add(view.extension)
            case PopStatus.WRAP_UP:
                pass
        return actions

    def sweep(self, at: float) -> list[PopAction]:
        """Close cards that waited too long for their wrap-up, and forget what no longer matters."""
        old = [
            pop
            for pops in self._by_user.values()
            for pop in pops.values()
            if pop.status is PopStatus.WRAP_UP and at - pop.since >= WRAP_UP_SECONDS
        ]
        for call_id, (since, _) in list(self._dismissed.items()):
            if at - since >= FORGET_DISMISSED_SECONDS:
                del self._dismissed[call_id]
        for call_id, since in list(self._transferring.items()):
            if at - since >= FORGET_DISMISSED_SECONDS:
                del self._transferring[call_id]
        return [self._close(pop, CloseReason.ENDED) for pop in old]

    def settle(self) -> list[PopAction]:
        """Close cards whose phone stopped ringing while the call goes on; called a few times a second.

        A caller who hangs up stops the phones first and ends the call a moment later: only then is the caller gone.
        """
        actions: list[PopAction] = []
        for user, call_id in list(self._stopped):
            pop = self._by_user.get(user, {}).get(call_id)
            if pop is None or pop.stopped == 0:
                self._stopped.discard((user, call_id))
            elif pop.stopped > SETTLES:
                actions.append(self._close(pop, CloseReason.ENDED))
            else:
                pop.stopped += 1
        return actions

    def state(self, user: str) -> PopsState:
        """Return an agent's cards, the oldest first."""
        pops = self._by_user.get(user, {}).values()
        return PopsState(tuple(PopState(pop.call_id, pop.status, pop.card, pop.reason) for pop in pops))

    def viewers(self, call_id: str) -> tuple[Pop, ...]:
        """Return the cards of a call."""
        return tuple(self._by_call.get(call_id, {}).values())

    def is_dismissed(self, user: str | None, call_id: str) -> bool:
        """Tell whether an agent put the card of a running call away."""
        return user in self._dismissed.get(call_id, (0.0, ()))[1]

    def wrapping_up(self, user: str) -> tuple[Pop, ...]:
        """Return the cards of calls that ended and wait for the agent's note and result; not those brought back."""
        pops = self._by_user.get(user, {}).values()
        return tuple(pop for pop in pops if pop.status is PopStatus.WRAP_UP and not pop.reopened)

    def _ring(self, change: CallChange, user: str | None, make: MakeCard) -> list[PopAction]:
        if user is None or change.extension is None:
            return []
        view = View(user, change.extension, dialled=change.kind is ChangeKind.DIALING)
        return self._show(change, view, PopStatus.RINGING, make)

    def _answer(self, change: CallChange, user: str | None, make: MakeCard) -> list[PopAction]:
        actions: list[PopAction] = [
            self._close(pop, CloseReason.ANSWERED_ELSEWHERE)
            for pop in self.viewers(change.call.id)
            if pop.stopped and pop.user != user
        ]
        if change.call.direction is Direction.INTERNAL:
            for pop in self.viewers(change.call.id):
                if pop.view.dialled and pop.status is PopStatus.RINGING and pop.user != user:
                    actions += self._turn(pop, PopStatus.TALKING, change.at, make)
        owner = self._holder(change.call.id, change.extension)
        if owner is not None:
            return actions + self._show(change, owner.view, PopStatus.TALKING, make)
        if user is None or change.extension is None:
            return actions
        dialled = change.call.direction is Direction.OUTBOUND and change.extension == change.call.extension
        return actions + self._show(change, View(user, change.extension, dialled), PopStatus.TALKING, make)

    def _show(self, change: CallChange, view: View, status: PopStatus, make: MakeCard) -> list[PopAction]:
        call = change.call
        if view.user in self._dismissed.get(call.id, (0.0, ()))[1]:
            return []
        pop = self._by_call.get(call.id, {}).get(view.user)
        phone = change.extension or view.extension
        if pop is None:
            pop = Pop(view, call.id, self._reason(call, view, status), status, make(view), change.at)
            actions = self._put_up(pop)
        elif pop.status is PopStatus.TALKING and status is PopStatus.RINGING:
            actions = []
        else:
            actions = self._turn(pop, status, change.at, make) if pop.status is not status else []
        pop.stopped = 0
        if status is PopStatus.RINGING:
            pop.ringing.add(phone)
        else:
            pop.ringing.discard(phone)
            pop.talking.add(phone)
        return actions

    def _reason(self, call: CallRecord, view: View, status: PopStatus) -> PopReason:
        if view.dialled:
            return PopReason.DIAL
        if call.transfers or call.id in self._transferring:
            return PopReason.TRANSFER
        return PopReason.RING if status is PopStatus.RINGING else PopReason.ANSWER

    def _stop(self, change: CallChange) -> list[PopAction]:
        pop = self._holder(change.call.id, change.extension)
        if pop is None or change.extension is None:
            return []
        pop.ringing.discard(change.extension)
        if pop.ringing or pop.status is not PopStatus.RINGING:
            return []
        match change.result:
            case LegResult.ELSEWHERE:
                reason = CloseReason.ANSWERED_ELSEWHERE
            case LegResult.REJECTED | LegResult.BUSY | LegResult.FAILED:
                reason = CloseReason.ENDED
            case _ if change.call.ended_at is not None:
                reason = CloseReason.CALLER_GONE
            case _:
                pop.stopped = 1
                self._stopped.add((pop.user, pop.call_id))
                return []
        return [self._close(pop, reason)]

    def _leave(self, change: CallChange, make: MakeCard) -> list[PopAction]:
        pop = self._holder(change.call.id, change.extension)
        if pop is None or change.extension is None:
            return []
        pop.talking.discard(change.extension)
        pop.ringing.discard(change.extension)
        if pop.talking or pop.ringing:
            return []
        return self._finish(pop, change, make)

    def _absorb(self, change: CallChange, make: MakeCard) -> list[PopAction]:
        """Turn the cards of a consultation, or of what another PBX told, into the card of the call it was about."""
        actions: list[PopAction] = []
        moved = change.trigger != LINKED
        if moved:
            self._transferring[change.call.id] = change.at
        for pop in self.viewers(change.absorbed or ""):
            actions.append(self._close(pop, CloseReason.ENDED))
            mine = self._by_call.get(change.call.id, {}).get(pop.user)
            if mine is None and pop.status is not PopStatus.WRAP_UP:
                view = View(pop.user, pop.view.extension)
                mine = Pop(
                    view, change.call.id, PopReason.TRANSFER if moved else pop.reason, pop.status, make(view), change.at
                )
                actions += self._put_up(mine)
            if mine is not None:
                mine.ringing |= pop.ringing
                mine.talking |= pop.talking
        return actions + self.refresh(change.call.id, make)

    def _end(self, change: CallChange, make: MakeCard) -> list[PopAction]:
        self._dismissed.pop(change.call.id, None)
        self._transferring.pop(change.call.id, None)
        actions: list[PopAction] = []
        for pop in self.viewers(change.call.id):
            actions += self._finish(pop, change, make)
        return actions

    def _finish(self, pop: Pop, change: CallChange, make: MakeCard) -> list[PopAction]:
        """Keep a client's card for note and result when its agent is out of the call; any other goes."""
        pop.ringing.clear()
        pop.talking.clear()
        if pop.status is PopStatus.WRAP_UP:
            card = self._redraw(pop, make)
            return [Update(pop.user, pop.call_id, card=card)] if card is not None else []
        if change.call.direction is Direction.INTERNAL:
            return [self._close(pop, CloseReason.ENDED)]
        if pop.status is PopStatus.RINGING and not pop.view.dialled:
            taken = change.call.answered_by is not None
            return [self._close(pop, CloseReason.ANSWERED_ELSEWHERE if taken else CloseReason.CALLER_GONE)]
        return self._turn(pop, PopStatus.WRAP_UP, change.at, make)

    def _turn(self, pop: Pop, status: PopStatus, at: float, make: MakeCard) -> list[PopAction]:
        pop.status = status
        pop.since = at
        pop.reopened = False
        return [Update(pop.user, pop.call_id, status, self._redraw(pop, make))]

    def _redraw(self, pop: Pop, make: MakeCard) -> Card | None:
        card = make(pop.view)
        # A waiting time that merely went on is no news: the browser counts it itself.
        if msgspec.structs.replace(card, wait_seconds=pop.card.wait_seconds) == pop.card:
            return None
        pop.card = card
        return card

    def _holder(self, call_id: str, extension: str | None) -> Pop | None:
        return next((pop for pop in self.viewers(call_id) if pop.concerns(extension)), None)

    def _put_up(self, pop: Pop) -> list[PopAction]:
        mine = self._by_user.setdefault(pop.user, {})
        actions: list[PopAction] = []
        if len(mine) >= MAX_POPS:
            oldest = min(mine.values(), key=lambda other: (other.status is not PopStatus.WRAP_UP, other.since))
            actions.append(self._close(oldest, CloseReason.ENDED))
        self._by_user.setdefault(pop.user, mine)[pop.call_id] = pop
        self._by_call.setdefault(pop.call_id, {})[pop.user] = pop
        actions.append(Show(pop.user, pop.call_id, pop.reason, pop.status, pop.card))
        return actions

    def _close(self, pop: Pop, reason: CloseReason) -> Close:
        for index, outer, inner in (
            (self._by_user, pop.user, pop.call_id),
            (self._by_call, pop.call_id, pop.user),
        ):
            index[outer].pop(inner, None)
            if not index[outer]:
                del index[outer]
        return Close(pop.user, pop.call_id, reason)

"""What would be decided about recorded calls: the service's own rules, without screens, rows and haste.

Time is that of the recording and clients and seats are as they are now, so the same recording gives the same answer.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from crm_core.calls.rules import CallRow, ContactName, TraceEntry
from crm_core.calls.store import Calls
from crm_core.numbers import Numbering
from crm_core.people.store import People
from screenpop import traces
from screenpop.callers import Callers
from screenpop.cards import View, build
from screenpop.live import LiveCall
from screenpop.messages import Card
from screenpop.pops import MakeCard, PopAction, PopBook
from screenpop.seats import Seats
from telephony.calls import Line
from telephony.phones import named
from telephony.pipeline import SETTLED_SECONDS, follow
from telephony.records import CallChange, ChangeKind, Surprise

SETTLE_SECONDS: Final = 0.2
PATIENCE_SECONDS: Final = 30.0
"""Nobody waits for this card: a slow database must not change the answer."""
MOST_STEPS: Final = 500
TOGETHER: Final = 500
"""Steps read from the recording, in a thread, before they are decided on."""


@dataclass(slots=True)
class _Played:
    live: LiveCall
    steps: list[TraceEntry] = field(default_factory=list)


class Rehearsal:
    """Plays recorded messages of one PBX; `play` gives each finished call with its trace, and what made no sense."""

    def __init__(self, people: People, calls: Calls, numbering: Numbering, seats: Seats) -> None:
        self._now = 0.0
        self._settled = 0.0
        self._callers = Callers(people, calls, numbering, lambda: self._now, PATIENCE_SECONDS)
        self._pops = PopBook()
        self._seats = seats
        self._played: OrderedDict[str, _Played] = OrderedDict()

    async def play(
        self, messages: Iterable[tuple[float, bytes]], line: Line
    ) -> AsyncIterator[tuple[CallRow, tuple[TraceEntry, ...]] | Surprise]:
        """Play messages (arrival in epoch seconds, raw bytes). Raises CrmError, and what reading `messages` raises."""
        steps = follow(messages, line)
        while some := await asyncio.to_thread(list, islice(steps, TOGETHER)):
            for now, step in some:
                self._settle(now)
                for surprise in step.surprises:
                    yield surprise
                for told in step.changes:
                    change = named(told, self._seats.written)
                    if isinstance(change, CallChange):
                        await self._take(change)
                for done in self._done(now - SETTLED_SECONDS):
                    yield done
        for done in self._done(None):
            yield done

    def _settle(self, now: float) -> None:
        """Let the time pass until `now`, in the rounds of the live service (bounded: silence decides nothing)."""
        self._settled = max(self._settled, now - 10 * SETTLE_SECONDS)
        while now - self._settled >= SETTLE_SECONDS:
            self._settled += SETTLE_SECONDS
            self._tell(self._pops.settle(), self._settled)
        self._now = now
        self._tell(self._pops.sweep(now), now)

    def _tell(self, actions: Iterable[PopAction], at: float) -> None:
        for action in actions:
            played = self._played.get(action.call_id)
            if played is not None:
                played.steps.append(traces.told(action, at))

    async def _take(self, change: CallChange) -> None:
        at = change.at if change.cause is None else change.cause.arrived_at
        live = self._callers.meet(change.call, self._seats)
        played = self._played.setdefault(change.call.id, _Played(live))
        if self._callers.must_ask(live, change.kind):
            await self._callers.ask(live)
            self._note(played, traces.found(live, at))
        if change.kind is ChangeKind.ABSORBED and change.absorbed is not None:
            absorbed = self._played.pop(change.absorbed, None)
            self._callers.drop(change.absorbed)
            self._note(played, absorbed.steps if absorbed else ())
        user = self._seats.user(change.extension)
        dismissed = self._pops.is_dismissed(user, change.call.id)
        actions = self._pops.decide(change, user, self._make(live))
        self._note(played, traces.decided(change, user, actions, at, online=True, dismissed=dismissed))

    def _note(self, played: _Played, steps: Iterable[TraceEntry]) -> None:
        played.steps.extend(steps)
        del played.steps[MOST_STEPS:]

    def _make(self, live: LiveCall) -> MakeCard:
        known = live.knowledge()

        def make(view: View) -> Card:
            return build(live.call, known, view, self._seats)

        return make

    def _done(self, before: float | None) -> list[tuple[CallRow, tuple[TraceEntry, ...]]]:
        """Hand out what ended before a time (None: ever) and forget it."""
        ended = [
            call_id
            for call_id, played in self._played.items()
            if (at := played.live.call.ended_at) is not None and (before is None or at <= before)
        ]
        return [self._row(self._played.pop(call_id)) for call_id in ended]

    def _row(self, played: _Played) -> tuple[CallRow, tuple[TraceEntry, ...]]:
        live = played.live
        self._callers.drop(live.call.id)
        client = live.lookup.contact
        row = CallRow(
            live.call,
            live.number,
            ContactName(client.id, client.name) if client else None,
            len(live.lookup.candidates),
            dict(live.users),
        )
        return row, tuple(sorted(played.steps, key=lambda step: step.at))

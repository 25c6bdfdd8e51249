"""A year of the demo company's calls, up to a few minutes ago: who called, who answered, what came of it."""

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypedDict

from telephony.conversations import call_id
from telephony.records import CallPhase, CallRecord, Direction, LegResult, Outcome, Participant, Source
from telephony.simulator.day import AGENTS, BILLING, RING_GROUP, SALES, SUPPORT, direct_number
from web.demo.clients import chance
from web.demo.places import CALL_NOTES, RESULTS

DAYS = 365
CALLS = 30_000
HOURS = {8: 3, 9: 9, 10: 12, 11: 12, 12: 8, 13: 5, 14: 8, 15: 10, 16: 10, 17: 8, 18: 4, 19: 1}
"""Hour of the day -> share of its calls."""
WEEKDAYS = (12, 11, 11, 11, 10, 4, 0)
LATEST_BEFORE = 300.0
"""Seconds before now in which the history ends."""
WEEK = 7 * 86_400.0
PBX = "main"
OUTCOMES: Mapping[str, Mapping[str, int]] = {
    "queue": {"answered": 84, "abandoned": 12, "missed": 2, "voicemail": 2},
    "group": {"answered": 86, "missed": 14},
    "direct": {"answered": 76, "voicemail": 12, "missed": 12},
}
"""Inbound calls by line: outcome -> share."""
QUEUES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "support": (SUPPORT, ("2001", "2002", "2003", "2008")),
    "sales": (SALES, ("2004", "2005")),
    "billing": (BILLING, ("2006", "2007")),
}


class _Common(TypedDict):
    id: str
    pbx: str
    phase: CallPhase
    started_at: float
    ended_at: float
    linkedids: tuple[str, ...]
    channels: tuple[str, ...]
    source: Source


@dataclass(frozen=True, slots=True)
class PastCall:
    """One call of the history; `client` is the caller's place among the clients, None: nobody's for certain."""

    record: CallRecord
    client: int | None
    candidates: int
    note: str | None
    disposition: str | None


@dataclass(frozen=True, slots=True)
class Cast:
    """Who calls and is called: a number of each client, which of them are shared by two, and strangers' numbers."""

    numbers: Sequence[str]
    shared: Collection[str]
    strangers: Sequence[str]


def tell(cast: Cast, now: datetime, count: int = CALLS, seed: int = 7) -> Iterator[PastCall]:
    """Tell about `count` calls in the year before `now` (local time), oldest first."""
    return _Teller(cast, random.Random(seed)).tell(now, count)  # noqa: S311 - invented calls, no secrets


class _Teller:
    def __init__(self, cast: Cast, dice: random.Random) -> None:
        self.cast = cast
        self.dice = dice

    def tell(self, now: datetime, count: int) -> Iterator[PastCall]:
        # A few clients call all the time, most hardly ever.
        weights = [1.0 / (1 + position % 97) for position in range(len(self.cast.numbers))]
        clients = self.dice.choices(range(len(self.cast.numbers)), weights=weights, k=count)
        for index, (moment, client) in enumerate(zip(self._moments(now, count), clients, strict=True)):
            yield self._call(f"{int(moment)}.{index}", moment, client)

    def _moments(self, now: datetime, count: int) -> list[float]:
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        days = [today - timedelta(days=back) for back in range(DAYS)]
        chosen = self.dice.choices(days, weights=[WEEKDAYS[day.weekday()] for day in days], k=count)
        hours = self.dice.choices(tuple(HOURS), weights=tuple(HOURS.values()), k=count)
        latest = now.timestamp() - LATEST_BEFORE
        moments = []
        for day, hour in zip(chosen, hours, strict=True):
            moment = round(day.timestamp() + 3600 * hour + self.dice.uniform(0, 3600), 3)
            moments.append(moment if moment < latest else moment - WEEK)
        return sorted(moments)

    def _call(self, uniqueid: str, at: float, client: int) -> PastCall:
        number = self.cast.numbers[client]
        candidates = 2 if number in self.cast.shared else 1
        match self._draw({"known": 88, "stranger": 9, "withheld": 3}):
            case "stranger":
                number, candidates = self.dice.choice(self.cast.strangers), 0
            case "withheld":
                number, candidates = "", 0
            case _:
                pass
        kind = self._draw({"queue": 56, "direct": 12, "group": 8, "out": 20, "internal": 4})
        if kind == "out" and number:
            record = self._outbound(uniqueid, at, number)
        elif kind == "internal":
            record, candidates = self._internal(uniqueid, at), 0
        else:
            record = self._inbound(uniqueid, at, number, "direct" if kind == "out" else kind)
        note, result = None, None
        if record.outcome is Outcome.ANSWERED and record.direction is not Direction.INTERNAL:
            if chance(self.dice, 35):
                note, result = self.dice.choice(CALL_NOTES)
            elif chance(self.dice, 55):
                result = self._draw(RESULTS)
        return PastCall(record, client if candidates == 1 else None, candidates, note, result)

    def _inbound(self, uniqueid: str, at: float, number: str, kind: str) -> CallRecord:
        queue, did, agents = self._line(kind)
        outcome = Outcome(self._draw(OUTCOMES[kind]))
        taken = outcome is Outcome.ANSWERED
        wait = round(self.dice.expovariate(1 / 12.0) + 2.0 if taken else self.dice.uniform(6.0, 60.0), 1)
        talk = self._talk() if taken else 0.0
        answered_by = self.dice.choice(agents) if taken else None
        rang = agents if queue != "sales" else (answered_by or agents[0],)
        heard = wait + (talk if taken else 8.0 if outcome is Outcome.VOICEMAIL else 0.0)
        return CallRecord(
            **_common(uniqueid, at, at + heard),
            direction=Direction.INBOUND,
            number=number or None,
            withheld=not number,
            did=did,
            queue=queue,
            outcome=outcome,
            answered_by=answered_by,
            extension=answered_by or (agents[0] if kind == "direct" else None),
            participants=tuple(_participant(phone, at, wait, talk, took_it=phone == answered_by) for phone in rang),
            answered_at=at + wait if taken else None,
            wait_seconds=wait,
            talk_seconds=talk,
            hangup_cause=16 if taken else 0,
        )

    def _line(self, kind: str) -> tuple[str | None, str, tuple[str, ...]]:
        if kind == "queue":
            queue = self._draw({"support": 55, "sales": 28, "billing": 17})
            return queue, *QUEUES[queue]
        if kind == "group":
            return None, RING_GROUP, ("2001", "2002", "2003")
        agent = self.dice.choice(tuple(AGENTS))
        return None, direct_number(agent), (agent,)

    def _outbound(self, uniqueid: str, at: float, number: str) -> CallRecord:
        outcome = Outcome(self._draw({"answered": 74, "no_answer": 12, "busy": 7, "canceled": 5, "failed": 2}))
        agent = self.dice.choice(tuple(AGENTS))
        wait = round(self.dice.uniform(3.0, 25.0), 1)
        talk = self._talk() if outcome is Outcome.ANSWERED else 0.0
        return CallRecord(
            **_common(uniqueid, at, at + wait + talk),
            direction=Direction.OUTBOUND,
            number=number,
            called=number,
            outcome=outcome,
            extension=agent,
            participants=(Participant(agent, None, at + wait if talk else None, at + wait + talk, None, talk),),
            answered_at=at + wait if talk else None,
            wait_seconds=wait,
            talk_seconds=talk,
            hangup_cause=16 if talk else 17 if outcome is Outcome.BUSY else 0,
        )

    def _internal(self, uniqueid: str, at: float) -> CallRecord:
        caller, called = self.dice.sample(tuple(AGENTS), 2)
        outcome = Outcome(self._draw({"answered": 84, "no_answer": 12, "busy": 4}))
        taken, wait = outcome is Outcome.ANSWERED, round(self.dice.uniform(2.0, 12.0), 1)
        talk = self._talk() / 3 if taken else 0.0
        return CallRecord(
            **_common(uniqueid, at, at + wait + talk),
            direction=Direction.INTERNAL,
            number=caller,
            called=called,
            outcome=outcome,
            answered_by=called if taken else None,
            extension=caller,
            participants=(_participant(called, at, wait, talk, took_it=taken),),
            answered_at=at + wait if taken else None,
            wait_seconds=wait,
            talk_seconds=talk,
        )

    def _draw(self, weights: Mapping[str, int]) -> str:
        return self.dice.choices(tuple(weights), weights=tuple(weights.values()))[0]

    def _talk(self) -> float:
        return round(min(self.dice.lognormvariate(4.7, 0.8), 2400.0), 1)


def _common(uniqueid: str, at: float, ended_at: float) -> _Common:
    return {
        "id": call_id(PBX, uniqueid),
        "pbx": PBX,
        "phase": CallPhase.ENDED,
        "started_at": at,
        "ended_at": round(ended_at, 3),
        "linkedids": (uniqueid,),
        "channels": (uniqueid,),
        "source": Source.LIVE,
    }


def _participant(phone: str, at: float, wait: float, talk: float, *, took_it: bool) -> Participant:
    if took_it:
        return Participant(phone, at + 0.3, at + wait, at + wait + talk, LegResult.ANSWERED, talk)
    return Participant(phone, at + 0.3, None, at + wait, LegResult.ELSEWHERE if talk else LegResult.NO_ANSWER)

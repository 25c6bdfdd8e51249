"""The calls of all PBXs while they may be halves of one another, and which lines are between them. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from telephony.records import CallChange, CallRecord, Confidence, Direction

NEAR_SECONDS: Final = 10.0
"""So far apart two ends of one line may be told, by our clock."""
KEPT_SECONDS: Final = 60.0
"""Ended calls, and what was said of lines, are remembered so long for what comes late."""
MOST_HALVES: Final = 20_000
FEWEST_DIGITS: Final = 2
LONG_DIGITS: Final = 7


@dataclass(frozen=True, slots=True)
class Question:
    """Which SIP Call-ID a line has, asked at the channel that a PBX has of it."""

    pbx: str
    uniqueid: str


@dataclass(slots=True, eq=False)
class Half:
    """One call as its own PBX tells it; times that end in `_at` are of our clock."""

    call: CallRecord
    seen_at: float
    told: bool = False
    """Whether the outside has heard of it as a call of its own."""
    shown: bool = False
    """Whether a card may be up for it."""
    near: str | None = None
    """The half it is the far end of."""
    dial: Question | None = None
    """The line it came by, as the near half knows it."""
    fars: list["Half"] = field(default_factory=list)
    how: Confidence = Confidence.EXACT
    met_at: float = 0.0
    dials: dict[str, float] = field(default_factory=dict)
    """When each of its dials out was first told."""
    held: list[CallChange] = field(default_factory=list)
    """Its changes that wait until it is known whose half it is."""
    hold_until: float = 0.0
    decide_at: float | None = None
    """When number and time decide, unless the PBXs say it before."""
    decided: bool = False
    """Whether they have decided."""
    ended_at: float | None = None
    ending: CallChange | None = None
    """Its end, not told yet because its far half goes on."""

    @property
    def line(self) -> Question | None:
        """The channel by which it came from outside its PBX."""
        call = self.call
        came_in = call.direction is Direction.INBOUND and call.caller is not None and call.ended_at is None
        return Question(call.pbx, call.caller or "") if came_in else None

    @property
    def caller(self) -> str | None:
        """The number that it shows where it dials out."""
        return self.call.number if self.call.direction is Direction.INBOUND else self.call.extension


class Halves:
    """All of them by id."""

    def __init__(self) -> None:
        self._all: dict[str, Half] = {}
        self._fresh: dict[str, Half] = {}
        """Those that came in by a line lately and may be somebody's far half."""
        self._dialling: dict[str, Half] = {}
        """Those that dialled out and may be somebody's near half."""
        self._asked: dict[Question, float] = {}

    def get(self, call_id: str) -> Half | None:
        """Return a half."""
        return self._all.get(call_id)

    def add(self, half: Half) -> None:
        """Take a half in; the oldest ones go when there are far too many."""
        self._all[half.call.id] = half
        while len(self._all) > MOST_HALVES:
            self.remove(next(iter(self._all)))

    def update(self, half: Half, call: CallRecord, at: float) -> None:
        """Take in what a call has become."""
        half.call = call
        for dial in call.dials_out:
            half.dials.setdefault(dial.uniqueid, at)
        if call.dials_out:
            self._dialling[call.id] = half
        if half.near is None and half.line is not None and at - half.seen_at <= NEAR_SECONDS:
            self._fresh[call.id] = half

    def remove(self, call_id: str) -> Half | None:
        """Take a half out, and away from its near half; its far halves keep looking up to nobody."""
        half = self._all.pop(call_id, None)
        self._fresh.pop(call_id, None)
        self._dialling.pop(call_id, None)
        near = self._all.get(half.near or "") if half is not None else None
        if near is not None and half in near.fars:
            near.fars.remove(half)
        return half

    def join(self, near: Half, far: Half, how: Confidence, at: float) -> None:
        """Make one half the far end of another."""
        far.near, far.how, far.met_at = near.call.id, how, at
        far.decide_at = None
        if far not in near.fars:
            near.fars.append(far)
        self._fresh.pop(far.call.id, None)

    def move(self, far: Half, near: Half) -> None:
        """Let a far half follow the call that its near half became part of."""
        far.near = near.call.id
        near.fars.append(far)

    def root(self, half: Half) -> Half:
        """Return the half that all is told under."""
        for _ in range(len(self._all)):
            near = self._all.get(half.near or "")
            if near is None:
                break
            half = near
        return half

    def is_unlinked(self, half: Half, at: float) -> bool:
        """Whether a half may still turn out to be the far end of another."""
        return half.near is None and half.line is not None and at - half.seen_at <= NEAR_SECONDS

    def unlinked(self, at: float) -> list[Half]:
        """Return all of which that is so."""
        for call_id in [call_id for call_id, half in self._fresh.items() if not self.is_unlinked(half, at)]:
            del self._fresh[call_id]
        return list(self._fresh.values())

    def dials_now(self, half: Half, at: float) -> bool:
        """Whether a half dialled out lately."""
        return any(at - half.dials[dial.uniqueid] <= NEAR_SECONDS for dial in half.call.dials_out)

    def possible(self, far: Half) -> list[tuple[Half, Question]]:
        """List the dials of other PBXs that may have become a call, by the dialled number and the time."""
        return [
            (near, line)
            for near in self._dialling.values()
            if near.call.pbx != far.call.pbx and near.call.ended_at is None and self.root(near) is not far
            for line in self._lines(near, far)
        ]

    def _lines(self, near: Half, far: Half) -> Iterator[Question]:
        taken = {other.dial for other in near.fars}
        for dial in near.call.dials_out:
            line = Question(near.call.pbx, dial.uniqueid)
            in_time = abs(near.dials[dial.uniqueid] - far.seen_at) <= NEAR_SECONDS
            if in_time and line not in taken and same_number(dial.number, far.call.did):
                yield line

    def ask(self, question: Question, at: float) -> bool:
        """Note that something is asked; False when it was asked before."""
        new = question not in self._asked
        self._asked.setdefault(question, at)
        return new

    def forget(self, at: float) -> list[Question]:
        """Forget what ended long ago; gives the lines nobody asks about any more."""
        for call_id, half in list(self._all.items()):
            root = self.root(half)
            if root.ended_at is not None and at - root.ended_at > KEPT_SECONDS:
                self.remove(call_id)
        old = [question for question, asked in self._asked.items() if at - asked > KEPT_SECONDS]
        for question in old:
            del self._asked[question]
        return old


def same_number(dialled: str | None, reached: str | None) -> bool:
    """Whether what one PBX dialled may be what the other was called by: prefixes come and go on the way."""
    one, other = _digits(dialled), _digits(reached)
    return min(len(one), len(other)) >= FEWEST_DIGITS and (one.endswith(other) or other.endswith(one))


def same_caller(shown: str | None, seen: str | None) -> bool:
    """Whether a number one PBX showed is what the other saw: an extension to the digit, a long number by its end."""
    one, other = _digits(shown), _digits(seen)
    return one == other != "" or (min(len(one), len(other)) >= LONG_DIGITS and same_number(shown, seen))


def _digits(text: str | None) -> str:
    return "".join(letter for letter in text or "" if letter.isdecimal())

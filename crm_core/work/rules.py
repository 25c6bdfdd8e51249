"""What is owed to a client, judged from the client's calls. Pure.

A callback is never counted up and down: it is judged again from all recent calls of the client, in the order they
happened, whatever the order in which they were written. So a replay, a recovery or a late amendment changes nothing
that is right and mends what is not.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from msgspec import UNSET, Struct, UnsetType

from crm_core.errors import InvalidField
from crm_core.texts import bounded, line
from telephony.records import Direction, Outcome

RECENT_SECONDS: Final = 3 * 24 * 3600.0
"""A missed call older than this when it is first heard of (an imported history) makes no task: a weekend is bridged."""
DUE_SECONDS: Final = 15 * 60.0
"""How soon after the missed call the callback is due."""
LONGEST_REASON: Final = 200
LONGEST_SUBJECT: Final = 200
MOST_ATTEMPTS: Final = 50


class TaskKind(StrEnum):
    """What is to be done."""

    CALLBACK = "callback"


class TaskState(StrEnum):
    """Whether it is still to be done."""

    OPEN = "open"
    CLOSED = "closed"


class Role(StrEnum):
    """What a call means for a callback."""

    MISSED = "missed"
    """The client called and nobody took it."""
    ATTEMPT = "attempt"
    """We called and did not get through."""
    REACHED = "reached"
    """Somebody of us and the client talked."""


class Ending(StrEnum):
    """How a callback came to its end."""

    REACHED = "reached"
    """We called and the client answered."""
    GOT_THROUGH = "got_through"
    """The client called again and was answered."""
    NOT_MISSED = "not_missed"
    """No call of the client is missed any more: one was corrected, or belongs to another client."""
    BY_HAND = "by_hand"


@dataclass(frozen=True, slots=True)
class ClientCall:
    """One call of a client, as far as a callback depends on it. `agent` is who of us talked or dialled."""

    id: str
    direction: Direction
    outcome: Outcome | None
    answered_at: float | None
    ended_at: float | None
    agent: str | None = None
    queue: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A call's part in a callback, and when it took effect."""

    call: ClientCall
    role: Role
    at: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is owed to a client now."""

    missed: tuple[Part, ...]
    """Calls nobody answered since the client was reached last, oldest first."""
    attempts: tuple[Part, ...]
    """Our calls that did not get through since then."""
    reached: Part | None
    """When the client was reached last."""


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """One step of a task's history."""

    at: float
    by: str | None
    """None: nobody did it, a call did."""
    what: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something to be done. Times are epoch seconds."""

    id: int
    kind: TaskKind
    subject: str
    contact_id: int | None
    contact_name: str | None
    number: str | None
    queue: str | None
    owner: str | None
    priority: int
    state: TaskState
    due_at: float
    promised: bool
    """Somebody promised it; a missed call alone promises nothing."""
    missed: int
    attempts: tuple[float, ...]
    call_id: str | None
    """The last call that asks for it."""
    first_at: float
    """Since when the client waits: the first missed call, or the promise."""
    last_at: float
    created_at: float
    created_by: str | None
    updated_at: float
    closed_at: float | None
    closed_by: str | None
    closed_call: str | None
    ending: Ending | None
    reason: str
    history: tuple[TaskEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks to list; None = any. `owner` is a user's name, "" asks for those that nobody has taken.

    `open_to` asks for a user's own and those that nobody has taken.
    """

    state: TaskState | None = None
    kind: TaskKind | None = None
    owner: str | None = None
    queue: str | None = None
    contact_id: int | None = None
    due_before: float | None = None
    open_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDraft:
    """A callback somebody promises: to a contact, a number, or whoever a call was with."""

    due_at: float
    contact_id: int | None = None
    number: str | None = None
    call_id: str | None = None
    owner: str | None = None
    subject: str = ""
    priority: int = 0


class TaskPatch(Struct, frozen=True):
    """What a person may change on a task: UNSET stays."""

    owner: str | UnsetType | None = UNSET
    taken_from: str | UnsetType | None = UNSET
    """Who had it as the taker knows; somebody else having taken it meanwhile is a conflict."""
    due_at: float | UnsetType = UNSET
    priority: int | UnsetType = UNSET
    state: TaskState | UnsetType = UNSET
    reason: str = ""


def part(call: ClientCall) -> Part | None:
    """Say what a call means for a callback; None for one that means nothing (running, internal)."""
    if call.direction is Direction.INTERNAL:
        return None
    if call.answered_at is not None and call.outcome in {None, Outcome.ANSWERED}:
        return Part(call, Role.REACHED, call.answered_at)
    if call.ended_at is None:
        return None
    if call.direction is Direction.OUTBOUND:
        return Part(call, Role.ATTEMPT, call.ended_at)
    if call.outcome in {Outcome.MISSED, Outcome.ABANDONED, Outcome.VOICEMAIL}:
        return Part(call, Role.MISSED, call.ended_at)
    return None


def judge(calls: Iterable[ClientCall]) -> Verdict:
    """Say what is owed to the client these calls are of, in whatever order they come."""
    parts = sorted((found for call in calls if (found := part(call))), key=lambda one: (one.at, one.call.id))
    reached = max((one for one in parts if one.role is Role.REACHED), key=lambda one: one.at, default=None)
    since = [one for one in parts if reached is None or one.at > reached.at]
    missed = tuple(one for one in since if one.role is Role.MISSED)
    attempts = tuple(one for one in since if one.role is Role.ATTEMPT)
    return Verdict(missed, attempts, reached)


def owed(verdict: Verdict, settled: Collection[str], promised_at: float | None) -> bool:
    """Tell whether the client must be called: `settled` are missed calls a person has done with."""
    if any(one.call.id not in settled for one in verdict.missed):
        return True
    return promised_at is not None and (verdict.reached is None or verdict.reached.at <= promised_at)


def ending(verdict: Verdict, opened_at: float) -> Ending:
    """Say how a callback that is no longer owed came to its end; it was opened at that time."""
    reached = verdict.reached
    if reached is None or reached.at < opened_at:
        return Ending.NOT_MISSED
    return Ending.REACHED if reached.call.direction is Direction.OUTBOUND else Ending.GOT_THROUGH


def taken_meanwhile(taken_from: str | UnsetType | None, owner: str | None, new: str | None, by: str) -> bool:
    """Tell whether `by` gives to `new` what a colleague (`owner`) has, without knowing it."""
    if owner is None or owner == new:
        return False
    return taken_from != owner if taken_from is not UNSET else new == by


def check_reason(reason: str) -> str:
    """Return why a task was closed, as stored; raises InvalidField when it is too long."""
    return line(bounded("reason", reason, LONGEST_REASON))


def check_subject(subject: str) -> str:
    """Return what a task is about, as stored; raises InvalidField when it is too long."""
    return line(bounded("subject", subject, LONGEST_SUBJECT))


def check_priority(priority: int) -> int:
    """Return a priority as stored; raises InvalidField unless it is 0 (as usual), 1 (soon) or 2 (first)."""
    if priority not in {0, 1, 2}:
        raise InvalidField("priority", "is 0, 1 or 2")
    return priority


def client_key(contact_id: int | None, number_key: str | None) -> str | None:
    """Return what makes two callbacks one: the client, else the number; None for a caller nobody can call back."""
    if contact_id is not None:
        return f"contact:{contact_id}"
    return f"number:{number_key}" if number_key else None

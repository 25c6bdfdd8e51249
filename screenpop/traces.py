"""Why a call did or did not pop: codes and facts for whoever asks, each decision with its time. Pure.

Clients are named by id, so that a trace outlives neither their name nor their erasure.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from crm_core.calls.rules import Fact, TraceEntry
from crm_core.numbers import NumberKind
from screenpop.live import LiveCall
from screenpop.messages import PopReason, Receipt
from screenpop.pops import Close, PopAction, Show, Update
from telephony.records import CallChange, ChangeKind, Direction

RING: Final = frozenset({ChangeKind.RINGING, ChangeKind.DIALING})
NUMBER, MATCH, AGENT = "number", "match", "agent"
SHOW, UPDATE, CLOSE, NONE = "pop.show", "pop.update", "pop.close", "pop.none"
SENT, SHOWN = "pop.sent", "pop.shown"

DECISIONS: Final = frozenset({NUMBER, MATCH, AGENT, SHOW, UPDATE, CLOSE, NONE})


class NoPop(StrEnum):
    """Why no card came up where one might have been expected."""

    NO_AGENT = "no_agent"
    """Nobody sits at the phone."""
    UP_ALREADY = "up_already"
    """The agent has this card already: another phone of the same agent, or the call came back."""
    DISMISSED = "dismissed"
    """The agent put the card of this call away."""
    NEVER_RANG = "never_rang"
    """The phone was called and never said that it rings."""
    NO_PHONE = "no_phone"
    """No phone of ours was called."""


def found(live: LiveCall, at: float) -> tuple[TraceEntry, TraceEntry]:
    """Tell how the number was read and whom it means."""
    number = live.number
    facts: dict[str, Fact] = {"raw": number.raw or None, "e164": number.e164, "kind": number.kind.value}
    if number.kind is NumberKind.INTERNAL and number.e164 is not None:
        facts["own"] = True
    return TraceEntry(at, NUMBER, facts), TraceEntry(at, MATCH, _match(live))


def decided(
    change: CallChange, user: str | None, actions: Sequence[PopAction], at: float, *, online: bool, dismissed: bool
) -> list[TraceEntry]:
    """Tell what happened on the phone, who sits at it, and what became of the cards.

    `at` is when it was decided; `online`: whether that user has a browser open; `dismissed`: whether they put this
    call's card away.
    """
    arrived_at = change.at if change.cause is None else change.cause.arrived_at
    steps = [TraceEntry(arrived_at, change.kind.value, _event(change))]
    if change.extension is not None and change.kind in RING:
        steps.append(TraceEntry(at, AGENT, {"extension": change.extension, "user": user, "online": online}))
        if not any(isinstance(action, Show) and action.user == user for action in actions):
            steps.append(_none(at, change.extension, user, _why_not(user, dismissed=dismissed)))
    steps.extend(_travelled(told(action, at, change.extension), change) for action in actions)
    if change.kind is ChangeKind.ENDED:
        steps.extend(_never(change, at))
    return steps


def _travelled(step: TraceEntry, change: CallChange) -> TraceEntry:
    """Add from whom a card came that travels with its call."""
    moved = change.call.transfers
    if step.what != SHOW or step.facts.get("reason") != PopReason.TRANSFER.value or not moved:
        return step
    return TraceEntry(step.at, SHOW, {**step.facts, "from": moved[-1].source, "moved": moved[-1].kind.value})


def told(action: PopAction, at: float, extension: str | None = None) -> TraceEntry:
    """Tell what became of a card; `extension` is the phone that it came up for."""
    match action:
        case Show():
            facts: dict[str, Fact] = {"user": action.user, "extension": extension, "reason": action.reason.value}
            return TraceEntry(at, SHOW, facts)
        case Update():
            return TraceEntry(at, UPDATE, {"user": action.user, "status": action.status and action.status.value})
        case Close():
            return TraceEntry(at, CLOSE, {"user": action.user, "reason": action.reason.value})


def delivered(receipt: Receipt, arrived_at: float | None) -> TraceEntry:
    """Tell that a card left for a browser, or is on its screen; how long after the event that brought it up."""
    facts: dict[str, Fact] = {"user": receipt.user, "socket": receipt.socket, "tab": receipt.tab}
    if arrived_at is not None:
        facts["ms"] = round(max(0.0, receipt.at - arrived_at) * 1000, 1)
    return TraceEntry(receipt.at, SHOWN if receipt.shown else SENT, facts)


def decisions(steps: Sequence[TraceEntry]) -> list[tuple[str, Mapping[str, Fact]]]:
    """Return what was decided, without when and how it was delivered: the same live and replayed.

    Whoever is asked twice and says the same has decided once.
    """
    told: list[tuple[str, Mapping[str, Fact]]] = []
    for step in steps:
        one = step.what, {name: fact for name, fact in step.facts.items() if name != "online"}
        if step.what in DECISIONS and one not in told:
            told.append(one)
    return told


def _event(change: CallChange) -> dict[str, Fact]:
    facts: dict[str, Fact] = {"extension": change.extension, "result": change.result and change.result.value}
    if change.cause is None:
        facts["event"] = change.trigger
    else:
        cause = change.cause
        facts |= {"event": cause.event, "channel": cause.channel, "uniqueid": cause.uniqueid}
        if cause.at != cause.arrived_at:
            facts["pbx_at"] = round(cause.at, 6)
    return {name: fact for name, fact in facts.items() if fact not in {None, ""}}


def _match(live: LiveCall) -> dict[str, Fact]:
    if live.incomplete:
        return {"found": "not_asked", "why": "unavailable"}
    many = len(live.lookup.candidates)
    if live.lookup.contact is not None:
        chosen = live.lookup.chosen or live.chosen_contact is not None
        return {"found": "client", "contact_id": live.lookup.contact.id, "candidates": many, "chosen": chosen}
    if many:
        some = ",".join(str(candidate.id) for candidate in live.lookup.candidates)
        return {"found": "several", "candidates": many, "ids": some}
    if live.key is not None:
        return {"found": "nobody"}
    if live.call.direction is Direction.INTERNAL or live.number.kind is NumberKind.INTERNAL:
        return {"found": "not_asked", "why": "internal"}
    return {"found": "not_asked", "why": live.number.kind.value}


def _why_not(user: str | None, *, dismissed: bool) -> NoPop:
    if user is None:
        return NoPop.NO_AGENT
    return NoPop.DISMISSED if dismissed else NoPop.UP_ALREADY


def _none(at: float, extension: str | None, user: str | None, why: NoPop) -> TraceEntry:
    facts: dict[str, Fact] = {"why": why.value}
    if extension is not None:
        facts |= {"extension": extension, "user": user}
    return TraceEntry(at, NONE, facts)


def _never(change: CallChange, at: float) -> list[TraceEntry]:
    """Tell of phones that never rang, and of a call that no phone was called for."""
    call = change.call
    if not call.participants and call.extension is None:
        return [_none(at, None, None, NoPop.NO_PHONE)]
    silent = (one for one in call.participants if one.rang_at is None and one.answered_at is None)
    return [_none(at, one.extension, None, NoPop.NEVER_RANG) for one in silent]

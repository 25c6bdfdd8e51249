"""Why a call did or did not pop, in words for the administrator. Pure."""

from collections.abc import Sequence

from crm_core.calls.rules import TraceEntry
from screenpop.live import LiveCall
from screenpop.pops import Close, PopAction, Show, Update
from telephony.records import CallChange, ChangeKind


def found(live: LiveCall, at: float) -> tuple[TraceEntry, TraceEntry]:
    """Tell how the number was read and whom it means."""
    number = live.number
    meaning = number.e164 or number.kind.value
    return TraceEntry(at, "number", f"{number.raw!r} is {meaning}"), TraceEntry(at, "match", live.match())


def decided(change: CallChange, user: str | None, actions: Sequence[PopAction]) -> list[TraceEntry]:
    """Tell what happened on the phone, who sits at it, and what became of the cards."""
    where = f" at {change.extension}" if change.extension else ""
    steps = [TraceEntry(change.at, change.kind.value, f"{change.trigger}{where}".strip())]
    if change.extension is not None and change.kind in {ChangeKind.RINGING, ChangeKind.DIALING}:
        sits = f"{user} sits at {change.extension}" if user else f"nobody sits at {change.extension}"
        steps.append(TraceEntry(change.at, "agent", sits))
    steps.extend(_told(action, change.at) for action in actions)
    return steps


def _told(action: PopAction, at: float) -> TraceEntry:
    match action:
        case Show():
            return TraceEntry(at, "pop.show", f"{action.user}: {action.reason.value}")
        case Update():
            return TraceEntry(at, "pop.update", f"{action.user}: {action.status.value if action.status else 'card'}")
        case Close():
            return TraceEntry(at, "pop.close", f"{action.user}: {action.reason.value}")

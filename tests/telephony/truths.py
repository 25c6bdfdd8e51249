"""What really happened in a call, told by the phones, and how a row differs from it."""

import msgspec

from telephony.records import CallRecord, Direction

NEAR = 0.5
"""Seconds a row's talk may differ from what the phones measured."""


class Truth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One conversation. Fields are named as in the row."""

    direction: str = "inbound"
    outcome: str = "answered"
    number: str
    did: str | None = None
    extension: str | None = None
    """Outbound and internal calls: who dialled."""
    queue: str | None = None
    answered_by: str | None = None
    phones: dict[str, str] = {}
    """Our phones that were called or took the call, and what became of each."""
    silent: list[str] = []
    """Those among them whose bell was never heard."""
    transfers: list[tuple[str, str, str]] = []
    holds: int = 0
    talk: float = 0.0
    """Seconds from the first answer to the end of the talk."""


def differences(row: CallRecord, truth: Truth) -> dict[str, tuple[object, object]]:
    """Name the facts that are not true: what the row says, and what happened."""
    pairs: dict[str, tuple[object, object]] = {
        "direction": (row.direction.value, truth.direction),
        "outcome": (row.outcome and row.outcome.value, truth.outcome),
        "number": (row.number, truth.number),
        "queue": (row.queue, truth.queue),
        "answered_by": (row.answered_by, truth.answered_by),
        "phones": ({part.extension: part.result and part.result.value for part in row.participants}, truth.phones),
        "silent": ([part.extension for part in row.participants if part.rang_at is None], truth.silent),
        "transfers": ([(moved.kind.value, moved.source, moved.target) for moved in row.transfers], truth.transfers),
        "holds": (row.holds, truth.holds),
        "answered": (row.answered_at is not None, truth.outcome == "answered"),
    }
    if row.direction is Direction.INBOUND:
        pairs["did"] = (row.did, truth.did)
    else:
        pairs["extension"] = (row.extension, truth.extension)
    if abs(row.talk_seconds - truth.talk) > NEAR:
        pairs["talk"] = (row.talk_seconds, truth.talk)
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

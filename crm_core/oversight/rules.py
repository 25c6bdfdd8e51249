"""Who joined a call without being a party of it: written down before it began, its times read from the call. Pure."""

from dataclasses import dataclass
from typing import Final

from telephony.actions import listener_name
from telephony.records import CallRecord

CLOCKS_SECONDS: Final = 60.0
"""So far the PBX's clock may be behind ours."""


@dataclass(frozen=True, slots=True)
class SpyingDraft:
    """A supervisor (`user`, at `phone`) is about to join the call of `agent` (who sits at `agent_phone`)."""

    call_id: str
    pbx: str
    user: str
    phone: str
    mode: str
    agent: str | None
    agent_phone: str | None


@dataclass(frozen=True, slots=True)
class Spying:
    """One row: what was asked for at `at`, and when it really began and ended, as the call's timeline tells."""

    id: int
    at: float
    asked: SpyingDraft
    began_at: float | None = None
    ended_at: float | None = None


def spied(call: CallRecord | None, asked: SpyingDraft, at: float) -> tuple[float | None, float | None]:
    """Tell when what was asked for at `at` began and ended; None: it did not, or not yet."""
    if call is None:
        return None, None
    who = listener_name(asked.user)
    began = next(
        (
            step.at
            for step in call.timeline
            if step.what == asked.mode and step.detail == who and step.at >= at - CLOCKS_SECONDS
        ),
        None,
    )
    if began is None:
        return None, None
    ends = (step.at for step in call.timeline if step.what == "spy_end" and step.detail == who and step.at >= began)
    return began, next(ends, call.ended_at)

"""Calls as the call book hands them on, for tests of the log."""

from msgspec.structs import replace

from telephony.records import (
    CallPhase,
    CallRecord,
    Direction,
    LegResult,
    Outcome,
    Participant,
    Recording,
    Source,
    TimelineEntry,
)

CLAIRE = "+33601020304"


def ringing(
    call_id: str,
    at: float,
    *,
    number: str | None = CLAIRE,
    extension: str = "2001",
    queue: str | None = "support",
    caller_name: str | None = None,
    pbx: str = "main",
) -> CallRecord:
    return CallRecord(
        id=call_id,
        pbx=pbx,
        direction=Direction.INBOUND,
        phase=CallPhase.RINGING,
        started_at=at,
        number=number,
        caller_name=caller_name,
        queue=queue,
        did="74950000001",
        participants=(Participant(extension, rang_at=at + 1),),
        linkedids=(f"linked-{call_id}",),
        timeline=(TimelineEntry(at + 1, "ring", extension),),
        channels=(f"{at}.1",),
    )


def answered(
    call_id: str,
    at: float,
    *,
    number: str | None = CLAIRE,
    extension: str = "2001",
    queue: str | None = "support",
    caller_name: str | None = None,
    source: Source = Source.LIVE,
) -> CallRecord:
    return CallRecord(
        id=call_id,
        pbx="main",
        direction=Direction.INBOUND,
        phase=CallPhase.ENDED,
        started_at=at,
        number=number,
        caller_name=caller_name,
        queue=queue,
        did="74950000001",
        outcome=Outcome.ANSWERED,
        answered_by=extension,
        extension=extension,
        participants=(Participant(extension, at + 1, at + 6, at + 47.2, LegResult.ANSWERED, 41.2),),
        answered_at=at + 6,
        ended_at=at + 47.2,
        wait_seconds=6.0,
        talk_seconds=41.2,
        hangup_cause=16,
        linkedids=(f"linked-{call_id}",),
        timeline=(TimelineEntry(at + 1, "ring", extension), TimelineEntry(at + 6, "answer", extension)),
        source=source,
    )


def missed(call_id: str, at: float, *, number: str | None = CLAIRE, extension: str = "2001") -> CallRecord:
    return CallRecord(
        id=call_id,
        pbx="main",
        direction=Direction.INBOUND,
        phase=CallPhase.ENDED,
        started_at=at,
        number=number,
        outcome=Outcome.MISSED,
        participants=(Participant(extension, at + 1, None, at + 20, LegResult.NO_ANSWER),),
        ended_at=at + 20,
        wait_seconds=19.0,
    )


def recorded_as(call: CallRecord, *recordings: Recording) -> CallRecord:
    return replace(call, recordings=recordings)

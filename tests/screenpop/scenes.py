"""Calls as telephony hands them on, for the tests of this folder."""

from msgspec.structs import replace

from crm_core.staff.rules import Role, User
from screenpop.seats import Seats
from telephony.records import (
    CallChange,
    CallPhase,
    CallRecord,
    Cause,
    ChangeKind,
    Direction,
    LegResult,
    Outcome,
    Participant,
    Transfer,
    TransferKind,
)

T0 = 1_763_754_000.0

ANA = User(1, "ana", "Ana Sousa", Role.AGENT, extensions=("2001",))
BEN = User(2, "ben", "Ben Adams", Role.AGENT, extensions=("2002",))
SUE = User(3, "sue", "Sue Park", Role.SUPERVISOR, extensions=("2003",))
SEATS = Seats({"2001": ANA, "2002": BEN, "2003": SUE})


def inbound(call_id: str = "C1", number: str | None = "+74951234567", queue: str | None = "support") -> CallRecord:
    return CallRecord(
        id=call_id,
        pbx="main",
        direction=Direction.INBOUND,
        phase=CallPhase.QUEUED if queue else CallPhase.RINGING,
        started_at=T0,
        number=number,
        withheld=number is None,
        did="74950000001",
        queue=queue,
        channels=(f"{call_id}.1",),
        linkedids=(f"{call_id}.1",),
    )


def internal(call_id: str = "I1", caller: str = "2001", called: str = "2002") -> CallRecord:
    return CallRecord(
        id=call_id,
        pbx="main",
        direction=Direction.INTERNAL,
        phase=CallPhase.RINGING,
        started_at=T0,
        number=caller,
        extension=caller,
        called=called,
        channels=(f"{call_id}.1",),
    )


def outbound(call_id: str = "O1", dialler: str = "2001", number: str = "+33601020304") -> CallRecord:
    return CallRecord(
        id=call_id,
        pbx="main",
        direction=Direction.OUTBOUND,
        phase=CallPhase.RINGING,
        started_at=T0,
        number=number,
        extension=dialler,
        called=number,
        channels=(f"{call_id}.1",),
    )


class Scene:
    """One call step by step: each verb gives the change that telephony would."""

    def __init__(self, call: CallRecord, at: float = T0) -> None:
        self.call = call
        self.at = at
        self.legs: dict[str, Participant] = {}

    def started(self) -> CallChange:
        return self._change(ChangeKind.STARTED)

    def rings(self, phone: str) -> CallChange:
        self._leg(phone, rang_at=self.at, result=None, left_at=None)
        return self._change(ChangeKind.RINGING, phone)

    def dials(self) -> CallChange:
        return self._change(ChangeKind.DIALING, self.call.extension)

    def answers(self, phone: str) -> CallChange:
        fields: dict[str, object] = {"phase": CallPhase.TALKING}
        if self.call.answered_at is None:
            fields["answered_at"] = self.at
        if self.call.direction is not Direction.OUTBOUND:
            self._leg(phone, answered_at=self.at, result=LegResult.ANSWERED, left_at=None)
            fields["answered_by"] = self.call.answered_by or phone
            fields["extension"] = self.call.extension or phone
        self.call = replace(self.call, **fields)
        return self._change(ChangeKind.ANSWERED, phone)

    def stops(self, phone: str, result: LegResult) -> CallChange:
        self._leg(phone, left_at=self.at, result=result)
        return self._change(ChangeKind.STOPPED, phone, result)

    def leaves(self, phone: str) -> CallChange:
        self._leg(phone, left_at=self.at)
        return self._change(ChangeKind.LEFT, phone)

    def transferred(self, source: str, target: str, kind: TransferKind = TransferKind.BLIND) -> CallChange:
        self.call = replace(self.call, transfers=(*self.call.transfers, Transfer(kind, source, target, self.at)))
        return self._change(ChangeKind.TRANSFERRED, source)

    def absorbs(self, other: str, *phones: Participant) -> CallChange:
        for phone in phones:
            self.legs[phone.extension] = phone
        change = self._change(ChangeKind.ABSORBED)
        return replace(change, absorbed=other)

    def updated(self, **fields: object) -> CallChange:
        self.call = replace(self.call, **fields)
        return self._change(ChangeKind.UPDATED)

    def ends(self, outcome: Outcome = Outcome.ANSWERED) -> CallChange:
        self.call = replace(self.call, phase=CallPhase.ENDED, ended_at=self.at, outcome=outcome)
        return self._change(ChangeKind.ENDED)

    def _leg(self, phone: str, **fields: object) -> None:
        self.legs[phone] = replace(self.legs.get(phone, Participant(phone)), **fields)

    def _change(self, kind: ChangeKind, phone: str | None = None, result: LegResult | None = None) -> CallChange:
        self.call = replace(self.call, participants=tuple(self.legs.values()))
        change = CallChange(
            kind,
            self.at,
            self.call,
            phone,
            result,
            trigger=f"Test {kind}",
            cause=Cause("Test", "", "", self.at, self.at),
        )
        self.at += 1.0
        return change

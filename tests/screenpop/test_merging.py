"""Two halves of a call as one: whose phones, whose answer, whose words."""

from msgspec.structs import replace

from screenpop.merging import alone, merge
from telephony.records import (
    CallPhase,
    CallRecord,
    Confidence,
    DialOut,
    Direction,
    LegResult,
    Outcome,
    Participant,
    TimelineEntry,
    Transfer,
    TransferKind,
)
from tests.screenpop.scenes import T0, inbound, internal, outbound

LINE = (DialOut("1.2", T0 + 1, "3001"),)


def near(**facts: object) -> CallRecord:
    """Give an outside caller's call that went on over a line."""
    call = replace(inbound(queue=None), dials_out=LINE, answered_at=T0 + 1.5, phase=CallPhase.TALKING, participants=())
    return replace(call, **facts)


def far(**facts: object) -> CallRecord:
    """Give the same at the PBX it went to: 3001 rings there from +2 on, and talks from +5 to +9."""
    rosa = Participant("3001", T0 + 2, T0 + 5, T0 + 9, LegResult.ANSWERED, 4.0)
    call = replace(
        inbound("F1", queue=None), pbx="branch", did="3001", phase=CallPhase.ENDED, participants=(rosa,),
        answered_at=T0 + 5, answered_by="3001", extension="3001", ended_at=T0 + 9, talk_seconds=4.0, wait_seconds=3.0,
        outcome=Outcome.ANSWERED, timeline=(TimelineEntry(T0 + 1, "start"), TimelineEntry(T0 + 2, "ring", "3001")),
    )  # fmt: skip
    return replace(call, **facts)


ENDED: dict[str, object] = {"ended_at": T0 + 9.1, "phase": CallPhase.ENDED, "outcome": Outcome.ANSWERED}


def one(first: CallRecord, second: CallRecord) -> CallRecord:
    return merge(first, second, Confidence.EXACT, T0 + 1)


def test_the_far_pbx_going_off_the_hook_is_no_answer() -> None:
    silent = far(
        answered_at=None, answered_by=None, talk_seconds=0.0, outcome=Outcome.MISSED,
        participants=(Participant("3001", T0 + 2, None, T0 + 9, LegResult.NO_ANSWER),),
    )  # fmt: skip
    call = one(near(**ENDED), silent)
    assert (call.outcome, call.answered_at, call.talk_seconds) == (Outcome.MISSED, None, 0.0)
    assert call.wait_seconds == 7.0
    for told, judged in ((Outcome.ABANDONED, Outcome.ABANDONED), (Outcome.VOICEMAIL, Outcome.VOICEMAIL)):
        assert one(near(**ENDED), replace(silent, outcome=told)).outcome is judged


def test_who_answers_at_the_far_pbx_has_answered_the_call() -> None:
    call = one(near(**ENDED), far())
    assert (call.id, call.outcome, call.answered_by, call.extension) == ("C1", Outcome.ANSWERED, "3001", "3001")
    assert (call.answered_at, call.wait_seconds, call.talk_seconds) == (T0 + 5, 3.0, 4.0)
    assert [entry.what for entry in call.timeline] == ["link", "ring"]
    assert (call.ended_at, call.phase) == (T0 + 9.1, CallPhase.ENDED)


def test_a_phone_of_the_near_pbx_that_talked_first_answered() -> None:
    ana = Participant("2001", T0, T0 + 1, T0 + 3, LegResult.ANSWERED, 2.0)
    moved = Transfer(TransferKind.BLIND, "2001", "3001", T0 + 3)
    facts = {"participants": (ana,), "answered_at": T0 + 1, "answered_by": "2001", "talk_seconds": 8.0}
    call = one(near(**ENDED, **facts, transfers=(moved,), wait_seconds=1.0, extension="2001"), far())
    assert (call.answered_by, call.talk_seconds, call.wait_seconds) == ("2001", 8.0, 1.0)
    assert [phone.extension for phone in call.participants] == ["2001", "3001"]
    assert call.transfers == (moved,)


def test_the_same_extension_at_both_is_two_phones() -> None:
    ana = Participant("3001", T0, None, T0 + 1, LegResult.NO_ANSWER)
    call = one(near(participants=(ana,)), far())
    assert [phone.extension for phone in call.participants] == ["3001", "3001@branch"]
    assert (call.answered_by, call.links[0].phones) == ("3001@branch", ("3001@branch",))


def test_a_call_goes_on_until_both_say_it_ended() -> None:
    running = far(ended_at=None, outcome=None, phase=CallPhase.TALKING)
    assert one(near(), running).phase is CallPhase.TALKING
    assert one(near(**ENDED), running).ended_at is None
    assert one(near(**ENDED), running).phase is CallPhase.TALKING
    assert one(near(), far()).phase is CallPhase.TALKING
    assert one(near(phase=CallPhase.TALKING), replace(running, phase=CallPhase.QUEUED)).phase is CallPhase.QUEUED
    assert one(near(phase=CallPhase.HELD), running).phase is CallPhase.HELD


def test_over_the_other_pbx_to_the_outside_is_still_outbound() -> None:
    calls = replace(outbound(), dials_out=LINE, answered_at=T0 + 4, talk_seconds=5.0, wait_seconds=2.0)
    carried = far(participants=(), answered_by=None, answered_at=T0 + 4.2, dials_out=(DialOut("9.9", T0 + 1, "+336"),))
    call = one(calls, carried)
    assert (call.direction, call.number, call.answered_by) == (Direction.OUTBOUND, calls.number, None)
    assert (call.answered_at, call.wait_seconds) == (T0 + 4.2, 2.0)
    unknown = one(calls, far(participants=(), answered_by=None, answered_at=None, outcome=None, ended_at=None))
    assert unknown.answered_at == T0 + 4


def test_a_colleague_who_does_not_answer_is_told_in_the_words_of_internal_calls() -> None:
    calls = replace(outbound(), dials_out=LINE, extension="2001", **ENDED)
    silent = far(answered_at=None, answered_by=None, outcome=Outcome.MISSED)
    assert one(calls, silent).direction is Direction.INTERNAL
    assert one(calls, silent).outcome is Outcome.NO_ANSWER
    assert one(replace(calls, outcome=Outcome.CANCELED), silent).outcome is Outcome.CANCELED


def test_the_near_half_comes_out_again() -> None:
    call = near()
    assert alone(call) is call
    again = alone(one(call, far()))
    assert (again.participants, again.links, again.timeline) == ((), (), ())
    assert alone(one(internal(), far())).participants == internal().participants

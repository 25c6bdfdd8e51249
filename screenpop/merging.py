"""One conversation out of what two PBXs tell of it: the near half dialled over to the far half. Pure.

Each PBX tells the truth about its own phones. What the near half takes for an answer is only the far PBX going off the
hook, so where no phone of the near half talked, the far half says whether somebody did.
"""

from typing import Final

from msgspec.structs import replace

from telephony.phones import AT
from telephony.records import (
    CallLink,
    CallPhase,
    CallRecord,
    Confidence,
    Direction,
    Outcome,
    TimelineEntry,
)

LINK: Final = "link"
"""The timeline's word for a call that goes on at another PBX."""


def merge(near: CallRecord, far: CallRecord, how: Confidence, at: float) -> CallRecord:
    """Tell two halves as one, under the near half's id, with the phones of both; they met at `at` (epoch seconds)."""
    names = _names(near, far)
    phones = tuple(replace(one, extension=names[one.extension]) for one in far.participants)
    internal = near.direction is not Direction.INBOUND and _reached_us(far)
    talked = _own_answer(near)
    answered_at = near.answered_at if talked else _answered_there(near, far)
    answered_by = near.answered_by if talked else names.get(far.answered_by or "")
    ended_at = None if near.ended_at is None or far.ended_at is None else max(near.ended_at, far.ended_at)
    link = CallLink(far.pbx, far.id, how, tuple(one.extension for one in phones))
    call = replace(
        near,
        direction=Direction.INTERNAL if internal else near.direction,
        number=near.extension if internal else near.number,
        phase=_phase(near, far, ended=ended_at is not None),
        queue=near.queue or far.queue,
        answered_at=answered_at,
        answered_by=answered_by if internal or near.direction is not Direction.OUTBOUND else None,
        extension=near.extension or answered_by or (phones[0].extension if len(phones) == 1 else None),
        participants=(*near.participants, *phones),
        transfers=tuple(sorted((*near.transfers, *far.transfers), key=lambda one: one.at)),
        holds=near.holds + far.holds,
        hold_seconds=round(near.hold_seconds + far.hold_seconds, 3),
        wait_seconds=_waited(near, far, answered_at),
        talk_seconds=near.talk_seconds if talked or answered_at is None else _talked_there(near, far),
        ended_at=ended_at,
        linkedids=(*near.linkedids, *(one for one in far.linkedids if one not in near.linkedids)),
        timeline=_timeline(near, far, names, TimelineEntry(at, LINK, detail=far.pbx)),
        holders=(*near.holders, *(names.get(one, one) for one in far.holders)),
        consulting=near.consulting or far.consulting,
        parked=near.parked or far.parked,
        spies=(*near.spies, *far.spies),
        links=(*near.links, link, *far.links),
    )
    return replace(call, outcome=None if ended_at is None else _outcome(call, near, far))


def alone(call: CallRecord) -> CallRecord:
    """Return the near half of a merged call, as its own PBX knows it (its phones; what was answered stays answered)."""
    foreign = {phone for link in call.links for phone in link.phones}
    if not call.links:
        return call
    return replace(
        call,
        participants=tuple(one for one in call.participants if one.extension not in foreign),
        timeline=tuple(one for one in call.timeline if one.extension not in foreign and one.what != LINK),
        links=(),
    )


def _names(near: CallRecord, far: CallRecord) -> dict[str, str]:
    """Name the far half's phones; one whose extension the near half has as well is written with its PBX."""
    taken = {one.extension for one in near.participants} | {near.extension or ""}
    phones = [one.extension for one in far.participants] + [one for one in (far.answered_by, far.extension) if one]
    return {phone: phone if phone not in taken or AT in phone else f"{phone}{AT}{far.pbx}" for phone in phones}


def _own_answer(near: CallRecord) -> bool:
    """Whether a phone of the near half talked, besides the one that dialled."""
    dialler = None if near.direction is Direction.INBOUND else near.extension
    return any(one.answered_at is not None and one.extension != dialler for one in near.participants)


def _reached_us(far: CallRecord) -> bool:
    """Whether the far half is for phones of ours, not on its way to the outside."""
    return bool(far.participants or far.queue) and not far.dials_out


def _answered_there(near: CallRecord, far: CallRecord) -> float | None:
    """When somebody of the far half talked; the far half that dialled out says so by itself, or the near half does."""
    if far.participants or far.queue or far.outcome is Outcome.VOICEMAIL:
        return far.answered_at
    return far.answered_at if far.dials_out else near.answered_at


def _talked_there(near: CallRecord, far: CallRecord) -> float:
    return far.talk_seconds if far.answered_at is not None else near.talk_seconds


def _waited(near: CallRecord, far: CallRecord, answered_at: float | None) -> float:
    """Wait from the first moment the caller could be helped, at whichever PBX that was."""
    if _own_answer(near) or (near.direction is Direction.OUTBOUND and not _reached_us(far)):
        return near.wait_seconds
    rings = [one.rang_at for one in (*near.participants, *far.participants) if one.rang_at is not None]
    joined = [one.at for one in (*near.timeline, *far.timeline) if one.what == "queue_join"]
    begin = min((*joined, *rings), default=None)
    ends = [one for one in (answered_at, far.ended_at, near.ended_at) if one is not None]
    if begin is None or not ends:
        return max(near.wait_seconds, far.wait_seconds) if begin is None else far.wait_seconds
    return round(max(0.0, ends[0] - begin), 3)


def _phase(near: CallRecord, far: CallRecord, *, ended: bool) -> CallPhase:
    if ended:
        return CallPhase.ENDED
    if far.ended_at is not None or near.ended_at is not None:
        return near.phase if near.ended_at is None else far.phase
    if CallPhase.HELD in {near.phase, far.phase}:
        return CallPhase.HELD
    dialler = None if near.direction is Direction.INBOUND else near.extension
    talks_here = any(one.answered_at and not one.left_at and one.extension != dialler for one in near.participants)
    return near.phase if talks_here or not _reached_us(far) else far.phase


def _timeline(
    near: CallRecord, far: CallRecord, names: dict[str, str], met: TimelineEntry
) -> tuple[TimelineEntry, ...]:
    theirs = (
        replace(one, extension=names.get(one.extension or "", one.extension))
        for one in far.timeline
        if one.what not in {"start", "end"}
    )
    end = [one for one in near.timeline if one.what == "end"]
    steps = [*(one for one in near.timeline if one.what != "end"), met, *theirs]
    return (*sorted(steps, key=lambda one: one.at), *end)


def _outcome(call: CallRecord, near: CallRecord, far: CallRecord) -> Outcome | None:
    """Judge the whole in the words of its direction."""
    if call.answered_at is not None:
        return Outcome.ANSWERED
    if Outcome.VOICEMAIL in {near.outcome, far.outcome}:
        return Outcome.VOICEMAIL
    if call.direction is Direction.INBOUND:
        return near.outcome if near.outcome not in {Outcome.ANSWERED, Outcome.MISSED} else _inbound(far)
    return near.outcome if near.outcome is not Outcome.ANSWERED else Outcome.NO_ANSWER


def _inbound(far: CallRecord) -> Outcome:
    known = far.outcome in {Outcome.ABANDONED, Outcome.BUSY, Outcome.FAILED}
    return far.outcome if known and far.outcome is not None else Outcome.MISSED

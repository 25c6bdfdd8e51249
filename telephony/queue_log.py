"""Asterisk's queue_log -> visits of queues: what CEL and CDR lack, namely which queue, since when, and how it ended.

Read from the text file (`epoch|callid|queue|agent|event|data1|...`) or from the realtime table of the same columns.
`callid` is the uniqueid of the caller's channel.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec

from telephony import events as ev
from telephony.book import Line
from telephony.cel import read_time
from telephony.conversations import call_id
from telephony.records import CallPhase, CallRecord, Direction, LegResult, Outcome, Participant, Source

MOST_WAITING: Final = 100_000
"""Callers followed at a time; a log that lost their ends must not fill the memory."""


class Left(StrEnum):
    """How a caller left a queue."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"
    OTHER = "other"
    """Time-out, key, empty queue: the dialplan goes on."""


class Entry(msgspec.Struct, frozen=True):
    """One line."""

    at: float
    caller: str
    queue: str
    agent: str
    event: str
    data: tuple[str, ...]


class Visit(msgspec.Struct):
    """A caller's stay in a queue."""

    caller: str
    queue: str
    joined_at: float
    number: str | None = None
    left_at: float | None = None
    how: Left = Left.OTHER
    agent: str = ""
    ended_at: float | None = None
    """When the talk was over, where that was told."""


def read_line(line: str) -> Entry | None:
    """Read a line of the text file; None for one that is none."""
    parts = line.rstrip("\r\n").split("|")
    if len(parts) < 5:  # noqa: PLR2004 - time, call, queue, agent, event
        return None
    return _entry(parts[0], parts[1:5], parts[5:])


def read(fields: Mapping[str, Any]) -> Entry | None:
    """Read a row of the realtime table by its columns' names; `data` holds all values where `data1` is not there."""
    low = {key.lower(): "" if value is None else str(value) for key, value in fields.items()}
    named = [low[key] for key in (f"data{number}" for number in range(1, 6)) if key in low]
    data = named or low.get("data", "").split("|")
    return _entry(low.get("time"), [low.get(key, "") for key in ("callid", "queuename", "agent", "event")], data)


def _entry(time: str | None, names: Sequence[str], data: Sequence[str]) -> Entry | None:
    at = read_time(time)
    caller, queue, agent, event = names
    return Entry(at[0], caller, queue, agent, event, tuple(data)) if at is not None and event else None


def visits(entries: Iterator[Entry]) -> dict[str, list[Visit]]:
    """Give the visits of each caller, in their order."""
    found: dict[str, list[Visit]] = {}
    for entry in entries:
        if entry.event == "ENTERQUEUE":
            number = ev.text_or_none(entry.data[1]) if len(entry.data) > 1 else None
            found.setdefault(entry.caller, []).append(Visit(entry.caller, entry.queue, entry.at, number))
        elif entry.caller in found:
            _leave(found[entry.caller][-1], entry)
    return found


def _leave(visit: Visit, entry: Entry) -> None:
    if entry.event == "CONNECT":
        visit.left_at, visit.how, visit.agent = entry.at, Left.ANSWERED, entry.agent
    elif entry.event in {"COMPLETECALLER", "COMPLETEAGENT"}:
        visit.ended_at = entry.at
    elif entry.event == "ABANDON":
        visit.left_at, visit.how = entry.at, Left.ABANDONED
    elif entry.event.startswith("EXIT"):
        visit.left_at, visit.how = entry.at, Left.OTHER


def enrich(call: CallRecord, stays: Sequence[Visit], *, exact: bool) -> CallRecord:
    """Add what its caller's visits tell to a call; `exact`: its times are better (CEL), only what lacks is added."""
    last, first = stays[-1], stays[0]
    call = msgspec.structs.replace(call, queue=call.queue or last.queue)
    if call.outcome is Outcome.MISSED and last.how is Left.ABANDONED:
        call = msgspec.structs.replace(call, outcome=Outcome.ABANDONED)
    if exact:
        return call
    taken = next((stay for stay in stays if stay.how is Left.ANSWERED and stay.left_at is not None), None)
    if taken is None or taken.left_at is None or call.answered_at is None:
        until = last.left_at if last.left_at is not None else call.ended_at
        return msgspec.structs.replace(call, wait_seconds=max(0.0, (until or first.joined_at) - first.joined_at))
    later = max(0.0, taken.left_at - call.answered_at)
    return msgspec.structs.replace(
        call,
        answered_at=max(taken.left_at, call.answered_at),
        wait_seconds=max(0.0, taken.left_at - first.joined_at),
        talk_seconds=max(0.0, call.talk_seconds - later),
        participants=tuple(_later(leg, later) for leg in call.participants),
    )


def _later(leg: Participant, seconds: float) -> Participant:
    if leg.answered_at is None:
        return leg
    talked = max(0.0, leg.talk_seconds - seconds)
    return msgspec.structs.replace(leg, answered_at=leg.answered_at + seconds, talk_seconds=talked)


def told(stays: Sequence[Visit], line: Line, source: Source) -> CallRecord:
    """Tell a call of which nothing but its visits is known; who took it only where the log names a phone."""
    first, last = stays[0], stays[-1]
    taken = next((stay for stay in stays if stay.how is Left.ANSWERED), None)
    left = last.left_at if last.left_at is not None else last.joined_at
    answered = taken.left_at if taken is not None else None
    ended = taken.ended_at if taken is not None and taken.ended_at is not None else left
    phone = taken.agent.partition("/")[2].partition("@")[0] if taken is not None else ""
    phone = phone if line.is_phone(phone) else ""
    talked = max(0.0, ended - answered) if answered is not None else 0.0
    legs = (Participant(phone, None, answered, ended, LegResult.ANSWERED, talked),) if phone else ()
    missed = Outcome.ABANDONED if last.how is Left.ABANDONED else Outcome.MISSED
    return CallRecord(
        id=call_id(line.pbx, first.caller),
        pbx=line.pbx,
        direction=Direction.INBOUND,
        phase=CallPhase.ENDED,
        started_at=first.joined_at,
        number=first.number,
        queue=last.queue,
        outcome=Outcome.ANSWERED if answered is not None else missed,
        answered_by=phone or None,
        extension=phone or None,
        participants=legs,
        answered_at=answered,
        ended_at=max(ended, left),
        wait_seconds=max(0.0, (answered if answered is not None else left) - first.joined_at),
        talk_seconds=talked,
        linkedids=(first.caller,),
        source=source,
        channels=(first.caller,),
        hung_up=1,
        caller=first.caller,
    )

"""Call detail records (CDR) -> finished calls: the poor source, for a PBX that keeps no channel event log.

A row tells one pair of channels: who called, which phone, when, and how it ended. What it lacks stays unknown:
transfers, holds, ringing, who hung up, a withheld number. A queue's caller is "answered" by Answer() already;
`queue_log` tells when an agent took the call.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from telephony import events as ev
from telephony.book import Line
from telephony.cel import Finished, read_time
from telephony.channels import endpoint_of
from telephony.conversations import call_id
from telephony.dialing import dial_string_in
from telephony.events import CONFERENCES
from telephony.records import CallPhase, CallRecord, Direction, LegResult, Outcome, Participant, Source

CSV_COLUMNS: Final = (
    "accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata", "start", "answer",
    "end", "duration", "billsec", "disposition", "amaflags", "uniqueid", "userfield", "peeraccount", "linkedid",
    "sequence",
)  # fmt: skip
"""A line of cdr_csv's Master.csv, which has no line that names them; older ones end sooner."""
CALLING: Final = frozenset({"Dial", "Queue", "FollowMe"})
LATEST_SECONDS: Final = 4 * 3600.0
"""Rows of one call are written when its parts end: a call of which nothing came for so long is whole."""
MOST_OPEN: Final = 100_000
_RESULTS: Final = {"ANSWERED": LegResult.ANSWERED, "BUSY": LegResult.BUSY, "NO ANSWER": LegResult.NO_ANSWER}
_ALIASES: Final = {"calldate": "start"}


class Row(msgspec.Struct, frozen=True):
    """One record; times as epoch seconds, of a local time without a zone as if it were UTC (see `zoned`)."""

    start: float
    end: float
    answer: float | None
    src: str | None
    dst: str
    name: str | None
    channel: str
    dstchannel: str
    application: str
    argument: str
    disposition: str
    uniqueid: str
    linkedid: str
    zoned: bool


def read(fields: Mapping[str, Any]) -> Row | None:
    """Read a row by its columns' names, those of the CSV file or of a `cdr` table; None when it lacks what matters."""
    low = {_ALIASES.get(key.lower(), key.lower()): "" if value is None else str(value) for key, value in fields.items()}
    start, end = read_time(low.get("start")), read_time(low.get("end"))
    channel, uniqueid = low.get("channel", ""), low.get("uniqueid", "")
    if start is None or not channel or not uniqueid:
        return None
    ended = end[0] if end is not None else start[0] + _seconds(low.get("duration", ""))
    answer = read_time(low.get("answer"))
    talked = _seconds(low.get("billsec", ""))
    name = low.get("clid", "").rpartition("<")[0].strip().strip('"')
    return Row(
        start[0],
        ended,
        answer[0] if answer is not None else (ended - talked if talked else None),
        ev.text_or_none(low.get("src")),
        low.get("dst", ""),
        ev.text_or_none(name),
        channel,
        low.get("dstchannel", ""),
        low.get("lastapp", ""),
        low.get("lastdata", ""),
        low.get("disposition", ""),
        uniqueid,
        low.get("linkedid", "") or uniqueid,
        start[1],
    )


def _seconds(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0


class CdrHistory:
    """Records being read in the order in which they were written."""

    def __init__(self, line: Line, source: Source = Source.RECOVERED) -> None:
        self._line = line
        self._source = source
        self._open: dict[str, list[Row]] = {}

    def take(self, row: Row) -> Iterator[Finished]:
        """Take one record; give the calls that are whole since."""
        rows = self._open.pop(row.linkedid, [])
        self._open[row.linkedid] = [*rows, row]  # the one that grew last stands last
        while self._open:
            linkedid, oldest = next(iter(self._open.items()))
            if len(self._open) <= MOST_OPEN and row.end - oldest[-1].end <= LATEST_SECONDS:
                return
            yield from self._finish(self._open.pop(linkedid))

    def close(self) -> Iterator[Finished]:
        """Give the calls that are left when there are no more records."""
        while self._open:
            yield from self._finish(self._open.pop(next(iter(self._open))))

    def _finish(self, rows: Sequence[Row]) -> Iterator[Finished]:
        call = told(rows, self._line, self._source)
        if call is not None:
            yield Finished(call)


def told(rows: Sequence[Row], line: Line, source: Source) -> CallRecord | None:
    """Tell the call of which these are the records; None for what is no conversation (a code, an announcement)."""
    rows = sorted(rows, key=lambda row: (row.start, row.uniqueid != row.linkedid))
    real = [row for row in rows if not endpoint_of(row.channel)[1]] or rows
    first = real[0]
    endpoint = endpoint_of(first.channel)[0]
    calls = [row for row in rows if row.dstchannel and row.application in CALLING]
    direction = _direction(first, calls, line)
    if direction is None:
        return None
    legs = _legs(calls, line)
    talks = [*calls, *(row for row in rows if row.application in CONFERENCES)]
    answers = [row for row in talks if row.disposition == "ANSWERED" and row.answer is not None]
    answered_at = min((row.answer for row in answers if row.answer is not None), default=None)
    ended = max(row.end for row in rows)
    talk = max((row.end for row in answers), default=0.0) - answered_at if answered_at is not None else 0.0
    answered_by = next((leg.extension for leg in legs if leg.result is LegResult.ANSWERED), None)
    own = endpoint if direction is not Direction.INBOUND else None
    number = {Direction.INBOUND: first.src, Direction.INTERNAL: endpoint}.get(direction) or _outside_number(
        calls, first
    )
    ids = list(dict.fromkeys([first.uniqueid, *(row.uniqueid for row in rows)]))
    return CallRecord(
        id=call_id(line.pbx, first.uniqueid),
        pbx=line.pbx,
        direction=direction,
        phase=CallPhase.ENDED,
        started_at=first.start,
        number=number,
        caller_name=first.name if direction is Direction.INBOUND and first.name != number else None,
        did=first.dst if direction is Direction.INBOUND and not line.is_phone(first.dst) else None,
        queue=next((row.argument.partition(",")[0] for row in rows if row.application == "Queue"), None),
        outcome=_outcome(direction, rows, legs, answered=answered_at is not None),
        answered_by=answered_by if direction is not Direction.OUTBOUND else None,
        extension=own or answered_by or (legs[0].extension if len(legs) == 1 else None),
        participants=legs,
        answered_at=answered_at,
        ended_at=ended,
        wait_seconds=max(0.0, (answered_at if answered_at is not None else ended) - first.start),
        talk_seconds=max(0.0, talk),
        linkedids=tuple(dict.fromkeys(row.linkedid for row in rows)),
        source=source,
        channels=tuple(ids),
        hung_up=len(ids),
        caller=first.uniqueid,
        called=first.dst if own is not None else None,
    )


def _direction(first: Row, calls: Sequence[Row], line: Line) -> Direction | None:
    if not line.is_phone(endpoint_of(first.channel)[0]):
        return Direction.INBOUND
    called = [endpoint_of(row.dstchannel) for row in calls]
    if any(not local and not line.is_phone(name) for name, local in called):
        return Direction.OUTBOUND
    if called or first.application == "Queue" or first.application in CONFERENCES or line.is_phone(first.dst):
        return Direction.INTERNAL
    number = first.dst.removeprefix("+")
    tried = first.disposition != "ANSWERED" and number.isdecimal() and len(number) > 1
    return Direction.OUTBOUND if tried else None


def _legs(calls: Sequence[Row], line: Line) -> tuple[Participant, ...]:
    legs: dict[str, Participant] = {}
    taken = any(row.disposition == "ANSWERED" for row in calls)
    for row in calls:
        name, local = endpoint_of(row.dstchannel)
        phone = row.dstchannel.removeprefix("Local/").partition("@")[0] if local else name
        if not line.is_phone(phone):
            continue
        result = _RESULTS.get(row.disposition, LegResult.FAILED)
        if result is LegResult.NO_ANSWER and taken:
            result = LegResult.ELSEWHERE
        known = legs.get(phone)
        if known is None or known.result is not LegResult.ANSWERED:
            answered = row.answer if result is LegResult.ANSWERED else None
            talked = row.end - answered if answered is not None else 0.0
            legs[phone] = Participant(phone, None, answered, row.end, result, max(0.0, talked))
    return tuple(legs.values())


def _outside_number(calls: Sequence[Row], first: Row) -> str:
    for row in calls:
        dialled = dial_string_in(row.argument, endpoint_of(row.dstchannel)[0]).partition("@")[0].rpartition("/")[2]
        if dialled.removeprefix("+").isdecimal():
            return dialled
    return first.dst


def _outcome(direction: Direction, rows: Sequence[Row], legs: Sequence[Participant], *, answered: bool) -> Outcome:
    if answered:
        return Outcome.ANSWERED
    if any(row.application == "VoiceMail" and row.disposition == "ANSWERED" for row in rows):
        return Outcome.VOICEMAIL
    if direction is Direction.INBOUND:
        results = {leg.result for leg in legs}
        alone = next(iter(results)) if len(results) == 1 and all(row.application != "Queue" for row in rows) else None
        return _INBOUND.get(alone, Outcome.MISSED)
    words = {row.disposition for row in rows}
    if "BUSY" in words:
        return Outcome.BUSY
    return Outcome.FAILED if words & {"FAILED", "CONGESTION"} else Outcome.NO_ANSWER


_INBOUND: Final[Mapping[LegResult | None, Outcome]] = {
    LegResult.BUSY: Outcome.BUSY,
    LegResult.FAILED: Outcome.FAILED,
}

"""Channel event logging (CEL) -> the same typed events, and so through the same reducer the same finished calls.

CEL is what Asterisk keeps while nobody listens: calls made during an outage, the history of a PBX that ran before us.
It tells channels, bridges, applications and transfers, but neither dials nor ringing nor holds. A dial is concluded: a
channel that began under another one's linkedid is called by the latest one of that linkedid that runs an application
which calls (Dial, Queue). A phone that was called is taken to have rung, unless it refused at once or was unreachable.
Holds are not known and stay 0.

Both families of key names are read, without case (`CIDNum` of the sample files, `Num` of the new ones).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from telephony import events as ev
from telephony.calls import CallBook, Line, apply
from telephony.channels import endpoint_of
from telephony.conversations import CAUSE_BUSY, CAUSE_REJECTED, CAUSES_UNREACHABLE
from telephony.dialing import dial_string_in
from telephony.records import CallChange, CallRecord, ChangeKind, Source, Step

CALLING_APPLICATIONS: Final = frozenset({"Dial", "Queue", "FollowMe", "Page", "RetryDial"})
SHORTEST_MESSAGE_SECONDS: Final = 3.0
"""Nobody leaves a message in less: the greeting and the beep come first (voicemail.conf, `minsecs`)."""
REFUSED_AT_ONCE_SECONDS: Final = 0.15
"""A phone that is busy, or sends the call on, says so before it could ring."""
REFUSED_BY_QUEUE_SECONDS: Final = 0.05
"""A queue that takes no caller (join-empty, full) is left before it was entered."""
MOST_DEEP: Final = 100_000
"""Channels followed at a time; a log that lost its hang-ups must not fill the memory."""
MOST_QUOTED: Final = 40
"""Characters of a wrong value that are told."""

_ALIASES: Final = {
    "cidname": "name",
    "cidnum": "num",
    "cidani": "ani",
    "cidrdnis": "rdnis",
    "ciddnid": "dnid",
    "eventextra": "extra",
    "accountcode": "acctcode",
    "cid_name": "name",
    "cid_num": "num",
    "cid_ani": "ani",
    "cid_rdnis": "rdnis",
    "cid_dnid": "dnid",
    "peeraccount": "peeracct",
}
"""Names of cel_custom's sample and of the databases' `cel` table, as they stand in the short family."""


class Row(msgspec.Struct, frozen=True):
    """One CEL row."""

    kind: str
    at: float
    channel: str
    uniqueid: str
    linkedid: str
    number: str | None
    name: str | None
    exten: str
    application: str
    argument: str
    extra: Mapping[str, Any]
    zoned: bool = True
    """Whether the time named its zone or was epoch seconds; else it was read as UTC."""


def read(fields: Mapping[str, Any]) -> Row | None:
    """Read a row by its keys; None when it names no event, no time or no channel."""
    low = _short(fields)

    def text(key: str) -> str:
        value = low.get(key)
        return "" if value is None else str(value)

    time = read_time(low.get("eventtime"))
    kind, channel, uniqueid = text("eventtype").upper(), text("channame"), text("uniqueid")
    if time is None or not kind or not channel or not uniqueid:
        return None
    return Row(
        kind.removeprefix("AST_CEL_"),
        time[0],
        channel,
        uniqueid,
        text("linkedid") or uniqueid,
        ev.text_or_none(text("num")),
        ev.text_or_none(text("name")),
        text("exten"),
        text("appname"),
        text("appdata"),
        _extra(low.get("extra")),
        time[1],
    )


def refusal(fields: Mapping[str, Any]) -> str:
    """Say why `read` finds no row in these keys."""
    low = _short(fields)
    for name in ("EventType", "EventTime", "ChanName", "UniqueID"):
        if low.get(name.lower()) in {None, ""}:
            return f"no {name}"
    return f"EventTime {str(low['eventtime'])[:MOST_QUOTED]!r} is no time"


def read_line(line: str) -> Row | None:
    """Read one JSON line; None for a line that is none."""
    decoded = _object(line)
    return None if decoded is None else read(decoded)


def refusal_of_line(line: str) -> str:
    """Say why `read_line` finds no row in this line."""
    decoded = _object(line)
    return "no JSON object" if decoded is None else refusal(decoded)


def _object(line: str) -> dict[str, Any] | None:
    """Decode a JSON object.

    Asterisk's own writer turns a backslash and quote of a caller's name into a closing quote: that is mended.
    """
    for text in (line, line.replace('\\\\"', '\\\\\\"')):
        try:
            decoded = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        return decoded if isinstance(decoded, dict) else None
    return None


def _short(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Give the keys their short names, in lower case."""
    return {_ALIASES.get(key.lower(), key.lower()): value for key, value in fields.items()}


def read_time(value: object) -> tuple[float, bool] | None:
    """Read epoch seconds or ISO 8601, and whether the zone was told; a time without one is taken for UTC."""
    text = str(value).strip() if value is not None else ""
    try:
        at = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text.replace("/", "-"))
        except ValueError:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp(), moment.tzinfo is not None
    return (at, True) if 0 <= at < 1e11 else None  # noqa: PLR2004 - up to the year 5138; "nan" fails both


def _extra(value: object) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, str) or not value.startswith("{"):
        return {}
    try:
        decoded = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}  # the writer breaks on some caller names; the rest of the row still counts
    return decoded if isinstance(decoded, dict) else {}


@dataclass(slots=True)
class _Seen:
    """A channel as the log shows it."""

    row: Row
    linkedid: str = ""
    """As last seen: Asterisk re-stamps it when calls are joined."""
    application: str = ""
    argument: str = ""
    entered_at: float = 0.0
    called_by: str | None = None
    originated: bool = False
    forwarded: bool = False
    up: bool = False
    bridged: bool = False
    left_queue_at: float | None = None


@dataclass(slots=True)
class CelBook:
    """A call book fed by CEL, and what is concluded on the way."""

    book: CallBook
    seen: dict[str, _Seen] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    family: dict[str, list[str]] = field(default_factory=dict)
    """Linkedid -> its living channels, oldest first."""
    pending: list[tuple[float, str, ev.Event]] = field(default_factory=list)
    """Conclusions that a row soon after may still undo: when they fall due, of which channel, what."""
    cut: dict[str, None] = field(default_factory=dict)
    """Uniqueids of channels that the log shows without their beginning: their calls are not whole."""


def new_book(line: Line) -> CelBook:
    """Begin an empty book."""
    return CelBook(CallBook(line))


def apply_row(cel: CelBook, row: Row) -> Step:
    """Take one row into the book."""
    changes: list[Any] = []
    surprises: list[Any] = []
    due = [event for at, _, event in cel.pending if at <= row.at]
    cel.pending = [one for one in cel.pending if one[0] > row.at]
    for event in (*due, *_translate(cel, row)):
        step = apply(cel.book, event)
        changes.extend(step.changes)
        surprises.extend(step.surprises)
    return Step(tuple(changes), tuple(surprises))


@dataclass(frozen=True, slots=True)
class Finished:
    """A call of the log, and the ids of consultations that turned out to be part of it."""

    call: CallRecord
    absorbed: tuple[str, ...] = ()


class History:
    """A log being read, row by row in the order of their times.

    A call whose beginning lies before the first row is not told: it would be another call under another id.
    """

    def __init__(self, line: Line, source: Source = Source.IMPORTED) -> None:
        self.cut_off = 0
        """Calls that are not told because the log lacks their beginning."""
        self._cel = new_book(line)
        self._source = source
        self._absorbed: dict[str, str] = {}

    def take(self, row: Row) -> Iterator[Finished]:
        """Take one row; give the calls that end with it."""
        for change in apply_row(self._cel, row).changes:
            if not isinstance(change, CallChange):
                continue
            if change.kind is ChangeKind.ABSORBED and change.absorbed is not None:
                self._absorb(change.absorbed, change.call.id)
            elif change.kind is ChangeKind.ENDED:
                yield from self._end(change.call)

    def needed(self) -> Iterator[str]:
        """Give the uniqueids whose rows the calls that still run are made of; some may come twice."""
        yield from self._cel.seen
        for call in self._cel.book.calls.values():
            yield from call.past
            yield from call.channels

    def _absorb(self, absorbed: str, into: str) -> None:
        for one, other in self._absorbed.items():
            if other == absorbed:
                self._absorbed[one] = into
        self._absorbed[absorbed] = into
        while len(self._absorbed) > MOST_DEEP:
            del self._absorbed[next(iter(self._absorbed))]

    def _end(self, call: CallRecord) -> Iterator[Finished]:
        absorbed = tuple(one for one, into in self._absorbed.items() if into == call.id)
        for one in absorbed:
            del self._absorbed[one]
        cut = [uniqueid for uniqueid in call.channels if uniqueid in self._cel.cut]
        for uniqueid in cut:
            del self._cel.cut[uniqueid]
        if cut:
            self.cut_off += 1
        else:
            yield Finished(replace(call, source=self._source), absorbed)


def finished_calls(rows: Iterable[Row], line: Line, source: Source = Source.IMPORTED) -> Iterator[CallRecord]:
    """Give the calls of a log, each when its last channel is gone; rows must come in the order of their times."""
    history = History(line, source)
    for row in rows:
        for finished in history.take(row):
            yield finished.call


def _party(row: Row, state: str = "") -> ev.Party:
    return ev.Party(row.channel, row.uniqueid, row.linkedid, state, row.number, row.name, None, row.exten)


def _stranger(cel: CelBook, name: object, uniqueid: object) -> ev.Party | None:
    """Give the other party a row names."""
    if not isinstance(name, str) or not isinstance(uniqueid, str) or not name or uniqueid in {"", "N/A"}:
        return None
    if uniqueid not in cel.seen and uniqueid not in cel.book.graph.gone:
        _cut(cel, uniqueid)
    return ev.Party(name, uniqueid)


def _cut(cel: CelBook, uniqueid: str) -> None:
    """Take note of a channel whose beginning is not in the log."""
    cel.cut[uniqueid] = None
    while len(cel.cut) > MOST_DEEP:
        del cel.cut[next(iter(cel.cut))]


def _translate(cel: CelBook, row: Row) -> list[ev.Event]:
    seen = cel.seen.get(row.uniqueid)
    if row.kind == "CHAN_START":
        return _start(cel, row)
    if seen is None:
        if row.kind in {"HANGUP", "CHAN_END", "LINKEDID_END", "BRIDGE_EXIT", "APP_END"}:
            return []
        seen = _remember(cel, row)
        _cut(cel, row.uniqueid)
    elif row.linkedid != seen.linkedid:
        _leave_family(cel, seen)
        _join_family(cel, seen, row.linkedid)
    handler = _KINDS.get(row.kind)
    return handler(cel, row, seen) if handler is not None else []


def _remember(cel: CelBook, row: Row) -> _Seen:
    while len(cel.seen) >= MOST_DEEP:
        _forget(cel, cel.seen[next(iter(cel.seen))].row)
    seen = cel.seen[row.uniqueid] = _Seen(row)
    cel.names[row.channel] = row.uniqueid
    _join_family(cel, seen, row.linkedid)
    return seen


def _join_family(cel: CelBook, seen: _Seen, linkedid: str) -> None:
    seen.linkedid = linkedid
    cel.family.setdefault(linkedid, []).append(seen.row.uniqueid)


def _leave_family(cel: CelBook, seen: _Seen) -> None:
    family = cel.family.get(seen.linkedid, [])
    if seen.row.uniqueid in family:
        family.remove(seen.row.uniqueid)
    if not family:
        cel.family.pop(seen.linkedid, None)


def _forget(cel: CelBook, row: Row) -> None:
    seen = cel.seen.pop(row.uniqueid, None)
    if seen is None:
        return
    cel.names.pop(row.channel, None)
    _leave_family(cel, seen)


def _start(cel: CelBook, row: Row) -> list[ev.Event]:
    if row.uniqueid in cel.seen:
        return []
    endpoint, is_local = endpoint_of(row.channel)
    caller = _caller(cel, row)
    seen = _remember(cel, row)
    if caller is None and row.uniqueid != row.linkedid:
        _cut(cel, row.uniqueid)  # whoever called it is not in the log
    if is_local:
        second_half = row.channel.endswith(";2")
        out: list[ev.Event] = [ev.Newchannel(row.at, _party(row, "Ring" if second_half else "Down"))]
        if not second_half and caller is not None:
            seen.called_by = caller.row.uniqueid
            out.append(ev.DialBegin(row.at, _party(caller.row), _party(row, "Down"), ""))
        return out
    if row.uniqueid == row.linkedid or caller is None:
        # A phone that begins at `s` was rung by Asterisk itself (Originate), one that dials names whom it dials.
        if cel.book.line.is_phone(endpoint) and row.exten in {"s", ""}:
            if row.uniqueid != row.linkedid:
                return [ev.Newchannel(row.at, _party(row, "Down"))]  # its caller's rows are lost
            seen.originated = True
            party = _party(row, "Ringing")
            return [ev.Newchannel(row.at, _party(row, "Down")), ev.DialBegin(row.at, None, party, "")]
        return [ev.Newchannel(row.at, _party(row, "Ring"))]
    seen.called_by = caller.row.uniqueid
    dial = dial_string_in(caller.argument, endpoint)
    rings = ev.Newstate(row.at, _party(row, "Ringing"))
    cel.pending.append((row.at + REFUSED_AT_ONCE_SECONDS, row.uniqueid, rings))
    return [
        *_take_pending(cel, caller.row.uniqueid),  # a queue that calls its members took the caller in
        ev.Newchannel(row.at, _party(row, "Down")),
        ev.DialBegin(row.at, _party(caller.row), _party(row, "Down"), dial),
    ]


def _take_pending(cel: CelBook, uniqueid: str) -> list[ev.Event]:
    """Take what was concluded of a channel and is not due yet."""
    mine = [event for _, whose, event in cel.pending if whose == uniqueid]
    if mine:
        cel.pending = [one for one in cel.pending if one[1] != uniqueid]
    return mine


def _name_called(row: Row, seen: _Seen) -> list[ev.Event]:
    """Tell whom an originated call is for, as soon as the log shows it."""
    endpoint = endpoint_of(row.channel)[0]
    if not seen.originated or row.number is None or row.number == endpoint:
        return []
    seen.originated = False
    called = ev.Party(row.channel, row.uniqueid, row.linkedid, "", endpoint, None, row.number, row.exten)
    return [ev.DialBegin(row.at, None, called, "")]


def _caller(cel: CelBook, row: Row) -> _Seen | None:
    """Conclude who calls this channel."""
    living = [cel.seen[u] for u in cel.family.get(row.linkedid, ()) if u in cel.seen and u != row.uniqueid]
    calling = [s for s in living if s.application in CALLING_APPLICATIONS]
    if calling:
        endpoint = endpoint_of(row.channel)[0]
        named = [s for s in calling if endpoint and f"/{endpoint}" in s.argument.replace("@", "/")]
        return max(named or calling, key=lambda s: s.entered_at)
    return living[0] if living and row.uniqueid != row.linkedid else None


def _answer(cel: CelBook, row: Row, seen: _Seen) -> list[ev.Event]:
    seen.up = True
    out = [*_take_pending(cel, row.uniqueid), *_name_called(row, seen), ev.Newstate(row.at, _party(row, "Up"))]
    if seen.called_by is not None and (caller := cel.seen.get(seen.called_by)) is not None:
        out.append(ev.DialEnd(row.at, _party(caller.row), _party(row, "Up"), "ANSWER", ""))
    elif seen.application == "Dial":
        # The caller is answered when the dial is won: later than the phone where that must accept by key.
        up = [
            one for u in cel.family.get(row.linkedid, ()) if (one := cel.seen[u]).called_by == row.uniqueid and one.up
        ]
        out += [ev.DialEnd(row.at, _party(row), _party(one.row, "Up"), "ANSWER", "") for one in up if not one.bridged]
    return out


def _app_start(cel: CelBook, row: Row, seen: _Seen) -> list[ev.Event]:
    seen.application, seen.argument, seen.entered_at = row.application, row.argument, row.at
    name = row.argument.partition(",")[0]
    if row.application == "Queue":
        joins = ev.QueueCallerJoin(row.at, _party(row), name, 0)
        cel.pending.append((row.at + REFUSED_BY_QUEUE_SECONDS, row.uniqueid, joins))
        return [ev.ApplicationEntered(row.at, _party(row), "Queue", row.argument)]
    if row.application == "VoiceMail":
        return [ev.ApplicationEntered(row.at, _party(row), "VoiceMail", row.argument)]
    if row.application == "MixMonitor":
        return [ev.MonitorStart(row.at, _party(row), name)]
    return []


def _app_end(cel: CelBook, row: Row, seen: _Seen) -> list[ev.Event]:
    entered, seen.application = seen.entered_at, ""
    if row.application == "Queue":
        if _take_pending(cel, row.uniqueid):
            return []
        seen.left_queue_at = row.at
        return [ev.QueueCallerLeave(row.at, _party(row), row.argument.partition(",")[0])]
    if row.application == "VoiceMail" and row.at - entered < SHORTEST_MESSAGE_SECONDS:
        return [ev.VoicemailStatus(row.at, row.channel, row.uniqueid, saved=False)]
    return []


def _hangup(cel: CelBook, row: Row, seen: _Seen) -> list[ev.Event]:
    pending = _take_pending(cel, row.uniqueid)
    out: list[ev.Event] = [*_name_called(row, seen), *_lost_dials(cel, row)]
    out += [event for event in pending if isinstance(event, ev.QueueCallerJoin)]
    cause = row.extra.get("hangupcause")
    cause = cause if isinstance(cause, int) else None
    if row.extra.get("hangupsource") == row.channel:
        out.append(ev.HangupRequest(row.at, _party(row)))
        if seen.left_queue_at is not None and row.at - seen.left_queue_at < 1.0 and not seen.bridged:
            out.append(ev.QueueCallerAbandon(row.at, _party(row), seen.argument.partition(",")[0]))
    caller = cel.seen.get(seen.called_by) if seen.called_by is not None else None
    if caller is not None and not seen.up:
        out.append(
            ev.DialEnd(
                row.at, _party(caller.row), _party(row), _dial_status(cause), "forwarded" if seen.forwarded else ""
            )
        )
    out.append(ev.Hangup(row.at, _party(row), cause))
    return out


def _forward(cel: CelBook, row: Row, _: _Seen) -> list[ev.Event]:
    """Mark the phone that sent the call on: the one called last that has not gone up."""
    called = [s for s in cel.seen.values() if s.called_by == row.uniqueid and not s.up]
    phones = [s for s in called if endpoint_of(s.row.channel)[0]]
    if phones:
        phones[-1].forwarded = True
    return []


def _lost_dials(cel: CelBook, row: Row) -> list[ev.Event]:
    """Close the dials of a caller that goes: its own word for them is better than their causes."""
    status = row.extra.get("dialstatus")
    if not isinstance(status, str) or status in {"", "ANSWER"}:
        return []
    mine = [s for s in cel.seen.values() if s.called_by == row.uniqueid and not s.up]
    return [ev.DialEnd(row.at, _party(row), _party(s.row), status, "") for s in mine]


def _dial_status(cause: int | None) -> str:
    """Conclude how a dial ended from its channel's hang-up cause (Q.850)."""
    if cause == CAUSE_BUSY:
        return "BUSY"
    if cause is not None and cause in CAUSES_UNREACHABLE:
        return "CONGESTION"
    if cause in {1, 19, CAUSE_REJECTED}:
        return "NOANSWER"
    return "CANCEL"


def _chan_end(cel: CelBook, row: Row, _: _Seen) -> list[ev.Event]:
    _forget(cel, row)
    return [ev.Hangup(row.at, _party(row), None)]


def _bridge_enter(_: CelBook, row: Row, seen: _Seen) -> list[ev.Event]:
    bridge = str(row.extra.get("bridge_id") or "")
    if row.application in ev.CONFERENCES or seen.application in ev.CONFERENCES:
        return [
            ev.BridgeEnter(row.at, _party(row), bridge, "base/ConfBridge"),
            ev.ConfbridgeJoin(row.at, _party(row), row.argument.partition(",")[0]),
        ]
    if row.extra.get("bridge_technology") == "holding_bridge":
        return [ev.BridgeEnter(row.at, _party(row), bridge, "parking")]
    seen.bridged = True
    return [ev.BridgeEnter(row.at, _party(row), bridge, "basic")]


def _bridge_exit(_: CelBook, row: Row, seen: _Seen) -> list[ev.Event]:
    out: list[ev.Event] = [ev.BridgeLeave(row.at, _party(row), str(row.extra.get("bridge_id") or ""))]
    if row.application in ev.CONFERENCES or seen.application in ev.CONFERENCES:
        out.append(ev.ConfbridgeLeave(row.at, _party(row), row.argument.partition(",")[0]))
    return out


def _blind_transfer(cel: CelBook, row: Row, _: _Seen) -> list[ev.Event]:
    extra = row.extra
    transferee = _stranger(cel, extra.get("transferee_channel_name"), extra.get("transferee_channel_uniqueid"))
    return [ev.BlindTransfer(row.at, _party(row), transferee, str(extra.get("extension") or ""), success=True)]


def _attended_transfer(cel: CelBook, row: Row, _: _Seen) -> list[ev.Event]:
    extra = row.extra
    second = _stranger(cel, extra.get("channel2_name"), extra.get("channel2_uniqueid")) or _party(row)
    transferee = _stranger(cel, extra.get("transferee_channel_name"), extra.get("transferee_channel_uniqueid"))
    target = _stranger(cel, extra.get("transfer_target_channel_name"), extra.get("transfer_target_channel_uniqueid"))
    app = str(extra.get("app") or "")
    return [ev.AttendedTransfer(row.at, _party(row), second, transferee, target, success=True, app=app)]


def _pickup(cel: CelBook, row: Row, _: _Seen) -> list[ev.Event]:
    party = _stranger(cel, row.extra.get("pickup_channel"), row.extra.get("pickup_channel_uniqueid"))
    return [] if party is None else [ev.Pickup(row.at, party, _party(row))]


def _park(_: CelBook, row: Row, __: _Seen) -> list[ev.Event]:
    return [ev.ParkedCall(row.at, _party(row), str(row.extra.get("parking_space") or ""))]


def _unpark(cel: CelBook, row: Row, _: _Seen) -> list[ev.Event]:
    name = row.extra.get("retriever")
    retriever = _stranger(cel, name, cel.names.get(name)) if isinstance(name, str) else None
    if retriever is None:
        return []
    return [ev.UnParkedCall(row.at, _party(row), retriever, "")]


_KINDS: Final = {
    "ANSWER": _answer,
    "APP_START": _app_start,
    "APP_END": _app_end,
    "HANGUP": _hangup,
    "CHAN_END": _chan_end,
    "BRIDGE_ENTER": _bridge_enter,
    "BRIDGE_EXIT": _bridge_exit,
    "BLINDTRANSFER": _blind_transfer,
    "ATTENDEDTRANSFER": _attended_transfer,
    "PICKUP": _pickup,
    "PARK_START": _park,
    "PARK_END": _unpark,
    "FORWARD": _forward,
}

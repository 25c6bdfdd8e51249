"""How long it takes to know again what runs on a busy PBX: the bytes of its list of channels -> the merged book."""

import re
import time
from dataclasses import dataclass
from typing import Final

from bench.figures import middle
from bench.recordings import Caller
from telephony.calls import CallBook, Line
from telephony.channels import Channel
from telephony.framing import Framer
from telephony.headers import headers
from telephony.pipeline import fold
from telephony.recovery import link_down, link_up, resync, snapshot

CALLS: Final = 1_000
CHANNELS: Final = 2 * CALLS
ROUNDS: Final = 5
_ITEM: Final = """Event: CoreShowChannel\r
ActionID: bench\r
Channel: {0.name}\r
ChannelState: 6\r
ChannelStateDesc: {0.state}\r
CallerIDNum: {0.number}\r
CallerIDName: {0.caller_name}\r
ConnectedLineNum: {0.connected}\r
ConnectedLineName: <unknown>\r
Language: en\r
AccountCode: \r
Context: internal\r
Exten: {0.exten}\r
Priority: 1\r
Uniqueid: {0.uniqueid}\r
Linkedid: {0.linkedid}\r
Application: {1}\r
ApplicationData: (Outgoing Line)\r
Duration: 00:03:20\r
BridgeId: {0.bridge}\r
\r
"""


@dataclass(frozen=True, slots=True)
class Resync:
    """Median CPU seconds: after a link that was away, and after a start, when nothing is known."""

    again: float
    fresh: float


def measure() -> Resync:
    """Read and merge the list, in turns into a book that knows the calls and into an empty one."""
    again: list[float] = []
    fresh: list[float] = []
    for _ in range(ROUNDS):
        book = _busy()
        listed = "".join(map(_item, book.graph.channels.values())).encode()
        link_down(book, 1.0, "bench")
        again.append(_merged(book, listed))
        fresh.append(_merged(_empty(), listed))
    return Resync(middle(again), middle(fresh))


def _empty() -> CallBook:
    return CallBook(Line("main", re.compile("[0-9]{2,5}")))


def _busy() -> CallBook:
    """Let all calls begin and be answered."""
    book, caller = _empty(), Caller(1_700_000_000)
    calls = (caller.call(f"+3312345{number:04d}", f"{10_000 + number}") for number in range(CALLS))
    told = (part for call in calls for part in (call.setup, call.ring, call.rung, call.answer))
    for _ in fold(book, Framer(), told, 0.0):
        pass
    return book


def _item(channel: Channel) -> str:
    return _ITEM.format(channel, "AppDial" if channel.dialed_by else "Dial")


def _merged(book: CallBook, listed: bytes) -> float:
    began = time.process_time()
    link_up(book, 2.0)
    resync(book, snapshot([headers(block) for block in Framer().feed(listed)], [], None), 3.0)
    taken = time.process_time() - began
    if (len(book.graph.channels), len(book.calls)) != (CHANNELS, CALLS):
        raise RuntimeError(f"the list was not merged: {len(book.graph.channels)} channels, {len(book.calls)} calls")
    return taken

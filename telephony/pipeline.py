"""From bytes to changes, without a clock: the same way for the live link, for a replayed journal and for the bench."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator

from telephony.calls import CallBook, Line, apply
from telephony.events import WANTED
from telephony.framing import Framer
from telephony.marks import MARKS, Marks, is_mark
from telephony.reading import read
from telephony.records import CallChange, CallRecord, Step, Surprise
from telephony.recovery import sweep

SWEEP_SECONDS = 0.5
"""How often the book may decide what only time can tell."""
SETTLED_SECONDS = 10.0
"""After this long nothing amends a finished call any more."""
REMEMBERED = 10_000


def fold(book: CallBook, framer: Framer, chunks: Iterable[bytes], at: float) -> Iterator[Step]:
    """Take raw bytes into a book; gives one step per event that was understood."""
    for chunk in chunks:
        for block in framer.feed(chunk):
            event = read(block, at)
            if event is not None:
                yield apply(book, event)


def follow(messages: Iterable[tuple[float, bytes]], line: Line) -> Iterator[tuple[float, Step]]:
    """Take recorded messages into a book as the tracker does: each step, and the time that it is then.

    What a journal holds of the link and of the PBX's lists is done as it was done then.
    Time is that of the messages: the outcome is the same whenever and however fast they are replayed.
    """
    book, framer, marks = CallBook(line), Framer(WANTED | MARKS), Marks()
    now = swept = 0.0
    for at, raw in messages:
        for block in framer.feed(raw):
            if is_mark(block):
                now = at
                yield now, marks.play(book, block, at)
                continue
            event = read(block, at)
            if event is not None:
                now = event.at
                yield now, apply(book, event, at)
        if abs(now - swept) >= SWEEP_SECONDS:
            swept = now
            yield now, sweep(book, now)
    yield now + SETTLED_SECONDS, sweep(book, now + SETTLED_SECONDS)


def retell(messages: Iterable[tuple[float, bytes]], line: Line) -> Iterator[CallRecord | Surprise]:
    """Tell the finished calls of recorded messages, each once and as it was in the end, and what made no sense."""
    ended: OrderedDict[str, CallRecord] = OrderedDict()
    for now, step in follow(messages, line):
        yield from _keep(ended, step)
        yield from _settled(ended, now - SETTLED_SECONDS)
    yield from ended.values()


def _keep(ended: "OrderedDict[str, CallRecord]", step: Step) -> Iterator[Surprise]:
    for change in step.changes:
        if isinstance(change, CallChange) and change.call.ended_at is not None:
            ended[change.call.id] = change.call
    yield from step.surprises


def _settled(ended: "OrderedDict[str, CallRecord]", before: float) -> Iterator[CallRecord]:
    while ended:
        first = next(iter(ended.values()))
        if len(ended) <= REMEMBERED and (first.ended_at or 0.0) > before:
            return
        del ended[first.id]
        yield first

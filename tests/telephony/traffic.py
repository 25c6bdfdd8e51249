"""Recorded traces made fresh, any number of times: every copy has channels, bridges and ids of its own.

The phones, queues and numbers stay those of the recording: copies that run at once meet on the same phones.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from tests.telephony.recording import ASTERISK22, Block, blocks_of, truth_of

_NAMED: Final = re.compile(rb"^\w*(?:Uniqueid|Linkedid|Channel|ActionID): (\S.*?)\r?$", re.MULTILINE | re.IGNORECASE)
_CHANNEL: Final = re.compile(rb"(.+-)([0-9a-f]{8})((?:;[12])?)")
_UNIQUEID: Final = re.compile(rb"([0-9]+)\.([0-9]+)")
_BRIDGE: Final = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOST_CHANNELS: Final = 0x1000
"""A trace has fewer."""
_DEVICE: Final = re.compile(rb"[A-Za-z0-9]+/.*")


def traces() -> list[Path]:
    """List the recordings of which it is known what really happened."""
    return sorted(path for path in ASTERISK22.rglob("*.jsonl") if truth_of_calls(path))


def truth_of_calls(path: Path) -> list[dict[str, Any]]:
    """Tell what really happened; nothing where it is not known."""
    known = path.with_name(path.stem + ".truth.json").exists()
    calls: list[dict[str, Any]] = truth_of(path).get("calls", []) if known else []
    return calls


class Trace:
    """One recording, ready to be told anew."""

    def __init__(self, path: Path, tick: float = 0.0, stretch: float = 1.0) -> None:
        """`tick` (seconds) joins what arrived within it, as one read of a busy socket; `stretch` makes time longer."""
        self.path = path
        self.calls = len(truth_of_calls(path))
        blocks = _joined(blocks_of(path), tick)
        names = {name for _, raw in blocks for name in _names(raw)}
        longest_first = sorted(names, key=len, reverse=True)
        self._names = longest_first
        any_name = re.compile(b"(?<![0-9A-Za-z])(" + b"|".join(map(re.escape, longest_first)) + b")(?![0-9A-Za-z])")
        self._forms = [(at * stretch, *_form(raw, any_name, longest_first)) for at, raw in blocks]

    def copy(self, number: int, start: float = 0.0) -> Iterator[Block]:
        """Tell it once more, from `start` (seconds) on; `number` must be another one for every copy of every trace."""
        return ((start + at, tell()) for at, tell in self.untold(number))

    def untold(self, number: int) -> Iterator[tuple[float, Callable[[], bytes]]]:
        """Promise it once more: what is not told yet takes no room."""
        names = [_fresh(name, number) for name in self._names]
        return ((at, partial(_told, form, places, names)) for at, form, places in self._forms)

    def uniqueids(self, number: int) -> set[str]:
        """Name the channels of a copy."""
        return {_fresh(name, number).decode() for name in self._names if not _CHANNEL.fullmatch(name)}


def _joined(blocks: Sequence[Block], tick: float) -> list[Block]:
    if not tick:
        return list(blocks)
    ticks: defaultdict[int, list[bytes]] = defaultdict(list)
    for at, raw in blocks:
        ticks[int(at / tick)].append(raw)
    return [(number * tick, b"".join(told)) for number, told in sorted(ticks.items())]


def _names(raw: bytes) -> Iterator[bytes]:
    for name in _NAMED.findall(raw):
        # The name of a device (`PJSIP/2001`) is no channel's.
        if not name.startswith(b"<") and (_CHANNEL.fullmatch(name) or not _DEVICE.fullmatch(name)):
            yield name
    yield from (found[0] for found in _BRIDGE.finditer(raw))


def _form(raw: bytes, any_name: re.Pattern[bytes], names: list[bytes]) -> tuple[bytes, list[int]]:
    pieces = any_name.split(raw)
    form = b"%b".join(piece.replace(b"%", b"%%") for piece in pieces[::2])
    return form, [names.index(name) for name in pieces[1::2]]


def _told(form: bytes, places: Sequence[int], names: Sequence[bytes]) -> bytes:
    return form % tuple([names[place] for place in places])


def _fresh(name: bytes, number: int) -> bytes:
    if (found := _CHANNEL.fullmatch(name)) is not None:
        return b"%s%08x%s" % (found[1], int(found[2], 16) + number * _MOST_CHANNELS, found[3])
    if (found := _UNIQUEID.fullmatch(name)) is not None:
        return b"%s.%d" % (found[1], int(found[2]) + number * _MOST_CHANNELS)
    return b"%08x%s" % (number, name[8:]) if _BRIDGE.fullmatch(name) else b"%s-%d" % (name, number)


def day(kinds: Sequence[Trace], calls: int, rate: float, tick: float, first: int = 0) -> Iterator[Block]:
    """Tell traffic of `rate` calls per second until `calls` have begun and ended, each read at its simulated time.

    Copies are numbered from `first` on.
    """
    due: defaultdict[int, list[Callable[[], bytes]]] = defaultdict(list)
    begun = now = 0
    copies = first
    while begun < calls or due:
        while begun < calls and begun / rate <= now * tick:
            kind = kinds[copies % len(kinds)]
            for at, tell in kind.untold(copies):
                due[now + int(at / tick)].append(tell)
            copies += 1
            begun += kind.calls
        untold = due.pop(now, None)
        if untold is not None:
            yield now * tick, b"".join([tell() for tell in untold])
        now += 1

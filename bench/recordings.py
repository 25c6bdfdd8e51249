"""Recorded frames of a real Asterisk, made fresh: every repetition has its own uniqueids, channels and bridges."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent.parent / "tests" / "recordings" / "asterisk22"
CALL: Final = "did_answered"
"""A caller reaches a phone directly, the phone rings, answers, the caller hangs up: 106 events, 43 kB."""
SECONDS_APART: Final = 100_000
"""Between the uniqueids of two repetitions; a recording is shorter."""
_UNIQUEID = re.compile(rb"\b(1[0-9]{9})(\.[0-9]+)\b")
_OF_THE_LINK = (b"Event: FullyBooted", b"Event: Shutdown")
_BLANK_LINE = b"\r\n\r\n"


def messages(name: str) -> list[tuple[float, bytes]]:
    """Read a recording: seconds since its start, and the raw message with its blank line."""
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    read = (json.loads(line) for line in lines)
    return [(entry["t"], entry["raw"].encode("utf-8", "surrogateescape")) for entry in read]


def mixed_events(at_least: int) -> tuple[bytes, int]:
    """Return a stream of whole events of all recordings, repeated with fresh uniqueids, and how many they are."""
    events = b"".join(
        raw
        for path in sorted(FOLDER.glob("*.jsonl"))
        for _, raw in messages(path.stem)
        if raw.startswith(b"Event: ") and not raw.startswith(_OF_THE_LINK)
    )
    once = events.count(_BLANK_LINE)
    rounds = -(-at_least // once)
    return b"".join(_moved(events, number * SECONDS_APART) for number in range(rounds)), once * rounds


def _moved(events: bytes, seconds: int) -> bytes:
    return _UNIQUEID.sub(lambda found: b"%d%s" % (int(found[1]) + seconds, found[2]), events)


@dataclass(frozen=True, slots=True)
class Call:
    """The messages of one call, in the bursts in which Asterisk sent them."""

    uniqueid: str
    """Of its first channel: the call's id is made from it."""
    setup: bytes
    """Everything before the phone rings."""
    ring: bytes
    """The event that says that the phone rings."""
    rung: bytes
    answer: bytes
    hangup: bytes


class Caller:
    """Makes calls out of the recorded one; `gap` is how many seconds after its first event the phone rang."""

    def __init__(self, epoch: int) -> None:
        """`epoch` (seconds) begins all uniqueids: two callers with different ones never share a call."""
        self._epoch = epoch
        self._count = 0
        self.gap, self._bursts = _bursts()

    def call(self, number: str, extension: str) -> Call:
        """Make a call from an outside number to a phone of ours."""
        first, second = self._count, self._count + 1
        self._count += 2
        uniqueid = f"{self._epoch}.{first}"
        fresh = {
            b"1795291188.0": uniqueid.encode(),
            b"1795291188.1": f"{self._epoch}.{second}".encode(),
            b"PJSIP/trunk-00000000": f"PJSIP/trunk-{first:08x}".encode(),
            b"PJSIP/2001-00000001": f"PJSIP/{extension}-{second:08x}".encode(),
            b"0279cebb-b614-4205-8bb6-428e413ea9ae": f"0279cebb-b614-4205-8bb6-{first:012x}".encode(),
            b"+79161234567": number.encode(),
            b"2001": extension.encode(),
        }
        return Call(uniqueid, *(_replaced(burst, fresh) for burst in self._bursts))


def _bursts() -> tuple[float, tuple[bytes, ...]]:
    told = [(at, raw) for at, raw in messages(CALL) if raw.startswith(b"Event: ") and at > 0.1]  # noqa: PLR2004 - login
    first = next(i for i, (_, raw) in enumerate(told) if raw.startswith(b"Event: Newchannel"))
    ringing = next(i for i, (_, raw) in enumerate(told) if raw.startswith(b"Event: Newstate") and b": Ringing\r" in raw)
    answer = next(i for i, (at, _) in enumerate(told) if at > told[ringing][0] + 1.0)
    hangup = next(i for i, (at, _) in enumerate(told) if at > told[answer][0] + 1.0)
    edges = (0, ringing, ringing + 1, answer, hangup, len(told))
    bursts = tuple(b"".join(raw for _, raw in told[start:end]) for start, end in pairwise(edges))
    return told[ringing][0] - told[first][0], bursts


def _replaced(burst: bytes, fresh: dict[bytes, bytes]) -> bytes:
    """Replace all at once: what one replacement wrote must not be found by the next."""
    return re.sub(b"|".join(map(re.escape, fresh)), lambda found: fresh[found[0]], burst)


def chunks(stream: bytes, size: int) -> Iterator[bytes]:
    """Cut a stream as a socket would."""
    return (stream[start : start + size] for start in range(0, len(stream), size))

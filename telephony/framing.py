"""AMI bytes -> whole messages, as they come: any split of the stream, any bytes in it, any line end.

Three quarters of a busy PBX's events are of no interest. They are recognised by the name on their first line and
dropped here, as bytes, because parsing them would cost five times as much as all the rest.
"""

import io
import re
from collections.abc import Mapping
from typing import Final

from telephony.events import TELLING, WANTED, Telling

_END = re.compile(rb"\r?\n\r?\n")
_LINE_END = re.compile(rb"\r?\n")
_FIRST_LINE = re.compile(rb"^(?:event:[ \t]*([^\r\n]*)|response:)", re.IGNORECASE | re.MULTILINE)
_BANNER = b"Asterisk Call Manager/"
_TAIL = 3
"""Bytes of the block's end that may already be here while the rest is still on its way."""
_ACTION_ID = b"\r\nActionID: "
_MOST_NAMES: Final = 1_000
_LONGEST_NAME: Final = 100
_Verdict = Telling | bool
"""What becomes of an event, by its first line alone: picked, skipped, or what a header of it says."""
_NO_BARE_LINE_FEED: Final = (None, "\r\n", "\r", ("\r", "\r\n"))
"""As the standard library's decoder names the line ends it saw."""


class Framer:
    """Splits one connection's bytes into blocks: CRLF line ends, no trailing blank line.

    Passed on: responses, every event that carries an ActionID (list items, answers), and events whose name is in
    `wanted` (None: all), of frequent kinds only those whose `telling` header says so; the rest is counted in `skipped`.
    A block longer than `max_block` bytes is dropped and counted in `oversize`; one that is neither event
    nor response in `malformed`. Nothing raises.
    """

    def __init__(
        self,
        wanted: frozenset[bytes] | None = WANTED,
        max_block: int = 256 * 1024,
        telling: Mapping[bytes, Telling] = TELLING,
    ) -> None:
        self.skipped = 0
        self.oversize = 0
        self.malformed = 0
        self.version = ""
        """Protocol version told by the banner."""
        self._wanted = wanted
        self._telling = telling
        self._verdicts: dict[bytes, _Verdict] = {b"Event: " + name: telling.get(name, True) for name in wanted or ()}
        self._max_block = max_block
        self._pending: list[bytes] = []
        self._size = 0
        self._discarding = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes of the stream, give the blocks that are complete now."""
        self._pending.append(data)
        self._size += len(data)
        if b"\n" not in data:
            self._bound()
            return []
        buffer = b"".join(self._pending) if len(self._pending) > 1 else data
        blocks, rest = _split(buffer)
        self._pending = [rest]
        self._size = len(rest)
        if blocks and self._discarding:
            self._discarding = False
            del blocks[0]
        self._bound()
        if len(buffer) > self._max_block or b"ActionID: " in buffer:
            return self._pick(blocks)
        return self._pick_by_name(blocks)

    def _bound(self) -> None:
        if self._size <= self._max_block + _TAIL:
            return
        if not self._discarding:
            self._discarding = True
            self.oversize += 1
        kept = b"".join(self._pending)[-_TAIL:]
        self._pending = [kept]
        self._size = len(kept)

    def _pick_by_name(self, blocks: list[bytes]) -> list[bytes]:
        """Pick from blocks of which none is oversize and none carries an ActionID: the way of nearly all events."""
        picked = []
        verdicts = self._verdicts
        skipped = 0
        for block in blocks:
            end = block.find(b"\r")
            line = block[:end] if end > 0 else block
            verdict = verdicts.get(line)
            if verdict is None:
                picked += self._pick([block])
                self._learn(line)
            elif verdict is True or (verdict and _tells(block, verdict)):
                picked.append(block)
            else:
                skipped += 1
        self.skipped += skipped
        return picked

    def _learn(self, line: bytes) -> None:
        """Remember the first line of an event that nobody wants."""
        unwanted = self._wanted is not None and line.startswith(b"Event: ") and line[7:] not in self._wanted
        if unwanted and len(line) <= _LONGEST_NAME and len(self._verdicts) < _MOST_NAMES:
            self._verdicts[line] = False

    def _pick(self, blocks: list[bytes]) -> list[bytes]:
        picked = []
        wanted = self._wanted
        telling = self._telling
        longest = self._max_block
        skipped = 0
        for block in blocks:
            if block.startswith(b"Event: ") and len(block) <= longest:
                end = block.find(b"\r", 7)
                name = block[7:end] if end > 0 else block[7:]
                if wanted is None or _ACTION_ID in block:
                    picked.append(block)
                elif name not in wanted or (name in telling and not _tells(block, telling[name])):
                    skipped += 1
                else:
                    picked.append(block)
            elif (unusual := self._unusual(block)) is not None:
                picked.append(unusual)
        self.skipped += skipped
        return picked

    def _unusual(self, block: bytes) -> bytes | None:
        """Whatever does not plainly begin with an event's name: responses, the banner, blank lines, rubbish."""
        if len(block) > self._max_block:
            self.oversize += 1
            return None
        block = block.lstrip(b"\r\n")
        if block.startswith(_BANNER):
            line, _, block = block.partition(b"\r\n")
            self.version = line[len(_BANNER) :].decode("ascii", "replace")
        if not block.strip():
            return None
        first = _FIRST_LINE.search(block)
        if first is None:
            self.malformed += 1
            return None
        name = first[1]
        if name is None or self._wanted is None or name.rstrip() in self._wanted or _ACTION_ID in block:
            return block
        self.skipped += 1
        return None


def _tells(block: bytes, telling: Telling) -> bool:
    """Whether the header that decides has one of the values that matter; the last one counts, as for who parses it."""
    header, values = telling
    # Searched from the end, where these headers stand.
    place = block.rfind(header)
    return place >= 0 and block.startswith(values, place + len(header))


def _split(buffer: bytes) -> tuple[list[bytes], bytes]:
    # The fast way is only right where no line ends with a bare LF.
    if _has_bare_line_feed(buffer):
        *blocks, rest = _END.split(buffer)
        return [_LINE_END.sub(b"\r\n", block) for block in blocks], rest
    *blocks, rest = buffer.split(b"\r\n\r\n")
    return blocks, rest


def _has_bare_line_feed(buffer: bytes) -> bool:
    # The decoder of text files takes note of line ends on its way: three times as fast as counting LF and CRLF.
    ends = io.IncrementalNewlineDecoder(None, translate=False)
    ends.decode(buffer.decode("latin-1"), final=True)
    return ends.newlines not in _NO_BARE_LINE_FEED

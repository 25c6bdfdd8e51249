"""What the demo lets one hear: recordings and messages that sound like somebody speaking, without anybody's voice."""

import io
import math
import wave
from collections import deque
from pathlib import Path
from typing import Final

from crm_core.recordings.rules import Found, RecordingState
from crm_core.recordings.store import Recordings
from telephony.records import CallRecord, Outcome, RecordingKind

MONITOR_FOLDER: Final = "monitor"
SPOOL_FOLDER: Final = "voicemail"
RATE: Final = 8000
PHRASE_SECONDS: Final = 4.0
RECORDED, MESSAGES = 8, 6
LONGEST_TALK: Final = 40.0
"""Of longer calls no recording is made up: the demo's folder stays small."""
MESSAGE_SECONDS: Final = 6
TEAM_BOX: Final = "2000"
_VOICES: Final = (118.0, 196.0)
"""Pitch of the voices that take turns, Hz."""
_SYLLABLES: Final = (1.0, 1.2, 0.9, 1.35, 1.1, 0.85, 1.25, 1.0, 0.0, 1.15, 0.95, 1.3)
"""How each syllable is sung against the voice's pitch; 0 is a breath."""
_MESSAGE: Final = """[message]
origmailbox={box}
callerchan=PJSIP/trunk-{n:08x}
callerid=<{number}>
origtime={at}
msg_id={at}-{n:08x}
duration={seconds}
"""


class Sounds:
    """Chooses the last calls that were recorded or left a message, and writes what one hears of them."""

    def __init__(self, monitor: Path, spool: Path) -> None:
        self._monitor = monitor
        self._spool = spool
        self._talks: deque[CallRecord] = deque(maxlen=RECORDED)
        self._messages: deque[CallRecord] = deque(maxlen=MESSAGES)

    def note(self, record: CallRecord) -> None:
        """Take note of a call of the history, oldest first."""
        if record.outcome is Outcome.VOICEMAIL and record.number:
            self._messages.append(record)
        elif record.queue and record.answered_at is not None and record.talk_seconds <= LONGEST_TALK:
            self._talks.append(record)

    def write(self) -> dict[str, Found]:
        """Write the files; return the recordings by call. Blocks: call it in a thread."""
        phrases = [_phrase(pitch) for pitch in _VOICES]
        self._monitor.mkdir(parents=True, exist_ok=True)
        found = {}
        for n, call in enumerate(self._talks):
            name = f"demo-{n}.wav"
            sound = _wav(b"".join(phrases), call.talk_seconds)
            (self._monitor / name).write_bytes(sound)
            found[call.id] = Found(
                RecordingKind.CALL, name, call.channels[0], call.answered_at or call.started_at, call.ended_at,
                RecordingState.READY, len(sound), call.talk_seconds,
            )  # fmt: skip
        for n, call in enumerate(self._messages):
            self._leave(n, call, _wav(phrases[n % 2], MESSAGE_SECONDS))
        return found

    def _leave(self, n: int, call: CallRecord, sound: bytes) -> None:
        box = TEAM_BOX if call.queue else call.extension or TEAM_BOX
        inbox = self._spool / "default" / box / "INBOX"
        inbox.mkdir(parents=True, exist_ok=True)
        at = int((call.ended_at or call.started_at) - MESSAGE_SECONDS)
        text = _MESSAGE.format(box=box, n=n, number=call.number, at=at, seconds=MESSAGE_SECONDS)
        (inbox / f"msg{n:04}.wav").write_bytes(sound)
        (inbox / f"msg{n:04}.txt").write_text(text)


async def write_recordings(recordings: Recordings, found: dict[str, Found], pbx: str) -> None:
    """List the recordings on their calls."""
    for call_id, one in found.items():
        await recordings.write(call_id, pbx, [one])


def clear_sounds(monitor: Path, spool: Path) -> None:
    """Remove what an earlier demo let one hear; only files that a demo writes."""
    for file in (*monitor.glob("demo-*.wav"), *spool.glob("default/*/*/msg*.*")):
        file.unlink()


def _phrase(pitch: float) -> bytes:
    """Sing a phrase of syllables: a tone with two overtones that swells and fades."""
    length = int(RATE * PHRASE_SECONDS / len(_SYLLABLES))
    samples = bytearray()
    for factor in _SYLLABLES:
        step = 2 * math.pi * pitch * factor / RATE
        for i in range(length):
            swell = math.sin(math.pi * i / length) if factor else 0.0
            tone = math.sin(step * i) + 0.5 * math.sin(2 * step * i) + 0.25 * math.sin(5 * step * i)
            samples += int(5000 * swell * tone).to_bytes(2, "little", signed=True)
    return bytes(samples)


def _wav(phrase: bytes, seconds: float) -> bytes:
    """Repeat a phrase for so long."""
    size = int(RATE * seconds) * 2
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes((phrase * (size // len(phrase) + 1))[:size])
    return file.getvalue()

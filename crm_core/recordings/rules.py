"""What is known of recordings: their states and formats, who may hear them, how long they are. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final

from crm_core.staff.rules import Role
from telephony.records import RecordingKind


class RecordingState(StrEnum):
    """Where a recording stands."""

    RECORDING = "recording"
    """Being made, or not looked for since it ended."""
    READY = "ready"
    MISSING = "missing"
    """The PBX said that it records, and no file of that call can be found."""
    DELETED = "deleted"
    """By an administrator."""
    EXPIRED = "expired"
    """It was kept for as long as it should be."""


class AgentsMay(StrEnum):
    """What agents may hear."""

    OWN = "own"
    """The calls they took part in."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what is kept; None: for ever. `deletes`: the files too, else only our access to them ends."""

    recordings_days: float | None = None
    voicemail_days: float | None = None
    deletes: bool = False

    def ends_recordings_of(self, started_at: float, now: float) -> bool:
        """Whether the recordings of a call that began then are too old to be kept, or to be looked for."""
        return self.recordings_days is not None and started_at < now - self.recordings_days * DAY_SECONDS


class Deed(StrEnum):
    """What is written down of a recording, for ever."""

    PLAYED = "played"
    DELETED = "deleted"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file that was found: its path below the folder, bytes, and seconds where its head tells."""

    path: str
    size: int
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One recording of a call on its way to the table; `path` is below the folder, empty when nobody told it."""

    kind: RecordingKind
    path: str
    channel: str
    started_at: float
    ended_at: float | None
    state: RecordingState
    size: int | None = None
    seconds: float | None = None
    told: bool = True
    """The PBX named this file for this call; else it was only found by its name."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording as the table has it."""

    id: int
    call_id: str
    pbx: str
    kind: RecordingKind
    path: str
    channel: str
    started_at: float
    ended_at: float | None
    state: RecordingState
    size: int | None
    seconds: float | None
    gone_at: float | None = None
    """When it was deleted, by whomever."""

    @property
    def duration(self) -> float | None:
        """Seconds: by the file itself, else by the clock."""
        if self.seconds is not None or self.ended_at is None:
            return self.seconds
        return max(0.0, self.ended_at - self.started_at)


@dataclass(frozen=True, slots=True)
class Access:
    """Somebody heard or deleted a recording."""

    recording_id: int
    user: str
    what: Deed
    at: float


@dataclass(frozen=True, slots=True)
class Format:
    """What a file is; `playable`: today's browsers play it without help."""

    content_type: str
    playable: bool


DAY_SECONDS: Final = 86_400.0
GONE: Final = frozenset({RecordingState.DELETED, RecordingState.EXPIRED})
FORMATS: Final = {
    ".wav": Format("audio/wav", playable=True),
    ".wav16": Format("audio/wav", playable=True),
    ".mp3": Format("audio/mpeg", playable=True),
    ".ogg": Format("audio/ogg", playable=True),
    ".opus": Format("audio/ogg", playable=True),
    ".m4a": Format("audio/mp4", playable=True),
    ".flac": Format("audio/flac", playable=True),
    # WAV49: a WAV file by its name, but GSM inside; Asterisk writes the ending in capitals.
    ".WAV": Format("audio/x-wav", playable=False),
    ".wav49": Format("audio/x-wav", playable=False),
    ".gsm": Format("audio/gsm", playable=False),
    ".ulaw": Format("audio/basic", playable=False),
    ".alaw": Format("audio/x-alaw-basic", playable=False),
    ".sln": Format("application/octet-stream", playable=False),
    ".sln16": Format("application/octet-stream", playable=False),
    ".g722": Format("audio/G722", playable=False),
}
"""By ending, as Asterisk's file formats write it; nothing else is ever given out."""
CONVERTED: Final = (".mp3", ".ogg", ".opus", ".wav", ".WAV")
"""What a nightly job of the PBX may have made of a recording: the same name with another ending."""
EMPTY_BYTES: Final = 60
"""A file of a recording that was never spoken into holds a head and nothing else."""
_SUPERVISING: Final = frozenset({Role.SUPERVISOR, Role.SALES_HEAD, Role.ADMIN})
_CHUNK: Final = 8
_FORMAT_CHUNK: Final = 16


def format_of(path: str) -> Format | None:
    """Tell what a file is by its ending; None for one that is no sound."""
    ending = PurePosixPath(path).suffix
    return FORMATS.get(ending) or FORMATS.get(ending.lower())


def may_listen_at_all(role: Role, agents: AgentsMay) -> bool:
    """Whether a role hears any recording: asked before anything is looked up."""
    return role in _SUPERVISING or agents is AgentsMay.OWN


def may_listen(role: Role, user: str, took_part: Iterable[str], agents: AgentsMay) -> bool:
    """Whether a user may hear the recordings of a call, in which the users `took_part` sat at the phones."""
    return role in _SUPERVISING or (agents is AgentsMay.OWN and user in set(took_part))


def seconds_of(head: bytes, size: int, path: str) -> float | None:
    """Tell a sound's length from the first bytes of its file; None where they do not tell."""
    ending = PurePosixPath(path).suffix.lower()
    if ending in {".ulaw", ".alaw"}:
        return size / 8000
    if ending == ".gsm":
        return size / 1650
    if ending == ".sln":
        return size / 16000
    return _wav_seconds(head, size)


def _wav_seconds(head: bytes, size: int) -> float | None:
    """Read the RIFF chunks up to `data`; where a crash left 0 bytes in the head, the file's size counts."""
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    place, rate = 12, 0
    while place + _CHUNK <= len(head):
        name, length = head[place : place + 4], int.from_bytes(head[place + 4 : place + 8], "little")
        body = place + _CHUNK
        if name == b"fmt " and body + _FORMAT_CHUNK <= len(head):
            rate = int.from_bytes(head[body + 8 : body + 12], "little")
        if name == b"data":
            told = min(length, size - body) if length else size - body
            return max(0, told) / rate if rate else None
        place = body + length + length % 2
    return None

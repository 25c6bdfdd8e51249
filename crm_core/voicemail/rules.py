"""What a voicemail message is: read from Asterisk's text file, told apart by its own id, matched to its call. Pure.

The name of a message's file means nothing for long: Asterisk renumbers a mailbox when its owner moves or deletes one.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from crm_core.numbers import Number
from crm_core.staff.rules import Role
from crm_core.texts import clean, line
from telephony.phones import locals_of
from telephony.records import CallRecord, Outcome, RecordingKind

NEW_FOLDERS: Final = frozenset({"INBOX", "Urgent"})
"""Where Asterisk keeps what the owner of the mailbox has not heard; whatever lies elsewhere was heard by phone."""
ENDINGS: Final = (".wav", ".mp3", ".ogg", ".opus", ".WAV", ".gsm", ".g722", ".sln")
"""Of a message kept in several formats the first of these is played: those that browsers play come first."""
APART_SECONDS: Final = 15.0
"""How far the end of a message by its own file and by the PBX's event may lie apart."""
SLACK_SECONDS: Final = 5.0
LONGEST_TEXT: Final = 200
_FIELD: Final = re.compile(r"^([a-z_]+)[ ]?=[ ]?(.*)$")
_CALLER: Final = re.compile(r'^(?:"?(?P<name>.*?)"?\s*)<(?P<number>[^<>]*)>\s*$')
_NOBODY: Final = frozenset({"", "unknown", "<unknown>", "anonymous"})


class Key(NamedTuple):
    """What tells one message of a PBX from all others, wherever it is moved within its mailbox."""

    context: str
    mailbox: str
    msg_id: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it lies in the spool now. `path` is below the spool, without ending; times are the PBX's."""

    key: Key
    folder: str
    path: str
    ending: str
    size: int
    received_at: float
    seconds: float | None
    number: str | None = None
    name: str | None = None
    urgent: bool = False


class Presence(StrEnum):
    """What became of a message's file."""

    THERE = "there"
    GONE = "gone"
    """Deleted by phone, or by the PBX."""
    DELETED = "deleted"
    """By one of us; what is left of it in the spool is given out no more."""
    EXPIRED = "expired"
    """Kept for as long as it should be."""


class State(StrEnum):
    """What to do with a message: the word people filter by."""

    NEW = "new"
    HEARD = "heard"
    DELETED = "deleted"


class Deed(StrEnum):
    """What is written down of a message, for ever."""

    PLAYED = "played"
    DELETED = "deleted"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Callback:
    """The open callback of whoever left the message."""

    task_id: int
    owner: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Voicemail:
    """One message as the table has it; `number` is the call's where the call is known."""

    id: int
    pbx: str
    key: Key
    folder: str
    path: str
    ending: str
    size: int
    received_at: float
    seconds: float | None
    urgent: bool
    presence: Presence
    number: Number
    caller_name: str | None
    contact_id: int | None
    contact_name: str | None
    call_id: str | None
    queue: str | None
    heard_at: float | None
    heard_by: str | None
    """None for a message heard by phone."""
    gone_at: float | None = None
    """When it was deleted, by whomever."""
    callback: Callback | None = None

    @property
    def state(self) -> State:
        """New, heard, or deleted."""
        if self.presence is not Presence.THERE:
            return State.DELETED
        return State.NEW if self.heard_at is None else State.HEARD


@dataclass(frozen=True, slots=True)
class Access:
    """Somebody heard or deleted a message."""

    user: str
    what: Deed
    at: float


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks: agents read their own mailboxes and those that are nobody's (a team's), the others read all."""

    role: Role
    own: frozenset[str]
    """The phones of the reader."""
    owned: frozenset[str]
    """The phones of everybody."""

    def may_hear(self, pbx: str, mailbox: str) -> bool:
        """Whether the messages of a mailbox are this reader's business."""
        return self.role is not Role.AGENT or mailbox not in self._others(pbx)

    def hidden(self, pbxs: Iterable[str]) -> tuple[tuple[str, frozenset[str]], ...]:
        """Return the mailboxes of each PBX that are kept from the reader."""
        return () if self.role is not Role.AGENT else tuple((pbx, self._others(pbx)) for pbx in pbxs)

    def _others(self, pbx: str) -> frozenset[str]:
        return locals_of(self.owned, pbx) - locals_of(self.own, pbx)


@dataclass(frozen=True, slots=True)
class VoicemailFilter:
    """Which messages to list; None = any. `hidden` are mailboxes of each PBX that are left out."""

    state: State | None = None
    mailbox: str | None = None
    queue: str | None = None
    contact_id: int | None = None
    call_id: str | None = None
    hidden: Sequence[tuple[str, Collection[str]]] = ()


def parse(text: str, folder: PurePosixPath, stem: str, ending: str, size: int) -> Message | None:
    """Read Asterisk's text about a message in CONTEXT/MAILBOX/FOLDER; None where it tells no time."""
    fields: dict[str, str] = {}
    for row in text.splitlines():
        found = _FIELD.match(row.strip())
        if found is not None:
            fields.setdefault(found[1], clean(found[2].strip()))
    received = fields.get("origtime", "")
    if not received.isascii() or not received.isdigit() or len(received) > len("9999999999"):
        return None
    context, mailbox, kept_in = folder.parts
    # Messages left by an Asterisk before 11 have no id; the second and the channel make as good a one.
    msg_id = fields.get("msg_id") or f"{received}-{fields.get('callerchan', '')}"
    number, name = _caller(fields.get("callerid", ""))
    seconds = fields.get("duration", "")
    return Message(
        Key(context, mailbox, msg_id[:LONGEST_TEXT]), kept_in, f"{folder}/{stem}", ending, size, float(received),
        float(seconds) if seconds.isascii() and seconds.isdigit() and len(seconds) < len("1000000") else None,
        number, name, urgent=fields.get("flag", "") == "Urgent" or kept_in == "Urgent",
    )  # fmt: skip


def _caller(text: str) -> tuple[str | None, str | None]:
    """Read `"Name" <number>`, or a number alone; "Unknown" is nobody."""
    found = _CALLER.match(text)
    number, name = (found["number"], found["name"]) if found else (text, "")
    told = [line(value)[:LONGEST_TEXT] for value in (number, name)]
    number, name = ["" if value.lower() in _NOBODY else value for value in told]
    return number or None, name or None


@dataclass(frozen=True, slots=True)
class CallOfMessage:
    """A call that was there when a message was left."""

    record: CallRecord
    number_key: str | None

    @property
    def messages(self) -> int:
        """How many messages the PBX said that it saved."""
        return sum(one.kind is RecordingKind.VOICEMAIL for one in self.record.recordings)


def belonging(message: Message, number_key: str | None, calls: Iterable[CallOfMessage]) -> CallOfMessage | None:
    """Return the call in which a message was left; None where none is certain.

    The PBX names the mailbox of a message it saved (its number in it may be another by now) and the moment; without
    that, a call that went to this mailbox at this moment from this number is the one.
    """
    ended_at = message.received_at + (message.seconds or 0.0)
    saved = [
        (abs(one.ended_at - ended_at), call)
        for call in calls
        for one in call.record.recordings
        if one.kind is RecordingKind.VOICEMAIL and one.ended_at is not None and _box_of(one.file) == message.key[:2]
    ]
    apart, nearest = min(saved, key=lambda one: one[0], default=(APART_SECONDS + 1, None))
    if apart <= APART_SECONDS:
        return nearest
    went = [
        call
        for call in calls
        if call.number_key == number_key and _was_there(call.record, message) and _went_to(call.record, message)
    ]
    return went[0] if len(went) == 1 else None


def _box_of(file: str) -> tuple[str, str] | None:
    parts = PurePosixPath(file).parts
    return (parts[-4], parts[-3]) if len(parts) >= len(("context", "mailbox", "folder", "file")) else None


def _was_there(call: CallRecord, message: Message) -> bool:
    """Whether a call had begun and not ended when the message was left, by clocks a little apart."""
    ended = call.ended_at is not None and call.ended_at < message.received_at - SLACK_SECONDS
    return call.started_at <= message.received_at + SLACK_SECONDS and not ended


def _went_to(call: CallRecord, message: Message) -> bool:
    boxes = {step.detail.partition("@")[0] for step in call.timeline if step.what == "voicemail" and step.detail}
    return message.key.mailbox in boxes or (not boxes and call.outcome is Outcome.VOICEMAIL)


@dataclass(frozen=True, slots=True)
class Known:
    """What the table says of a message: enough to see what changed."""

    id: int
    folder: str
    path: str
    ending: str
    presence: Presence
    heard: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """What is to be written after a look into the spool."""

    new: tuple[Message, ...]
    moved: tuple[tuple[Known, Message], ...]
    """Renumbered, moved to another folder, or back after it was thought gone."""
    heard: tuple[Known, ...]
    """Moved by its owner out of the new ones."""
    gone: tuple[Known, ...]


def compare(known: Mapping[Key, Known], seen: Iterable[Message], absent: Collection[Key]) -> Difference:
    """Say what a look into the spool changes; `absent` are messages that two looks in a row did not find.

    One look is not enough: a message that is being moved is for a moment in neither folder.
    """
    there = {message.key: message for message in seen}
    both = [(known[key], message) for key, message in there.items() if key in known]
    alive = [pair for pair in both if pair[0].presence in {Presence.THERE, Presence.GONE}]
    return Difference(
        new=tuple(message for key, message in there.items() if key not in known),
        moved=tuple((old, now) for old, now in alive if _moved(old, now)),
        heard=tuple(
            old for old, now in alive
            if old.folder in NEW_FOLDERS and now.folder not in NEW_FOLDERS and not old.heard
        ),
        gone=tuple(
            old for key, old in known.items()
            if key in absent and key not in there and old.presence is Presence.THERE
        ),
    )  # fmt: skip


def _moved(old: Known, now: Message) -> bool:
    return (old.folder, old.path, old.ending) != (now.folder, now.path, now.ending) or old.presence is Presence.GONE

"""The mailboxes of a PBX in a folder of this machine: Asterisk's voicemail spool or its mount, read-only is enough."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final
from uuid import uuid4

from crm_core.recordings.folder import in_thread
from crm_core.recordings.places import PlaceUnavailable
from crm_core.recordings.rules import EMPTY_BYTES
from crm_core.voicemail.rules import ENDINGS, Key, Message, parse

MOST_FOLDERS: Final = 10_000
MOST_MESSAGES: Final = 50_000
TEXT_BYTES: Final = 16_384
WORKSHOPS: Final = frozenset({"tmp", "temp"})
"""Where Asterisk writes messages that are not finished."""
SETTLED_SECONDS: Final = 2.0
"""A folder that changed less than this ago may change again without its time changing: it is read again."""


@dataclass(frozen=True, slots=True)
class Located:
    """The sound of a message, now."""

    path: Path
    size: int
    ending: str


class Spool:
    """CONTEXT/MAILBOX/FOLDER below `root`. Nothing is followed out of it, no link is taken for a folder."""

    def __init__(self, root: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.root = root
        self._clock = clock
        self._read: dict[PurePosixPath, tuple[int, tuple[Message, ...]]] = {}

    async def scan(self) -> tuple[Message, ...]:
        """Return every message of every mailbox. Raises PlaceUnavailable unless all of it could be read."""
        return await in_thread(self.root, self._scan)

    async def locate(self, key: Key, path: str) -> Located | None:
        """Find a message's sound: where it lay last, else anywhere in its mailbox. Raises PlaceUnavailable."""
        return await in_thread(self.root, lambda: self._locate(key, path))

    async def remove(self, key: Key, path: str) -> bool:
        """Delete a message; False where the spool is not ours to write. Raises PlaceUnavailable."""
        return await in_thread(self.root, lambda: self._remove(key, path))

    def _scan(self) -> tuple[Message, ...]:
        found: list[Message] = []
        read: dict[PurePosixPath, tuple[int, tuple[Message, ...]]] = {}
        boxes = 0
        for context in _folders(self.root):
            for mailbox in _folders(self.root / context):
                boxes += 1
                for folder in self._folders_of(PurePosixPath(context, mailbox)):
                    read[folder] = self._messages(folder)
                    found.extend(read[folder][1])
                    if len(read) > MOST_FOLDERS or len(found) > MOST_MESSAGES:
                        raise PlaceUnavailable(f"{self.root} holds more than {MOST_MESSAGES} messages")
        if not boxes:
            raise PlaceUnavailable(f"{self.root} holds no mailbox: is it mounted?")
        self._read = read
        return tuple(found)

    def _folders_of(self, mailbox: PurePosixPath) -> Iterator[PurePosixPath]:
        for name in _folders(self.root / mailbox):
            if name not in WORKSHOPS:
                yield mailbox / name

    def _messages(self, folder: PurePosixPath) -> tuple[int, tuple[Message, ...]]:
        """Read one folder, and only again when something in it changed."""
        where = self.root / folder
        try:
            changed = where.stat().st_mtime_ns
            kept = self._read.get(folder)
            if kept is not None and kept[0] == changed and changed / 1e9 < self._clock() - SETTLED_SECONDS:
                return kept
            names = {entry.name for entry in os.scandir(where) if entry.is_file(follow_symlinks=False)}
        except (FileNotFoundError, NotADirectoryError):
            return 0, ()
        stems = sorted(name.removesuffix(".txt") for name in names if name.startswith("msg") and name.endswith(".txt"))
        return changed, tuple(filter(None, (self._message(folder, stem, names) for stem in stems)))

    def _message(self, folder: PurePosixPath, stem: str, names: set[str]) -> Message | None:
        ending = next((one for one in ENDINGS if f"{stem}{one}" in names), None)
        if ending is None or not stem.isprintable():
            return None
        where = self.root / folder
        try:
            with (where / f"{stem}.txt").open("rb") as file:
                text = file.read(TEXT_BYTES).decode("utf-8", "replace")
            size = (where / f"{stem}{ending}").stat().st_size
        except FileNotFoundError:
            return None  # moved in this moment: the next look finds it
        return parse(text, folder, stem, ending, size) if size > EMPTY_BYTES else None

    def _now(self, key: Key, path: str) -> Message | None:
        """Return a message as it lies there now, whatever it is called by now."""
        last = PurePosixPath(path)
        mailbox = PurePosixPath(key.context, key.mailbox)
        if last.parent.parent == mailbox and last.parent.name in _folders(self.root / mailbox):
            names = {f"{last.name}{ending}" for ending in ENDINGS if (self.root / f"{path}{ending}").is_file()}
            here = self._message(last.parent, last.name, names)
            if here is not None and here.key == key:
                return here
        for folder in self._folders_of(mailbox):
            for message in self._messages(folder)[1]:
                if message.key == key:
                    return message
        return None

    def _there(self) -> None:
        if not self.root.is_dir():
            raise PlaceUnavailable(f"{self.root} is not there")

    def _locate(self, key: Key, path: str) -> Located | None:
        self._there()
        try:
            message = self._now(key, path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if message is None:
            return None
        sound = self.root / f"{message.path}{message.ending}"
        return None if sound.is_symlink() else Located(sound, message.size, message.ending)

    def _remove(self, key: Key, path: str) -> bool:
        self._there()
        with suppress(FileNotFoundError, NotADirectoryError):
            message = self._now(key, path)
            if message is None:
                return True
            try:
                with _locked((self.root / message.path).parent):
                    held = self._now(key, message.path)
                    if held is None or held.folder != message.folder:
                        return False  # moved in this moment
                    for ending in (*ENDINGS, ".txt"):
                        (self.root / f"{held.path}{ending}").unlink(missing_ok=True)
            except OSError:
                return False  # mounted read-only, not ours, or the owner of the mailbox is at it
        return True


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold Asterisk's own lock of a folder, so that nothing is renumbered meanwhile. Raises OSError."""
    mine, lock = folder / f".lock-{uuid4().hex[:8]}", folder / ".lock"
    mine.touch(exist_ok=False)
    try:
        lock.hardlink_to(mine)
    finally:
        mine.unlink()
    try:
        yield
    finally:
        lock.unlink()


def _folders(where: Path) -> list[str]:
    """Name the folders in a folder; links are none (FreePBX shows every mailbox a second time by links)."""
    with os.scandir(where) as entries:
        return sorted(one.name for one in entries if one.is_dir(follow_symlinks=False) and one.name.isprintable())

"""Recordings in a folder of this machine: Asterisk's own, or one that is mounted (read-only is enough)."""

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Final, TypeVar

from typing_extensions import override

from crm_core.recordings.paths import Candidate, clean_path
from crm_core.recordings.places import Place, PlaceUnavailable
from crm_core.recordings.rules import CONVERTED, FileFacts, format_of, seconds_of

SECONDS: Final = 10.0
"""A mount whose server is gone hangs; nobody waits longer."""
HEAD_BYTES: Final = 4096
MOST_FOUND: Final = 20
MOST_FOLDERS: Final = 8
"""Listings kept: the days around now, for a PBX or two."""
MOST_NAMES: Final = 200_000
Result = TypeVar("Result")


async def in_thread(root: Path, work: Callable[[], Result]) -> Result:
    """Work on the files below `root` without holding up the event loop. Raises PlaceUnavailable."""
    try:
        async with asyncio.timeout(SECONDS):
            return await asyncio.to_thread(work)
    except TimeoutError as error:
        raise PlaceUnavailable(f"{root} does not answer") from error
    except OSError as error:
        raise PlaceUnavailable(f"{root}: {error.strerror or error}") from error


class Folder(Place):
    """A tree of files below `root`. Whatever a path or a symbolic link says, nothing outside is touched."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._listings: OrderedDict[str, tuple[int, tuple[str, ...]]] = OrderedDict()

    @override
    async def find(self, path: str) -> FileFacts | None:
        return await in_thread(self.root, lambda: self._find(path))

    @override
    async def search(self, candidates: Sequence[Candidate]) -> list[FileFacts]:
        return await in_thread(self.root, lambda: self._search(candidates))

    @override
    async def remove(self, path: str) -> bool:
        return await in_thread(self.root, lambda: self._remove(path))

    @override
    async def check(self) -> bool:
        return await in_thread(self.root, self._check)

    @override
    async def close(self) -> None:
        self._listings.clear()

    async def locate(self, path: str) -> Path | None:
        """Return the real file behind a path, for giving it out. Raises PlaceUnavailable."""
        return await in_thread(self.root, lambda: self._inside(path))

    def _inside(self, path: str) -> Path | None:
        """Return the file itself if it is a file, is sound, and lies in the folder after all links are followed."""
        cleaned = clean_path(path)
        if cleaned is None or format_of(cleaned) is None:
            return None
        try:
            real = (self.root / cleaned).resolve(strict=True)
            root = self.root.resolve(strict=True)
        except (FileNotFoundError, NotADirectoryError, RuntimeError):
            return None
        return real if real.is_relative_to(root) and real.is_file() else None

    def _find(self, path: str) -> FileFacts | None:
        named = PurePosixPath(path)
        stem = named.with_suffix("") if format_of(path) is not None else named
        others = [f"{stem}{ending}" for ending in CONVERTED if f"{stem}{ending}" != path]
        for candidate in (path, *others):
            real = self._inside(candidate)
            if real is not None:
                return _facts(real, candidate)
        if not self.root.is_dir():
            raise PlaceUnavailable(f"{self.root} is not there")
        return None

    def _search(self, candidates: Sequence[Candidate]) -> list[FileFacts]:
        found: dict[str, FileFacts] = {}
        for candidate in candidates:
            names = (candidate.exact,) if candidate.exact is not None else self._names(candidate.folder)
            for name in names:
                path = f"{candidate.folder}/{name}" if candidate.folder else name
                if candidate.name.fullmatch(name) and (real := self._inside(path)) is not None:
                    found[path] = _facts(real, path)
                if len(found) >= MOST_FOUND:
                    break
        return list(found.values())

    def _names(self, folder: str) -> tuple[str, ...]:
        """List one folder, and only again when something in it changed."""
        where = (self.root / folder).resolve()
        if not where.is_relative_to(self.root.resolve()):
            return ()
        try:
            changed = where.stat().st_mtime_ns
            kept = self._listings.get(folder)
            if kept is None or kept[0] != changed:
                with os.scandir(where) as entries:
                    names = tuple(entry.name for entry, _ in zip(entries, range(MOST_NAMES), strict=False))
                kept = (changed, names)
        except (FileNotFoundError, NotADirectoryError):
            return ()
        self._listings[folder] = kept
        self._listings.move_to_end(folder)
        while len(self._listings) > MOST_FOLDERS:
            self._listings.popitem(last=False)
        return kept[1]

    def _remove(self, path: str) -> bool:
        real = self._inside(path)
        if real is None:
            if not self.root.is_dir():
                raise PlaceUnavailable(f"{self.root} is not there")
            return False
        try:
            real.unlink()
        except OSError:
            return False  # mounted read-only, or not ours: it is only forgotten
        return True

    def _check(self) -> bool:
        with os.scandir(self.root) as entries:
            return next(entries, None) is not None


def _facts(real: Path, path: str) -> FileFacts:
    size = real.stat().st_size
    with real.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return FileFacts(path, size, seconds_of(head, size, path))

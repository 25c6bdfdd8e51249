"""One part of the board (calls, queues, agents or links): what it shows now, and what subscribers know of it. Pure."""

from collections.abc import Callable
from typing import Generic, TypeVar

Entry = TypeVar("Entry")


class Part(Generic[Entry]):
    """Entries by key, drawn again only when someone looks, told only when they differ."""

    def __init__(self, draw: Callable[[str], Entry | None]) -> None:
        self.current: dict[str, Entry] = {}
        self.stale: set[str] = set()
        """Keys whose entry must be drawn again."""
        self._draw = draw
        self._untold: set[str] = set()
        self._known: dict[str, Entry] = {}
        self._peeked: set[str] = set()

    def redraw(self) -> None:
        """Bring the entries up to date."""
        for key in self.stale:
            entry = self._draw(key)
            if entry is None:
                self.current.pop(key, None)
            else:
                self.current[key] = entry
        self._untold |= self.stale
        self.stale.clear()

    def snapshot(self) -> dict[str, Entry]:
        """Return all entries; what no delta has told yet will be told, since some subscribers now know more."""
        self._peeked |= self._untold
        return dict(self.current)

    def changes(self) -> tuple[dict[str, Entry], tuple[str, ...]]:
        """Return what brings all subscribers to the same knowledge: entries to set, keys that are gone."""
        new: dict[str, Entry] = {}
        gone: list[str] = []
        for key in sorted(self._untold):
            entry = self.current.get(key)
            if entry is None:
                if self._known.pop(key, None) is not None or key in self._peeked:
                    gone.append(key)
            elif self._known.get(key) != entry or key in self._peeked:
                self._known[key] = new[key] = entry
        self._untold.clear()
        self._peeked.clear()
        return new, tuple(gone)

"""Where recordings lie: one place per PBX, and what is asked of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from crm_core.recordings.paths import Candidate, Pattern
from crm_core.recordings.rules import FileFacts


class PlaceUnavailable(Exception):
    """The folder or server cannot be asked now; one line that says why and holds no password."""


class Place(Protocol):
    """A tree of files; paths are relative, as `paths.clean_path` gives them."""

    async def find(self, path: str) -> FileFacts | None:
        """Find a file, or what the PBX made of it (same name, another ending). Raises PlaceUnavailable."""

    async def search(self, candidates: Sequence[Candidate]) -> list[FileFacts]:
        """Find the files of a call by their names, at most a few. Raises PlaceUnavailable."""

    async def remove(self, path: str) -> bool:
        """Delete a file; False where that is not ours to do."""

    async def check(self) -> bool:
        """Tell whether the place holds anything. Raises PlaceUnavailable."""

    async def close(self) -> None:
        """Let go of what is open."""


@dataclass(frozen=True, slots=True)
class Source:
    """The recordings of one PBX."""

    place: Place
    prefix: str
    """What the PBX calls the place's folder."""
    pattern: Pattern | None = None


@dataclass(frozen=True, slots=True)
class Sources:
    """The recordings of every PBX; one set under the name "" counts for all that have none of their own."""

    by_pbx: dict[str, Source]

    def of(self, pbx: str) -> Source | None:
        """Return where a PBX's recordings lie; None where nobody said."""
        return self.by_pbx.get(pbx) or self.by_pbx.get("")

    async def close(self) -> None:
        """Let go of what is open."""
        for source in self.by_pbx.values():
            await source.place.close()

"""From what the PBX says to a path below our folder, and from a call to the names its files may bear. Pure.

Nothing here leads out of the folder: a path with `..`, an empty part or a control character is no path.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

LONGEST_PATH: Final = 1000
MOST_IDS: Final = 100
"""Channels of one call that are looked for; a conversation of more is a loop."""
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}|(\*+)")
_DATES: Final = frozenset({"yyyy", "mm", "dd"})
_IDS: Final = frozenset({"uniqueid", "linkedid"})
_DAYS: Final = (0, -1, 1)
"""The PBX names folders by its own clock: whatever its time zone, the day is ours, the one before or the one after."""


def clean_path(path: str) -> str | None:
    """Return a relative path in its plain form; None for what leads elsewhere or is no path."""
    if not path or len(path) > LONGEST_PATH or path.startswith("/") or not path.isprintable() or "\\" in path:
        return None
    parts = [part for part in path.split("/") if part != "."]
    if not parts or any(not part or part == ".." for part in parts):
        return None
    return "/".join(parts)


def below(file: str, prefix: str) -> str | None:
    """Return where a file the PBX names lies below our folder, `prefix` being the PBX's name of that folder.

    A relative name is below the folder already (MixMonitor reads it so). None for a file that is elsewhere.
    """
    if not file.startswith("/"):
        return clean_path(file)
    root = prefix.rstrip("/") + "/"
    return clean_path(file[len(root) :]) if file.startswith(root) else None


@dataclass(frozen=True, slots=True)
class Candidate:
    """Where a call's file may lie: its folder, and what its name looks like; `exact` where that is one name."""

    folder: str
    name: re.Pattern[str]
    exact: str | None


@dataclass(frozen=True, slots=True)
class Pattern:
    """How a PBX names its recordings: `{yyyy}/{mm}/{dd}/*-{uniqueid}.*`; placeholders of days, ids, and `*`.

    `*` stands for any letters of the file's name, never for folders.
    """

    text: str

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """Read a pattern. Raises ValueError, saying what is wrong."""
        folder, _, name = text.rpartition("/")
        if text.startswith("/") or clean_path(_PLACEHOLDER.sub("x", text)) is None:
            raise ValueError(f"{text!r} is no path below the folder of recordings")
        for word in (found[1] for found in _PLACEHOLDER.finditer(text) if found[1] is not None):
            if word not in _DATES | _IDS:
                raise ValueError(f"{{{word}}} is none of {{uniqueid}}, {{linkedid}}, {{yyyy}}, {{mm}}, {{dd}}")
        if "{" in _PLACEHOLDER.sub("", text) or "}" in _PLACEHOLDER.sub("", text):
            raise ValueError(f"{text!r} has a brace without its other half")
        if "*" in folder or not any(f"{{{word}}}" in name for word in _IDS):
            raise ValueError("the file's name must hold {uniqueid} or {linkedid}, and * may stand in it only")
        return cls(text)

    def candidates(self, uniqueids: Sequence[str], linkedids: Sequence[str], started_at: float) -> list[Candidate]:
        """Name the places where the files of a call may lie, the likeliest first."""
        folder, _, name = self.text.rpartition("/")
        ids = {"uniqueid": uniqueids[:MOST_IDS], "linkedid": linkedids[:MOST_IDS]}
        found: dict[tuple[str, str], Candidate] = {}
        for day in _DAYS if any(f"{{{word}}}" in self.text for word in _DATES) else (0,):
            dates = _dates(started_at, day)
            for chosen in _combinations(self.text, ids):
                where = clean_path(_filled(folder, dates | chosen)) if folder else ""
                spelled = _filled(name, dates | chosen)
                if where is None or ("*" not in spelled and clean_path(spelled) != spelled) or "/" in spelled:
                    continue
                exact = None if "*" in spelled else spelled
                key = (where, spelled)
                found.setdefault(key, Candidate(where, _regex(name, dates | chosen), exact))
        return list(found.values())


def _dates(started_at: float, days: int) -> dict[str, str]:
    day = datetime.fromtimestamp(started_at, UTC) + timedelta(days=days)
    return {"yyyy": f"{day.year:04}", "mm": f"{day.month:02}", "dd": f"{day.day:02}"}


def _combinations(text: str, ids: dict[str, Sequence[str]]) -> Iterable[dict[str, str]]:
    """Give each id once where the pattern holds one kind of id; both kinds together where it holds both."""
    wanted = [word for word in sorted(_IDS) if f"{{{word}}}" in text]
    if len(wanted) == 1:
        return [{wanted[0]: one} for one in ids[wanted[0]] if one]
    return [
        {"linkedid": linkedid, "uniqueid": uniqueid}
        for linkedid in ids["linkedid"]
        for uniqueid in ids["uniqueid"]
        if linkedid and uniqueid
    ][:MOST_IDS]


def _filled(text: str, values: dict[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values[found[1]] if found[1] is not None else "*", text)


def _regex(name: str, values: dict[str, str]) -> re.Pattern[str]:
    """Read a name's pattern; an id is whole: `1.12` is not found in `1.123`."""
    parts, place = [], 0
    for found in _PLACEHOLDER.finditer(name):
        parts.append(re.escape(name[place : found.start()]))
        word = found[1]
        if word is None:
            parts.append("[^/]*")
        elif word in _IDS:
            parts.append(rf"(?<![0-9.]){re.escape(values[word])}(?![0-9])")
        else:
            parts.append(re.escape(values[word]))
        place = found.end()
    parts.append(re.escape(name[place:]))
    return re.compile("".join(parts))

"""How alike names are; the only importer of rapidfuzz. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from rapidfuzz import fuzz, process

ALIKE: Final = 88.0
"""From this score (0 to 100) on two names are worth a look: a typo, another order, a missing middle name."""
NEIGHBOURS: Final = 8
"""So many names behind a name, in their order, it is compared with."""


def likeness(first: str, second: str) -> float:
    """Return how alike two folded names are, whatever the order of their words: 0 to 100."""
    return float(fuzz.token_sort_ratio(first, second))


def most_alike(name: str, names: Sequence[str], most: int) -> list[tuple[int, float]]:
    """Return the places of the names most like this one, each with its score, the best first."""
    found = process.extract(name, names, scorer=fuzz.token_sort_ratio, limit=most, score_cutoff=ALIKE)
    return [(place, float(score)) for _, score, place in found]


def neighbours_alike(sorted_names: Sequence[tuple[str, int]]) -> Iterator[tuple[int, int, float]]:
    """Give the pairs of clients whose names are alike among names in their order, as (id, id, score).

    The sorted-neighbourhood method (Hernández and Stolfo, 1995): what is alike stands close together, so each name is
    compared with its next `NEIGHBOURS` only.
    """
    for place, (name, identity) in enumerate(sorted_names):
        if len(name) < 4:  # noqa: PLR2004 - shorter names are alike by chance
            continue
        for other, other_identity in sorted_names[place + 1 : place + 1 + NEIGHBOURS]:
            score = likeness(name, other)
            if score >= ALIKE:
                yield identity, other_identity, score

"""Texts as both databases can keep them, and the folded words they are found by. Pure."""

import re
import unicodedata
from functools import lru_cache

from crm_core.errors import InvalidField

WORD = re.compile(r"[^\W_]+")
LONGEST_WORD = 40
MOST_WORDS = 200
"""Words of one text that can be searched for: the beginning of a very long note is enough."""
UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def clean(text: str) -> str:
    """Return the text without what UTF-8 or PostgreSQL cannot keep (NUL, lone surrogates)."""
    return UNSTORABLE.sub("", text)


def line(text: str) -> str:
    """Return the text as one clean line without blanks around it."""
    return " ".join(clean(text).split())


def bounded(field: str, text: str, longest: int) -> str:
    """Return the cleaned text; raises InvalidField when it is longer than that many characters."""
    if len(text) > longest:
        raise InvalidField(field, f"is longer than {longest} characters")
    return clean(text)


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """Return the text as it is compared: without case, accents and superfluous blanks."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", clean(text)).casefold())
    return line("".join(character for character in folded if not unicodedata.combining(character)))


def words(*texts: str | None) -> frozenset[str]:
    """Return the folded words of some texts."""
    found: list[str] = []
    for text in texts:
        found.extend(WORD.findall(fold(text)) if text else ())
    return frozenset(word[:LONGEST_WORD] for word in found[:MOST_WORDS])

"""Column types that mean the same on both databases."""

from typing import Annotated

from sqlalchemy import BigInteger, ColumnElement, Double, Integer, Text
from sqlalchemy.orm import InstrumentedAttribute, mapped_column

ID = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only when the type is plain INTEGER."""
KEY = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that is compared letter by letter on both, so that a prefix is a range of the index."""

Id = Annotated[int, mapped_column(ID, primary_key=True)]
Instant = Annotated[float, mapped_column(Double)]
"""Epoch seconds, UTC."""
Key = Annotated[str, mapped_column(KEY)]
LAST = "\U0010ffff"
"""The end of the range of a prefix: no text begins with anything greater."""


def begins_with(
    column: InstrumentedAttribute[str] | InstrumentedAttribute[str | None], prefix: str
) -> ColumnElement[bool]:
    """Ask for the texts of an indexed KEY column that begin so: a range of the index on both databases."""
    return (column >= prefix) & (column < prefix + LAST)

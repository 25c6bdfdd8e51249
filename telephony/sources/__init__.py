"""Where a PBX keeps its own channel event log (CEL): read after an outage, never written to."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from telephony.cel import Row
from telephony.sources.addresses import LogAddress, parse_log_urls

__all__ = ["LogAddress", "LogSource", "LogUnavailable", "parse_log_urls"]


class LogUnavailable(Exception):
    """The log cannot be read now: one line that never holds a password."""


class LogSource(Protocol):
    """The channel event log of one PBX."""

    refused: int
    """Lines or rows that could not be understood, since the start."""

    def rows(self, since: float) -> AsyncIterator[Sequence[Row]]:
        """Give the rows from `since` (epoch seconds) on in the order of their times, some hundred at a time.

        Raises LogUnavailable.
        """
        ...

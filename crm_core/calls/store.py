"""The call log: rows written as calls happen, and what people add to them."""

import time
from collections.abc import Callable, Mapping, Sequence

from crm_core.calls.rules import CallFilter, CallPatch, CallRow, CallToSave, Note, TraceEntry
from crm_core.db import Database
from crm_core.numbers import Number, Numbering
from crm_core.pages import Page
from telephony.records import CallRecord


class Calls:
    """Queries and commands about calls."""

    def __init__(self, db: Database, numbering: Numbering, *, clock: Callable[[], float] = time.time) -> None: ...

    async def save(
        self,
        call: CallRecord,
        number: Number,
        contact_id: int | None = None,
        candidates: int = 0,
        users: Mapping[str, str] | None = None,
    ) -> None:
        """Write a call as it is now, idempotently.

        Never touches notes, disposition, tags or a contact chosen by hand; never reopens an ended call. `users` maps
        extension to user name; a user once written for a phone of the call stays. Saves that wait for the writer at
        the same time share one transaction.
        """
        raise NotImplementedError

    async def add_many(self, calls: Sequence[CallToSave]) -> None:
        """Write many calls in few statements (import, demo, recovery), with the same promises as `save`."""
        raise NotImplementedError

    async def open_calls(self, pbx: str) -> tuple[CallRecord, ...]:
        """Return the calls of a PBX that have not ended as far as we know."""
        raise NotImplementedError

    async def get(self, call_id: str) -> CallRow | None:
        """Read one row."""
        raise NotImplementedError

    async def list_calls(
        self, wanted: CallFilter | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> Page[CallRow]:
        """List ended and running calls, newest first; raises InvalidField for a foreign cursor."""
        raise NotImplementedError

    async def recent_for(self, user: str, *, limit: int = 20) -> tuple[CallRow, ...]:
        """Return a user's last calls, missed ones on top."""
        raise NotImplementedError

    async def patch(self, call_id: str, patch: CallPatch, by: str) -> CallRow:
        """Change what people decide about a call; raises NotFound or InvalidField."""
        raise NotImplementedError

    async def choose_contact(self, call_id: str, contact_id: int | None, by: str) -> CallRow:
        """Say whose call it is and remember it for the number; None undoes both. Raises NotFound or InvalidField."""
        raise NotImplementedError

    async def add_note(self, call_id: str, author: str, text: str) -> Note:
        """Add a note; raises NotFound or InvalidField."""
        raise NotImplementedError

    async def save_draft(self, call_id: str, author: str, text: str) -> Note:
        """Autosave an author's note: one per call and author, overwritten in place. Raises NotFound or InvalidField."""
        raise NotImplementedError

    async def add_trace(self, call_id: str, entries: Sequence[TraceEntry]) -> None:
        """Append steps of why a call did or did not pop."""
        raise NotImplementedError

    async def trace(self, call_id: str) -> tuple[TraceEntry, ...]:
        """Return the steps in the order they happened."""
        raise NotImplementedError

    async def dispositions(self) -> tuple[str, ...]:
        """Return the results an agent can choose, in order."""
        raise NotImplementedError

"""Clients: find, create, change; the look-up behind every card."""

import time
from collections.abc import Callable, Sequence

from crm_core.db import Database
from crm_core.numbers import Numbering
from crm_core.pages import Page
from crm_core.people.rules import Contact, ContactDraft, ContactPatch, Lookup, PhoneDraft


class People:
    """Queries and commands about contacts."""

    def __init__(self, db: Database, numbering: Numbering, *, clock: Callable[[], float] = time.time) -> None: ...

    async def lookup(self, key: str, *, exclude_call: str | None = None) -> Lookup:
        """Read what a card shows about a number in one statement. The hot path.

        `key` is `Number.key` (E.164, or bare digits where there is none); never look up a number whose key is None.
        `exclude_call` keeps the ringing call itself out of its own history.
        """
        raise NotImplementedError

    async def card(self, contact_id: int, *, exclude_call: str | None = None) -> Lookup:
        """Read the same as `lookup` for a contact chosen on one call; raises NotFound."""
        raise NotImplementedError

    async def choose(self, key: str, contact_id: int, by: str) -> None:
        """Remember which of several contacts a number means; raises NotFound."""
        raise NotImplementedError

    async def forget_choice(self, key: str) -> None:
        """Undo `choose`; silently nothing when there was none."""
        raise NotImplementedError

    async def create_contact(self, draft: ContactDraft, by: str) -> Contact:
        """Create a contact and link earlier calls of its numbers; raises InvalidField."""
        raise NotImplementedError

    async def add_many(self, drafts: Sequence[ContactDraft], by: str) -> tuple[int, ...]:
        """Create many contacts in few statements (import, demo) and link earlier calls; all or none, InvalidField."""
        raise NotImplementedError

    async def get_contact(self, contact_id: int) -> Contact:
        """Read a contact; raises NotFound."""
        raise NotImplementedError

    async def update_contact(
        self, contact_id: int, patch: ContactPatch, by: str, *, expected_version: int | None = None
    ) -> Contact:
        """Change a contact and re-link calls; raises NotFound, Conflict (version differs) or InvalidField."""
        raise NotImplementedError

    async def add_phone(self, contact_id: int, phone: PhoneDraft, by: str) -> Contact:
        """Attach one more number (nothing when the contact has it already); raises NotFound or InvalidField."""
        raise NotImplementedError

    async def delete_contact(self, contact_id: int, by: str) -> None:
        """Delete a contact; its calls stay, without it. Raises NotFound."""
        raise NotImplementedError

    async def list_contacts(self, q: str | None = None, *, limit: int = 50, cursor: str | None = None) -> Page[Contact]:
        """List contacts by name; `q`: words of name, company, e-mail, or a number in any spelling (last 4+ digits)."""
        raise NotImplementedError

    async def count(self) -> int:
        """Return how many contacts there are."""
        raise NotImplementedError

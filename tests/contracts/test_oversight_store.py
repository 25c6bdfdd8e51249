"""Who joined whose call: the same on both databases."""

import pytest

from crm_core.db import Database
from crm_core.errors import InvalidField
from crm_core.oversight.rules import SpyingDraft
from crm_core.oversight.store import Oversight


async def test_rows_are_added_and_paged_the_latest_first(db: Database) -> None:
    oversight = Oversight(db, clock=lambda: 100.0)
    drafts = [SpyingDraft(f"C{n}", "main", "sam", "2008", "listen", "ana", "2001") for n in range(5)]
    for draft in drafts:
        await oversight.spies(draft)
    pages, cursor = [], None
    while True:
        page = await oversight.spyings(2, cursor)
        pages.append([one.asked for one in page.items])
        cursor = page.next
        if cursor is None:
            break
    assert pages == [[drafts[4], drafts[3]], [drafts[2], drafts[1]], [drafts[0]]]
    assert {(one.at, one.began_at, one.ended_at) for one in (await oversight.spyings()).items} == {(100.0, None, None)}
    with pytest.raises(InvalidField):
        await oversight.spyings(2, "nonsense")

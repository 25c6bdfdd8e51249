"""The tree of results in the database: the same on both."""

import pytest

from crm_core.calls.dispositions_store import DispositionPatch, Dispositions
from crm_core.db import Database
from crm_core.errors import InvalidField, NotFound
from crm_core.staff.store import Staff


@pytest.fixture
def results(db: Database) -> Dispositions:
    return Dispositions(db)


async def test_the_list_that_comes_with_callcard_is_flat_and_free(results: Dispositions) -> None:
    tree = await results.tree()
    assert tree.choices("support")[:2] == ("sold", "callback")
    assert tree.free
    assert all(branch.depth == 1 for branch in tree.branches)


async def test_a_tree_is_grown_pruned_and_moved_and_others_are_told(results: Dispositions, staff: Staff) -> None:
    before = await staff.revision()
    complaint = next(one.result for one in (await results.tree()).branches if one.path == "complaint")
    delivery = await results.add(DispositionPatch("Delivery", complaint.id, color="red", icon="clock"))
    first = await results.add(DispositionPatch("Refund", position=0, queues=("support", "billing", "support")))
    tree = await results.tree()
    assert (first.position, first.queues, tree.free) == (0, ("billing", "support"), False)
    assert tree.choices("sales")[:2] == ("sold", "callback")
    assert "complaint / Delivery" in tree.choices(None)
    assert tree.choices("billing")[0] == "Refund"

    renamed = await results.change(delivery.id, DispositionPatch("Late", position=0, color=None))
    assert (renamed.name, renamed.color, renamed.icon, renamed.parent_id) == ("Late", None, "clock", complaint.id)
    moved = await results.change(first.id, DispositionPatch(parent_id=complaint.id))
    assert (moved.parent_id, moved.queues, moved.position) == (complaint.id, (), 1)
    await results.change(delivery.id, DispositionPatch(retired=True))
    assert [one for one in (await results.tree()).choices(None) if "complaint" in one] == ["complaint / Refund"]
    up = await results.change(delivery.id, DispositionPatch(parent_id=None, retired=False, position=1))
    assert (up.parent_id, up.position) == (None, 1)
    assert (await results.tree()).choices(None)[:3] == ("sold", "Late", "callback")
    assert await staff.revision() == before + 6


async def test_what_cannot_be_is_refused_and_changes_nothing(results: Dispositions) -> None:
    sold = next(one.result for one in (await results.tree()).branches if one.path == "sold")
    for patch, field in (
        (DispositionPatch("SOLD"), "name"),
        (DispositionPatch(""), "name"),
        (DispositionPatch("new", 999), "parent_id"),
        (DispositionPatch("new", sold.id, queues=("support",)), "queues"),
        (DispositionPatch("new", queues=("two\nlines",)), "queues"),
        (DispositionPatch("new", color="mauve"), "color"),
    ):
        with pytest.raises(InvalidField) as refused:
            await results.add(patch)
        assert refused.value.field == field
    with pytest.raises(InvalidField):
        await results.change(sold.id, DispositionPatch(parent_id=sold.id))
    with pytest.raises(NotFound):
        await results.change(999, DispositionPatch(retired=True))
    assert (await results.tree()).free

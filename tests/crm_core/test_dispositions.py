"""The tree of results: what is offered where, what a call may have, and which shapes are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.calls.dispositions import DEEPEST, MOST, Disposition, DispositionTree, check_look, check_name
from crm_core.errors import InvalidField

TREE = DispositionTree(
    [
        Disposition(1, "sold", position=1),
        Disposition(2, "Complaint", position=0),
        Disposition(3, "Delivery", 2, 1),
        Disposition(4, "Quality", 2, 0),
        Disposition(5, "Colour", 4, 0),
        Disposition(6, "Billing", position=2, queues=("billing",)),
        Disposition(7, "Debt", 6, 0),
        Disposition(8, "Old", position=3, retired=True),
        Disposition(9, "Older", 8, 0),
        Disposition(10, "Gone", 6, 1, retired=True),
    ]
)
ALWAYS = ("Complaint / Quality / Colour", "Complaint / Delivery", "sold")


def test_a_queue_is_offered_what_is_for_all_and_what_is_its_own() -> None:
    assert TREE.choices("support") == TREE.choices(None) == ALWAYS
    assert TREE.choices("billing") == TREE.every_choice() == (*ALWAYS, "Billing / Debt")
    assert [one.path for one in TREE.branches if not one.offered] == ["Billing / Gone", "Old", "Old / Older"]


@pytest.mark.parametrize(
    ("chosen", "queue", "before"),
    [
        ("sold", None, None),
        ("Billing / Debt", "billing", None),
        ("Old", "support", "Old"),
        ("callback", None, "callback"),
    ],
)
def test_what_is_offered_is_taken_and_what_a_call_has_stays(chosen: str, queue: str | None, before: str | None) -> None:
    TREE.check(chosen, queue, before)


@pytest.mark.parametrize(
    ("chosen", "queue", "words"),
    [
        ("Complaint", None, "one of those below"),
        ("Billing / Debt", "support", "none of the results"),
        ("Old", "support", "none of the results"),
        ("Sold", "support", "none of the results"),
    ],
)
def test_what_is_not_offered_is_refused(chosen: str, queue: str | None, words: str) -> None:
    with pytest.raises(InvalidField, match=words) as refused:
        TREE.check(chosen, queue, None)
    assert refused.value.field == "disposition"


def test_the_list_that_came_with_callcard_takes_any_word_and_so_does_an_empty_one() -> None:
    builtin = DispositionTree([Disposition(1, "sold", builtin=True)])
    assert builtin.free
    builtin.check("whatever", "support", None)
    only_billing = DispositionTree([Disposition(1, "Debt", queues=("billing",))])
    only_billing.check("whatever", "support", None)
    assert not only_billing.free


@pytest.mark.parametrize(
    ("name", "parent", "moved", "field"),
    [
        ("SOLD", None, None, "name"),
        ("new", 99, None, "parent_id"),
        ("new", 5, None, "parent_id"),
        ("Complaint", 3, 2, "parent_id"),
        ("Complaint", 2, 2, "parent_id"),
        ("Complaint", 1, 2, "parent_id"),
    ],
)
def test_a_place_that_cannot_be_is_refused(name: str, parent: int | None, moved: int | None, field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        TREE.check_place(name, parent, moved)
    assert refused.value.field == field


def test_a_result_may_keep_its_name_and_a_list_is_not_endless() -> None:
    TREE.check_place("Sold", None, 1)
    TREE.check_place("Quality", 1, 4)
    full = DispositionTree(Disposition(number, str(number)) for number in range(1, MOST + 1))
    with pytest.raises(InvalidField, match="at most"):
        full.check_place("new", None)


def test_names_and_looks() -> None:
    assert check_name(" In/Out  now ") == "In/Out now"
    for wrong in ("", "x" * 31, "a / b", "/"):
        with pytest.raises(InvalidField):
            check_name(wrong)
    check_look("red", "check")
    for color, icon in (("crimson", None), (None, "skull")):
        with pytest.raises(InvalidField):
            check_look(color, icon)


@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.booleans(), st.sampled_from([(), ("a",), ("b",)])), min_size=1, max_size=12
    )
)
def test_every_choice_of_any_tree_may_be_chosen_and_nothing_else(rows: list[tuple[int, bool, tuple[str, ...]]]) -> None:
    results: list[Disposition] = []
    for number, (parent, retired, queues) in enumerate(rows, 1):
        above = parent if 0 < parent < number else None
        tree = DispositionTree(results)
        try:
            tree.check_place(f"n{number}", above)
        except InvalidField:
            continue
        results.append(
            Disposition(number, f"n{number}", above, 0, None, None, queues if above is None else (), retired)
        )
    tree = DispositionTree(results)
    assert len(tree.branches) == len(results)
    assert all(branch.depth <= DEEPEST for branch in tree.branches)
    for queue in (None, "a", "c"):
        choices = tree.choices(queue)
        assert set(choices) <= set(tree.every_choice())
        for branch in tree.branches:
            if not choices or branch.path in choices:
                tree.check(branch.path, queue, None)
            else:
                with pytest.raises(InvalidField):
                    tree.check(branch.path, queue, None)

"""The results of calls agents choose from: a tree of a few levels, for all queues or some. Pure.

A call keeps the words of its result, the way through the tree: `Complaint / Delivery`. So what was chosen stays
readable whatever becomes of the tree.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from crm_core.errors import InvalidField
from crm_core.texts import line

SEPARATOR: Final = " / "
LONGEST_NAME: Final = 30
DEEPEST: Final = 3
MOST: Final = 300
COLORS: Final = (
    "blue", "azure", "indigo", "purple", "pink", "red", "orange", "yellow", "lime", "green", "teal", "cyan",
)  # fmt: skip
"""The palette's names."""
ICONS: Final = (
    "check", "x", "phone", "phone-x", "clock", "refresh", "note", "star-filled", "tag", "user", "alert-circle",
    "alert-triangle", "info-circle", "list",
)  # fmt: skip
"""Those of the pages' icons that say something about a result."""


@dataclass(frozen=True, slots=True)
class Disposition:
    """One result, or a group of them."""

    id: int
    name: str
    parent_id: int | None = None
    position: int = 0
    color: str | None = None
    icon: str | None = None
    queues: tuple[str, ...] = ()
    """Only of the first level: the queues it is offered in; none: in all, and for calls that came through none."""
    retired: bool = False
    """Not offered any more, with all below it."""
    builtin: bool = False
    """It came with Callcard and no administrator has touched the list yet."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A result with its place in the tree."""

    result: Disposition
    path: str
    depth: int
    """1 is the first level."""
    offered: bool
    """Neither it nor what is above it is retired."""
    choosable: bool
    """Offered, and nothing offered is below it."""
    queues: tuple[str, ...]


class DispositionTree:
    """All results, in the order they are shown."""

    def __init__(self, results: Iterable[Disposition]) -> None:
        self._by_id = {result.id: result for result in results}
        self._children: dict[int | None, list[Disposition]] = {}
        for result in sorted(self._by_id.values(), key=lambda one: (one.position, one.id)):
            self._children.setdefault(result.parent_id, []).append(result)
        self.branches = tuple(self._walk(None, "", 1, offered=True, queues=()))

    @property
    def free(self) -> bool:
        """Whether no administrator has made this list: other words are taken as well."""
        return all(result.builtin for result in self._by_id.values())

    def get(self, result_id: int) -> Disposition | None:
        """Return a result."""
        return self._by_id.get(result_id)

    def children(self, parent_id: int | None) -> tuple[Disposition, ...]:
        """Return what is right below a result; None: the first level."""
        return tuple(self._children.get(parent_id, ()))

    def choices(self, queue: str | None) -> tuple[str, ...]:
        """Return the results that may be chosen for a call of that queue."""
        return tuple(one.path for one in self.branches if one.choosable and _serves(one, queue))

    def every_choice(self) -> tuple[str, ...]:
        """Return the results that may be chosen for any call."""
        return tuple(one.path for one in self.branches if one.choosable)

    def check(self, chosen: str, queue: str | None, before: str | None) -> None:
        """Tell whether a call of that queue may have this result; what it has already stays. Raises InvalidField.

        Where nothing is offered, or no administrator has made the list, every word is taken.
        """
        choices = self.choices(queue)
        if self.free or not choices or chosen == before or chosen in choices:
            return
        if any(one.path == chosen and one.offered and _serves(one, queue) for one in self.branches):
            raise InvalidField("disposition", f"choose one of those below {chosen}")
        raise InvalidField("disposition", "is none of the results of this queue")

    def check_place(self, name: str, parent_id: int | None, moved: int | None = None) -> None:
        """Tell whether a result (`moved`, None: a new one) may be there under that name. Raises InvalidField."""
        above = self._above(parent_id)
        if parent_id is not None and parent_id not in self._by_id:
            raise InvalidField("parent_id", f"there is no result {parent_id}")
        if moved is not None and moved in above:
            raise InvalidField("parent_id", "a result cannot be below itself")
        if len(above) + (1 if moved is None else self._height(moved)) > DEEPEST:
            raise InvalidField("parent_id", f"{DEEPEST} levels at most")
        if any(one.name.casefold() == name.casefold() and one.id != moved for one in self.children(parent_id)):
            raise InvalidField("name", f"{name} is there already")
        if moved is None and len(self._by_id) >= MOST:
            raise InvalidField("name", f"{MOST} results at most")

    def _above(self, result_id: int | None) -> tuple[int, ...]:
        """Return a result and all above it."""
        found: list[int] = []
        while result_id is not None and result_id not in found:
            found.append(result_id)
            above = self._by_id.get(result_id)
            result_id = above.parent_id if above else None
        return tuple(found)

    def _height(self, result_id: int) -> int:
        return 1 + max((self._height(child.id) for child in self.children(result_id)), default=0)

    def _walk(
        self, parent_id: int | None, above: str, depth: int, *, offered: bool, queues: tuple[str, ...]
    ) -> Iterator[Branch]:
        for one in self.children(parent_id):
            path = f"{above}{SEPARATOR}{one.name}" if above else one.name
            here = offered and not one.retired
            asked = one.queues if parent_id is None else queues
            leaf = all(child.retired for child in self.children(one.id))
            yield Branch(one, path, depth, here, here and leaf, asked)
            yield from self._walk(one.id, path, depth + 1, offered=here, queues=asked)


def _serves(branch: Branch, queue: str | None) -> bool:
    return not branch.queues or (queue is not None and queue in branch.queues)


def check_name(name: str) -> str:
    """Return a name as stored; raises InvalidField."""
    kept = line(name)
    if not 0 < len(kept) <= LONGEST_NAME or SEPARATOR.strip() in kept.split():
        raise InvalidField("name", f"1-{LONGEST_NAME} characters, without a single {SEPARATOR.strip()}")
    return kept


def check_look(color: str | None, icon: str | None) -> None:
    """Raise InvalidField for a colour or an icon that pages do not have."""
    if color is not None and color not in COLORS:
        raise InvalidField("color", f"one of {', '.join(COLORS)}")
    if icon is not None and icon not in ICONS:
        raise InvalidField("icon", f"one of {', '.join(ICONS)}")

"""What a journal holds besides the PBX's events: when the link came and went, and the lists it answered. Pure.

Each is a block in the manner of AMI under a name no PBX uses, so that a journal stays a list of messages and whoever
does not know them passes them over. The items of the lists stand as they came, between themselves and their end.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from telephony.book import CallBook
from telephony.headers import headers
from telephony.records import Step
from telephony.recovery import link_down, link_up, resync, snapshot

UP, DOWN, ITEM, END = "CallcardLinkUp", "CallcardLinkDown", "CallcardItem", "CallcardItemsEnd"
MARKS: Final = frozenset(name.encode() for name in (UP, DOWN, ITEM, END))
"""Their names, for who picks messages by name."""
CHANNELS, QUEUES, DEVICES = "channels", "queues", "devices"
MOST_ITEMS: Final = 200_000
_MARK: Final = b"Event: Callcard"

Items = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Lists:
    """What was asked for; None: it was not answered."""

    channels: Items | None = None
    queues: Items | None = None
    devices: Items | None = None


def up() -> bytes:
    """Write that the link is there."""
    return _block({"Event": UP})


def down(reason: str) -> bytes:
    """Write that the link is gone."""
    return _block({"Event": DOWN, "Reason": reason})


def listed(lists: Lists) -> Iterator[bytes]:
    """Write lists, item by item."""
    told = {CHANNELS: lists.channels, QUEUES: lists.queues, DEVICES: lists.devices}
    for name, items in told.items():
        for item in items or ():
            # The item's own event comes later: the first one is what the block is known by.
            yield (
                _block({"Event": ITEM, "List": name})
                + b"\r\n"
                + _block({f"-{key}": text for key, text in item.items()})
            )
    yield _block({"Event": END, "Lists": ",".join(name for name, items in told.items() if items is not None)})


def is_mark(block: bytes) -> bool:
    """Tell whether a block is one of ours."""
    return block.startswith(_MARK)


class Marks:
    """Reads them back, in their order, and does to a book what was done to it then."""

    def __init__(self) -> None:
        self._items: dict[str, list[dict[str, str]]] = {}
        self._count = 0

    def play(self, book: CallBook, block: bytes, at: float) -> Step:
        """Do what a mark of `at` (epoch seconds) says."""
        fields = headers(block)
        match fields.get("Event"):
            case "CallcardLinkUp":
                return link_up(book, at)
            case "CallcardLinkDown":
                return link_down(book, at, fields.get("Reason", ""))
            case "CallcardItem" if self._count < MOST_ITEMS:
                self._count += 1
                item = {key[1:]: text for key, text in fields.items() if key.startswith("-")}
                self._items.setdefault(fields.get("List", ""), []).append(item)
            case "CallcardItemsEnd":
                answered = fields.get("Lists", "").split(",")
                found = [
                    self._items.get(name, []) if name in answered else None for name in (CHANNELS, QUEUES, DEVICES)
                ]
                self._items, self._count = {}, 0
                return resync(book, snapshot(*found), at)
            case _:
                pass
        return Step()


def _block(fields: Mapping[str, str]) -> bytes:
    lines = (f"{key}: {' '.join(text.split())}" for key, text in fields.items())
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")

"""Phones of several PBXs: `2001` is that phone wherever it is, `2001@branch` the one of the PBX `branch`. Pure.

A PBX knows its phones by their extension alone. Only where somebody's phone is written with its PBX is it called so in
the house; all others keep their extension, the row says at which PBX the call was.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final

from msgspec.structs import replace

from telephony.records import CallChange, CallRecord, Change, Direction, PhoneChange, QueueChange

AT: Final = "@"


def local(phone: str, pbx: str) -> str | None:
    """Return what a PBX calls a phone; None for a phone of another PBX."""
    extension, at, where = phone.partition(AT)
    return extension if not at or where == pbx else None


def site(phone: str) -> str | None:
    """Return the PBX a phone is written with."""
    return phone.partition(AT)[2] or None


def locals_of(phones: Iterable[str], pbx: str) -> frozenset[str]:
    """Return what a PBX calls those of these phones that may be its own."""
    return frozenset(found for phone in phones if (found := local(phone, pbx)) is not None)


def dialled(phones: AbstractSet[str]) -> frozenset[str]:
    """Return these phones as they are written and as they are dialled."""
    return frozenset(phones) | {phone.partition(AT)[0] for phone in phones}


def named(change: Change, written: AbstractSet[str]) -> Change:
    """Call the phones of a change as the house does; `written`: the phones that are written with their PBX."""
    if not written:
        return change
    match change:
        case CallChange():
            call = named_record(change.call, written)
            if call is change.call:
                return change
            return replace(change, call=call, extension=_named(change.extension, call.pbx, written))
        case QueueChange():
            queue = change.queue
            members = tuple(replace(one, extension=_named(one.extension, queue.pbx, written)) for one in queue.members)
            return change if members == queue.members else replace(change, queue=replace(queue, members=members))
        case PhoneChange():
            return replace(change, extension=_named(change.extension, change.pbx, written) or change.extension)
        case _:
            return change


def named_record(call: CallRecord, written: AbstractSet[str]) -> CallRecord:
    """Call the phones of a call as the house does; the very same call where none has another name."""
    mine = {local(phone, call.pbx): phone for phone in written if site(phone) == call.pbx}
    return _renamed(call, mine) if mine else call


def local_record(call: CallRecord) -> CallRecord:
    """Call the phones of a call as its PBX does."""
    phones = {one.extension for one in call.participants} | {one for one in (call.extension, call.answered_by) if one}
    phones |= {call.number or "", call.called or ""} if call.direction is Direction.INTERNAL else set()
    return _renamed(call, {one: name for one in phones if AT in one and (name := local(one, call.pbx)) is not None})


def _named(extension: str | None, pbx: str, written: AbstractSet[str]) -> str | None:
    phone = f"{extension}{AT}{pbx}"
    return phone if phone in written else extension


def _renamed(call: CallRecord, names: "dict[str | None, str] | dict[str, str]") -> CallRecord:
    def name(extension: str) -> str:
        return names.get(extension, extension)

    def maybe(extension: str | None) -> str | None:
        return names.get(extension, extension) if extension is not None else None

    if not any(phone in names for phone in _phones(call)):
        return call
    internal = call.direction is Direction.INTERNAL
    return replace(
        call,
        number=maybe(call.number) if internal else call.number,
        called=maybe(call.called) if internal else call.called,
        extension=maybe(call.extension),
        answered_by=maybe(call.answered_by),
        participants=tuple(replace(one, extension=name(one.extension)) for one in call.participants),
        transfers=tuple(replace(one, source=name(one.source), target=name(one.target)) for one in call.transfers),
        timeline=tuple(replace(one, extension=maybe(one.extension)) for one in call.timeline),
        holders=tuple(name(one) for one in call.holders),
        consulting=maybe(call.consulting),
        parked=replace(call.parked, by=maybe(call.parked.by)) if call.parked is not None else None,
        spies=tuple(replace(one, phone=name(one.phone)) for one in call.spies),
    )


def _phones(call: CallRecord) -> set[str | None]:
    internal = call.direction is Direction.INTERNAL
    return {
        *(one.extension for one in call.participants),
        *(one.extension for one in call.timeline),
        call.extension,
        call.answered_by,
        *((call.number, call.called) if internal else ()),
    }

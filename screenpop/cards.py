"""What a card shows of a call to the one who looks at it. Pure.

A card names a client only where the number can belong to one: a colleague, a withheld or an impossible number never
brings a contact or candidates, unless somebody chose the client of this very call by hand.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from crm_core.calls.rules import Note
from crm_core.numbers import Number, NumberKind, Place
from crm_core.people.rules import Lookup, PastCall
from screenpop.messages import (
    Card,
    CardCall,
    CardColleague,
    CardContact,
    CardField,
    CardLive,
    CardNote,
    CardNumber,
    CardPlace,
    optional_timestamp,
    timestamp,
)
from screenpop.seats import Seats
from telephony.records import CallPhase, CallRecord, Direction, RecordingKind

NOBODY: Final = Lookup()
NOT_LIVE: Final = CardLive()


@dataclass(frozen=True, slots=True)
class View:
    """Who looks at a call, through which phone, and whether that phone dialled."""

    user: str
    extension: str
    dialled: bool = False


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known about a call beside its own facts."""

    number: Number
    lookup: Lookup = NOBODY
    place: Place | None = None
    notes: tuple[Note, ...] = ()
    disposition: str | None = None
    incomplete: bool = False
    """The client base could not be asked."""


def build(call: CallRecord, known: Knowledge, view: View, seats: Seats) -> Card:
    """Put the card of a call together as `view` should see it."""
    if call.direction is Direction.INTERNAL:
        return _colleagues_card(call, known, view, seats)
    lookup = known.lookup
    contact = lookup.contact
    history = tuple(_past(past) for past in lookup.calls)
    return Card(
        number=card_number(known.number),
        caller_name=call.caller_name,
        contact=CardContact(contact.id, contact.name, contact.company) if contact else None,
        candidates=_candidates(lookup),
        queue=call.queue,
        did=call.did,
        wait_seconds=call.wait_seconds,
        history=history,
        fields=tuple(_fields(call, known)),
        direction=call.direction.value,
        started_at=timestamp(call.started_at),
        rang_at=optional_timestamp(_rang_at(call, view.extension)),
        answered_at=optional_timestamp(call.answered_at),
        ended_at=optional_timestamp(call.ended_at),
        place=_place(known.place),
        groups=contact.groups if contact else (),
        tags=contact.tags if contact else (),
        owner=contact.owner if contact else None,
        previous_call=history[0] if history else None,
        previous_agent=next((past.agent for past in history if past.agent), None),
        calls_today=lookup.calls_today,
        last_note=next((past.note for past in history if past.note), None),
        called=call.called,
        notes=_others_notes(known, view),
        draft=_own_draft(known, view),
        disposition=known.disposition,
        incomplete=known.incomplete,
        live=_live(call, view, seats),
    )


def card_number(number: Number) -> CardNumber:
    """Write a number as the frames do; a withheld one has no digits to show."""
    raw = None if number.kind is NumberKind.WITHHELD else number.raw
    return CardNumber(raw, number.e164, number.kind.value)


def _colleagues_card(call: CallRecord, known: Knowledge, view: View, seats: Seats) -> Card:
    extension = (call.called if view.dialled else call.extension or call.number) or ""
    if not view.dialled and call.number and extension == view.extension:
        extension = call.number
    name = seats.display_name(extension)
    return Card(
        number=CardNumber(extension, None, NumberKind.INTERNAL.value),
        caller_name=name or (None if view.dialled else call.caller_name),
        queue=call.queue,
        did=call.did,
        wait_seconds=call.wait_seconds,
        direction=call.direction.value,
        started_at=timestamp(call.started_at),
        rang_at=optional_timestamp(_rang_at(call, view.extension)),
        answered_at=optional_timestamp(call.answered_at),
        ended_at=optional_timestamp(call.ended_at),
        colleague=CardColleague(extension, name),
        called=call.called,
        notes=_others_notes(known, view),
        draft=_own_draft(known, view),
        disposition=known.disposition,
        live=_live(call, view, seats),
    )


def _live(call: CallRecord, view: View, seats: Seats) -> CardLive:
    if call.ended_at is not None:
        return NOT_LIVE
    holds = view.extension in call.holders
    asked = call.consulting if holds else None
    talks = any(one.extension == asked and one.answered_at and one.left_at is None for one in call.participants)
    return CardLive(
        held=holds,
        waits=call.phase is CallPhase.HELD and not holds,
        consulting=CardColleague(asked, seats.display_name(asked)) if asked else None,
        consulting_answered=talks,
        recording=recording_now(call),
    )


def recording_now(call: CallRecord) -> str | None:
    """Tell whether a running call is recorded: `on`, `paused` or not at all."""
    running = [one for one in call.recordings if one.ended_at is None and one.kind is RecordingKind.CALL]
    if not running:
        return None
    return "paused" if all(one.paused for one in running) else "on"


def _candidates(lookup: Lookup) -> tuple[CardContact, ...]:
    if len(lookup.candidates) <= 1:
        return ()
    return tuple(CardContact(one.id, one.name, one.company) for one in lookup.candidates)


def _past(past: PastCall) -> CardCall:
    return CardCall(
        id=past.id,
        direction=past.direction,
        outcome=past.outcome,
        started_at=timestamp(past.started_at),
        talk_seconds=past.talk_seconds,
        queue=past.queue,
        agent=past.agent,
        note=past.note,
        disposition=past.disposition,
    )


def _place(place: Place | None) -> CardPlace | None:
    if place is None:
        return None
    return CardPlace(place.type, place.country, place.region, place.carrier, place.time_zones)


def _rang_at(call: CallRecord, extension: str) -> float | None:
    return next((phone.rang_at for phone in call.participants if phone.extension == extension), None)


def _others_notes(known: Knowledge, view: View) -> tuple[CardNote, ...]:
    return tuple(
        CardNote(note.author, note.text, timestamp(note.updated_at), note.draft)
        for note in known.notes
        if not (note.draft and note.author == view.user)
    )


def _own_draft(known: Knowledge, view: View) -> str | None:
    return next((note.text for note in known.notes if note.draft and note.author == view.user), None)


def _fields(call: CallRecord, known: Knowledge) -> Iterator[CardField]:
    """Go through everything else worth a line, most useful first; empty things get no line."""
    contact = known.lookup.contact
    place = known.place or Place()
    lines: list[tuple[str, str, str | None]] = [
        ("region", "Region", place.region),
        ("carrier", "Carrier", place.carrier),
        ("line", "Line", call.did),
        ("queue", "Queue", call.queue),
    ]
    if contact is not None:
        lines[:0] = [
            ("groups", "Groups", ", ".join(contact.groups)),
            ("tags", "Tags", ", ".join(contact.tags)),
            ("owner", "Owner", contact.owner),
            ("email", "E-mail", ", ".join(contact.emails)),
            ("notes", "About the client", contact.notes),
            *((f"custom.{name}", name, _text(value)) for name, value in contact.custom.items()),
        ]
    for key, label, value in lines:
        if value:
            yield CardField(key, label, value)


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(_text(one) for one in value)
        case _:
            return str(value)

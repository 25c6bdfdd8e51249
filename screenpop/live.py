"""What the service knows about one call while anyone may look at it."""

from dataclasses import dataclass, field

from crm_core.calls.rules import CallRow, CallToSave, Note
from crm_core.numbers import Number, NumberKind, Place
from crm_core.people.rules import Lookup
from screenpop.board import Identity
from screenpop.cards import NOBODY, Knowledge, card_number
from screenpop.messages import BoardContact
from screenpop.seats import Seats
from telephony.records import CallRecord, Direction


@dataclass(slots=True)
class LiveCall:
    """A call, who its outside party is, and who of us took part in it."""

    call: CallRecord
    number: Number
    lookup: Lookup = NOBODY
    looked_at: float | None = None
    """When the client base was asked last (epoch seconds), None before the first answer."""
    incomplete: bool = False
    """The client base could not be asked."""
    chosen_contact: int | None = None
    """The client somebody chose for this very call, whatever its number says."""
    place: Place | None = None
    users: dict[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    disposition: str | None = None
    popped: dict[str, float] = field(default_factory=dict)
    """When the event arrived that brought the card up, by user."""

    @property
    def key(self) -> str | None:
        """What the client is looked up by; None where no client may be looked up."""
        return None if self.call.direction is Direction.INTERNAL else self.number.key

    def seat(self, seats: Seats) -> None:
        """Remember who sits at the phones that took part, the one that dialled too, as it was then."""
        dialled_from = () if self.call.extension is None else (self.call.extension,)
        for extension in (*(phone.extension for phone in self.call.participants), *dialled_from):
            user = seats.user(extension)
            if user is not None:
                self.users.setdefault(extension, user)

    def knowledge(self) -> Knowledge:
        """Return what a card is built from."""
        return Knowledge(self.number, self.lookup, self.place, self.notes, self.disposition, self.incomplete)

    def row(self) -> CallToSave:
        """Return what is written of the call."""
        contact = self.lookup.contact
        return CallToSave(
            self.call,
            self.number,
            contact.id if contact else None,
            len(self.lookup.candidates),
            dict(self.users),
        )

    def identity(self) -> Identity:
        """Return what the board shows of the outside party."""
        contact = self.lookup.contact
        return Identity(card_number(self.number), BoardContact(contact.id, contact.name) if contact else None)


def recall(row: CallRow) -> LiveCall:
    """Rebuild what was known of a call from its row."""
    return LiveCall(
        row.record,
        row.number,
        users=dict(row.users),
        notes=row.notes,
        disposition=row.disposition,
        chosen_contact=row.contact.id if row.contact else None,
    )


def has_place(number: Number) -> bool:
    """Tell whether a number says where it comes from."""
    return number.kind is NumberKind.EXTERNAL and number.e164 is not None

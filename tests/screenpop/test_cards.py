"""What a card says, to whom."""

import pytest

from crm_core.calls.rules import Note
from crm_core.numbers import Number, NumberKind, Place
from crm_core.people.rules import Candidate, KnownContact, Lookup, PastCall
from screenpop.cards import Knowledge, View, build
from screenpop.messages import CardCall, CardColleague, CardContact, CardNumber, CardPlace
from tests.screenpop.scenes import SEATS, T0, Scene, inbound, internal, outbound

NUMBER = Number("8 495 123-45-67", "+74951234567", NumberKind.EXTERNAL)
ANA, BEN = View("ana", "2001"), View("ben", "2002")
CLAIRE = KnownContact(
    12,
    "Claire Durand",
    "Durand & Fils",
    groups=("VIP",),
    tags=("complaint", "wholesale"),
    owner="ana",
    notes="Prefers e-mail",
    emails=("claire@durand.example",),
    custom={"Contract": 4711, "Paid": True, "Sites": ["Lyon", "Nice"], "Fax": None, "Debt": False},
)


def test_everything_known_of_a_client_is_there() -> None:
    past = PastCall("C0", T0 - 86_400, "inbound", "answered", "ben", "sales", 41.2, "sold", "wants a quote")
    missed = PastCall("C9", T0 - 3600, "inbound", "abandoned")
    lookup = Lookup((Candidate(12, "Claire Durand"),), CLAIRE, calls=(missed, past), calls_today=2)
    place = Place("mobile", "RU", "Moscow", "MTS", ("Europe/Moscow",))
    scene = Scene(inbound())
    scene.rings("2001")
    card = build(scene.updated().call, Knowledge(NUMBER, lookup, place), ANA, SEATS)
    assert card.number == CardNumber("8 495 123-45-67", "+74951234567", "external")
    assert card.contact == CardContact(12, "Claire Durand", "Durand & Fils")
    assert card.candidates == ()
    assert card.place == CardPlace("mobile", "RU", "Moscow", "MTS", ("Europe/Moscow",))
    assert (card.groups, card.tags, card.owner) == (("VIP",), ("complaint", "wholesale"), "ana")
    assert [one.id for one in card.history] == ["C9", "C0"]
    assert card.previous_call == CardCall("C9", "inbound", "abandoned", "2025-11-21T18:40:00.000Z")
    assert (card.previous_agent, card.last_note, card.calls_today) == ("ben", "wants a quote", 2)
    assert (card.started_at, card.rang_at) == ("2025-11-21T19:40:00.000Z", "2025-11-21T19:40:00.000Z")
    assert [(field.key, field.value) for field in card.fields] == [
        ("groups", "VIP"),
        ("tags", "complaint, wholesale"),
        ("owner", "ana"),
        ("email", "claire@durand.example"),
        ("notes", "Prefers e-mail"),
        ("custom.Contract", "4711"),
        ("custom.Paid", "yes"),
        ("custom.Sites", "Lyon, Nice"),
        ("custom.Debt", "no"),
        ("region", "Moscow"),
        ("carrier", "MTS"),
        ("line", "74950000001"),
        ("queue", "support"),
    ]


@pytest.mark.parametrize("kind", [NumberKind.WITHHELD, NumberKind.INVALID, NumberKind.INTERNAL])
def test_a_number_that_can_be_nobodys_has_its_own_card(kind: NumberKind) -> None:
    card = build(inbound(number=None), Knowledge(Number("anonymous", None, kind)), ANA, SEATS)
    assert card.number.kind == kind.value
    assert card.number.raw == (None if kind is NumberKind.WITHHELD else "anonymous")
    assert (card.contact, card.candidates, card.history, card.place) == (None, (), (), None)


def test_a_shared_number_gives_the_choice() -> None:
    candidates = (Candidate(1, "Claire", "Durand & Fils"), Candidate(2, "Marc"))
    card = build(inbound(), Knowledge(NUMBER, Lookup(candidates)), ANA, SEATS)
    assert card.contact is None
    assert card.candidates == (CardContact(1, "Claire", "Durand & Fils"), CardContact(2, "Marc"))
    chosen = Lookup(candidates, KnownContact(2, "Marc"), chosen=True)
    card = build(inbound(), Knowledge(NUMBER, chosen), ANA, SEATS)
    assert card.contact == CardContact(2, "Marc")
    assert len(card.candidates) == 2


def test_a_draft_is_the_authors_own_and_everybody_elses_note() -> None:
    notes = (Note(1, "ana", "angry", T0, T0 + 1, draft=True), Note(2, "sue", "be nice", T0, T0))
    known = Knowledge(NUMBER, notes=notes)
    mine, his = build(inbound(), known, ANA, SEATS), build(inbound(), known, BEN, SEATS)
    assert mine.draft == "angry"
    assert [(note.author, note.draft) for note in mine.notes] == [("sue", False)]
    assert his.draft is None
    assert [(note.author, note.text, note.at) for note in his.notes] == [
        ("ana", "angry", "2025-11-21T19:40:01.000Z"),
        ("sue", "be nice", "2025-11-21T19:40:00.000Z"),
    ]


def test_colleagues_see_each_other() -> None:
    call = internal("I1", "2001", "2002")
    known = Knowledge(Number("2001", None, NumberKind.INTERNAL), Lookup(contact=CLAIRE))
    called = build(call, known, BEN, SEATS)
    assert called.colleague == CardColleague("2001", "Ana Sousa")
    assert (called.number.raw, called.number.kind, called.caller_name) == ("2001", "internal", "Ana Sousa")
    assert (called.contact, called.history) == (None, ())
    dialled = build(call, known, View("ana", "2001", dialled=True), SEATS)
    assert dialled.colleague == CardColleague("2002", "Ben Adams")


def test_a_service_number_has_no_name() -> None:
    call = internal("I1", "2001", "8000")
    dialled = build(
        call, Knowledge(Number("2001", None, NumberKind.INTERNAL)), View("ana", "2001", dialled=True), SEATS
    )
    assert dialled.colleague == CardColleague("8000", None)
    assert dialled.caller_name is None


def test_an_outbound_card_is_the_called_clients() -> None:
    card = build(outbound(), Knowledge(NUMBER, Lookup(contact=CLAIRE)), View("ana", "2001", dialled=True), SEATS)
    assert (card.direction, card.contact) == ("outbound", CardContact(12, "Claire Durand", "Durand & Fils"))
    assert card.called == "+33601020304"


def test_a_call_back_shows_its_own_phone_the_other() -> None:
    call = internal("I1", "2002", "2001")
    called = build(call, Knowledge(Number("2001", None, NumberKind.INTERNAL)), BEN, SEATS)
    assert called.colleague == CardColleague("2002", "Ben Adams")

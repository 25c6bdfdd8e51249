"""Who sits where, and which phones a call occupies."""

from msgspec.structs import replace

from screenpop.seats import Seats, Use, dialling_phone, uses
from telephony.records import CallPhase, LegResult, Participant
from tests.screenpop.scenes import ANA, BEN, SEATS, T0, Scene, inbound, internal, outbound


def test_who_answers_for_a_phone() -> None:
    assert (SEATS.user("2001"), SEATS.display_name("2001")) == ("ana", "Ana Sousa")
    assert (SEATS.user("2009"), SEATS.display_name("2009")) == (None, None)
    assert (SEATS.user(None), SEATS.display_name(None)) == (None, None)


def test_a_user_with_two_phones_is_one() -> None:
    seats = Seats({"2101": ANA, "2001": ANA, "2002": BEN})
    assert seats.place("ana") == (ANA, ("2001", "2101"))
    assert seats.place("sue") is None
    assert list(seats.names()) == ["ana", "ben"]


def test_phones_of_an_inbound_call() -> None:
    scene = Scene(inbound())
    assert uses(scene.started().call) == {}
    assert uses(scene.rings("2001").call) == {"2001": (Use.RINGING, T0 + 1)}
    scene.rings("2002")
    assert uses(scene.answers("2001").call)["2001"] == (Use.TALKING, T0 + 3)
    stopped = scene.stops("2002", LegResult.ELSEWHERE).call
    assert uses(stopped) == {"2001": (Use.TALKING, T0 + 3)}
    assert uses(replace(stopped, phase=CallPhase.HELD)) == {"2001": (Use.HOLDING, T0 + 3)}
    assert uses(scene.ends().call) == {}


def test_a_phone_that_was_called_and_never_rang_is_free() -> None:
    assert uses(replace(inbound(), participants=(Participant("2001"),))) == {}


def test_the_phone_that_dials_is_in_use() -> None:
    scene = Scene(outbound())
    assert uses(scene.dials().call) == {"2001": (Use.DIALING, T0)}
    assert uses(scene.answers("2001").call) == {"2001": (Use.TALKING, T0 + 1)}
    away = replace(outbound(), answered_at=T0, participants=(Participant("2001", answered_at=T0, left_at=T0 + 9),))
    assert uses(away) == {}


def test_who_dialled() -> None:
    assert dialling_phone(inbound()) is None
    assert dialling_phone(outbound()) == "2001"
    assert dialling_phone(internal()) == "2001"
    assert dialling_phone(replace(internal(), extension=None)) == "2001"
    assert dialling_phone(replace(outbound(), extension=None)) is None

"""Every step of a trace is a sentence, in every language, and what nobody foresaw is told as it stands."""

import pytest

from crm_core.calls.rules import Fact, TraceEntry, decode_facts
from web.pages import language
from web.pages.why import sentence

STEPS: list[tuple[str, dict[str, Fact], str]] = [
    ("started", {"event": "Newchannel", "channel": "PJSIP/t-1"}, "The call began (Newchannel PJSIP/t-1)"),
    ("ringing", {"extension": "2001"}, "Phone 2001 rings"),
    ("answered", {"extension": "2001"}, "Phone 2001 talks"),
    ("answered", {}, "The call is answered"),
    ("absorbed", {"event": "link"}, "Two telephone systems told of the same call (link)"),
    ("number", {"raw": "8 495", "e164": "+7495", "kind": "external"}, "8 495 is read as +7495"),
    ("number", {"raw": "495", "e164": None, "kind": "external"}, "495 is an outside number as it is"),
    ("number", {"raw": None, "e164": None, "kind": "withheld"}, "The number is withheld"),
    ("match", {"found": "client", "contact_id": 3}, "The number belongs to client 3"),
    (
        "match",
        {"found": "client", "contact_id": 3, "chosen": True, "candidates": 2},
        "The number means client 3, chosen by hand among 2",
    ),
    (
        "match",
        {"found": "several", "candidates": 2, "ids": "3,5"},
        "2 clients share the number (3,5): the agent chooses",
    ),
    ("match", {"found": "not_asked", "why": "unavailable"}, "The client base could not be asked"),
    ("match", {"found": "not_asked", "why": "internal"}, "No client was looked up: such numbers never mean one"),
    ("agent", {"extension": "2001", "user": None}, "Nobody sits at 2001"),
    ("agent", {"extension": "2001", "user": "ana", "online": True}, "ana sits at 2001"),
    ("agent", {"extension": "2001", "user": "ana"}, "ana sits at 2001 and has no browser open"),
    ("pop.none", {"why": "never_rang", "extension": "2001"}, "No card: phone 2001 was called and never rang"),
    ("pop.show", {"user": "ana", "reason": "ring"}, "The card comes up for ana (ring)"),
    (
        "pop.show",
        {"user": "ben", "reason": "transfer", "from": "2001", "moved": "blind"},
        "The card travels from phone 2001 to ben (blind)",
    ),
    ("pop.close", {"user": "ana", "reason": "dismissed"}, "ana has put the card away"),
    (
        "number",
        {"raw": "910000001", "e164": "+34910000001", "kind": "internal", "own": True},
        "910000001 is a number of our own (+34910000001)",
    ),
    ("pop.update", {"user": "ana", "status": None}, "The card of ana changes"),
    ("pop.update", {"user": "ana", "status": "talking"}, "The card of ana changes: talking"),
    ("pop.close", {"user": "ana", "reason": "ended"}, "The card of ana is closed (ended)"),
    (
        "pop.shown",
        {"user": "ana", "tab": "t1", "socket": "s1", "ms": 20.5},
        "On the screen of ana (tab t1, socket s1), 20.5 ms after the event",
    ),
    ("ringing", dict(decode_facts("DialState at 2001")), "ringing DialState at 2001"),
    ("of_tomorrow", {"user": "ana"}, "of_tomorrow ana"),
    ("match", {"found": "of_tomorrow"}, "match of_tomorrow"),
    ("pop.none", {"why": "of_tomorrow"}, "pop.none of_tomorrow"),
]


@pytest.mark.parametrize(("what", "facts", "said"), STEPS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_step_is_a_sentence(what: str, facts: dict[str, Fact], said: str) -> None:
    assert sentence(TraceEntry(1.0, what, facts)) == said


def test_every_language_says_it_in_its_own_words() -> None:
    for spoken in language.load().values():
        told = [sentence(TraceEntry(1.0, what, facts), spoken.translations.gettext) for what, facts, _ in STEPS]
        assert all(told)
        if spoken.code != language.DEFAULT:
            own = [words for words, (_, _, english) in zip(told, STEPS, strict=True) if words != english]
            assert len(own) == len(STEPS) - 4, "all but what is told as it stands"

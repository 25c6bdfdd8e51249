"""Words: every catalogue says everything, keeps the values in its sentences, and the reader's wish is heard."""

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from web.pages import language

ROOT = Path(__file__).parents[3]
KEYWORDS: dict[str, tuple[int, ...] | None] = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "t": None,
    "tn": (1, 2),
    "translate": (2,),
}
METHODS = [("web/pages/**.py", "python"), ("web/templates/**.html", "jinja2"), ("web/static/js/**.js", "javascript")]
Message = str | tuple[str, ...]


def said() -> set[Message]:
    """Find every sentence in the sources."""
    found = extract_from_dir(ROOT / "web", METHODS_BELOW, keywords=KEYWORDS)
    return {message for _, _, message, _, _ in found if message}


METHODS_BELOW = [(pattern.removeprefix("web/"), method) for pattern, method in METHODS]
CATALOGUES = sorted(language.LOCALE.glob("*/LC_MESSAGES/callcard.po"))


def texts(message: object) -> list[str]:
    return (
        [message]
        if isinstance(message, str)
        else [str(part) for part in message]
        if isinstance(message, (list, tuple))
        else []
    )


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parent.parent.name)
def test_a_catalogue_says_everything_and_keeps_the_values(path: Path) -> None:
    with path.open("rb") as file:
        catalogue = read_po(file)
    missing = [message for message in said() if not all(texts(getattr(catalogue.get(message), "string", None)) or [""])]
    assert missing == []
    for message in catalogue:
        for translated in texts(message.string):
            values = {name for text in texts(message.id) for name in re.findall(r"%\(\w+\)s|\{\w+\}", text)}
            assert set(re.findall(r"%\(\w+\)s|\{\w+\}", translated)) <= values, message.id


def test_sentences_are_found_in_all_three_kinds_of_source() -> None:
    found = said()
    assert {"This page does not exist", "Sign in", "Hang up", ("{n} missed", "{n} missed")} <= found
    assert len(found) > 250


def test_the_browser_gets_what_its_modules_say_and_no_more() -> None:
    script = language.load()["es"].script
    assert script["Hang up"] == "Colgar"
    assert script["{n} client has this number."] == [
        "{n} cliente tiene este número.",
        "{n} clientes tienen este número.",
    ]
    assert "Forgotten your password? Your administrator can set a new one." not in script


@pytest.mark.parametrize(
    ("cookie", "accept", "code"),
    [
        (None, "", "en"),
        (None, "es-MX,es;q=0.9,en;q=0.8", "es"),
        (None, "xx,yy", "en"),
        (None, "en-GB,es;q=0.5", "en"),
        ("es", "en", "es"),
        ("../../etc", "es", "es"),
        (None, "," * 5000, "en"),
    ],
)
def test_the_language_is_chosen(cookie: str | None, accept: str, code: str) -> None:
    assert language.choose(language.load(), cookie, accept).code == code

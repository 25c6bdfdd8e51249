"""The words of the pages in the reader's language: gettext catalogues, read straight from their `.po` files at start.

English is written in the source; every other language is one file in `web/locale`. Nothing is compiled on disk, so
a catalogue can be neither stale nor missing after an installation.
"""

import gettext
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from babel import Locale, dates, negotiate_locale, numbers
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE = Path(__file__).resolve().parent.parent / "locale"
DEFAULT = "en"
COOKIE = "callcard_language"


@dataclass(frozen=True, slots=True)
class Language:
    """One language the pages speak."""

    code: str
    name: str
    """In its own words, for the menu."""
    translations: gettext.NullTranslations
    locale: Locale
    """How it writes dates and numbers; loaded, because Babel reads its files on first use."""
    script: Mapping[str, str | list[str]] = field(default_factory=dict)
    """What the browser modules say: message -> translation, or the list of its plural forms."""


def load(locale: Path = LOCALE) -> dict[str, Language]:
    """Read every catalogue. Blocks: call it before the loop runs, or in a thread."""
    languages = {DEFAULT: Language(DEFAULT, "English", gettext.NullTranslations(), _locale(DEFAULT))}
    for path in sorted(locale.glob("*/LC_MESSAGES/callcard.po")):
        code = path.parent.parent.name
        with path.open("rb") as file:
            catalogue = read_po(file, locale=code)
        compiled = io.BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        script = {}
        for message in catalogue:
            translated = message.string if isinstance(message.string, str) else list(message.string or ())
            if message.id and any(translated) and any(name.endswith(".js") for name, _ in message.locations):
                key = message.id if isinstance(message.id, str) else message.id[0]
                script[key] = translated
        found = _locale(code)
        name = (found.get_display_name(code) or code).capitalize()
        languages[code] = Language(code, name, gettext.GNUTranslations(compiled), found, script)
    return languages


def _locale(code: str) -> Locale:
    found = Locale.parse(code)
    dates.format_datetime(datetime.fromtimestamp(0, UTC), "short", locale=found)
    numbers.format_decimal(1000, locale=found)
    return found


def choose(languages: Mapping[str, Language], cookie: str | None, accept: str) -> Language:
    """Pick the reader's own choice, else the first language of the `Accept-Language` header we speak, else English."""
    if cookie is not None and cookie in languages:
        return languages[cookie]
    wanted = [part.split(";")[0].strip().replace("-", "_") for part in accept.split(",")[:20] if part]
    return languages[negotiate_locale(wanted, list(languages)) or DEFAULT]

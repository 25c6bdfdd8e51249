"""Raw caller ids become numbers once, here; the only module that knows phonenumbers. Pure."""

import re
import unicodedata
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumber, ValidationResult

CACHED = 8192
"""How many spellings are remembered: reading one costs 30 µs, remembering it 0.2."""
SHORTEST, LONGEST = 6, 15
"""Digits of a number whose region is unknown: fewer is a service code or a typing error, more is impossible (E.164)."""
SEARCHABLE = 4
"""Digits from which a search means a number."""

WITHHELD_WORDS = frozenset(
    {"", "anonymous", "unknown", "<unknown>", "restricted", "unavailable", "private", "withheld", "private number", "-"}
)
SCHEME = re.compile(r"(?:tel|sips?|callto):", re.IGNORECASE)
TRAILING_EXTENSION = re.compile(r"\s*(?:,|#|\b(?:ext|extn|x|доб)\b\.?|(?<=\d)x)\s*\.?\s*\d{1,6}$", re.IGNORECASE)
DIALABLE = re.compile(r"\+?[\d\s().\-/\u2010-\u2015]*\d[\d\s().\-/\u2010-\u2015]*", re.ASCII)
NOT_DIGITS = re.compile(r"[^0-9]")


class NumberKind(StrEnum):
    """Whose number it is, as far as its form tells."""

    EXTERNAL = "external"
    INTERNAL = "internal"
    WITHHELD = "withheld"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Number:
    """A number as seen on the wire and what it means."""

    raw: str
    e164: str | None
    kind: NumberKind

    @property
    def key(self) -> str | None:
        """What clients and calls are matched by: E.164, else bare digits.

        None for every number that must never match a client: extensions, our own, withheld and impossible ones.
        """
        if self.kind is not NumberKind.EXTERNAL:
            return None
        return self.e164 or bare_digits(_dialled_part(self.raw)) or None


@dataclass(frozen=True, slots=True)
class Place:
    """What a number tells about where it comes from."""

    type: str | None = None
    """`mobile`, `fixed_line`, `fixed_line_or_mobile`, `toll_free`, `voip`..."""
    country: str | None = None
    """ISO code of the country."""
    region: str | None = None
    """City or area (the country's name where no more is known)."""
    carrier: str | None = None
    time_zones: tuple[str, ...] = ()


class Numbering:
    """How numbers are read here.

    `region` is the ISO region of national numbers: with it libphonenumber's rules hold (`8...` is a trunk prefix in
    RU), without it only `+` and `00` numbers become E.164. `own` are our DIDs and mobiles, in any spelling.
    `extensions` (full match) and `known` (asked each time, it may grow) tell which numbers are our own phones.
    """

    def __init__(
        self,
        region: str | None = None,
        own: Iterable[str] = (),
        extensions: re.Pattern[str] | None = None,
        known: Callable[[], Container[str]] = frozenset,
    ) -> None:
        if region and region.upper() not in phonenumbers.SUPPORTED_REGIONS:
            msg = f"{region!r} is not an ISO region such as BR"
            raise ValueError(msg)
        self.region = region.upper() if region else None
        self._extensions = extensions
        self._known = known
        self._read = lru_cache(maxsize=CACHED)(self._read_raw)
        self._own_e164: frozenset[str] = frozenset()
        self._own_digits: frozenset[str] = frozenset()
        self._own_e164, self._own_digits = self._read_own(own)

    def read(self, raw: str | None, *, withheld: bool = False) -> Number:
        """Tell what a number on the wire, or one that a person typed, is.

        A number with `+` or `00` is EXTERNAL with its E.164 when its length is possible, even where the tables (which
        lag behind the operators) do not call it valid: it did ring. A national number becomes E.164 only when it is
        valid in the region, because a wrong guess would show a wrong number; possible but not valid, or without a
        region, it stays EXTERNAL without E.164. Texts and impossible numbers are INVALID.
        """
        number, text = self._read(raw or "")
        if withheld:
            return Number(raw or "", None, NumberKind.WITHHELD)
        if text in self._known() and number.kind is not NumberKind.WITHHELD:
            return Number(number.raw, None, NumberKind.INTERNAL)
        return number

    def search_digits(self, text: str) -> str | None:
        """Return the digits a search text ends with when it looks like a number (4 digits or more), else None."""
        dialled = _dialled_part(text)
        if not DIALABLE.fullmatch(dialled) or len(bare_digits(dialled)) < SEARCHABLE:
            return None
        e164, _ = self._read_outside(dialled)
        return bare_digits(e164) if e164 else searchable(dialled)

    def _read_raw(self, raw: str) -> tuple[Number, str]:
        """Read all that does not change with time; also the text that was dialled, which `known` may name."""
        text = _dialled_part(raw)
        if text.lower() in WITHHELD_WORDS:
            return Number(raw, None, NumberKind.WITHHELD), text
        if self._extensions is not None and self._extensions.fullmatch(text):
            return Number(raw, None, NumberKind.INTERNAL), text
        e164, kind = self._read_outside(text)
        return Number(raw, e164, kind), text

    def _read_own(self, own: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
        e164s: set[str] = set()
        digits: set[str] = set()
        for number in own:
            e164, _ = self._read_outside(_dialled_part(number))
            e164s.update({e164} if e164 else ())
            digits.update({bare_digits(number), bare_digits(e164 or "")} - {""})
        return frozenset(e164s), frozenset(digits)

    def _read_outside(self, text: str) -> tuple[str | None, NumberKind]:
        """Read a number that is no extension: E.164 where it has one, and its kind."""
        if not DIALABLE.fullmatch(text):
            return None, NumberKind.INVALID
        digits = bare_digits(text)
        e164, kind = self._read_international(text, digits)
        if e164 is None and kind is None:
            e164, kind = self._read_national(digits)
        if e164 in self._own_e164 or not self._own_digits.isdisjoint({digits, bare_digits(e164 or "")}):
            return e164, NumberKind.INTERNAL
        return e164, kind or NumberKind.INVALID

    def _read_international(self, text: str, digits: str) -> tuple[str | None, NumberKind | None]:
        """Read `+...` and `00...`; (None, None) when the number is written nationally."""
        if text.startswith("+"):
            parsed = _parse(f"+{digits}")
            return (_e164(parsed), NumberKind.EXTERNAL) if _possible(parsed) else (None, NumberKind.INVALID)
        if digits.startswith("00"):
            national = _parse(digits, self.region) if self.region else None
            if national is not None and phonenumbers.is_valid_number(national):
                return _e164(national), NumberKind.EXTERNAL
            parsed = _parse(f"+{digits[2:]}")
            return (_e164(parsed), NumberKind.EXTERNAL) if _possible(parsed) else (None, NumberKind.INVALID)
        return None, None

    def _read_national(self, digits: str) -> tuple[str | None, NumberKind]:
        if self.region is None:
            possible = SHORTEST <= len(digits) <= LONGEST
            return None, NumberKind.EXTERNAL if possible else NumberKind.INVALID
        parsed = _parse(digits, self.region)
        if parsed is not None and phonenumbers.is_valid_number(parsed):
            return _e164(parsed), NumberKind.EXTERNAL
        if _possible(parsed):
            return None, NumberKind.EXTERNAL
        # Many trunks leave the plus out: impossible here, but valid as it stands abroad.
        abroad = _parse(f"+{digits}")
        if abroad is not None and not self._has_trunk_prefix(digits) and phonenumbers.is_valid_number(abroad):
            return _e164(abroad), NumberKind.EXTERNAL
        return None, NumberKind.INVALID

    def _has_trunk_prefix(self, digits: str) -> bool:
        prefix = phonenumbers.ndd_prefix_for_region(self.region, strip_non_digits=True) if self.region else None
        return digits.startswith("0") or bool(prefix and digits.startswith(prefix))


def bare_digits(text: str) -> str:
    """Return the ASCII digits of a text."""
    return NOT_DIGITS.sub("", text)


def searchable(number: str) -> str:
    """Return the digits a number without E.164 is searched by: trunk and international prefixes left out."""
    digits = bare_digits(number)
    shortened = digits.lstrip("0")
    if len(digits) == len("89161234567") and digits.startswith("8"):
        shortened = digits[1:]
    return shortened or digits


@lru_cache(maxsize=CACHED)
def _describe(e164: str, language: str) -> Place:
    from phonenumbers import carrier, geocoder, timezone

    parsed = _parse(e164)
    if parsed is None:
        return Place()
    return Place(
        type=phonenumbers.PhoneNumberType.to_string(phonenumbers.number_type(parsed)).lower(),
        country=phonenumbers.region_code_for_number(parsed),
        region=geocoder.description_for_number(parsed, language) or None,
        carrier=carrier.name_for_number(parsed, language) or None,
        time_zones=tuple(zone for zone in timezone.time_zones_for_number(parsed) if zone != timezone.UNKNOWN_TIMEZONE),
    )


class _Tables:
    """Whether the big tables are in memory."""

    loaded = False


def describe(e164: str, language: str = "en") -> Place:
    """Tell type, country, region, carrier and time zones of an E.164 number.

    Until `preload` has run only what needs no big table is told (type and country): it never blocks.
    """
    if _Tables.loaded:
        return _describe(e164, language)
    parsed = _parse(e164)
    if parsed is None:
        return Place()
    kind = phonenumbers.PhoneNumberType.to_string(phonenumbers.number_type(parsed)).lower()
    return Place(type=kind, country=phonenumbers.region_code_for_number(parsed))


def preload() -> None:
    """Load the big tables (about 110 MB, a second or two) behind `describe`; run it in a thread after the start."""
    phonenumbers.PhoneMetadata.load_all()
    _describe("+74951234567", "en")
    _Tables.loaded = True


def _dialled_part(raw: str) -> str:
    """Strip what stands around the number: blanks, `tel:` and `sip:`, host and parameters, a trailing extension."""
    text = SCHEME.sub("", unicodedata.normalize("NFKC", raw).strip(), count=1)
    text = text.partition("@")[0].partition(";")[0].strip()
    if any(character.isdigit() for character in text):
        text = TRAILING_EXTENSION.sub("", text)
    return text.strip()


def _parse(number: str, region: str | None = None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None


def _possible(number: PhoneNumber | None) -> bool:
    if number is None:
        return False
    return phonenumbers.is_possible_number_with_reason(number) in {
        ValidationResult.IS_POSSIBLE,
        ValidationResult.IS_POSSIBLE_LOCAL_ONLY,
    }


def _e164(number: PhoneNumber | None) -> str | None:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if number else None

"""Raw caller ids and what they mean."""

import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core import numbers
from crm_core.numbers import Number, Numbering, NumberKind, Place, describe, preload, searchable

EXTERNAL, INTERNAL, WITHHELD, INVALID = NumberKind
PHONES = re.compile("[0-9]{2,5}")
RUSSIA = Numbering("ru", ["+7 495 000-00-01"], PHONES, lambda: {"reception"})
BRAZIL = Numbering("BR", (), PHONES)
NOWHERE = Numbering(None, ["74950000001"], PHONES)


@pytest.mark.parametrize(
    ("raw", "e164"),
    [
        ("8 495 123-45-67", "+74951234567"),
        ("8 (495) 123-45-67", "+74951234567"),
        ("4951234567", "+74951234567"),
        ("74951234567", "+74951234567"),
        ("+7 916 123 45 67", "+79161234567"),
        ("tel:+7-916-123-45-67", "+79161234567"),
        ("sip:+79161234567@host.example;user=phone", "+79161234567"),
        ("+7 495 123 45 67 доб. 12", "+74951234567"),
        ("+74951234567 ext. 12", "+74951234567"),
        ("8(495)1234567,12", "+74951234567"),
        ("810 33 6 01 02 03 04", "+33601020304"),
        ("0033601020304", "+33601020304"),
        ("33601020304", "+33601020304"),
        ("+70000000000", "+70000000000"),
    ],
)
def test_numbers_of_a_region_follow_its_rules(raw: str, e164: str) -> None:
    assert RUSSIA.read(raw) == Number(raw, e164, EXTERNAL)
    assert RUSSIA.read(raw).key == e164


@pytest.mark.parametrize(
    ("raw", "e164"),
    [
        ("11 98765-4321", "+5511987654321"),
        ("011 98765-4321", "+5511987654321"),
        ("5511987654321", "+5511987654321"),
        ("00 55 11 98765 4321", "+5511987654321"),
        ("0014 33 6 01 02 03 04", "+33601020304"),
        ("0033 6 01 02 03 04", "+33601020304"),
    ],
)
def test_brazil_dials_abroad_through_a_carrier(raw: str, e164: str) -> None:
    assert BRAZIL.read(raw) == Number(raw, e164, EXTERNAL)


@pytest.mark.parametrize(
    ("raw", "e164", "key"),
    [
        ("+33 6 01 02 03 04", "+33601020304", "+33601020304"),
        ("0033601020304", "+33601020304", "+33601020304"),
        ("8 495 123-45-67", None, "84951234567"),
        ("74951234567,5", None, "74951234567"),
        ("123456", None, "123456"),
    ],
)
def test_without_a_region_only_international_numbers_become_e164(raw: str, e164: str | None, key: str) -> None:
    assert NOWHERE.read(raw) == Number(raw, e164, EXTERNAL)
    assert NOWHERE.read(raw).key == key


@pytest.mark.parametrize(
    "raw",
    [None, "", "  ", "anonymous", "Anonymous", "unknown", "<unknown>", "restricted", "UNAVAILABLE", "private",
     "sip:anonymous@anonymous.invalid"],
)  # fmt: skip
def test_withheld_callers_have_no_number(raw: str | None) -> None:
    for numbering in (RUSSIA, BRAZIL, NOWHERE):
        number = numbering.read(raw)
        assert (number.kind, number.e164, number.key) == (WITHHELD, None, None)


def test_a_number_sent_but_marked_withheld_is_withheld() -> None:
    assert RUSSIA.read("+79161234567", withheld=True) == Number("+79161234567", None, WITHHELD)
    assert RUSSIA.read("2001", withheld=True).kind is WITHHELD


@pytest.mark.parametrize("raw", ["2001", "22", "reception", "12345"])
def test_extensions_are_ours(raw: str) -> None:
    number = RUSSIA.read(raw)
    assert (number.kind, number.e164, number.key) == (INTERNAL, None, None)


def test_an_extension_added_later_is_ours_at_once() -> None:
    known: set[str] = set()
    numbering = Numbering("RU", (), None, lambda: known)
    assert numbering.read("front.desk").kind is INVALID
    known.add("front.desk")
    assert numbering.read("front.desk").kind is INTERNAL
    assert numbering.read("2001").kind is INVALID


@pytest.mark.parametrize("raw", ["+74950000001", "74950000001", "84950000001", "4950000001", "+7 (495) 000-00-01"])
def test_own_numbers_are_ours_however_written(raw: str) -> None:
    number = RUSSIA.read(raw)
    assert (number.kind, number.e164, number.key) == (INTERNAL, "+74950000001", None)


def test_own_digits_count_without_a_region_and_without_plus() -> None:
    for raw in ("74950000001", "+74950000001", "0074950000001"):
        assert NOWHERE.read(raw).kind is INTERNAL, raw
        assert NOWHERE.read(raw).key is None
    assert NOWHERE.read("84950000001").kind is EXTERNAL
    assert Numbering(None, ["+7 495 000 00 01"]).read("74950000001").kind is INTERNAL


@pytest.mark.parametrize(
    "raw",
    ["sales.manager", "*97", "#31#", "+", "+999123456789", "+7 495", "+7 495 123 45 67 89", "00", "0000000000",
     "1234567890123456", "5", "abc123def", "\u0663\u0663\u0666\u0660\u0661", "+1-800-FLOWERS"],
)  # fmt: skip
def test_texts_and_impossible_numbers_are_invalid(raw: str) -> None:
    numbering = Numbering("RU")
    number = numbering.read(raw)
    assert (number.kind, number.e164, number.key) == (INVALID, None, None)


@pytest.mark.parametrize("raw", ["84951234567890", "00 495"])
def test_impossible_national_numbers_are_invalid(raw: str) -> None:
    assert Numbering("DE").read("0" * 30 + raw).kind is INVALID
    assert BRAZIL.read("495123").kind is INVALID


def test_a_possible_but_invalid_national_number_keeps_its_digits() -> None:
    number = RUSSIA.read("0000000001")
    assert (number.kind, number.e164) == (EXTERNAL, None) or number.kind is INVALID
    local = RUSSIA.read("1234567")
    assert (local.kind, local.e164, local.key) == (EXTERNAL, None, "1234567")


def test_a_foreign_number_without_plus_is_not_taken_for_one_with_a_trunk_prefix() -> None:
    assert RUSSIA.read("849512345678").e164 is None


@pytest.mark.parametrize("region", ["XX", "Russia", ""])
def test_a_region_must_exist(region: str) -> None:
    if region:
        with pytest.raises(ValueError, match="ISO region"):
            Numbering(region)
    else:
        assert Numbering(region).region is None


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("8 (495) 123-45-67", "74951234567"),
        ("+7 495 123-45-67", "74951234567"),
        ("4567", "4567"),
        ("2001", "2001"),
        ("12-34", "1234"),
        ("456", None),
        ("Claire", None),
        ("", None),
        ("4567 Ltd", None),
    ],
)
def test_search_digits(text: str, digits: str | None) -> None:
    assert RUSSIA.search_digits(text) == digits


def test_without_a_region_search_ignores_the_trunk_prefix() -> None:
    assert NOWHERE.search_digits("8 (495) 123-45-67") == "4951234567"
    assert searchable("0495 123") == "495123"
    assert searchable("000") == "000"


@given(st.text(max_size=40))
def test_reading_never_raises_and_is_stable(raw: str) -> None:
    for numbering in (RUSSIA, BRAZIL, NOWHERE):
        number = numbering.read(raw)
        numbering.search_digits(raw)
        if number.e164 is not None:
            again = numbering.read(number.e164)
            assert (again.e164, again.kind) == (number.e164, number.kind)


@given(st.from_regex(r"\+?[0-9 ()-]{1,20}", fullmatch=True))
def test_e164_of_e164_is_itself(raw: str) -> None:
    for numbering in (RUSSIA, BRAZIL, NOWHERE):
        number = numbering.read(raw)
        if number.e164 is not None:
            assert numbering.read(number.e164).e164 == number.e164


@pytest.mark.parametrize("region", ["RU", "BR", "ES", "VN", "PT", "US", "GB", "DE", "FR"])
def test_example_numbers_of_every_kind_are_read_like_libphonenumber(region: str) -> None:
    numbering = Numbering(region, (), PHONES)
    for kind in phonenumbers.PhoneNumberType.values():
        example = phonenumbers.example_number_for_type(region, kind)
        if example is None:
            continue
        e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        for form in (phonenumbers.PhoneNumberFormat.NATIONAL, phonenumbers.PhoneNumberFormat.INTERNATIONAL):
            written = phonenumbers.format_number(example, form)
            if PHONES.fullmatch(written):
                continue
            assert numbering.read(written).e164 == e164, written


def test_a_place_without_big_tables_is_type_and_country(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers._Tables, "loaded", False)
    assert describe("+79161234567") == Place(type="mobile", country="RU")
    assert describe("nonsense") == Place()


def test_a_place_has_region_carrier_and_time_zone_once_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers._Tables, "loaded", False)
    preload()
    assert describe("+74951234567") == Place("fixed_line", "RU", "Moscow", None, ("Europe/Moscow",))
    assert describe("+33601020304", "fr") == Place("mobile", "FR", "France", "SFR", ("Europe/Paris",))
    assert describe("nonsense") == Place()
    assert describe("+70000000000").time_zones == ()

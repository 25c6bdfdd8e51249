"""Columns of a file of contacts, and rows as contacts."""

import pytest

from crm_core.errors import InvalidField
from crm_core.people.fields import draft_from, export_header, export_row, recognise
from crm_core.people.rules import Contact, ContactDraft, Phone, PhoneDraft, PhoneType


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("name", "name"),
        ("ФИО", "name"),
        ("Họ và tên", "name"),
        ("Nombre completo", "name"),
        ("Телефон 2", "phone"),
        ("Phone 1 - Value", "phone"),
        ("Số điện thoại", "phone"),
        ("TELÈFON", "phone"),
        ("Мобильный", "phone.mobile"),
        ("Telemóvel", "phone.mobile"),
        ("phone.work", "phone.work"),
        ("E-mail 1 - Value", "email"),
        ("Correo electrónico", "email"),
        ("Organization Name", "company"),
        ("Группа", "group"),
        ("Etiquetes", "tag"),
        ("Ghi chú", "note"),
        ("custom.size", "custom.size"),
        ("Phone 1 - Label", None),
        ("custom.", None),
        ("", None),
    ],
)
def test_headers_are_understood_in_our_languages(header: str, field: str | None) -> None:
    assert recognise([header, "name"]).fields[0] == field


def test_what_is_said_by_hand_wins() -> None:
    columns = recognise(["Name", "Nick", "Tel", "Shoe"], [("name", "nick"), ("custom.shoe", "Shoe")])
    assert columns.fields == (None, "name", "phone", "custom.shoe")
    assert columns.ignored == ("Name",)


@pytest.mark.parametrize(
    ("headers", "chosen", "field"),
    [
        (["a", "b"], [], "file"),
        (["name"], [("nonsense", "name")], "map"),
        (["name"], [("custom.", "name")], "map"),
        (["name"], [("phone", "Tel")], "map"),
    ],
)
def test_what_cannot_be_mapped_is_refused(headers: list[str], chosen: list[tuple[str, str]], field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        recognise(headers, chosen)
    assert refused.value.field == field


def test_a_row_becomes_a_contact() -> None:
    cells = {
        "First Name": "Claire",
        "Last Name": "Durand",
        "Company": "D & F",
        "Mobile": "+33 6 01 02 03 04",
        "Phone": "8 (495) 123-45-67, +7 916 1 / 22",
        "Phone 2": "",
        "Email": "a@b.example; c@d.example",
        "Labels": "VIP ::: Friends",
        "Tags": "x|y",
        "Notes": "one",
        "Note 2": "two",
        "Owner": "ana",
        "custom.size": "12",
    }
    columns, row = recognise(list(cells)), list(cells.values())
    assert draft_from(columns, row) == ContactDraft(
        name="Claire Durand",
        company="D & F",
        phones=(
            PhoneDraft("+33 6 01 02 03 04", PhoneType.MOBILE),
            PhoneDraft("8 (495) 123-45-67"),
            PhoneDraft("+7 916 1"),
            PhoneDraft("22"),
        ),
        emails=("a@b.example", "c@d.example"),
        groups=("VIP", "Friends"),
        tags=("x", "y"),
        owner="ana",
        notes="one\ntwo",
        custom={"size": "12"},
    )


def test_short_rows_are_filled_and_long_ones_refused() -> None:
    columns = recognise(["name", "phone"])
    assert draft_from(columns, ["Ana"]) == ContactDraft("Ana")
    assert draft_from(columns, ["Ana", "", "", ""]) == ContactDraft("Ana")
    with pytest.raises(InvalidField, match="3 columns, the header has 2"):
        draft_from(columns, ["Ana", "1", "2"])


def test_what_is_exported_is_read_back() -> None:
    contact = Contact(
        id=1,
        name="=cmd()",
        company="Durand",
        phones=(Phone("+33 6 01 02 03 04", "+33601020304", PhoneType.MOBILE), Phone("8 495 1", None, PhoneType.OTHER)),
        emails=("a@b.example",),
        groups=("VIP", "B"),
        tags=("x",),
        owner="ana",
        notes="line\nline",
        custom={"size": 12, "none": None},
    )
    header, row = export_header(contact.custom), export_row(contact, contact.custom)
    assert row[0] == "'=cmd()"
    read = draft_from(recognise(header), row)
    assert (read.name, read.company, read.emails, read.groups) == ("=cmd()", "Durand", ("a@b.example",), ("VIP", "B"))
    assert set(read.phones) == {
        PhoneDraft("+33 6 01 02 03 04", PhoneType.MOBILE),
        PhoneDraft("8 495 1", PhoneType.OTHER),
    }
    assert (read.tags, read.owner, read.notes, read.custom) == (("x",), "ana", "line\nline", {"size": "12"})


@pytest.mark.parametrize(
    "name", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0", "\uff1d1", "'=1+1", "- none -"]
)
def test_no_cell_of_an_export_is_a_formula_and_all_are_read_back(name: str) -> None:
    contact = Contact(id=1, name=name)
    header, row = export_header(()), export_row(contact, ())
    assert row[0] == f"'{name}"
    assert draft_from(recognise(header), row).name == name


@pytest.mark.parametrize("name", ["+33 6 01 02 03 04", "-", "O'Brien", "'Quoted'", "a=b"])
def test_what_is_no_formula_is_exported_as_it_is(name: str) -> None:
    assert export_row(Contact(id=1, name=name), ())[0] == name

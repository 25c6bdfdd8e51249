"""Contacts from files and into files, on both databases."""

import csv
from pathlib import Path

import pytest

from crm_core.calls.store import Calls
from crm_core.errors import InvalidField
from crm_core.numbers import Numbering
from crm_core.people.importing import ImportReport, UnreadableFile, export_contacts, import_contacts
from crm_core.people.rules import Contact
from crm_core.people.store import People
from tests.contracts.conftest import NOON
from tests.contracts.records import CLAIRE, missed


async def everyone(people: People) -> list[Contact]:
    return list((await people.list_contacts(limit=500)).items)


def refusals(path: Path, delimiter: str = ",") -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


async def test_good_rows_are_created_and_bad_ones_told(
    people: People, calls: Calls, numbering: Numbering, tmp_path: Path
) -> None:
    await calls.save(missed("early", NOON), numbering.read(CLAIRE))
    path = tmp_path / "clients.csv"
    path.write_text(
        "Name,Phone,Email,Shoe\n"
        f'Claire,"{CLAIRE}",c@d.example,40\n'
        ",,,\n"
        "Bob,12,,41\n"
        ",,nobody,\n"
        "Zoe,+7 916 123 45 67,,42\n"
    )
    errors = tmp_path / "clients.csv.errors.csv"
    report = await import_contacts(people, path)
    assert report == ImportReport(rows=4, created=2, known=0, refused=2, ignored=("Shoe",), errors=errors)
    assert [contact.name for contact in await everyone(people)] == ["Claire", "Zoe"]
    row = await calls.get("early")
    assert row is not None
    assert row.contact is not None
    header, bob, nobody = refusals(errors)
    assert header == ["Name", "Phone", "Email", "Shoe", "error"]
    assert bob[:4] == ["Bob", "12", "", "41"]
    assert bob[4].startswith("phones[0].number: '12' is an extension")
    assert nobody[4].startswith("name: a contact needs a name or a phone number")

    # The same file once more, mended: nothing twice, and the old errors are gone.
    path.write_text(f"Name;Phone\nclaire;{CLAIRE}\nClaire;+7 495 123 45 67\nZoe;8 916 123-45-67\nZoe;89161234567\n")
    report = await import_contacts(people, path)
    assert report == ImportReport(rows=4, created=1, known=3, refused=0)
    assert not errors.exists()


async def test_a_dry_run_writes_no_contact(people: People, tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    path.write_text("Name\nClaire\n\n" + "x" * 300 + "\n")
    report = await import_contacts(people, path, dry_run=True)
    assert (report.rows, report.created, report.refused) == (2, 1, 1)
    assert await people.count() == 0


@pytest.mark.parametrize(
    ("encoding", "delimiter"), [("utf-8", ","), ("utf-8-sig", ";"), ("utf-16", "\t"), ("cp1251", ";")]
)
async def test_spreadsheets_are_read_whatever_they_write(
    people: People, tmp_path: Path, encoding: str, delimiter: str
) -> None:
    path = tmp_path / "clients.csv"
    rows = [["ФИО", "Мобильный", "Компания"], ["Анна Ёлкина", "8 916 123-45-67", "«Ромашка»"]]
    path.write_bytes("\r\n".join(delimiter.join(row) for row in rows).encode(encoding))
    assert (await import_contacts(people, path)).created == 1
    (anna,) = await everyone(people)
    assert (anna.name, anna.company, anna.phones[0].e164) == ("Анна Ёлкина", "«Ромашка»", "+79161234567")


async def test_western_letters_of_old_spreadsheets_are_read(people: People, tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    path.write_bytes("Nombre;Teléfono\nJosé Núñez Ibáñez;+34 612 34 56 78\n".encode("cp1252"))
    await import_contacts(people, path)
    assert [contact.name for contact in await everyone(people)] == ["José Núñez Ibáñez"]


async def test_columns_can_be_named_by_hand(people: People, tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    path.write_text("Quem,Onde,Sapato\nAna,+351 912 345 678,38\n")
    with pytest.raises(InvalidField, match="no column for a name"):
        await import_contacts(people, path)
    chosen = [("name", "Quem"), ("phone", "Onde"), ("custom.shoe", "Sapato")]
    await import_contacts(people, path, chosen=chosen)
    (ana,) = await everyone(people)
    assert (ana.name, ana.phones[0].e164, ana.custom) == ("Ana", "+351912345678", {"shoe": "38"})


async def test_an_unknown_owner_refuses_one_row(people: People, tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    path.write_text("name,owner\nAna,nobody\nBob,\n")
    report = await import_contacts(people, path)
    assert (report.created, report.refused) == (1, 1)


@pytest.mark.parametrize("content", [None, b"", b"\n\n"])
async def test_a_file_that_cannot_be_read_is_one_clear_error(
    people: People, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "clients.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises((UnreadableFile, InvalidField)) as refused:
        await import_contacts(people, path)
    assert "\n" not in str(refused.value)


async def test_what_is_exported_can_be_imported(people: People, tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    rows = [f"Client {number},Firm,+7916{number:07},,a{number}@b.example,VIP,x,{number}" for number in range(520)]
    header = "name,company,phone.mobile,phone.work,email,group,tag,custom.size"
    source.write_text("\n".join([header, *rows, 'Notes,,,,,,,"a\nb"']))
    assert (await import_contacts(people, source)).created == 521
    before = await everyone(people)
    assert await export_contacts(people, target) == 521
    again = await import_contacts(people, target)
    assert (again.created, again.known, again.refused) == (0, 521, 0)
    for contact in before:
        await people.delete_contact(contact.id, "test")
    await import_contacts(people, target)
    facts = [(one.name, one.company, one.phones, one.emails, one.groups, one.tags, one.custom) for one in before]
    after = await everyone(people)
    assert [(o.name, o.company, o.phones, o.emails, o.groups, o.tags, o.custom) for o in after] == facts


async def test_a_file_that_cannot_be_written_is_one_clear_error(people: People) -> None:
    with pytest.raises(UnreadableFile, match="nowhere"):
        await export_contacts(people, Path("/proc/nowhere/out.csv"))

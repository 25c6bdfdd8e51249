"""Clients from files and into files, on both databases."""

import asyncio
import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from crm_core.calls.store import Calls
from crm_core.db import Database
from crm_core.errors import Conflict, InvalidField
from crm_core.imports.files import import_file, write_errors
from crm_core.imports.opening import open_rows
from crm_core.imports.rows import FileRow, UnreadableFile
from crm_core.imports.rules import Duplicates, Import, ImportState
from crm_core.imports.runner import carry_out, look_into
from crm_core.imports.store import Imports
from crm_core.numbers import Numbering
from crm_core.people.exporting import FileFormat, UnwritableFile, export_contacts
from crm_core.people.rules import Contact, ContactDraft, ContactPatch, PhoneDraft
from crm_core.people.store import People
from tests.contracts.conftest import NOON, Clock
from tests.contracts.records import CLAIRE, missed

ZOE = "+79161234567"


@pytest.fixture
def imports(db: Database, numbering: Numbering, clock: Clock) -> Imports:
    return Imports(db, numbering, clock=clock)


@pytest.fixture
def bring(imports: Imports, numbering: Numbering) -> "Bring":
    return Bring(imports, numbering)


class Bring:
    """Imports a file as the command does."""

    def __init__(self, imports: Imports, numbering: Numbering) -> None:
        self._imports = imports
        self._numbering = numbering

    async def __call__(
        self,
        path: Path,
        rule: Duplicates = Duplicates.SKIP,
        chosen: Sequence[tuple[str, str]] = (),
        *,
        dry_run: bool = False,
    ) -> Import:
        done = await import_file(self._imports, self._numbering, path, chosen=chosen, duplicates=rule, dry_run=dry_run)
        await write_errors(self._imports, done, errors_of(path))
        return done


def errors_of(path: Path) -> Path:
    return path.with_name(path.name + ".errors.csv")


def counts(job: Import) -> tuple[int, int, int, int]:
    return job.created, job.updated, job.known, job.refused


async def everyone(people: People) -> list[Contact]:
    return list((await people.list_contacts(limit=500)).items)


def rows_of(path: Path) -> list[FileRow]:
    return list(open_rows(path).rows)


def refusals(path: Path, delimiter: str = ",") -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


async def test_good_rows_are_created_and_bad_ones_told(
    people: People, calls: Calls, numbering: Numbering, bring: Bring, tmp_path: Path
) -> None:
    await calls.save(missed("early", NOON), numbering.read(CLAIRE))
    path = tmp_path / "clients.csv"
    path.write_text(
        "Name,Phone,Email,Shoe\n"
        f'Claire,"{CLAIRE}",c@d.example,40\n'
        ",,,\n"
        "Bob,12,,41\n"
        ",,nobody,\n"
        f"Zoe,{ZOE},,42\n"
    )  # fmt: skip
    report = await bring(path)
    assert counts(report) == (2, 0, 0, 2)
    assert (report.position, report.total, report.state) == (4, 4, ImportState.DONE)
    assert [contact.name for contact in await everyone(people)] == ["Claire", "Zoe"]
    row = await calls.get("early")
    assert row is not None
    assert row.contact is not None
    header, bob, nobody = refusals(errors_of(path))
    assert header == ["Name", "Phone", "Email", "Shoe", "error"]
    assert bob[:4] == ["Bob", "12", "", "41"]
    assert bob[4].startswith("phones[0].number: '12' is an extension")
    assert nobody[4].startswith("name: a contact needs a name or a phone number")

    # The same file once more, mended: nothing twice, and the old errors are gone.
    path.write_text(f"Name;Phone\nclaire;{CLAIRE}\nClaire;+7 495 123 45 67\nZoe;8 916 123-45-67\nZoe;89161234567\n")
    assert counts(await bring(path)) == (1, 0, 3, 0)
    assert not errors_of(path).exists()


async def test_a_dry_run_writes_no_contact_and_sees_its_own_doubles(
    people: People, bring: Bring, tmp_path: Path
) -> None:
    path = tmp_path / "clients.csv"
    twice = "".join(f"Client {number},+7916{number:07}\n" for number in range(300)) * 2
    path.write_text("Name,Phone\nClaire,\n\n" + "x" * 300 + ",\n" + twice)
    report = await bring(path, dry_run=True)
    assert (report.state, *counts(report)) == (ImportState.CHECKED, 301, 0, 300, 1)
    assert await people.count() == 0


@pytest.mark.parametrize(
    ("encoding", "delimiter"), [("utf-8", ","), ("utf-8-sig", ";"), ("utf-16", "\t"), ("cp1251", ";"), ("utf-8", "|")]
)
async def test_spreadsheets_are_read_whatever_they_write(
    people: People, bring: Bring, tmp_path: Path, encoding: str, delimiter: str
) -> None:
    path = tmp_path / "clients.csv"
    rows = [["ФИО", "Мобильный", "Компания"], ["Анна Ёлкина", "8 916 123-45-67", "«Ромашка»"]]
    path.write_bytes("\r\n".join(delimiter.join(row) for row in rows).encode(encoding))
    assert (await bring(path)).created == 1
    (anna,) = await everyone(people)
    assert (anna.name, anna.company, anna.phones[0].e164) == ("Анна Ёлкина", "«Ромашка»", ZOE)


async def test_western_letters_of_old_spreadsheets_are_read(people: People, bring: Bring, tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    path.write_bytes("Nombre;Teléfono\nJosé Núñez Ibáñez;+34 612 34 56 78\n".encode("cp1252"))
    await bring(path)
    assert [contact.name for contact in await everyone(people)] == ["José Núñez Ibáñez"]


async def test_columns_can_be_named_by_hand(people: People, bring: Bring, tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    path.write_text("Quem,Onde,Sapato\nAna,+351 912 345 678,38\n")
    with pytest.raises(InvalidField, match="no column for a name"):
        await bring(path)
    await bring(path, chosen=[("name", "Quem"), ("phone", "Onde"), ("custom.shoe", "Sapato")])
    (ana,) = await everyone(people)
    assert (ana.name, ana.phones[0].e164, ana.custom) == ("Ana", "+351912345678", {"shoe": "38"})


async def test_columns_are_known_by_their_content_and_remembered(
    imports: Imports, numbering: Numbering, tmp_path: Path
) -> None:
    path = tmp_path / "clients.csv"
    rows = "".join(f"Ana {'abc'[n % 3]},{n},+7 916 123-45-{n:02},a{n}@b.example\n" for n in range(20))
    path.write_text("Quem,Nr,Onde,Correspondência\n" + rows)
    facts = await look_into(imports, path, numbering)
    assert facts.columns == ("name", None, "phone", "email")
    assert (facts.total, len(facts.samples)) == (20, 5)
    job = await imports.create("clients.csv", str(path), facts, "root")
    await imports.start(job.id, ("name", "custom.nr", "phone.work", None), Duplicates.SKIP, dry_run=False)
    assert (await look_into(imports, path, numbering)).columns == ("name", "custom.nr", "phone.work", None)


async def test_an_unknown_owner_refuses_one_row(bring: Bring, tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    path.write_text("name,owner\nAna,nobody\nBob,\n")
    assert counts(await bring(path)) == (1, 0, 0, 1)


ODD = {
    "empty": b"",
    "blank": b"\n\n",
    "only a header": b"Name,Phone\n",
    "200,000 columns": b"Name," + b"x," * 200_000 + b"\nAna\n",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "an old workbook": b"\xd0\xcf\x11\xe0" + bytes(600),
    "a broken workbook": b"PK\x03\x04" + bytes(600),
    "half a character": "Жив\nЮл".encode("utf-16")[:-1],
}


@pytest.mark.parametrize("content", [None, *ODD.values()], ids=["missing", *ODD])
async def test_a_file_that_cannot_be_read_is_one_clear_error(
    people: People, bring: Bring, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "clients.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises((UnreadableFile, InvalidField)) as refused:
        await bring(path)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300
    assert await people.count() == 0


async def test_one_bad_row_costs_one_row(people: People, bring: Bring, tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    path.write_bytes(
        b"Name,Phone,Note\r\n"
         b'"Quoted, with ""marks"" and\nlines",+79160000001,ok\r\n'
         b"Ragged\r\n"
         b"Long,+79160000002,x,y,z\r\n"
         b"Huge,+79160000003," + b"n" * (10 * 1024 * 1024) + b"\r\n"
        + b"Nul\0,+79160000004,\r\n"
        + "Last,+79160000005,naïve\r\n".encode()
    )  # fmt: skip
    assert counts(await bring(path)) == (4, 0, 0, 2)
    names = [contact.name for contact in await everyone(people)]
    assert names == ["Last", "Nul", 'Quoted, with "marks" and lines', "Ragged"]
    reasons = [row[-1] for row in refusals(errors_of(path))[1:]]
    assert reasons == [
        "row: has 5 columns, the header has 3",
        "notes: is longer than 20000 characters",
    ]
    assert errors_of(path).stat().st_size < 10_000


async def test_workbooks_are_read_a_row_at_a_time(people: People, bring: Bring, tmp_path: Path) -> None:
    path = tmp_path / "clients.xlsx"
    book = Workbook()
    book.create_sheet("Notes", 0)
    sheet = book["Sheet"]
    sheet.append([None, None])
    sheet.append(["Name", "Mobile phone", "Company"])
    sheet.append(["Ana", 79161234567, "Firm"])
    sheet.append([None, None, None])
    sheet.append(["Bob", "+7 916 123-45-68", 12.5])
    book.save(path)
    assert counts(await bring(path)) == (2, 0, 0, 0)
    facts = [(one.name, one.phones[0].e164, one.company) for one in await everyone(people)]
    assert facts == [("Ana", ZOE, "Firm"), ("Bob", "+79161234568", "12.5")]


CARDS = """BEGIN:VCARD
VERSION:3.0
N:Durand;Claire;;;
FN:Claire Durand
ORG:Durand & Fils;Sales
TEL;TYPE=CELL,VOICE:+33 6 01 02 03 04
TEL;TYPE=WORK,FAX:+33 1 70 18 99 00
EMAIL;TYPE=INTERNET:c@d.example
NOTE:first\\nsecond\\, line
CATEGORIES:VIP,Friends
BDAY:1980-01-02
END:VCARD
something between
BEGIN:VCARD
VERSION:4.0
N:Gump;Forrest;;Mr.;
TITLE:Shrimp Man
TEL;TYPE="work,voice";VALUE=uri:tel:+1-202-555-0112;ext=102
ADR;TYPE=WORK:;;100 Waters Edge;Baytown;LA;30314;USA
END:VCARD
BEGIN:VCARD
VERSION:2.1
FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=D0=94=D0=B8=D0=BD=D0=B0=
=20=D0=96
TEL;CELL:+79161234567
END:VCARD
BEGIN:VCARD
VERSION:3.0
EMAIL:nobody
END:VCARD
BEGIN:VCARD
VERSION:3.0
a line that is none
FN:After
item1.TEL:+34 612 34 56 78
item1.X-ABLabel:other
END:VCARD
"""


async def test_cards_of_phones_are_read(people: People, bring: Bring, tmp_path: Path) -> None:
    path = tmp_path / "contacts.vcf"
    path.write_text(CARDS)
    assert counts(await bring(path)) == (4, 0, 0, 1)
    after, claire, gump, dina = await everyone(people)
    assert (after.name, after.phones[0].e164) == ("After", "+34612345678")
    assert (claire.name, claire.company, claire.emails) == ("Claire Durand", "Durand & Fils, Sales", ("c@d.example",))
    assert {(phone.e164, phone.type.value) for phone in claire.phones} == {
        ("+33601020304", "mobile"),
        ("+33170189900", "fax"),
    }
    assert (claire.notes, claire.groups) == ("first\nsecond, line", ("Friends", "VIP"))
    assert claire.custom == {"birthday": "1980-01-02"}
    assert (gump.name, gump.phones[0].e164, gump.phones[0].type.value) == ("Forrest Gump", "+12025550112", "work")
    assert gump.custom == {"title": "Shrimp Man", "address": "100 Waters Edge, Baytown, LA, 30314, USA"}
    assert (dina.name, dina.phones[0].e164) == ("Дина Ж", ZOE)


async def exported(people: People, bring: Bring, folder: Path, form: FileFormat, rows: int) -> Path:
    """Import so many clients and export them again."""
    source, target = folder / "in.csv", folder / f"out.{form}"
    lines = [f"Client {number},Firm,+7916{number:07},,a{number}@b.example,VIP,Note {number}" for number in range(rows)]
    source.write_text("\n".join(["name,company,phone.mobile,phone.work,email,group,note", *lines]))
    assert (await bring(source)).created == rows
    assert await export_contacts(people, target) == rows
    return target


async def test_a_long_export_is_whole(people: People, bring: Bring, tmp_path: Path) -> None:
    target = await exported(people, bring, tmp_path, FileFormat.CSV, 520)
    assert counts(await bring(target)) == (0, 0, 520, 0)


@pytest.mark.parametrize("form", FileFormat)
async def test_what_is_exported_can_be_imported(people: People, bring: Bring, tmp_path: Path, form: FileFormat) -> None:
    target = await exported(people, bring, tmp_path, form, 12)
    before = await everyone(people)
    for contact in before:
        await people.delete_contact(contact.id, "test")
    await bring(target)
    facts = [(one.name, one.company, one.phones, one.emails, one.groups, one.notes) for one in before]
    after = await everyone(people)
    assert [(o.name, o.company, o.phones, o.emails, o.groups, o.notes) for o in after] == facts


@pytest.mark.parametrize("form", [FileFormat.CSV, FileFormat.XLSX])
async def test_nothing_that_is_exported_runs_in_a_spreadsheet(
    people: People, bring: Bring, tmp_path: Path, form: FileFormat
) -> None:
    target = tmp_path / f"out.{form}"
    draft = ContactDraft(
        '=HYPERLINK("x")', "@SUM(A1)", (PhoneDraft(ZOE),), notes="+cmd|' /C calc'!A0\x0b", custom={"a": "-2+3+cmd"}
    )
    await people.create_contact(draft, "test")
    await export_contacts(people, target)
    for row in await asyncio.to_thread(rows_of, target):
        assert not [cell for cell in row.cells if cell.startswith(("=", "@", "-", "+c"))]
    if form is FileFormat.XLSX:
        sheet = (await asyncio.to_thread(load_workbook, target)).active
        assert sheet is not None
        assert {cell.data_type for line in sheet.iter_rows() for cell in line} <= {"s", "n", "inlineStr"}
    assert (await bring(target)).known == 1


async def test_a_file_that_cannot_be_written_is_one_clear_error(people: People) -> None:
    with pytest.raises(UnwritableFile, match="nowhere"):
        await export_contacts(people, Path("/proc/nowhere/out.csv"))


KNOWN = ContactDraft("Claire", None, (PhoneDraft(CLAIRE),), tags=("old",), notes="Likes tea", custom={"size": "40"})


@pytest.mark.parametrize(
    ("rule", "expected", "facts"),
    [
        (Duplicates.SKIP, (1, 0, 1, 0), ("Claire", None, 1, "Likes tea", {"size": "40"})),
        (Duplicates.CREATE, (2, 0, 0, 0), ("Claire", None, 1, "Likes tea", {"size": "40"})),
        (Duplicates.MERGE, (0, 1, 1, 0), ("Claire", "Firm", 2, "Likes tea\nCalls late", {"size": "40"})),
        (Duplicates.UPDATE, (0, 2, 0, 0), ("Claire Durand", "Firm", 2, "Calls late", {"size": "41"})),
    ],
)
async def test_who_is_there_already_is_treated_as_the_rule_says(
    people: People,
    bring: Bring,
    tmp_path: Path,
    rule: Duplicates,
    expected: tuple[int, ...],
    facts: tuple[object, ...],
) -> None:
    claire = await people.create_contact(KNOWN, "test")
    path = tmp_path / "clients.csv"
    path.write_text(
        "name,company,phone,note,tag,custom.size\n"
        f"Claire,Firm,{CLAIRE};{ZOE},Calls late,new,41\n"
        f"Claire Durand,Firm,{ZOE},,,\n"
    )
    assert counts(await bring(path, rule)) == expected
    now = await people.get_contact(claire.id)
    assert (now.name, now.company, len(now.phones), now.notes, now.custom) == facts
    assert now.tags == (("new", "old") if rule in {Duplicates.MERGE, Duplicates.UPDATE} else ("old",))
    # Once more the file says nothing new.
    if rule in {Duplicates.MERGE, Duplicates.UPDATE}:
        assert (await bring(path, Duplicates.MERGE)).known == 2


async def test_a_number_that_two_clients_share_names_neither(people: People, bring: Bring, tmp_path: Path) -> None:
    for name in ("Ana", "Bob"):
        await people.create_contact(ContactDraft(name, phones=(PhoneDraft(ZOE),)), "test")
    path = tmp_path / "clients.csv"
    path.write_text(f"name,phone,company\nCleo,{ZOE},\nBob,{ZOE},Firm\n")
    assert counts(await bring(path, Duplicates.UPDATE)) == (1, 1, 0, 0)
    assert {one.name: one.company for one in await everyone(people)} == {"Ana": None, "Bob": "Firm", "Cleo": None}


async def test_an_import_is_undone_but_for_what_changed_since(
    people: People, calls: Calls, numbering: Numbering, imports: Imports, bring: Bring, tmp_path: Path
) -> None:
    await calls.save(missed("early", NOON), numbering.read(ZOE))
    claire = await people.create_contact(KNOWN, "test")
    path = tmp_path / "clients.csv"
    rows = "".join(f"Client {number},+7916{number:07}\n" for number in range(120))
    path.write_text(f"name,phone\nClaire Durand,{CLAIRE}\nMadame Durand,{CLAIRE}\nZoe,{ZOE}\nKept,+79169999999\n{rows}")
    job = await bring(path, Duplicates.UPDATE)
    assert counts(job) == (122, 2, 0, 0)
    (kept,) = (await people.list_contacts("Kept")).items
    await people.update_contact(kept.id, ContactPatch(notes="called"), "ana")
    undone = await carry_out(imports, await imports.undo(job.id))
    assert (undone.state, undone.undone, undone.kept) == (ImportState.UNDONE, 123, 1)
    left = {one.name: one for one in await everyone(people)}
    assert left.keys() == {"Claire", "Kept"}
    assert replace(left["Claire"], updated_at=0, version=1) == replace(claire, updated_at=0, version=1)
    row = await calls.get("early")
    assert row is not None
    assert row.contact is None
    with pytest.raises(Conflict):
        await imports.undo(job.id)


async def test_an_import_that_was_cut_off_goes_on_behind_its_last_row(
    people: People, imports: Imports, numbering: Numbering, bring: Bring, clock: Clock, tmp_path: Path
) -> None:
    path = tmp_path / "clients.csv"
    path.write_text("name,phone\n" + "".join(f"Client {n},+7916{n:07}\n" for n in range(600)))
    clock.now = path.stat().st_mtime + 60

    class Killed(BaseException):
        pass

    def kill(job: Import) -> None:
        if job.position >= 500:
            raise Killed

    with pytest.raises(Killed):
        await import_file(imports, numbering, path, on_written=kill, duplicates=Duplicates.CREATE)
    assert await people.count() == 500
    job = await bring(path, Duplicates.CREATE)
    assert (job.position, *counts(job)) == (600, 600, 0, 0, 0)
    assert await people.count() == 600
    # Once ended, the same file is a new import.
    assert (await bring(path)).known == 600


async def test_two_at_work_on_one_import_write_each_row_once(
    people: People, imports: Imports, numbering: Numbering, tmp_path: Path
) -> None:
    path = tmp_path / "clients.csv"
    path.write_text("name,phone\nAna,\nBob,\n")
    job = await imports.create("x", str(path), await look_into(imports, path, numbering), "root")
    with pytest.raises(InvalidField, match="no column is a name"):
        await imports.start(job.id, (None, None), Duplicates.CREATE, dry_run=False)
    job = await imports.start(job.id, ("name", "phone"), Duplicates.CREATE, dry_run=False)
    rows = await asyncio.to_thread(rows_of, path)
    first = await imports.take(job, rows[:1], set())
    assert await imports.take(job, rows[:1], set()) == first
    cancelled = await imports.cancel(job.id)
    assert (await imports.take(cancelled, rows[1:], set())).position == 1
    assert (await carry_out(imports, first)).state is ImportState.CANCELLED
    assert [one.name for one in await everyone(people)] == ["Ana"]

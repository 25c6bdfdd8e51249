"""Columns of a file of contacts: which field each is, whatever its header's language; a row as a draft. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from crm_core.errors import InvalidField
from crm_core.people.rules import Contact, ContactDraft, PhoneDraft, PhoneType
from crm_core.texts import clean, fold, line

CUSTOM = "custom."
GIVEN, FAMILY = "name.given", "name.family"
PHONE_TYPES = {f"phone.{kind.value}": kind for kind in PhoneType} | {"phone": PhoneType.OTHER}
PHONE_FIELDS = frozenset(PHONE_TYPES)
FIELDS = ("name", GIVEN, FAMILY, "company", *PHONE_TYPES, "email", "group", "tag", "owner", "note")

HEADERS = {
    "name": "name, full name, contact, contact name, client, customer, nombre, nombre completo, cliente, nome,"
    " nome completo, nom, nom complet, tên, họ tên, họ và tên, khách hàng, имя, фио, клиент, контакт, наименование,"
    " kunde, kundenname, ansprechpartner",
    GIVEN: "first name, given name, vorname, prénom, nombre de pila, primeiro nome",
    FAMILY: "last name, family name, surname, nachname, nom de famille,"
    " apellido, apellidos, sobrenome, cognom, cognoms, họ, фамилия",
    "company": "company, organization, organisation, organization name, firm, firma, unternehmen,"
    " société, entreprise, empresa, compañía, organización,"
    " companhia, organização, companyia, organització, công ty, tổ chức, компания, организация, фирма",
    "phone": "phone, phones, phone number, telephone, tel, number, telefon, telefonnummer,"
    " téléphone, numéro de téléphone, teléfono, número de teléfono, telefone, telèfon,"
    " điện thoại, số điện thoại, sđt, телефон, телефоны, номер, номер телефона, тел",
    "phone.mobile": "mobile, mobile phone, mobil, handy, handynummer,"
    " portable, téléphone portable, cell, cell phone, cellphone, móvil, teléfono móvil, celular, telemóvel,"
    " mòbil, di động, điện thoại di động, мобильный, мобильный телефон, сотовый, сотовый телефон",
    "phone.work": "work phone, business phone, office phone, teléfono del trabajo, teléfono trabajo,"
    " telefone comercial, telefone do trabalho, telèfon de la feina, điện thoại cơ quan, рабочий телефон, рабочий",
    "phone.home": "home phone, teléfono de casa, teléfono particular, telefone residencial, telèfon de casa,"
    " điện thoại nhà, домашний телефон, домашний",
    "phone.fax": "fax, факс, número de fax",
    "email": "email, emails, e mail, mail, email address, e mail address, correo, correo electrónico,"
    " endereço de e mail, correu, correu electrònic, thư điện tử, почта, электронная почта, эл почта, имейл",
    "group": "group, groups, gruppe, gruppen, groupe, groupes, labels,"
    " grupo, grupos, grup, grups, nhóm, группа, группы",
    "tag": "tag, tags, etiqueta, etiquetas, etiquetes, thẻ, nhãn, тег, теги, метка, метки",
    "owner": "owner, responsible, responsable, responsável, phụ trách, người phụ trách, ответственный, менеджер",
    "note": "note, notes, bemerkung, bemerkungen, notiz, notizen, comment, comments,"
    " commentaire, remarques, nota, notas, comentario, comentarios, observaciones, comentário,"
    " observações, comentari, comentaris, observacions, ghi chú, заметка, заметки, примечание, комментарий",
}
"""What a field is called in the languages we speak."""
NOT_A_WORD = re.compile(r"[\W_]+")
NUMBERED = re.compile(r"\s\d+$|\s\d+(?=\svalue$)")
SEVERAL = re.compile(r"\s*(?::::|[;\n|])\s*")
SEVERAL_PHONES = re.compile(r"\s*(?::::|[;,\n|/])\s*(?=[+\d(])")
FORMULA = re.compile(r"'*(?:[=@\t\r\uff1d\uff20]|[+\uff0b-](?![\d\s().;/+-]*$))")
"""How a cell begins that a spreadsheet may run; numbers begin with a plus too, and hold nothing it could call."""


def _folded(header: str) -> str:
    return NOT_A_WORD.sub(" ", fold(header)).strip()


MEANINGS: Mapping[str, str] = MappingProxyType(
    {_folded(name): field for field, names in HEADERS.items() for name in names.split(",")}
)


@dataclass(frozen=True, slots=True)
class Columns:
    """Which field each column of a file is; None where it is none of ours."""

    headers: tuple[str, ...]
    fields: tuple[str | None, ...]

    @property
    def ignored(self) -> tuple[str, ...]:
        """The headers of columns that are not read."""
        return tuple(header for header, field in zip(self.headers, self.fields, strict=True) if field is None)


def recognise(headers: Sequence[str], chosen: Iterable[tuple[str, str]] = ()) -> Columns:
    """Tell which field each column is; `chosen` are (field, header) pairs that win over what the headers say.

    Raises InvalidField for an unknown field, a column that is not there, or a file in which nothing is recognised.
    """
    wanted = tuple(chosen)
    by_hand: dict[int, str] = {}
    for field, header in wanted:
        if field not in FIELDS and not (field.startswith(CUSTOM) and field != CUSTOM):
            raise InvalidField("map", f"there is no field {field}: use {', '.join(FIELDS)} or {CUSTOM}NAME")
        positions = [place for place, name in enumerate(headers) if _folded(name) == _folded(header)]
        if not positions:
            raise InvalidField("map", f"there is no column {header}: the file has {', '.join(headers)}")
        by_hand[positions[0]] = field
    decided = frozenset(field for field, _ in wanted)
    fields = tuple(by_hand.get(place) or _meaning(header, decided) for place, header in enumerate(headers))
    if not any(field in {"name", GIVEN, FAMILY, *PHONE_TYPES} for field in fields):
        raise InvalidField("file", f"no column for a name or a phone among {', '.join(headers)}: say which with --map")
    return Columns(tuple(headers), fields)


def meaning(header: str) -> str | None:
    """Return the field a header names, in any of our languages; None where it names none."""
    return _meaning(header, frozenset())


def draft_from(columns: Columns, cells: Sequence[str]) -> ContactDraft:
    """Return a row as a contact to create; raises InvalidField when it does not fit the header."""
    if len(cells) > len(columns.fields) and any(cell.strip() for cell in cells[len(columns.fields) :]):
        raise InvalidField("row", f"has {len(cells)} columns, the header has {len(columns.fields)}")
    found: dict[str, list[str]] = {}
    for field, cell in zip(columns.fields, cells, strict=False):
        text = _unguarded(clean(cell).strip())
        if field is not None and text:
            found.setdefault(field, []).append(text)
    phones = tuple(
        PhoneDraft(number, kind)
        for field, kind in PHONE_TYPES.items()
        for cell in found.get(field, ())
        for number in SEVERAL_PHONES.split(cell)
    )
    name = " ".join(found.get("name", ())) or " ".join((*found.get(GIVEN, ()), *found.get(FAMILY, ())))
    return ContactDraft(
        name=name,
        company=" ".join(found.get("company", ())) or None,
        phones=phones,
        emails=_several(found, "email"),
        groups=_several(found, "group"),
        tags=_several(found, "tag"),
        owner=" ".join(found.get("owner", ())) or None,
        notes="\n".join(found.get("note", ())),
        custom={field.removeprefix(CUSTOM): "; ".join(texts) for field, texts in found.items() if _is_custom(field)},
    )


PLAIN_COLUMNS = ("name", "company", *PHONE_TYPES, "email", "group", "tag", "owner", "note")


def export_header(custom: Iterable[str]) -> list[str]:
    """Return the headers of an exported file; reading it back needs no mapping."""
    return [*PLAIN_COLUMNS, *(CUSTOM + name for name in sorted(custom))]


def export_row(contact: Contact, custom: Iterable[str]) -> list[str]:
    """Return a contact as a row below `export_header`."""
    phones = {
        field: "; ".join(phone.number for phone in contact.phones if phone.type is kind and field != "phone")
        for field, kind in PHONE_TYPES.items()
    }
    plain = {
        "name": contact.name,
        "company": contact.company or "",
        "email": "; ".join(contact.emails),
        "group": "; ".join(contact.groups),
        "tag": "; ".join(contact.tags),
        "owner": contact.owner or "",
        "note": contact.notes,
    } | phones
    cells = [plain[field] for field in PLAIN_COLUMNS]
    cells.extend(_custom_text(contact.custom.get(name)) for name in sorted(custom))
    return [f"'{cell}" if FORMULA.match(cell) else cell for cell in cells]


def _meaning(header: str, decided: frozenset[str]) -> str | None:
    name = line(header)
    if name in FIELDS or _is_custom(name):
        return None if name in decided else name
    folded = _folded(header)
    plain = NUMBERED.sub("", folded).removesuffix(" value").strip()
    field = MEANINGS.get(folded) or MEANINGS.get(plain)
    return None if field in decided else field


def _is_custom(field: str) -> bool:
    return field.startswith(CUSTOM) and len(field) > len(CUSTOM)


def _several(found: Mapping[str, Sequence[str]], field: str) -> tuple[str, ...]:
    return tuple(one for cell in found.get(field, ()) for one in SEVERAL.split(cell) if one)


def _unguarded(cell: str) -> str:
    """Take away the mark that keeps spreadsheets from running a cell as a formula."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def _custom_text(value: object) -> str:
    return "" if value is None else str(value)

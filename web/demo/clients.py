"""The demo's clients: 2,000 invented people and companies, the same each time."""

import random
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from crm_core.people.rules import ContactDraft, PhoneDraft, PhoneType
from web.demo.places import GROUPS, LANDS, TAGS, Land

CLIENTS = 2_000
SHARED_EVERY = 40
"""One client in so many shares a number with the one before: a household, or an office."""
OWNERS = ("ana", "bruno", "carla", "dmitri", "elena")


@dataclass(frozen=True, slots=True)
class Clients:
    """The clients, and numbers that belong to nobody yet."""

    drafts: tuple[ContactDraft, ...]
    shared: tuple[str, ...]
    strangers: tuple[str, ...]


def invent(count: int = CLIENTS, seed: int = 2026) -> Clients:
    """Invent `count` clients."""
    dice = random.Random(seed)  # noqa: S311 - invented people, no secrets
    lands = dice.choices(LANDS, weights=[land.weight for land in LANDS], k=count)
    numbers = _Numbers(dice)
    drafts: list[ContactDraft] = []
    shared: list[str] = []
    for index, land in enumerate(lands):
        partner = drafts[-1] if index % SHARED_EVERY == SHARED_EVERY - 1 else None
        draft = _client(dice, land, numbers, partner)
        if partner is not None:
            shared.append(draft.phones[0].number)
        drafts.append(draft)
    strangers = tuple(numbers.new(dice.choice(LANDS).mobiles) for _ in range(200))
    return Clients(tuple(drafts), tuple(shared), strangers)


def chance(dice: random.Random, percent: int) -> bool:
    """Throw the dice: true in `percent` of a hundred cases."""
    return dice.randrange(100) < percent


class _Numbers:
    """Gives each number once."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._given: set[str] = set()

    def new(self, patterns: Sequence[str]) -> str:
        while True:
            pattern = self._dice.choice(patterns)
            number = re.sub("#", lambda _: str(self._dice.randrange(10)), pattern)
            if number not in self._given:
                self._given.add(number)
                return number


def _client(dice: random.Random, land: Land, numbers: _Numbers, partner: ContactDraft | None) -> ContactDraft:
    given = dice.choice(land.given)
    family = _agreeing(given, dice.choice(land.family))
    company = dice.choice(land.companies).format(dice.choice(land.family)) if chance(dice, 45) else None
    phones = [PhoneDraft(numbers.new(land.mobiles), PhoneType.MOBILE)]
    if partner is not None:
        company = partner.company
        phones.insert(0, PhoneDraft(partner.phones[0].number, PhoneType.HOME))
    elif company:
        phones.append(PhoneDraft(numbers.new(land.landlines), PhoneType.WORK))
    groups = ["VIP"] if chance(dice, 5) else []
    if company:
        groups.append(dice.choice(GROUPS))
    return ContactDraft(
        name=f"{given} {family}",
        company=company,
        phones=tuple(phones),
        emails=(_address(given, family, phones[-1].number),),
        groups=tuple(groups),
        tags=tuple(sorted(dice.sample(TAGS, dice.choice((0, 0, 1, 1, 2))))),
        owner=dice.choice(OWNERS) if chance(dice, 60) else None,
        notes=dice.choice(land.notes) if chance(dice, 30) else "",
    )


def _agreeing(given: str, family: str) -> str:
    """Give a Russian family name the form that goes with the given name."""
    feminine = given.endswith(("\u0430", "\u044f", "\u044c")) and family.endswith(("ов", "ев", "ин"))
    return f"{family}\u0430" if feminine else family


def _address(given: str, family: str, number: str) -> str:
    folded = (
        unicodedata.normalize("NFKD", f"{given}.{family.split(maxsplit=1)[0]}")
        .encode("ascii", "ignore")
        .decode()
        .lower()
    )
    local = re.sub(r"[^a-z.]", "", folded).strip(".")
    return f"{local or 'client'}.{number[-4:]}@example.com"

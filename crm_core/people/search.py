"""Finding contacts by what someone typed; every way is a range of an index."""

from sqlalchemy import Select, select, union

from crm_core.columns import begins_with
from crm_core.numbers import Numbering
from crm_core.people.tables import ContactRow, ContactWord, PhoneRow
from crm_core.texts import clean, words


def search_words(q: str) -> list[str]:
    """Return the folded words of a search, the longest (rarest) first."""
    return sorted(words(clean(q)), key=len, reverse=True)


def matching_contacts(q: str, numbering: Numbering) -> Select[int]:
    """Return the question for the contacts a search text means: all its words begin so, or a number ends so."""
    questions: list[Select[int]] = []
    digits = numbering.search_digits(q)
    if digits is not None:
        questions.append(select(PhoneRow.contact_id).where(begins_with(PhoneRow.reversed_digits, digits[::-1])))
    wanted = search_words(q)
    if wanted:
        rarest = select(ContactWord.contact_id).where(begins_with(ContactWord.word, wanted[0]))
        for word in wanted[1:]:
            also = select(ContactWord.contact_id).where(begins_with(ContactWord.word, word))
            rarest = rarest.where(ContactWord.contact_id.in_(also))
        questions.append(rarest)
    if not questions:
        return select(ContactRow.id).where(ContactRow.id < 0)
    return select(union(*questions).subquery().c.contact_id)

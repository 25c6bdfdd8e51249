"""Texts as they are stored, compared and cut into words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_core.errors import InvalidField
from crm_core.texts import LONGEST_WORD, MOST_WORDS, bounded, clean, fold, line, words


def test_what_a_database_cannot_keep_is_left_out() -> None:
    assert clean("a\0b\ud800c") == "abc"
    assert line("  a\0 \n b\t") == "a b"


def test_texts_are_compared_without_case_and_accents() -> None:
    assert fold(" ÉMILE  Ёлкина ") == "emile елкина"
    assert fold("Straße") == "strasse"


def test_words_are_what_letters_and_digits_make() -> None:
    assert words("Durand & Fils, 2nd", None, "c_d@e.org") == {"durand", "fils", "2nd", "c", "d", "e", "org"}
    assert words(None, "") == frozenset()


def test_words_are_bounded() -> None:
    assert words("x" * 500) == {"x" * LONGEST_WORD}
    assert len(words(" ".join(str(number) for number in range(1000)))) == MOST_WORDS


def test_too_long_a_text_names_its_field() -> None:
    assert bounded("text", "ab\0", 3) == "ab"
    with pytest.raises(InvalidField, match="text: is longer than 2 characters"):
        bounded("text", "abc", 2)


@settings(max_examples=300)
@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert words(fold(text)) == words(text)
    clean(text).encode()

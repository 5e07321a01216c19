"""Words and terms: what is found in ASCII text is what the general pattern finds."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from backend.text.analysis import term_of, terms, words

WORDS = st.text(string.ascii_letters + string.digits + string.punctuation + " \t\n\x00\x1f\x7f'")


@given(st.lists(st.sampled_from(["The", "dogs'", "'n'", "o'clock", "don''t", "90's", "_"]) | WORDS))
def test_terms_of_ascii_are_those_of_its_words(parts: list[str]) -> None:
    text = " ".join(parts)
    long_way = [term_of(word.folded) for word in words(text)]
    assert terms(text) == [term for term in long_way if term is not None]

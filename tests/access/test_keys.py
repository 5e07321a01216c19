"""The form of a key, and what is stored of it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.access.keys import Key, SecretHash

KEY = Key("5Kd3NBUAdUnh", "0" * 43)
TEXT = "mm_5Kd3NBUAdUnh_" + "0" * 43 + "3lCAUd"


def test_the_form_of_a_key() -> None:
    assert KEY.text == TEXT
    assert Key.parse(TEXT) == KEY


def test_keys_are_random_and_of_one_form() -> None:
    keys = [Key.new() for _ in range(200)]
    assert len({key.id for key in keys} | {key.secret for key in keys}) == 400
    for key in keys:
        assert re.fullmatch(r"mm_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}", key.text)
        assert Key.parse(key.text) == key


def test_a_new_secret_keeps_the_id() -> None:
    assert Key.new("5Kd3NBUAdUnh").id == "5Kd3NBUAdUnh"


@given(st.integers(0, len(TEXT) - 1), st.characters(codec="ascii"))
def test_one_wrong_character_makes_it_none(place: int, character: str) -> None:
    mistyped = TEXT[:place] + character + TEXT[place + 1 :]
    assert (Key.parse(mistyped) is None) == (mistyped != TEXT)


@pytest.mark.parametrize("text", ["", "mm_", TEXT[:-1], TEXT + "0", f" {TEXT}", f"{TEXT}\n", "é"])
def test_what_is_no_key(text: str) -> None:
    assert Key.parse(text) is None


def test_neither_shows_the_secret() -> None:
    key = Key.new()
    assert key.secret not in repr(key)
    assert key.secret not in repr(SecretHash.of(key, "pepper"))


def test_a_hash_matches_its_own_key_and_pepper_alone() -> None:
    key = Key.new()
    stored = SecretHash.of(key, "pepper")
    assert stored.matches(key, "pepper")
    assert not stored.matches(key, "")
    assert not stored.matches(Key.new(key.id), "pepper")
    assert SecretHash.of(key, "pepper") != stored, "each has its own salt"

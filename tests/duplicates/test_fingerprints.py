"""What is made of a text, and what two of them have in common."""

from __future__ import annotations

import random

import numpy as np
import pytest

from backend.duplicates.fingerprints import (
    ALGORITHM,
    fingerprint,
    hash_of,
    normalised,
    similarity,
    unpacked,
)

BEACH = "Two children build a sandcastle while their grandmother reads under a tree."
CHILDREN_ON_THE_BEACH = "\u6d77\u6ee9\u4e0a\u7684\u5b69\u5b50\u4eec"


def similar(one: str, other: str) -> float:
    return similarity(fingerprint(normalised(one)).sketch, fingerprint(normalised(other)).sketch)


def shingles(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return set(zip(words, words[1:], words[2:], strict=False))


def test_it_is_the_same_in_every_process_and_release() -> None:
    made = fingerprint(normalised(BEACH))
    assert ALGORITHM == 1
    assert hash_of(normalised(BEACH)) == "683d9a80233948b6aad418faba03eb43"
    assert made.bands[:2] == [6143612603867282963, 6290107834758498066]
    assert made.sketch[:3].tolist() == [465894835, 574737677, 932940528]


def test_packed_it_says_the_same() -> None:
    made = fingerprint(normalised(BEACH))
    again = unpacked(made.packed())
    assert again.bands == made.bands
    assert np.array_equal(again.sketch, made.sketch)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (BEACH, BEACH.upper()),
        (BEACH, "  " + BEACH.replace(" ", "\n\t")),
        ("Stra\N{LATIN SMALL LETTER SHARP S}e am Meer", "STRASSE AM MEER"),
    ],
)
def test_case_and_spaces_are_nothing(one: str, other: str) -> None:
    assert hash_of(normalised(one)) == hash_of(normalised(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (BEACH, BEACH.replace(" while", ", while")),
        ("Ein caf\u00e9 am Meer", "Ein cafe\u0301 am Meer"),
        ("Ein caf\u00e9 am Meer", "Ein Cafe am Meer!"),
    ],
)
def test_signs_and_accents_are_something_but_the_texts_say_the_same(one: str, other: str) -> None:
    assert hash_of(normalised(one)) != hash_of(normalised(other))
    assert similar(one, other) == 1


@pytest.mark.parametrize("length", [3, 40, 300, 1_000])
def test_the_similarity_is_that_of_the_sets(length: int) -> None:
    chance = random.Random(length)
    words = [f"w{chance.randrange(200)}" for _ in range(length)]
    for changes in (0, 1, 2, length // 10, length):
        changed = list(words)
        for _ in range(changes):
            changed[chance.randrange(length)] = f"w{chance.randrange(200)}"
        one, other = shingles(" ".join(words)), shingles(" ".join(changed))
        expected = len(one & other) / len(one | other)
        assert similar(" ".join(words), " ".join(changed)) == pytest.approx(expected)


def test_of_a_long_text_it_is_estimated() -> None:
    chance = random.Random(3)
    words = [f"w{chance.randrange(3_000)}" for _ in range(12_000)]
    changed = [word if chance.random() < 0.95 else "x" for word in words]
    one, other = shingles(" ".join(words)), shingles(" ".join(changed))
    expected = len(one & other) / len(one | other)
    assert similar(" ".join(words), " ".join(changed)) == pytest.approx(expected, abs=0.05)
    assert similar(" ".join(words), " ".join(words[:6_000])) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("a b", "A  b", True),
        ("!!!", "!!!", True),
        ("!!!", "???", False),
        ("x" * 65_000, "x" * 65_000, True),
        ("x" * 65_000, "x" * 64_999, False),
        (CHILDREN_ON_THE_BEACH, CHILDREN_ON_THE_BEACH, True),
        (CHILDREN_ON_THE_BEACH, "\u5c71\u91cc\u7684\u8001\u4eba\u548c\u72d7", False),
        ("\u0e40\u0e14\u0e47\u0e01" * 40, "\u0e40\u0e14\u0e47\u0e01" * 39, False),
    ],
)  # fmt: skip
def test_texts_that_are_no_sentences(one: str, other: str, alike: bool) -> None:
    assert (similar(one, other) == 1) is alike


def test_texts_that_are_alike_have_a_band_in_common_and_others_have_none() -> None:
    chance = random.Random(5)
    found = missed = 0
    for _ in range(200):
        words = [f"w{chance.randrange(2_000)}" for _ in range(60)]
        changed = list(words)
        changed[chance.randrange(3, 57)] = "another"
        made, other = fingerprint(" ".join(words)), fingerprint(" ".join(changed))
        found += not set(made.bands).isdisjoint(other.bands)
        strange = fingerprint(" ".join(f"w{chance.randrange(2_000)}" for _ in range(60)))
        missed += set(made.bands).isdisjoint(strange.bands)
    assert (found, missed) == (200, 200)

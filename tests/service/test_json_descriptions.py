"""Descriptions that are an AI's JSON: what becomes of each part, and that none is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backend.records import plain_of

ANSWER = {
    "title": "Beach day",
    "summary": "Two children build a sandcastle.",
    "keywords": ["beach", "summer"],
}


def text_of(**others: Any) -> str:
    return json.dumps(ANSWER | others)


@pytest.mark.parametrize(
    "text",
    [
        text_of(),
        f"  {text_of()}\n",
        f"```json\n{text_of()}\n```",
        f"```\n{json.dumps(ANSWER, indent=2)}```\n",
    ],
)
def test_each_part_has_its_place(text: str) -> None:
    plain = plain_of(text)
    assert plain is not None
    assert plain.description == "Two children build a sandcastle."
    assert (plain.title, plain.tags, plain.extra) == ("Beach day", ["beach", "summer"], {})


@pytest.mark.parametrize(
    "text",
    [
        "Two children build a sandcastle.",
        "{not JSON}",
        '["a", "b"]',
        json.dumps({"summary": "Alone."}),
        json.dumps({"title": "Alone", "keywords": []}),
        text_of(summary=""),
        text_of(summary=["a", "b"]),
        "```json\n{\n```",
        f"The answer: {text_of()}",
        "{" * 60_000,
        text_of(notes={"a": "x" * 20_000}),
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert plain_of(text) is None


def test_what_is_there_already_stays() -> None:
    plain = plain_of(text_of(), title="Our beach", tags=["summer", "2019"], extra={"reel": 4})
    assert plain is not None
    assert plain.title == "Our beach"
    assert plain.tags == ["summer", "2019", "beach"]
    assert plain.extra == {"reel": 4, "title": "Beach day"}
    same = plain_of(text_of(), title="Beach day", tags=["beach", "summer"])
    assert same is not None
    assert (same.title, same.tags, same.extra) == ("Beach day", ["beach", "summer"], {})


def test_what_has_no_field_is_kept_in_extra() -> None:
    plain = plain_of(
        text_of(
            keywords=["beach", 7, "x" * 300, "", None],
            mood="joyful",
            rating=4.5,
            people=["Ben"],
            scenes=[{"at": 1}],
            nothing=None,
        )
    )
    assert plain is not None
    assert plain.tags == ["beach"]
    assert plain.extra == {
        "keywords": '[7,"' + "x" * 300 + '"]',
        "mood": "joyful",
        "rating": 4.5,
        "people": ["Ben"],
        "scenes": '[{"at":1}]',
    }


def test_keywords_in_one_text_are_tags() -> None:
    plain = plain_of(text_of(keywords="beach, summer ,, 2019"))
    assert plain is not None
    assert (plain.tags, plain.extra) == (["beach", "summer", "2019"], {})


def test_more_keywords_than_a_record_has_tags_are_kept() -> None:
    words = [f"word {n}" for n in range(120)]
    plain = plain_of(text_of(keywords=words), tags=["first"])
    assert plain is not None
    assert list(plain.tags) == ["first", *words[:99]]
    assert plain.extra == {"keywords": words[99:]}


def test_nothing_takes_the_place_of_something_else_in_extra() -> None:
    assert plain_of(text_of(mood="calm"), extra={"mood": "joyful"}) is None
    assert plain_of(text_of(mood="calm"), extra={f"n{n}": n for n in range(100)}) is None

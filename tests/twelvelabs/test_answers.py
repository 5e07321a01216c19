"""What is read of a model's answer, and that no answer brings more than a record may have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backend.models.schemas import VideoAnalysisCreate
from backend.twelvelabs.answers import BadAnswer, fields_of

ANSWER: dict[str, Any] = {
    "title": "Beach day",
    "summary": "Two children build a sandcastle.",
    "keywords": ["beach", "summer"],
    "people": ["Ben"],
    "mood": "joyful",
    "event_type": "vacation",
    "segments": [{"start": 0, "end": 2.5, "text": "They dig."}],
}
FIELDS: dict[str, Any] = {
    "description": "Two children build a sandcastle.",
    "title": "Beach day",
    "tags": ["beach", "summer"],
    "people": ["Ben"],
    "mood": "joyful",
    "event_type": "vacation",
    "segments": [{"start": 0.0, "end": 2.5, "text": "They dig."}],
}


def read(**others: Any) -> dict[str, Any]:
    return fields_of(json.dumps(ANSWER | others), longest=65_535)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ANSWER),
        f"```json\n{json.dumps(ANSWER, indent=2)}\n```",
        f"Here it is:\n{json.dumps(ANSWER)}\nI hope that helps.",
    ],
)
def test_an_answer_is_read(text: str) -> None:
    assert fields_of(text, longest=65_535) == FIELDS


@pytest.mark.parametrize(
    ("given", "field", "expected"),
    [
        ({"keywords": "beach, summer,beach, "}, "tags", ["beach", "summer"]),
        ({"keywords": ["  beach ", "", 7, "x" * 300, {"a": 1}]}, "tags", ["beach"]),
        ({"keywords": [f"w{n}" for n in range(500)]}, "tags", [f"w{n}" for n in range(100)]),
        ({"keywords": {"a": 1}}, "tags", None),
        ({"mood": ["calm", "joyful"]}, "mood", "calm"),
        ({"mood": 7}, "mood", None),
        ({"title": "x" * 600}, "title", "x" * 499 + "…"),
        ({"title": None}, "title", None),
        ({"summary": "a\0b"}, "description", "a b"),
        (
            {"segments": [{"start": "1:02", "end": "1:00:03.5", "text": "t"}]},
            "segments",
            [{"start": 62.0, "end": 3603.5, "text": "t"}],
        ),
        (
            {
                "segments": [
                    {"start": 3, "end": 2, "text": "before its start"},
                    {"start": True, "end": 2, "text": "no number"},
                    {"start": 1e300, "end": 1e301, "text": "too late"},
                    {"start": "soon", "end": 2, "text": "no time"},
                    {"start": 1, "end": 2, "text": " "},
                    "nothing",
                    {"start": "4.5", "end": 5, "description": "fits"},
                ]
            },
            "segments",
            [{"start": 4.5, "end": 5.0, "text": "fits"}],
        ),
    ],
)
def test_what_is_meant_is_read_and_what_does_not_fit_left_out(
    given: dict[str, Any], field: str, expected: Any
) -> None:
    assert read(**given).get(field) == expected


def test_no_answer_is_larger_than_a_record() -> None:
    fields = read(
        summary="word " * 40_000,
        people=["p" * 200] * 10_000,
        segments=[{"start": n, "end": n + 1, "text": "t" * 20_000} for n in range(2_500)],
    )
    assert len(fields["description"]) <= 65_535
    assert fields["description"].endswith("word…")
    assert len(fields["segments"]) == 2_000
    VideoAnalysisCreate.model_validate({"video_id": "a", **fields})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("The video shows a beach.", "not the JSON object"),
        ('{"title": "Beach', "not the JSON object"),
        ("[]", "not the JSON object"),
        ("{" * 100_000 + "}" * 100_000, "not the JSON object"),
        ('{"title": "Beach"}', "no summary"),
        ('{"summary": "\\u0000  "}', "no summary"),
    ],
)
def test_what_is_no_answer_is_refused(text: str, reason: str) -> None:
    with pytest.raises(BadAnswer, match=reason):
        fields_of(text, longest=65_535)

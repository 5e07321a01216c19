"""What the model is asked, and what its answer says of a video, in the fields of a record.

Models add words around their JSON, give one text where a list was asked for, or times as `1:23`:
that is read as it is meant. What does not fit into a field is left out, but for the summary:
without one there is no description.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from backend.models.metadata import (
    LONGEST_SECONDS,
    LONGEST_TEXT,
    MOST_NAMES,
    MOST_SEGMENTS,
    Name,
)
from backend.records import json_object_of
from backend.twelvelabs.client import MODEL

PROMPT = """\
Describe this video for the family whose memory it is. Answer with one JSON object and nothing \
else, with these members: "title": at most ten words. "summary": what is seen and heard, in whole \
sentences, with what somebody would remember it by. "keywords": 3 to 12 words to find it by. \
"people": the names that are said or shown, and no others. "mood": one word. "event_type": one \
word, such as birthday, vacation, wedding, everyday. "segments": what happens when, each with \
"start" and "end" in seconds and "text"."""
PROMPT_VERSION = "1"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "summary": {"type": "string"},
        "keywords": {"type": "array", "items": {"type": "string"}},
        "people": {"type": "array", "items": {"type": "string"}},
        "mood": {"type": "string"},
        "event_type": {"type": "string"},
        "segments": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "start": {"type": "number"},
                    "end": {"type": "number"},
                    "text": {"type": "string"},
                },
                "required": ["start", "end", "text"],
            },
        },
    },
    "required": ["title", "summary", "keywords"],
}

LONGEST_TITLE = 500
_MOST_READ = 10 * MOST_SEGMENTS
"""Members of a list that are looked at, whatever a model repeats."""
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{1,2}(?:\.\d+)?)")
_NAME: TypeAdapter[str] = TypeAdapter(Name)


class BadAnswer(Exception):
    """It is not what was asked for; its text says why."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked. `version` names text and schema together: whoever changes one of them gives
    another."""

    text: str = PROMPT
    version: str = PROMPT_VERSION
    model: str = MODEL
    temperature: float = 0.2
    schema: Mapping[str, Any] = field(default_factory=lambda: SCHEMA)
    max_tokens: int = 4_096


def fields_of(answer: str, *, longest: int) -> dict[str, Any]:
    """By the names of a record's fields. `longest`: of a description, in characters. Raises
    BadAnswer."""
    found = json_object_of(answer) or _object_within(answer)
    if found is None:
        raise BadAnswer("The answer is not the JSON object that was asked for")
    summary = _text(found.get("summary") or found.get("description"))
    if not summary:
        raise BadAnswer("The answer has no summary")
    fields = {
        "description": _cut(summary, longest),
        "title": _cut(_text(found.get("title")), LONGEST_TITLE),
        "tags": _names(found.get("keywords", found.get("tags"))),
        "people": _names(found.get("people")),
        "mood": _name(found.get("mood")),
        "event_type": _name(found.get("event_type")),
        "segments": _segments(found.get("segments")),
    }
    return {name: value for name, value in fields.items() if value}


def _object_within(text: str) -> dict[str, Any] | None:
    """The object that stands among other words."""
    begin, end = text.find("{"), text.rfind("}")
    return json_object_of(text[begin : end + 1]) if 0 <= begin < end else None


def _text(value: Any) -> str:
    return value.replace("\0", " ").strip() if isinstance(value, str) else ""


def _cut(text: str, longest: int) -> str:
    """At a space, if there is one near."""
    if len(text) <= longest:
        return text
    short = text[: longest - 1]
    words = short.rpartition(" ")[0]
    return (words if len(words) > longest // 2 else short).rstrip() + "…"


def _listed(value: Any) -> Iterable[Any]:
    if isinstance(value, str):
        return value.split(",")[:_MOST_READ]
    return value[:_MOST_READ] if isinstance(value, list) else ()


def _name(value: Any) -> str | None:
    for each in _listed([value] if isinstance(value, str) else value):
        try:
            return _NAME.validate_python(each)
        except ValidationError:
            continue
    return None


def _names(value: Any) -> list[str]:
    names = (_name(each) for each in _listed(value) if isinstance(each, str))
    return list(dict.fromkeys(name for name in names if name))[:MOST_NAMES]


def _segments(value: Any) -> list[dict[str, Any]]:
    segments = []
    for each in _listed(value):
        if not isinstance(each, dict):
            continue
        start, end = _seconds(each.get("start")), _seconds(each.get("end"))
        text = _text(each.get("text") or each.get("description"))
        if text and start is not None and end is not None and start <= end:
            segments.append({"start": start, "end": end, "text": _cut(text, LONGEST_TEXT)})
    return segments[:MOST_SEGMENTS]


def _seconds(value: Any) -> float | None:
    if isinstance(value, str):
        clock = _CLOCK.fullmatch(value.strip())
        if clock is not None:
            hours, minutes, seconds = clock.groups(default="0")
            return _seconds(int(hours) * 3600 + int(minutes) * 60 + float(seconds))
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and 0 <= value <= LONGEST_SECONDS else None

"""Descriptions that are JSON: what an AI was asked for as `{"title", "summary", "keywords"}`, and
was stored as it came, at times inside a code fence. People and search want its text, and the rest
in the fields that there are for it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from backend.models.metadata import MOST_NAMES, Extra, Name, Title
from backend.models.schemas import Description

_FENCED = re.compile(r"\A```[A-Za-z0-9]*[ \t]*\r?\n(?P<content>.*?)\r?\n?```\Z", re.DOTALL)
_SUMMARY, _TITLE, _KEYWORDS = "summary", "title", "keywords"


@dataclass(frozen=True, slots=True)
class Plain:
    """What a record says then: its description, and the fields that this adds to."""

    description: str
    title: str | None
    tags: Sequence[str]
    extra: Mapping[str, Any]


def _may_be_json(description: str) -> bool:
    """Whether it is worth reading as JSON."""
    return description.lstrip()[:1] in ("{", "`")


def json_object_of(text: str) -> dict[str, Any] | None:
    """The JSON object that a text is, as a whole or inside a code fence; None: it is none."""
    text = text.strip()
    fenced = _FENCED.match(text)
    try:
        found = orjson.loads(fenced["content"] if fenced else text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def plain_of(
    description: str,
    *,
    title: str | None = None,
    tags: Sequence[str] = (),
    extra: Mapping[str, Any] | None = None,
    adds_tags: bool = True,
) -> Plain | None:
    """Of a description that is such JSON: the summary is the text, the title the title, keywords
    are tags, where `adds_tags`. What has no place, or whose place is taken, is kept in `extra`.
    None: it is another text, or one of which something would be lost."""
    if not _may_be_json(description):
        return None
    found = json_object_of(description)
    if found is None or not found.keys() & {_TITLE, _KEYWORDS}:
        return None
    summary = found.pop(_SUMMARY, None)
    if not _is(_DESCRIPTION, summary):
        return None
    if title is None and _is(_A_TITLE, found.get(_TITLE)):
        title = found.pop(_TITLE)
    elif found.get(_TITLE) in (title, None, ""):
        found.pop(_TITLE, None)
    keywords = found.pop(_KEYWORDS, None)
    tags, left = _with_keywords(tags, keywords, MOST_NAMES if adds_tags else 0)
    if left:
        found[_KEYWORDS] = left
    kept = _extended(extra or {}, found)
    if kept is None:
        return None
    return Plain(summary.strip(), title, tags, kept)


def _with_keywords(tags: Sequence[str], keywords: Any, most: int) -> tuple[list[str], Any]:
    """The tags then, `most` if that is more, and what of the keywords is none of them."""
    if isinstance(keywords, str):
        keywords = [word for word in map(str.strip, keywords.split(",")) if word]
    if not isinstance(keywords, list):
        return list(tags), keywords
    names, left = dict.fromkeys(tags), []
    for word in keywords:
        try:
            name = _NAME.validate_python(word)
        except ValidationError:
            left += [word] if word not in ("", None) else []
            continue
        if name in names or len(names) < most:
            names[name] = None
        else:
            left.append(word)
    return list(names), left


def _extended(extra: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any] | None:
    """With what is given besides; None: it does not fit."""
    kept = dict(extra)
    for name, value in more.items():
        if value is None:
            continue
        flat = value if _is(_EXTRA, {name: value}) else orjson.dumps(value).decode()
        if kept.setdefault(name, flat) != flat:
            return None
    return kept if _is(_EXTRA, kept) else None


def _is(kind: TypeAdapter[Any], value: Any) -> bool:
    try:
        kind.validate_python(value)
    except ValidationError:
        return False
    return True


_DESCRIPTION: TypeAdapter[Any] = TypeAdapter(Description)
_A_TITLE: TypeAdapter[Any] = TypeAdapter(Title)
_NAME: TypeAdapter[Any] = TypeAdapter(Name)
_EXTRA: TypeAdapter[Any] = TypeAdapter(Extra)

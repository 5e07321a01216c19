"""Which videos: the filters that the list, search and statistics share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

FACET_OF = {"tag": "tags", "person": "people", "location": "location", "event_type": "event_type"}
"""The filters of which the search index's entries tell, with the names that these have there."""


@dataclass(frozen=True, slots=True)
class Filters:
    """All that are set must hold. Names are compared exactly."""

    tag: tuple[str, ...] = ()
    """Each of them."""
    person: tuple[str, ...] = ()
    location: str | None = None
    country: str | None = None
    mood: str | None = None
    event_type: str | None = None
    recorded_from: str | None = None
    recorded_to: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    updated_from: datetime | None = None
    updated_to: datetime | None = None
    has_description_containing: str | None = None

    def present(self) -> Iterator[tuple[str, Any]]:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and value != ():
                yield field.name, value

    def __bool__(self) -> bool:
        return any(True for _ in self.present())

    def facets(self) -> dict[str, list[str]]:
        """Those that a search index's entry tells of, as it names them."""
        return {
            facet: list(value) if isinstance(value, tuple) else [value]
            for name, value in self.present()
            if (facet := FACET_OF.get(name))
        }

    def besides_facets(self) -> Filters:
        """These, without those of facets()."""
        absent: dict[str, Any] = {
            field.name: field.default for field in fields(self) if field.name in FACET_OF
        }
        return replace(self, **absent)

    def relation(self) -> tuple[str, str] | None:
        """The first tag or person, as (field, name)."""
        for name in ("tag", "person"):
            for item in getattr(self, name):
                return name, item
        return None

    def digest(self) -> str:
        """Equal for equal filters: a cursor says by it to which query it belongs."""
        return _digest(self)


ALL = Filters()


@lru_cache(maxsize=1024)
def _digest(filters: Filters) -> str:
    text = json.dumps(dict(filters.present()), default=str, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]

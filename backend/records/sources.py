"""Where the value of each field came from, and whose words a machine may not replace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.models.schemas import VideoAnalysis, VideoAnalysisCreate
from backend.models.sources import Source, stored
from backend.records.errors import HumanValue
from backend.records.record import FIELDS

Sources = dict[str, dict[str, Any]]
"""By the fields that somebody has said it of, or has changed since the record was made."""


def sources_of_new(analysis: VideoAnalysisCreate, source: Source, at: str) -> Sources:
    """Of a record that is made of this: of each field that it gives."""
    said = stored(source, at)
    return {field: said for field in FIELDS if field in analysis.model_fields_set}


def sources_after(
    record: VideoAnalysis,
    changes: Mapping[str, Any],
    source: Source,
    at: str,
    *,
    override_human: bool,
) -> Sources:
    """Of the record with these changes. Raises HumanValue where a machine, or an import, would
    replace what a person has said."""
    sources: Sources = dict(record.sources)
    differing = [
        field for field in FIELDS if field in changes and changes[field] != getattr(record, field)
    ]
    if source.kind != "human" and not override_human:
        human = {
            field: _shown(getattr(record, field))
            for field in differing
            if sources.get(field, {}).get("kind") == "human"
        }
        if human:
            raise HumanValue(record.video_id, human)
    for field in differing:
        sources[field] = stored(source, at)
    return sources


def _shown(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, list):
        return [each if isinstance(each, str) else each.__dict__ for each in value]
    return value

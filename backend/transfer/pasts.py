"""Records with their history, of the lines that an export has written: checked as any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backend.core.errors import FieldError, InvalidRequest
from backend.models.past import Kept, LoggedChange
from backend.models.schemas import VideoAnalysisCreate
from backend.records import Past, PastChange, RecordJson, image_of_record
from backend.transfer.validation import OF_THE_SERVICE, valid


def past_of(values: Mapping[str, Any], changes: Sequence[Mapping[str, Any]]) -> Past:
    """Raises InvalidRequest."""
    analysis, kept = _record_of(values)
    logged = [_change_of(each, analysis.video_id) for each in changes]
    versions = [each.version for each in logged]
    if versions and versions != list(range(kept.version - len(versions) + 1, kept.version + 1)):
        raise _wrong("The changes before the record do not lead up to its version")
    return Past(
        analysis,
        kept.id,
        kept.version,
        kept.created_at,
        kept.updated_at,
        values.get("sources") or {},
        logged,
    )


def _record_of(values: Mapping[str, Any]) -> tuple[VideoAnalysisCreate, Kept]:
    said = {name: value for name, value in values.items() if name not in OF_THE_SERVICE}
    own = {name: values[name] for name in OF_THE_SERVICE if name in values}
    return valid(VideoAnalysisCreate, said), valid(Kept, own)


def _change_of(values: Mapping[str, Any], video_id: str) -> PastChange:
    said = valid(LoggedChange, values)
    if said.version_of != video_id:
        raise _wrong(f"A change of {said.version_of} stands before the record")
    image = None
    if said.before is not None:
        analysis, kept = _record_of(said.before)
        if (analysis.video_id, kept.version) != (video_id, said.version - 1):
            raise _wrong(f"What was before version {said.version} is not the version before it")
        image = image_of_record(_answer(analysis, said.before))
    return PastChange(said.version, said.at, said.action, said.actor, said.request_id, image)


def _answer(analysis: VideoAnalysisCreate, given: Mapping[str, Any]) -> RecordJson:
    """As it was answered, with the values as they are checked."""
    said = analysis.model_dump(exclude={"source"})
    return {**said, **{name: given[name] for name in OF_THE_SERVICE}}


def _wrong(reason: str) -> InvalidRequest:
    return InvalidRequest([FieldError(("body",), reason, "history")])

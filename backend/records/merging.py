"""Several records made one: it gets the tags, people and segments of the others, which go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from backend.core.errors import FieldError, InvalidRequest
from backend.core.owners import owned
from backend.engine import Provider
from backend.models.metadata import MOST_NAMES, MOST_SEGMENTS
from backend.models.schemas import VideoAnalysis
from backend.models.sources import HUMAN
from backend.records import record as records
from backend.records.errors import VersionMismatch, VideoAnalysisNotFound
from backend.records.filter_sql import Conditions
from backend.records.reader import MOST_BYTES, Reader
from backend.records.rows import Changes, changed_record, make_names, update_record
from backend.records.versions import ChangedMeanwhile, Expected, delete_those, those_videos

if TYPE_CHECKING:
    from prisma import Prisma

_MOST = {"tags": MOST_NAMES, "people": MOST_NAMES, "segments": MOST_SEGMENTS}


async def merge(
    transaction: Prisma,
    provider: Provider,
    keep: str,
    others: Sequence[str],
    expected: Expected | None,
) -> VideoAnalysis:
    """The record of `keep` as it is then. Joins the transaction. Raises VideoAnalysisNotFound,
    VersionMismatch, InvalidRequest, and ChangedMeanwhile where another changes one of them at the
    same time."""
    video_ids = [keep, *others]
    if provider == "postgresql":
        await _lock(transaction, video_ids)
    found, read = await Reader(transaction, provider).by_video_ids(video_ids)
    if read < len(video_ids):
        reason = f"These records are larger together than {MOST_BYTES // 2**20} MiB"
        raise InvalidRequest([FieldError(("body", "video_ids"), reason, "too_large")])
    for video_id in video_ids:
        if video_id not in found:
            raise VideoAnalysisNotFound(video_id)
    kept, *rest = (records.record_of(found[video_id]) for video_id in video_ids)
    if expected is not None and not expected.allows(kept.version):
        raise VersionMismatch(keep, kept.version)
    changes = joined(kept, rest)
    # First, so that what goes makes room in a quota for what is added.
    deleted = await delete_those(transaction, provider, lambda query: those_videos(query, others))
    if deleted != len(rest):
        raise ChangedMeanwhile
    if not changes:
        return kept
    update = await changed_record(kept, changes, HUMAN, override_human=True, action="merge")
    await make_names(transaction, provider, [update.record])
    if not await update_record(transaction, update):
        raise ChangedMeanwhile
    return update.record


def joined(kept: VideoAnalysis, others: Iterable[VideoAnalysis]) -> Changes:
    """What differs: each list followed by what the others' have besides, in their order. Raises
    InvalidRequest."""
    others = list(others)
    changes: dict[str, Any] = {}
    for field, most in _MOST.items():
        own = getattr(kept, field)
        known = {_key(value) for value in own}
        more = {_key(value): value for each in others for value in getattr(each, field)}
        values = [*own, *(value for key, value in more.items() if key not in known)]
        if len(values) > most:
            reason = (
                f"{kept.video_id} would have {len(values)} {field}; a record has at most {most}"
            )
            raise InvalidRequest([FieldError(("body", "video_ids"), reason, "too_long")])
        if len(values) > len(own):
            changes[field] = values
    return changes


def _key(value: Any) -> Any:
    return value if isinstance(value, str) else (value.start, value.end, value.text)


async def _lock(transaction: Prisma, video_ids: Sequence[str]) -> None:
    """In one order, so that two transactions do not wait for each other."""
    query = Conditions("postgresql")
    query.conditions.append(owned("v"))
    those_videos(query, video_ids)
    await transaction.query_first(
        "SELECT count(*) AS found FROM (SELECT 1 FROM video_analysis AS v"
        f"{query.where()} ORDER BY v.video_id FOR UPDATE) AS locked",
        *query.args,
    )

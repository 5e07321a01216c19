"""What Twelve Labs answers. It adds fields without notice: unknown ones are left out, and few are
required. Times stay as they came: they are compared, not counted with."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from backend.twelvelabs.errors import Incomplete


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


_Id = Annotated[str, Field(validation_alias=AliasChoices("_id", "id"), min_length=1)]


class SystemMetadata(_Answer):
    """`duration` in seconds, `size` in bytes."""

    duration: float | None = None
    filename: str | None = None
    fps: float | None = None
    height: int | None = None
    width: int | None = None
    size: int | None = None


class Hls(_Answer):
    video_url: str | None = None
    thumbnail_urls: list[str] | None = None
    status: str | None = None
    updated_at: str | None = None


class Spoken(_Answer):
    start: float
    end: float
    value: str


class IndexedAsset(_Answer):
    """A video of the index. A list tells neither `user_metadata` nor `hls` nor `transcription`."""

    id: _Id
    asset_id: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    indexed_at: str | None = None
    status: str | None = None
    system_metadata: SystemMetadata = SystemMetadata()
    user_metadata: dict[str, Any] | None = None
    hls: Hls | None = None
    transcription: list[Spoken] | None = None


class PageInfo(_Answer):
    page: int = 1
    limit_per_page: int | None = None
    total_page: int = 1
    total_results: int | None = None


class AssetPage(_Answer):
    data: list[IndexedAsset]
    page_info: PageInfo = PageInfo()


class Usage(_Answer):
    input_tokens: int = 0
    output_tokens: int = 0


def _as_text(data: Any) -> Any:
    """Documented as text also where it is JSON; some answers have the JSON itself."""
    return orjson.dumps(data).decode() if isinstance(data, dict | list) else data


class Analysis(_Answer):
    id: Annotated[str | None, Field(validation_alias=AliasChoices("id", "generation_id"))] = None
    data: Annotated[str, BeforeValidator(_as_text)]
    finish_reason: str | None = None
    usage: Usage = Usage()

    def whole(self) -> Analysis:
        """Raises Incomplete."""
        if self.finish_reason == "length":
            raise Incomplete("length", self)
        return self


class AnalysisTask(_Answer):
    """`status`: queued, pending, processing, ready, failed or canceled."""

    task_id: Annotated[str, Field(validation_alias=AliasChoices("task_id", "_id", "id"))]
    custom_id: str | None = None
    status: str | None = None
    created_at: str | None = None
    completed_at: str | None = None
    result: Analysis | None = None
    error: Any = None


class Clip(_Answer):
    """Seconds `start` to `end` of a video, the best of all with `rank` 1."""

    video_id: Annotated[str, Field(validation_alias=AliasChoices("video_id", "id"))]
    start: float = 0.0
    end: float = 0.0
    rank: int | None = None
    thumbnail_url: str | None = None
    transcription: str | None = None


class _Found(_Answer):
    """A clip, or with `group_by=video` a video and its clips."""

    video_id: Annotated[str, Field(validation_alias=AliasChoices("video_id", "id"))]
    start: float = 0.0
    end: float = 0.0
    rank: int | None = None
    thumbnail_url: str | None = None
    transcription: str | None = None
    clips: list[dict[str, Any]] | None = None


class SearchPage(_Answer):
    data: list[_Found]

    def clips(self) -> list[Clip]:
        """The best first, as Twelve Labs ranks them."""
        clips = []
        for found in self.data:
            if found.clips is None:
                clips.append(Clip.model_validate(found.model_dump(exclude={"clips"})))
            else:
                of_video = {"video_id": found.video_id}
                clips += [Clip.model_validate(of_video | clip) for clip in found.clips]
        last = len(clips)
        return sorted(clips, key=lambda clip: clip.rank or last)


class IndexInfo(_Answer):
    id: _Id
    name: Annotated[str | None, Field(validation_alias=AliasChoices("index_name", "name"))] = None
    created_at: str | None = None
    updated_at: str | None = None
    expires_at: str | None = None
    video_count: float | None = None
    total_duration: float | None = None


class Asset(_Answer):
    """`status`: processing, ready or failed."""

    id: _Id
    status: str | None = None
    filename: str | None = None
    created_at: str | None = None
    error: Any = None


class Created(_Answer):
    id: _Id


class _IndexNamed(_Answer):
    id: _Id


class _Membership(_Answer):
    id: _Id
    index: _IndexNamed


class Memberships(_Answer):
    """Of an asset, in indexes."""

    data: list[_Membership]

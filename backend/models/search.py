"""What search answers."""

from __future__ import annotations

from pydantic import BaseModel, Field

from backend.models.metadata import Segment
from backend.models.schemas import VideoAnalysis

_SNIPPET = "An excerpt as HTML, safe to insert: `<mark>` around the words found, all else escaped."


class SegmentMatch(Segment):
    snippet: str = Field(
        description=_SNIPPET, examples=["The children <mark>fill</mark> their buckets."]
    )


class SearchResult(BaseModel):
    video_id: str = Field(examples=["6789abcd-beach-day"])
    score: float = Field(
        description="BM25; comparable within one answer and its pages.", examples=[7.31]
    )
    snippet: str = Field(
        description=_SNIPPET, examples=["Two children build a <mark>sandcastle</mark> …"]
    )
    matches: list[str] = Field(
        description="The words found, as they are written there.", examples=[["sandcastle"]]
    )
    segments: list[SegmentMatch] = Field(
        description="The segments with the most of the words, at most 5."
    )
    analysis: VideoAnalysis


class Facet(BaseModel):
    name: str = Field(examples=["beach"])
    count: int = Field(examples=[3])


class Facets(BaseModel):
    """How the best 50 results are spread: the commonest first, at most 20 of each."""

    tags: list[Facet]
    people: list[Facet]
    location: list[Facet]
    event_type: list[Facet]


class SearchPage(BaseModel):
    results: list[SearchResult] = Field(description="Best first.")
    count: int = Field(description="How many this answer holds.", examples=[1])
    next_cursor: str | None = Field(
        description="Given as `cursor`, it asks for what follows; null at the end.",
        examples=[None],
    )
    facets: Facets

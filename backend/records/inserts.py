"""New records as rows of their tables, for the statements that write many of them.

What a row holds is said in rows.py and record.py; here are the names and types that its columns
have in SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from backend.core.caller import owner
from backend.engine import Row, Table
from backend.models.schemas import VideoAnalysis, VideoAnalysisCreate, in_milliseconds
from backend.models.sources import Source
from backend.records import record as records
from backend.records.rows import new_row
from backend.records.sources import sources_of_new
from backend.records.versions import written

Rows = list[tuple[Table, Sequence[Row]]]
Values = dict[str, Any]

COLUMN_OF = {
    **{name: column for name, column in records.JSON_FORM.keys.items()
       if column not in records.RELATIONS},
    "searchTerms": "search_terms",
    "written": "written",
}  # fmt: skip
"""By its name in schema.prisma, of all but the owner's."""
_VIDEO_ANALYSIS = Table(
    "video_analysis",
    {
        "owner": "string",
        **{column: records.ROW_TYPES.get(column, "string") for column in COLUMN_OF.values()},
    },
)

_RELATED: dict[str, tuple[Table, Callable[[str, datetime, records.Described], list[Values]]]] = {
    "tags": (
        Table(
            "video_tag",
            {
                "owner": "string",
                "analysis_id": "string",
                "tag_name": "string",
                "position": "int",
                "created_at": "datetime",
            },
        ),
        lambda id_, moment, record: records.tag_rows(id_, moment, record.tags),
    ),
    "people": (
        Table(
            "video_person",
            {
                "owner": "string",
                "analysis_id": "string",
                "person_name": "string",
                "position": "int",
                "created_at": "datetime",
            },
        ),
        lambda id_, moment, record: records.person_rows(id_, moment, record.people),
    ),
    "segments": (
        Table(
            "segment",
            {
                "owner": "string",
                "analysis_id": "string",
                "position": "int",
                "start": "float",
                "end": "float",
                "text": "string",
            },
        ),
        lambda id_, _, record: records.segment_rows(id_, record.segments),
    ),
}
"""The columns are in the order of the rows' members, after the owner."""


class NewRecord(NamedTuple):
    """To be inserted."""

    analysis: VideoAnalysisCreate
    source: Source
    id: str
    version: int
    moment: datetime
    entry: str | None = None
    """Of the search index; None: it is to be made."""

    def stored(self) -> VideoAnalysis:
        return VideoAnalysis.model_construct(
            **{
                **dict(self.analysis),
                "id": self.id,
                "created_at": self.moment,
                "updated_at": self.moment,
                "version": self.version,
                "sources": sources_of_new(self.analysis, self.source, in_milliseconds(self.moment)),
            }
        )


def rows_of(creates: Sequence[NewRecord]) -> Rows:
    """For the owner who is acted for. Their tags and people have rows of their own already."""
    of, texts = owner.get(), _Texts()
    rows: Rows = [(_VIDEO_ANALYSIS, [(of, *_values(each, texts)) for each in creates])]
    for name in records.RELATIONS:
        rows.append(related(name, [(each.id, each.moment, each.analysis) for each in creates]))
    return rows


def related(
    name: str, given: Iterable[tuple[str, datetime, records.Described]]
) -> tuple[Table, Sequence[Row]]:
    """The rows of these relations: of records by their ids."""
    of = owner.get()
    table, rows_of_one = _RELATED[name]
    return table, [(of, *row.values()) for each in given for row in rows_of_one(*each)]


class _Texts:
    """What most of many records have in common, made once."""

    def __init__(self) -> None:
        self._written: dict[int, str] = {}
        self._moments: dict[datetime, str] = {}

    def written(self, version: int) -> str:
        if version not in self._written:
            self._written[version] = written(version)
        return self._written[version]

    def moment(self, moment: datetime) -> str:
        if moment not in self._moments:
            self._moments[moment] = in_milliseconds(moment)
        return self._moments[moment]


def _values(new: NewRecord, texts: _Texts) -> Row:
    sources = sources_of_new(new.analysis, new.source, texts.moment(new.moment))
    row = new_row(
        new.analysis,
        id_=new.id,
        version=new.version,
        created_at=new.moment,
        moment=new.moment,
        sources=orjson.dumps(sources).decode(),
        index_entry=records.index_entry_of(new.analysis) if new.entry is None else new.entry,
        note=texts.written(new.version),
    )
    row["version"] = new.version
    return list(map(row.get, COLUMN_OF))

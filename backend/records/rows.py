"""Rows of records: what one record is made of, and the statements that write it.

Whoever changes a record must have read it first: its entry of the search index is made of all of
its words, and a change applies only to the version that was read. (A description of which nothing
else is said needs no reading: descriptions.py.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from backend.core.errors import FieldError, InvalidRequest
from backend.core.owners import OWNER
from backend.core.threads import apart_if_long
from backend.engine import Provider, now
from backend.models.metadata import MOST_EXTRA
from backend.models.schemas import (
    VideoAnalysis,
    VideoAnalysisCreate,
    VideoAnalysisPatch,
    in_milliseconds,
)
from backend.models.sources import Source
from backend.records import record as records
from backend.records.filter_sql import Conditions
from backend.records.renames import PEOPLE, TAGS
from backend.records.sources import Sources, sources_after
from backend.records.versions import each_of, written

if TYPE_CHECKING:
    from prisma import Prisma

_MILLISECOND = timedelta(milliseconds=1)

Changes = Mapping[str, Any]
"""Fields of VideoAnalysis and their new values."""


@dataclass(frozen=True, slots=True)
class Create:
    """A record that there is not yet."""

    record: VideoAnalysisCreate
    row: Any
    """Columns by their names in schema.prisma."""
    answer: records.RecordJson


@dataclass(frozen=True, slots=True)
class Update:
    """A record changed to `record`, if it is still as `where` describes it."""

    record: VideoAnalysis
    columns: Any
    where: Any
    changes: Changes
    relations: Sequence[str]
    """Those that differ."""


def changes_of(patch: VideoAnalysisPatch, record: VideoAnalysis) -> Changes:
    """RFC 7396. Raises InvalidRequest where the merged record would not be valid."""
    changes = patch.changes(record)
    # Each patch has few names, but they add up.
    if (number := len(changes.get("extra", ()))) > MOST_EXTRA:
        reason = f"extra would have {number} names; it has at most {MOST_EXTRA}"
        raise InvalidRequest([FieldError(("body", "extra"), reason, "too_long")])
    return changes


async def new_record(
    analysis: VideoAnalysisCreate,
    *,
    id_: str,
    version: int,
    created_at: datetime,
    moment: datetime,
    sources: Sources,
    action: str | None = None,
) -> Create:
    answer = records.record_json(
        analysis,
        id_=id_,
        version=version,
        created_at=created_at,
        updated_at=moment,
        sources=sources,
    )
    row = new_row(
        analysis,
        id_=id_,
        version=version,
        created_at=created_at,
        moment=moment,
        sources=records.object_text(sources),
        index_entry=await _index_entry_of(analysis),
        note=written(version, action),
    )
    return Create(analysis, row, answer)


async def changed_record(
    read: VideoAnalysis,
    changes: Changes,
    source: Source,
    *,
    override_human: bool,
    action: str | None = None,
) -> Update:
    """`changes` may say where each value came from, as `sources`; else `source` does. Raises
    HumanValue."""
    moment = max(now(), read.updated_at + _MILLISECOND)
    if "sources" not in changes:
        sources = sources_after(
            read, changes, source, in_milliseconds(moment), override_human=override_human
        )
        changes = {**changes, "sources": sources}
    changed = read.model_copy(update={**changes, "updated_at": moment, "version": read.version + 1})
    columns = await _columns(changed, changes)
    columns["written"] = written(changed.version, action)
    where = {"id": read.id, "version": read.version}
    relations = [
        name for name in records.RELATIONS if getattr(changed, name) != getattr(read, name)
    ]
    return Update(changed, columns, where, changes, relations)


async def insert_record(client: Prisma, create: Create) -> None:
    """With its relations, by one transaction."""
    batch = client.batch_()
    batch.videoanalysis.create(create.row)
    _insert_relations(batch, stored_by(create), records.RELATIONS)
    await batch.commit()


async def update_record(transaction: Prisma, mutation: Update) -> bool:
    """With its relations. Whether the record was still as it was read."""
    if await transaction.videoanalysis.update_many(mutation.columns, mutation.where) != 1:
        return False
    if mutation.relations:
        batch = transaction.batch_()
        for name in mutation.relations:
            ROWS[name][0](batch).delete_many({"analysisId": mutation.record.id})
        _insert_relations(batch, mutation.record, mutation.relations)
        await batch.commit()
    return True


async def make_names(
    transaction: Prisma, provider: Provider, changed: Iterable[records.Described]
) -> None:
    """The rows of tags and people that there are not yet."""
    names: dict[str, set[str]] = {TAGS.names: set(), PEOPLE.names: set()}
    for record in changed:
        names[TAGS.names].update(record.tags)
        names[PEOPLE.names].update(record.people)
    for table, given in names.items():
        if given:
            query = Conditions(provider)
            # In one order, so that two transactions do not wait for each other.
            each = each_of(query, sorted(given))
            await transaction.execute_raw(
                f"INSERT INTO {table} (owner, name) SELECT {OWNER}, value FROM {each}"
                " WHERE true ON CONFLICT DO NOTHING",
                *query.args,
            )


def stored_by(create: Create) -> VideoAnalysis:
    row = create.row
    return VideoAnalysis.model_construct(
        **{
            **dict(create.record),
            "id": row["id"],
            "created_at": row["createdAt"],
            "updated_at": row["updatedAt"],
            "version": create.answer["version"],
            "sources": create.answer["sources"],
        }
    )


async def _index_entry_of(record: records.Described) -> str:
    length = len(record.description) + sum(len(part.text) for part in record.segments)
    return await apart_if_long(length, lambda: records.index_entry_of(record))


def new_row(
    analysis: VideoAnalysisCreate,
    *,
    id_: str,
    version: int,
    created_at: datetime,
    moment: datetime,
    sources: str | None,
    index_entry: str,
    note: str,
) -> dict[str, Any]:
    """Columns of a new record, by their names in schema.prisma. `sources` as they are stored;
    `note`: what `written` says."""
    said = analysis.__dict__
    return {
        "id": id_,
        "videoId": analysis.video_id,
        "description": analysis.description,
        "createdAt": created_at,
        "updatedAt": moment,
        "hasRelations": _has_relations(analysis),
        "searchTerms": index_entry,
        "size": records.size_of(analysis),
        "sources": sources,
        "written": note,
        **({"version": version} if version > 1 else {}),
        **records.plain_columns({name: said[name] for name in analysis.model_fields_set}),
    }


async def _columns(changed: VideoAnalysis, changes: Changes) -> dict[str, Any]:
    columns = records.plain_columns(changes)
    if "description" in changes:
        columns["description"] = changed.description
    columns["hasRelations"] = _has_relations(changed)
    columns["size"] = records.size_of(changed)
    columns["sources"] = records.object_text(changed.sources)
    columns["version"] = changed.version
    columns["searchTerms"] = await _index_entry_of(changed)
    columns["updatedAt"] = changed.updated_at
    return columns


def _has_relations(record: records.Described) -> bool:
    return bool(record.tags or record.people or record.segments)


def _insert_relations(batch: Any, record: VideoAnalysis, relations: Iterable[str]) -> None:
    for name in relations:
        actions, rows_of = ROWS[name]
        rows = rows_of(record)
        if rows:
            actions(batch).create_many(rows)


ROWS: dict[str, tuple[Callable[[Any], Any], Callable[[VideoAnalysis], list[dict[str, Any]]]]] = {
    "tags": (lambda b: b.videotag, lambda r: records.tag_rows(r.id, r.created_at, r.tags)),
    "people": (
        lambda b: b.videoperson,
        lambda r: records.person_rows(r.id, r.created_at, r.people),
    ),
    "segments": (lambda b: b.segment, lambda r: records.segment_rows(r.id, r.segments)),
}

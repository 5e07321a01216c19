"""Which version of a record a caller expects, and who writes the next one.

The log of all changes is written by triggers of the database (see the migration `change_log`): they
read in `video_analysis.written` who makes the change that they see.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from backend.core.caller import actor
from backend.core.logs import request_id
from backend.core.owners import owned
from backend.engine import Provider
from backend.records.filter_sql import Conditions

if TYPE_CHECKING:
    from prisma import Prisma


class ChangedMeanwhile(Exception):
    """Another has changed a record that was read."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The versions to which a change may apply; None: any, as long as there is a record."""

    versions: frozenset[int] | None

    @property
    def only(self) -> int | None:
        """The one that it is, 0 for any; None: one of several, or none that there can be."""
        if self.versions is None:
            return 0
        return next(iter(self.versions)) if len(self.versions) == 1 else None

    def allows(self, version: int) -> bool:
        return self.versions is None or version in self.versions


def written(version: int, action: str | None = None) -> str:
    """What the change log is told of who writes this version. Without `action` it names the kind
    of statement: create, update or delete."""
    return f"[{version}{written_by(action)}"


def written_by(action: str | None = None) -> str:
    """`written`, from behind the version on."""
    return f",{orjson.dumps([action, actor.get(), request_id.get()]).decode()[1:]}"


def written_in_sql(query: Conditions, action: str) -> str:
    """`written` of the next version of each row of video_analysis."""
    values = [query.bind(value) for value in (action, actor.get(), request_id.get())]
    if query.provider == "sqlite":
        return f"json_array(version + 1, {', '.join(values)})"
    texts = [f"{value}::text" for value in values]
    return f"json_build_array(version + 1, {', '.join(texts)})::text"


async def last_version(client: Prisma, provider: Provider, video_id: str) -> int:
    """The last that the change log knows; 0: none."""
    query = Conditions(provider)
    row: Any = await client.query_first(
        "SELECT coalesce(max(version), 0) AS version FROM change_log AS c"
        f" WHERE {owned('c')} AND kind = 'video' AND name = {query.bind(video_id)}",
        *query.args,
    )
    return int(row["version"])


def each_of(query: Conditions, texts: Sequence[str]) -> str:
    """A table with one row for each, as `value`."""
    array = query.bind(orjson.dumps(texts).decode())
    if query.provider == "sqlite":
        return f"json_each({array})"
    return f"json_array_elements_text({array}::json)"


def those_videos(query: Conditions, video_ids: Sequence[str]) -> None:
    """The condition that `video_analysis AS v` is of one of these."""
    given = each_of(query, video_ids)
    query.conditions.append(f"v.video_id IN (SELECT value FROM {given})")


class Known(NamedTuple):
    last: int
    """The last version that the change log has."""
    is_stored: bool
    """Whether there is a record now."""


async def known_versions(
    client: Prisma, provider: Provider, video_ids: Sequence[str]
) -> dict[str, Known]:
    """Of those of them that there are or have been."""
    query = Conditions(provider)
    given = each_of(query, video_ids)
    # Each is looked for in the indexes, whatever PostgreSQL knows of how many rows there are: an
    # import begins with tables that are empty, and a plan that reads them through stays.
    rows: Any = await client.query_raw(
        f"""
        SELECT * FROM (
            SELECT value AS name,
                (SELECT max(version) FROM change_log AS c
                    WHERE {owned("c")} AND c.kind = 'video' AND c.name = value) AS last,
                (SELECT version FROM video_analysis AS v
                    WHERE {owned("v")} AND v.video_id = value) AS stored
            FROM {given} AS given
        ) AS known WHERE last IS NOT NULL OR stored IS NOT NULL
        """,
        *query.args,
    )
    return {row["name"]: Known(int(row["last"] or 0), row["stored"] is not None) for row in rows}


async def delete_version(
    client: Prisma, provider: Provider, video_id: str, version: int | None
) -> bool:
    """Delete the record, of this version if one is given. Whether there was one."""

    def narrow(query: Conditions) -> None:
        query.conditions.append(f"v.video_id = {query.bind(video_id)}")
        if version is not None:
            query.conditions.append(f"v.version = {query.bind(version)}")

    return await delete_those(client, provider, narrow) > 0


async def delete_those(
    client: Prisma, provider: Provider, narrow: Callable[[Conditions], None]
) -> int:
    """Delete the records, `video_analysis AS v`, that `narrow` leaves. How many there were."""
    if provider == "postgresql":
        query = Conditions(provider)
        note = query.bind(orjson.dumps([None, "delete", actor.get(), request_id.get()]).decode())
        query.conditions.append(owned("v"))
        narrow(query)
        # For this transaction, which is the statement where none is open.
        said = f"SELECT set_config('memory_mirror.written', {note}, true)"
        return await client.execute_raw(
            f"WITH said AS MATERIALIZED ({said}) DELETE FROM video_analysis AS v USING said"
            f"{query.where()}",
            *query.args,
        )
    told, deleting = Conditions(provider), Conditions(provider)
    note = written_in_sql(told, "delete")
    for each in (told, deleting):
        each.conditions.append(owned("v"))
        narrow(each)
    batch: Any = client.batch_()
    batch.execute_raw(f"UPDATE video_analysis AS v SET written = {note}{told.where()}", *told.args)
    batch.execute_raw(f"DELETE FROM video_analysis AS v{deleting.where()}", *deleting.args)
    _, found = await batch.commit()
    return int(found)

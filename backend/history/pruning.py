"""Images of versions that are long past are let go; the rest of the row stays, with their hash.

By number, the log is followed: each version that is new in it pushes out the one that lies so many
versions before. By age, the log is followed up to the first row that is not old enough. Only rows
that are sealed lose their images. Each run does a bounded part; where it is cut short, some rows
are looked at again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from backend.core.caller import ALL_OWNERS, acting_for
from backend.core.database import translated_errors
from backend.engine import Provider, now
from backend.history import change_log, followers, seals
from backend.history.change_log import VIDEO, Position, Row
from backend.history.digests import hash_of, images, size_of
from backend.records import Conditions, DatabaseService

if TYPE_CHECKING:
    from prisma import Prisma

_LOOKED_AT = 1_000
_BY_AGE = "pruning by age"


@dataclass(frozen=True, slots=True)
class Keep:
    """How long versions can be read; 0: for ever."""

    versions: int = 50
    """The newest of each record."""
    days: int = 365


class Pruning:
    """Of the versions in `database`, in portions."""

    def __init__(self, database: DatabaseService, keep: Keep) -> None:
        self._client = database.client
        self._provider = database.provider
        self._keep = keep

    @translated_errors
    async def by_number(self) -> int | None:
        with acting_for(ALL_OWNERS):
            return await prune_by_number(self._client, self._provider, self._keep)

    @translated_errors
    async def by_age(self) -> int | None:
        with acting_for(ALL_OWNERS):
            return await prune_by_age(self._client, self._provider, self._keep)


async def prune_by_number(client: Prisma, provider: Provider, keep: Keep) -> int | None:
    """How many rows were looked at; 0: there is nothing new; None: another process is at it."""
    if not keep.versions:
        return 0
    # With another number of versions the log is followed from its beginning.
    name = f"pruning to {keep.versions} versions"
    if not await _follow(client, provider, name, limit=1):
        return 0
    async with followers.turn(client, provider, name) as own:
        if own is None:
            return None
        found = await _follow(own, provider, name, limit=_LOOKED_AT)
        pushed_out = await _pushed_out(own, provider, keep.versions, found)
        sealed = await seals.last_sealed(own, provider)
        reached = found[-1]["position"] if found else None
        old: list[Row] = []
        for row in pushed_out:
            if row["position"] > sealed:  # its transaction began before that of the newer version
                newer = row["newer"]
                reached = max(
                    (each["position"] for each in found if each["position"] < newer), default=None
                )
                break
            old.append(row)
        await _prune(own, provider, old)
        if reached is not None:
            await followers.remember_position(own, provider, name, reached)
        return len(found) if reached is not None else 0


async def prune_by_age(client: Prisma, provider: Provider, keep: Keep) -> int | None:
    """As prune_by_number."""
    if not keep.days:
        return 0
    moment = now()
    if not _old(await _follow(client, provider, _BY_AGE, limit=1), keep, moment):
        return 0
    async with followers.turn(client, provider, _BY_AGE) as own:
        if own is None:
            return None
        found = _old(await _follow(own, provider, _BY_AGE, limit=_LOOKED_AT), keep, moment)
        await _prune(
            own,
            provider,
            [
                row
                for row in found
                if row["kind"] == VIDEO and row["size"] is not None and not _is_ahead(row, moment)
            ],
        )
        if found:
            await followers.remember_position(own, provider, _BY_AGE, found[-1]["position"])
        return len(found)


async def _follow(client: Prisma, provider: Provider, name: str, *, limit: int) -> list[Row]:
    """Sealed rows that this follower has not seen, the oldest first."""
    since = (await followers.position(client, provider, name)).next
    before = (await seals.last_sealed(client, provider)).next
    return await change_log.rows(
        client,
        Conditions(provider),
        columns=("c.kind", "c.at", size_of(provider)),
        since=since,
        before=before,
        limit=limit,
        oldest_first=True,
    )


async def _pushed_out(
    client: Prisma, provider: Provider, versions: int, found: Sequence[Row]
) -> list[Row]:
    """The rows with images that these rows push out, in the order of these: `newer` is the position
    of the one that does."""
    if not found:
        return []
    query = Conditions(provider)
    change_log.between(query, since=found[0]["position"], before=found[-1]["position"].next)
    xid, older_xid = ("0", "0") if provider == "sqlite" else ("c.xid::text", "o.xid::text")
    rows = await client.query_raw(
        f"SELECT {xid} AS newer_xid, c.number AS newer_number, {older_xid} AS older_xid,"
        f" o.number AS older_number, {size_of(provider).replace('c.', 'o.')}"
        " FROM change_log AS c JOIN change_log AS o"
        " ON o.owner = c.owner AND o.kind = c.kind AND o.name = c.name"
        f" AND o.version = c.version - {versions}{query.where()} AND c.kind = '{VIDEO}'"
        " AND o.image IS NOT NULL",
        *query.args,
    )
    pairs: list[Row] = [
        {
            "newer": Position(int(row["newer_xid"]), int(row["newer_number"])),
            "position": Position(int(row["older_xid"]), int(row["older_number"])),
            "size": row["size"],
        }
        for row in rows
    ]
    return sorted(pairs, key=lambda pair: pair["newer"])


def _old(found: Sequence[Row], keep: Keep, moment: datetime) -> list[Row]:
    """Those up to the first that is not old enough. Times that lie ahead are another program's
    mistake, and hold up nothing."""
    limit = moment - timedelta(days=keep.days)
    old: list[Row] = []
    for row in found:
        if limit <= _time(row) <= moment:
            break
        old.append(row)
    return old


def _is_ahead(row: Row, moment: datetime) -> bool:
    return _time(row) > moment


def _time(row: Row) -> datetime:
    try:
        time = datetime.fromisoformat(row["at"])
    except ValueError:  # another program's, on SQLite
        return datetime.max.replace(tzinfo=UTC)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


async def _prune(client: Prisma, provider: Provider, found: Sequence[Row]) -> None:
    batch, waiting = client.batch_(), 0
    async for position, image, _ in images(client, provider, found):
        if image is None:
            continue
        query = Conditions(provider)
        sql = f"UPDATE change_log SET image = NULL, image_hash = {query.bind(hash_of(image))}"
        change_log.between(query, since=position, before=position.next)
        batch.execute_raw(sql + query.where().replace("c.", ""), *query.args)
        waiting += 1
        if waiting == 100:  # no writer is to wait for more on SQLite
            await batch.commit()
            batch, waiting = client.batch_(), 0
    if waiting:
        await batch.commit()

"""Seals: a hash chain over the change log, so that whoever alters what is past is found out.

A seal covers a batch of rows that follow upon those of the seal before it. Its hash is the SHA-256
of the previous hash, what the seal tells of itself, and the number and digest of each row. Rows are
sealed beside the requests; nothing of it is in the way of a write.

On PostgreSQL numbers are not committed in their order: only rows of transactions below the oldest
that still runs are sealed, in the order of (xid, number), so that none can come in between later.

A seal also tells between which times its rows are, by which the audit skips those that it does not
look for.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from backend.engine import Provider, now
from backend.history import change_log, followers
from backend.history.change_log import SETTLED, START, Position
from backend.history.digests import DIGEST_BYTES, RowDigest, canonical_time, row_digests
from backend.records import Conditions

if TYPE_CHECKING:
    from prisma import Prisma

FOLLOWER = "seals"
NO_HASH = "0" * 64
"""Before the first seal."""

_MOST_ROWS = 1_000
_ENTRY = struct.Struct(f">q{DIGEST_BYTES}s")


@dataclass(frozen=True, slots=True)
class Extent:
    """Which rows a seal is of."""

    first: Position
    last: Position
    count: int


@dataclass(frozen=True, slots=True)
class Seal:
    id: int
    first: Position
    last: Position
    count: int
    earliest: str
    latest: str
    at: str
    hash: str
    digests: str
    """Base64 of the number, in 8 bytes, and the digest of each row."""

    def expected_hash(self, previous: str) -> str:
        told = [
            self.id, self.first.number, self.last.number, self.count,
            canonical_time(self.earliest), canonical_time(self.latest), canonical_time(self.at),
        ]  # fmt: skip
        parts = (previous.encode(), orjson.dumps(told), self.digests.encode())
        return sha256(b"\n".join(parts)).hexdigest()

    def rows(self) -> list[tuple[int, bytes]]:
        """The number and digest of each row."""
        return list(_ENTRY.iter_unpack(base64.b64decode(self.digests)))


async def seal_next(client: Prisma, provider: Provider) -> int | None:
    """One batch: how many rows, 0 where there are none to seal, None where another process is at
    it."""
    if not await _has_more(client, provider, await last_sealed(client, provider)):
        return 0
    async with followers.turn(client, provider, FOLLOWER) as own:
        if own is None:
            return None
        previous = await next_seal(own, provider, newest=True)
        after = START if previous is None else previous.last
        found = await row_digests(
            own, provider, since=after.next, limit=_MOST_ROWS, condition=SETTLED[provider]
        )
        if found:
            await _write(own, provider, previous, found)
        return len(found)


async def last_sealed(client: Prisma, provider: Provider) -> Position:
    """START: none."""
    return await followers.position(client, provider, FOLLOWER)


async def unsealed(client: Prisma, provider: Provider, sealed: Position) -> int:
    """How many rows follow upon the last one that is sealed."""
    query = Conditions(provider)
    change_log.between(query, since=sealed.next)
    row: Any = await client.query_first(
        f"SELECT count(*) AS count FROM change_log AS c{query.where()}", *query.args
    )
    return int(row["count"])


async def next_seal(
    client: Prisma, provider: Provider, *, after: int = 0, newest: bool = False
) -> Seal | None:
    """The first after this id, or the newest of all."""
    query = Conditions(provider)
    row: Any = await client.query_first(
        f"SELECT id, {_extent_columns(provider)}, earliest, latest, at, hash, digests"
        f" FROM change_seal WHERE id > {query.bind(after)}"
        f" ORDER BY id{' DESC' if newest else ''} LIMIT 1",
        *query.args,
    )
    if row is None:
        return None
    extent = _extent(row)
    return Seal(
        id=int(row["id"]),
        first=extent.first,
        last=extent.last,
        count=extent.count,
        **{name: row[name] for name in ("earliest", "latest", "at", "hash", "digests")},
    )


async def newest_extent(
    client: Prisma,
    provider: Provider,
    *,
    before: Position,
    since: datetime | None,
    until: datetime | None,
) -> Extent | None:
    """Of the newest seal that has rows before this one, and of these times."""
    query = Conditions(provider)
    query.conditions.append(f"(first_xid, first_number) < ({change_log.bound(query, before)})")
    if since is not None:
        query.conditions.append(f"latest >= {query.bind(since)}")
    if until is not None:
        query.conditions.append(f"earliest <= {query.bind(until)}")
    row: Any = await client.query_first(
        f"SELECT {_extent_columns(provider)} FROM change_seal{query.where()}"
        " ORDER BY id DESC LIMIT 1",
        *query.args,
    )
    return None if row is None else _extent(row)


def _extent_columns(provider: Provider) -> str:
    text = "" if provider == "sqlite" else "::text"
    return f"first_xid{text} AS xid_1, first_number, last_xid{text} AS xid_2, last_number, count"


def _extent(row: Mapping[str, Any]) -> Extent:
    return Extent(
        Position(int(row["xid_1"]), int(row["first_number"])),
        Position(int(row["xid_2"]), int(row["last_number"])),
        int(row["count"]),
    )


async def _has_more(client: Prisma, provider: Provider, sealed: Position) -> bool:
    query = Conditions(provider)
    if (settled := SETTLED[provider]) is not None:
        query.conditions.append(settled)
    change_log.between(query, since=sealed.next)
    return bool(
        await client.query_first(
            f"SELECT 1 AS found FROM change_log AS c{query.where()} LIMIT 1", *query.args
        )
    )


async def _write(
    client: Prisma, provider: Provider, previous: Seal | None, found: Sequence[RowDigest]
) -> None:
    """With the position by one transaction; the seal's id keeps out any other that follows upon the
    same seal."""
    times = sorted((row.at for row in found), key=canonical_time)
    entries = b"".join(_ENTRY.pack(row.position.number, row.digest) for row in found)
    seal = Seal(
        id=1 if previous is None else previous.id + 1,
        first=found[0].position,
        last=found[-1].position,
        count=len(found),
        earliest=times[0],
        latest=times[-1],
        at=now().isoformat(timespec="milliseconds"),
        hash="",
        digests=base64.b64encode(entries).decode(),
    )
    hash_ = seal.expected_hash(NO_HASH if previous is None else previous.hash)
    query = Conditions(provider)
    values = [
        query.bind(seal.id),
        change_log.bound(query, seal.first),
        change_log.bound(query, seal.last),
        query.bind(seal.count),
        *(query.bind(_moment(time)) for time in (seal.earliest, seal.latest, seal.at)),
        query.bind(hash_),
        query.bind(seal.digests),
    ]
    batch = client.batch_()
    batch.execute_raw(
        "INSERT INTO change_seal (id, first_xid, first_number, last_xid, last_number, count,"
        f" earliest, latest, at, hash, digests) VALUES ({', '.join(values)})",
        *query.args,
    )
    sql, args = followers.remember(provider, FOLLOWER, seal.last)
    batch.execute_raw(sql, *args)
    await batch.commit()


def _moment(time: str) -> datetime | str:
    try:
        return datetime.fromisoformat(time)
    except ValueError:  # another program's, on SQLite: as it is
        return time

"""The digest of each row of the change log, the same on both databases.

A row in canonical form is a JSON array of texts and nulls: number, at, actor, action, request_id,
kind, name, version, image hash; and the owner, unless it is `default`. The time is RFC 3339 in
milliseconds. The image enters by its SHA-256, which a row that has lost its image still has, so
that pruning alters no digest.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from backend.core.caller import DEFAULT_OWNER
from backend.engine import Provider
from backend.history import change_log
from backend.history.change_log import Position, Row
from backend.models.schemas import time_of
from backend.records import Conditions

if TYPE_CHECKING:
    from prisma import Prisma

DIGEST_BYTES = 32

_OWNER = "owner"
_TOLD = ("at", "actor", "action", "request_id", "kind", "name", "version")
_SIZE = "length(CAST(c.image AS BLOB))", "octet_length(c.image)"
_MOST_BYTES = 4 * 2**20
_MOST_ROWS = 100
"""That are read at once: requests are answered in between, and an image may be large."""


@dataclass(frozen=True, slots=True)
class RowDigest:
    position: Position
    at: str
    digest: bytes


async def row_digests(
    client: Prisma,
    provider: Provider,
    *,
    since: Position,
    limit: int,
    before: Position | None = None,
    condition: str | None = None,
) -> list[RowDigest]:
    """Of the rows in this part of the log, the oldest first. `condition`: which, of `c`."""
    digests: list[RowDigest] = []
    while len(digests) < limit:
        query = Conditions(provider)
        query.conditions += () if condition is None else (condition,)
        most = min(_MOST_ROWS, limit - len(digests))
        found = await change_log.rows(
            client,
            query,
            columns=[
                *(f"c.{name}" for name in (_OWNER, *_TOLD)),
                "c.image_hash",
                size_of(provider),
            ],
            since=since,
            before=before,
            limit=most,
            oldest_first=True,
        )
        digests += await _digests(client, provider, found)
        if len(found) < most:
            break
        since = digests[-1].position.next
    return digests


def size_of(provider: Provider) -> str:
    """The column of `images`, in bytes."""
    return f"{_SIZE[provider == 'postgresql']} AS size"


async def images(
    client: Prisma, provider: Provider, found: Iterable[Row]
) -> AsyncIterator[tuple[Position, str | None, str | None]]:
    """Position, image and image hash of these rows, of which `size` is known. Few are read at once,
    because an image may be large."""
    for group in _groups(found):
        query = Conditions(provider)
        if provider == "sqlite":
            numbers = ", ".join(query.bind(position.number) for position in group)
            query.conditions.append(f"c.number IN ({numbers})")
        else:
            keys = ", ".join(f"({change_log.bound(query, position)})" for position in group)
            query.conditions.append(f"(c.xid, c.number) IN ({keys})")
        for row in await change_log.rows(
            client, query, columns=("c.image", "c.image_hash"), limit=len(group)
        ):
            yield row["position"], row["image"], row["image_hash"]


async def _digests(client: Prisma, provider: Provider, found: Sequence[Row]) -> list[RowDigest]:
    with_images = [row for row in found if row["size"] is not None]
    hashes = {
        position: _image_hash(image, image_hash)
        async for position, image, image_hash in images(client, provider, with_images)
    }
    return [
        RowDigest(
            row["position"],
            row["at"],
            _digest(row, hashes.get(row["position"], row["image_hash"])),
        )
        for row in found
    ]


def hash_of(image: str) -> str:
    return sha256(image.encode()).hexdigest()


def _groups(found: Iterable[Row]) -> Iterable[Sequence[Position]]:
    group: list[Position] = []
    size = 0
    for row in found:
        if group and (len(group) == _MOST_ROWS or size + int(row["size"]) > _MOST_BYTES):
            yield group
            group, size = [], 0
        group.append(row["position"])
        size += int(row["size"])
    if group:
        yield group


def _image_hash(image: str | None, image_hash: str | None) -> str | None:
    if image is None:
        return image_hash
    # Nothing writes both; whoever alters the one that does not count has altered the row.
    return hash_of(image) if image_hash is None else f"{hash_of(image)} {image_hash}"


def _digest(row: Row, image_hash: str | None) -> bytes:
    at = canonical_time(row["at"])
    texts = [at, *(_text(row[name]) for name in _TOLD[1:]), image_hash]
    if row[_OWNER] != DEFAULT_OWNER:
        texts.append(row[_OWNER])
    return sha256(orjson.dumps([str(row["position"].number), *texts])).digest()


def canonical_time(value: str) -> str:
    try:
        return time_of(value)
    except ValueError:  # another program's, on SQLite: as it is
        return value


def _text(value: Any) -> str | None:
    return None if value is None else str(value)

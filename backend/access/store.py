"""The table `access_key`. A key belongs to no single owner, so its rows are read and written for
all of them. What becomes of a key is in the change log of each owner for whom it acts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from backend.access.keys import Key, SecretHash
from backend.core.caller import ALL_OWNERS, Scope, acting_for
from backend.engine import Provider, now
from backend.records import Conditions, log, log_row

if TYPE_CHECKING:
    from prisma import Prisma

NEVER = datetime.max.replace(tzinfo=UTC)
_PRUNED_AT_ONCE = 1_000
_KIND = "key"
"""Of its rows in the change log."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    id: str
    name: str
    owners: tuple[str, ...]
    scopes: tuple[Scope, ...]
    hash: SecretHash
    created_by: str
    created_at: datetime
    expires_at: datetime | None = None
    former_hash: SecretHash | None = None
    former_until: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    def opens_until(self, key: Key, pepper: str, at: datetime) -> datetime | None:
        """Until when this secret opens, if nothing changes: NEVER where it has no end; None: it
        does not open."""
        last = self.expires_at or NEVER
        if not self.hash.matches(key, pepper):
            if self.former_hash is None or not self.former_hash.matches(key, pepper):
                return None
            last = min(last, self.former_until or at)
        return last if self.revoked_at is None and at < last else None


class KeyTable:
    def __init__(self, client: Prisma, provider: Provider) -> None:
        self._client = client
        self._provider: Provider = provider

    async def is_empty(self) -> bool:
        return not await self._rows("SELECT id FROM access_key LIMIT 1", ())

    async def count(self) -> int:
        (row,) = await self._rows("SELECT count(*) AS found FROM access_key", ())
        return int(row["found"])

    async def find(self, id_: str) -> StoredKey | None:
        query = Conditions(self._provider)
        query.conditions.append(f"id = {query.bind(id_)}")
        rows = await self._rows(f"SELECT * FROM access_key{query.where()}", query.args)
        return _stored(rows[0]) if rows else None

    async def page(self, limit: int, before: tuple[datetime, str] | None) -> list[StoredKey]:
        """The newest first, of those made before `before`: a time, and among those of that time
        an id."""
        query = Conditions(self._provider)
        if before is not None:
            bound = ", ".join(query.bind(value) for value in before)
            query.conditions.append(f"(created_at, id) < ({bound})")
        rows = await self._rows(
            f"SELECT * FROM access_key{query.where()} ORDER BY created_at DESC, id DESC"
            f" LIMIT {limit}",
            query.args,
        )
        return [_stored(row) for row in rows]

    async def insert(self, key: StoredKey) -> None:
        query = Conditions(self._provider)
        values = {
            "id": key.id,
            "name": key.name,
            "owners": ",".join(key.owners),
            "scopes": " ".join(key.scopes),
            "salt": key.hash.salt,
            "hash": key.hash.digest,
            "expires_at": key.expires_at,
            "created_by": key.created_by,
            "created_at": key.created_at,
        }
        bound = ", ".join(query.bind(value) for value in values.values())
        async with self._transaction() as transaction:
            await transaction.execute_raw(
                f"INSERT INTO access_key ({', '.join(values)}) VALUES ({bound})", *query.args
            )
            await self._log(transaction, "create", key)

    async def revoke(self, key: StoredKey) -> bool:
        """The time of the first revocation stays. False: it is revoked already."""
        query = Conditions(self._provider)
        change = f"UPDATE access_key SET revoked_at = {query.bind(now())}"
        return await self._change("revoke", key, change, query)

    async def rotate(self, key: StoredKey, new: SecretHash, *, former_until: datetime) -> bool:
        """The secret of now is taken until then. False: it is revoked."""
        query = Conditions(self._provider)
        change = (
            "UPDATE access_key SET former_salt = salt, former_hash = hash,"
            f" former_until = {query.bind(former_until)}, salt = {query.bind(new.salt)},"
            f" hash = {query.bind(new.digest)}"
        )
        return await self._change("rotate", key, change, query)

    async def note_used(self, minutes: Mapping[str, datetime]) -> None:
        """Of keys by their ids."""
        for id_, minute in minutes.items():
            query = Conditions(self._provider)
            change = f"UPDATE access_key SET last_used_at = {query.bind(minute)}"
            query.conditions += [
                f"id = {query.bind(id_)}",
                f"(last_used_at IS NULL OR last_used_at < {query.bind(minute)})",
            ]
            await self._execute(change + query.where(), query.args)

    async def prune(self) -> None:
        """Delete some that nobody can use any more, those made first. Only where there are many
        more: where there was a key, a key is needed, so the table never becomes empty again."""
        query = Conditions(self._provider)
        await self._execute(
            "DELETE FROM access_key WHERE id IN (SELECT id FROM access_key WHERE"
            f" revoked_at IS NOT NULL OR expires_at <= {query.bind(now())}"
            f" ORDER BY created_at LIMIT {_PRUNED_AT_ONCE})",
            query.args,
        )

    async def _change(self, action: str, key: StoredKey, change: str, query: Conditions) -> bool:
        """Of a key that is not revoked. Whether it was not."""
        query.conditions += [f"id = {query.bind(key.id)}", "revoked_at IS NULL"]
        async with self._transaction() as transaction:
            changed = await transaction.execute_raw(change + query.where(), *query.args)
            if changed:
                await self._log(transaction, action, key)
        return bool(changed)

    async def _log(self, transaction: Prisma, action: str, key: StoredKey) -> None:
        rows = [log_row(_KIND, key.id, action, of=owner) for owner in key.owners]
        await log(transaction, self._provider, rows)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Prisma]:
        with acting_for(ALL_OWNERS):
            async with self._client.tx() as transaction:
                yield transaction

    async def _rows(self, sql: str, args: Sequence[Any]) -> list[dict[str, Any]]:
        with acting_for(ALL_OWNERS):
            return await self._client.query_raw(sql, *args)

    async def _execute(self, sql: str, args: Sequence[Any]) -> int:
        with acting_for(ALL_OWNERS):
            return await self._client.execute_raw(sql, *args)


def _stored(row: Mapping[str, Any]) -> StoredKey:
    former = row["former_hash"]
    return StoredKey(
        id=row["id"],
        name=row["name"],
        owners=tuple(row["owners"].split(",")),
        scopes=tuple(row["scopes"].split()),
        hash=SecretHash(row["salt"], row["hash"]),
        created_by=row["created_by"],
        created_at=_time(row["created_at"]),
        expires_at=_time_or_none(row["expires_at"]),
        former_hash=None if former is None else SecretHash(row["former_salt"], former),
        former_until=_time_or_none(row["former_until"]),
        last_used_at=_time_or_none(row["last_used_at"]),
        revoked_at=_time_or_none(row["revoked_at"]),
    )


def _time(value: str | datetime) -> datetime:
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _time_or_none(value: str | datetime | None) -> datetime | None:
    return None if value is None else _time(value)

"""tx() and batch_() on both databases. (Their states and limits: ../test_transactions.py.)"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

pytestmark = pytest.mark.anyio

TEAMS = 'SELECT name FROM "Team" ORDER BY name'


async def test_tx_commits(db: Any, stored: Any) -> None:
    async with db.tx() as tx:
        assert (tx.is_transaction(), db.is_transaction()) == (True, False)
        await tx.team.create({"name": "a"})
        await tx.team.update(where={"id": 1}, data={"name": "b"})
        assert sorted(team.name for team in await tx.team.find_many()) == ["Docs", "a", "b"]
    assert await stored(TEAMS) == [("Docs",), ("a",), ("b",)]


async def test_tx_rolls_back(db: Any, stored: Any) -> None:
    async def fail() -> None:
        async with db.tx() as tx:
            await tx.team.create({"name": "a"})
            await tx.user.delete_many(where={"id": 4})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await stored(TEAMS) == [("Core",), ("Docs",)]
    assert await stored("SELECT count(*) FROM users") == [(4,)]


async def test_tx_is_isolated_from_its_siblings(db: Any) -> None:
    async with db.tx() as tx:
        await tx.team.create({"name": "a"})
        assert await db.team.count() == 2
        assert await asyncio.create_task(db.team.find_first(where={"name": "a"})) is None
    assert await db.team.count() == 3


async def test_tx_with_raw_queries_and_nested_writes(db: Any, stored: Any) -> None:
    async with db.tx() as tx:
        made = await tx.user.create(
            {"email": "e", "posts": {"create": {"slug": "s", "title": "t"}}}
        )
        await tx.execute_raw("UPDATE posts SET views = 77 WHERE slug = 's'")
        [row] = await tx.query_raw("SELECT views FROM posts WHERE slug = 's'")
        assert row == {"views": 77}
        assert (await tx.post.find_first(where={"authorId": made.id})).views == 77
    assert await stored("SELECT views FROM posts WHERE slug = 's'") == [(77,)]


async def test_tx_that_expires_is_rolled_back(db: Any, errors: Any, stored: Any) -> None:
    async def linger() -> None:
        async with db.tx(timeout=timedelta(milliseconds=100)) as tx:
            await tx.team.create({"name": "a"})
            await asyncio.sleep(0.4)
            await tx.team.create({"name": "b"})

    with pytest.raises(errors.TransactionExpiredError):
        await linger()
    assert await stored(TEAMS) == [("Core",), ("Docs",)]


async def test_tx_with_an_isolation_level(db: Any, stored: Any) -> None:
    async with db.tx(isolation_level="SERIALIZABLE") as tx:
        await tx.team.create({"name": "a"})
    assert len(await stored(TEAMS)) == 3


async def test_batch(db: Any, stored: Any) -> None:
    async with db.batch_() as batch:
        batch.team.create({"name": "a"})
        batch.team.create_many([{"name": "b"}, {"name": "c"}])
        batch.team.update(where={"name": "a"}, data={"name": "d"})
        batch.team.update_many(where={"name": "b"}, data={"name": "e"})
        batch.team.upsert(
            where={"name": "f"}, data={"create": {"name": "f"}, "update": {"name": "no"}}
        )
        batch.team.delete(where={"name": "Docs"})
        batch.team.delete_many(where={"name": "c"})
        batch.execute_raw("UPDATE users SET name = 'raw' WHERE id = 1")
    assert await stored(TEAMS) == [("Core",), ("d",), ("e",), ("f",)]
    assert await stored("SELECT name FROM users WHERE id = 1") == [("raw",)]


async def test_batch_is_all_or_nothing(db: Any, errors: Any, stored: Any) -> None:
    batch = db.batch_()
    batch.team.create({"name": "a"})
    batch.team.create({"name": "Core"})
    with pytest.raises(errors.UniqueViolationError):
        await batch.commit()
    assert await stored(TEAMS) == [("Core",), ("Docs",)]


async def test_batch_within_a_tx(db: Any, stored: Any) -> None:
    async def undo() -> None:
        async with db.tx() as tx:
            async with tx.batch_() as batch:
                batch.team.create({"name": "a"})
            assert await tx.team.count() == 3
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await undo()
    assert await stored(TEAMS) == [("Core",), ("Docs",)]

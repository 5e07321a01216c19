"""Interactive transactions: their states, limits and Prisma's words for them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

pytestmark = pytest.mark.anyio


async def test_what_a_transaction_writes_is_seen_in_it_and_after_it(db: Any) -> None:
    async with db.tx() as tx:
        assert tx.is_transaction()
        await tx.everything.create({"text": "a"})
        assert await tx.everything.count() == 1
        assert await tx.query_raw("SELECT text FROM everything") == [{"text": "a"}]
    assert not db.is_transaction()
    assert await db.everything.count() == 1


async def test_an_error_inside_rolls_back(db: Any) -> None:
    async def fail() -> None:
        async with db.tx() as tx:
            await tx.everything.create({"text": "a"})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await db.everything.count() == 0


async def test_a_failed_query_that_is_caught_leaves_the_transaction_usable(
    db: Any, everything: Any
) -> None:
    async with db.tx() as tx:
        await tx.everything.create({"name": "a"})
        with pytest.raises(everything.errors.UniqueViolationError):
            await tx.everything.create({"name": "a"})
        await tx.everything.create({"name": "b"})
    assert await db.everything.count() == 2


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("commit", "Transaction already closed: A query cannot be executed on a committed"),
        (
            "rollback",
            "Transaction already closed: A query cannot be executed on a transaction that",
        ),
    ],
)
async def test_a_closed_transaction_says_how_it_ended(
    db: Any, everything: Any, end: str, words: str
) -> None:
    manager = db.tx()
    tx = await manager.start()
    await getattr(manager, end)()
    with pytest.raises(everything.errors.TransactionExpiredError, match=words):
        await tx.everything.count()
    with pytest.raises(everything.errors.TransactionExpiredError, match="A commit cannot be"):
        await manager.commit()


async def test_a_transaction_that_takes_too_long_is_rolled_back(db: Any, everything: Any) -> None:
    words = (
        r"Transaction already closed: A query cannot be executed on an expired transaction\. "
        r"The timeout for this transaction was 50 ms, however \d+ ms passed"
    )
    manager = db.tx(timeout=timedelta(milliseconds=50))
    tx = await manager.start()
    await tx.everything.create({"text": "a"})
    await asyncio.sleep(0.2)
    with pytest.raises(everything.errors.TransactionExpiredError, match=words):
        await tx.everything.create({"text": "b"})
    with pytest.raises(everything.errors.TransactionExpiredError, match="A commit cannot"):
        await manager.commit()
    assert await db.everything.count() == 0


async def test_waiting_for_its_turn_is_bounded_by_max_wait(db: Any, everything: Any) -> None:
    async with db.tx():
        words = "Unable to start a transaction in the given time"
        with pytest.raises(everything.errors.TransactionError, match=words):
            await db.tx(max_wait=timedelta(milliseconds=50)).start()
    async with db.tx() as tx:
        await tx.everything.create({"text": "a"})
    assert await db.everything.count() == 1


async def test_an_unknown_transaction_is_not_found(db: Any, everything: Any) -> None:
    stranger = db._copy()
    stranger._tx_id = "never-was"
    with pytest.raises(everything.errors.TransactionError, match="Transaction not found"):
        await stranger.everything.count()


async def test_tasks_may_share_a_transaction(db: Any) -> None:
    async with db.tx() as tx:
        await asyncio.gather(*[tx.everything.create({"whole": i}) for i in range(20)])
        assert await tx.everything.count() == 20


async def test_sibling_transactions_do_not_see_each_other(db: Any) -> None:
    async def transact(name: str) -> int:
        async with db.tx(max_wait=timedelta(seconds=10)) as tx:
            before: int = await tx.everything.count()
            await tx.everything.create({"name": name})
            await asyncio.sleep(0.01)
            assert await tx.everything.count() == before + 1
            return before

    assert sorted(await asyncio.gather(*[transact(f"n{i}") for i in range(10)])) == list(range(10))


async def test_isolation_levels(db: Any, everything: Any) -> None:
    async with db.tx(isolation_level="SERIALIZABLE") as tx:
        await tx.everything.create({"text": "a"})
    with pytest.raises(everything.errors.DataError) as raised:
        await db.tx(isolation_level="READ_COMMITTED").start()
    assert raised.value.code == "P2023"
    assert await db.everything.count() == 1


async def test_a_batch_takes_effect_whole_or_not_at_all(db: Any, everything: Any) -> None:
    async with db.batch_() as batch:
        batch.everything.create({"name": "a"})
        batch.everything.update_many(where={"name": "a"}, data={"whole": 1})
        batch.execute_raw("UPDATE everything SET text = ?", "raw")
    row = await db.everything.find_first()
    assert (row.name, row.whole, row.text) == ("a", 1, "raw")
    batch = db.batch_()
    batch.everything.create({"name": "b"})
    batch.everything.create({"name": "a"})
    with pytest.raises(everything.errors.UniqueViolationError):
        await batch.commit()
    assert await db.everything.count() == 1


async def test_a_batch_inside_a_transaction_belongs_to_it(db: Any) -> None:
    manager = db.tx()
    tx = await manager.start()
    async with tx.batch_() as batch:
        batch.everything.create({"name": "a"})
    assert await tx.everything.count() == 1
    await manager.rollback()
    assert await db.everything.count() == 0

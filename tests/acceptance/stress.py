"""The engine under 32 tasks that read, write and transfer money at once: `make test-stress`.

No money may appear or vanish, to any reader and in the end; no acknowledged write may be lost, and
no refused one be there; errors are only those that the load explains; afterwards no connection,
thread or descriptor is left. Not part of `make test`, as it takes minutes.
"""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from backend.engine import in_process
from tests.engine.client.worlds import PostgresqlWorld, SqliteWorld, World, package_of

pytestmark = pytest.mark.anyio

TASKS = 32
SECONDS = float(os.environ.get("SECONDS", "60"))
ACCOUNTS = 40
MONEY = ACCOUNTS * 1000
CONNECTIONS = 8
"""On PostgreSQL; fewer than tasks, so that they wait for each other."""

EXPLAINED = {
    "P2034": "two transactions wrote the same rows",
    "P2028": "a transaction could not start within max_wait, or took longer than its timeout",
    "P2024": "no connection became free in time",
    "P1008": "SQLite's writer stayed busy",
}


@pytest.fixture
def anyio_backend() -> str:
    """Without asyncio's debug mode, which slows the tasks down."""
    return "asyncio"


@pytest.fixture(params=["sqlite", "postgresql"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    made: World
    if request.param == "sqlite":
        made = SqliteWorld("ledger", tmp_path)
    else:
        made = PostgresqlWorld("ledger", request.getfixturevalue("postgres_server"))
    await made.open()
    await made.reset()
    yield made
    await made.close()


class Teller:
    """One task. It notes what it was told was done, and what is wrong."""

    def __init__(self, number: int, client: Any, errors: Any) -> None:
        self._random = random.Random(number)
        self._number = number
        self._client = client
        self._data_error = errors.DataError
        self._transaction_error = errors.TransactionError
        self._unique_error = errors.UniqueViolationError
        self._count = 0
        self.done: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.kept: set[str] = set()
        """Keys of entries that were acknowledged."""
        self.refused: set[str] = set()
        """Keys of entries whose write failed or was rolled back."""
        self.versions = 0
        """Acknowledged increments; those of unknown outcome are in `maybe_versions`."""
        self.maybe_versions = 0

    async def work(self, until: float) -> None:
        acts = (
            *[self._read_sum] * 3, *[self._read_accounts] * 3, self._read_entries,
            *[self._transfer] * 3, self._transfer_serializable, self._transfer_and_undo,
            self._transfer_and_give_up, *[self._bump] * 3, self._bump_in_a_batch,
            self._race_for_a_key, self._outlast_the_transaction,
        )  # fmt: skip
        while time.monotonic() < until:
            act = self._random.choice(acts)
            try:
                await act()
                self.done[act.__name__] += 1
            except (self._data_error, self._transaction_error) as error:
                code = getattr(error, "code", None) or "P2028"
                self.failed[code] += 1
                if code not in EXPLAINED:
                    self.wrong.append(f"{act.__name__}: {type(error).__name__} {code}: {error}")

    def _key(self) -> str:
        self._count += 1
        return f"{self._number}-{self._count}"

    def _pair(self) -> tuple[int, int, int]:
        source, target = self._random.sample(range(1, ACCOUNTS + 1), 2)
        return source, target, self._random.randint(1, 50)

    def _check(self, holds: bool, what: str) -> None:
        if not holds:
            self.wrong.append(what)

    # --- reads --------------------------------------------------------------------------------

    async def _read_sum(self) -> None:
        [row] = await self._client.account.group_by(by=["bank"], sum={"balance": True})
        self._check(row["_sum"]["balance"] == MONEY, f"a sum of {row}")

    async def _read_accounts(self) -> None:
        accounts = await self._client.account.find_many(where={"id": {"gt": 0}})
        total = sum(account.balance for account in accounts)
        self._check(total == MONEY, f"accounts of {total}")

    async def _read_entries(self) -> None:
        account = await self._client.account.find_unique(
            where={"id": self._random.randint(1, ACCOUNTS)},
            include={"entries": {"take": 20, "order_by": {"id": "desc"}}},
        )
        foreign = [entry for entry in account.entries if entry.accountId != account.id]
        self._check(not foreign, f"entries of others: {foreign}")

    # --- transactions -------------------------------------------------------------------------

    async def _move(self, tx: Any, key: str) -> None:
        """Within the transaction: from one account to another, with an entry for each. In the
        order of their ids mostly, as otherwise PostgreSQL does little but resolve deadlocks."""
        source, target, amount = self._pair()
        changes = [(source, -amount), (target, amount)]
        if self._random.random() < 0.95:
            changes.sort()
        for account, change in changes:
            await tx.account.update(
                where={"id": account},
                data={
                    "balance": {"increment": change},
                    "entries": {"create": [{"key": f"{key}:{account}", "amount": change}]},
                },
            )

    async def _transfer(self) -> None:
        key = self._key()
        self.refused.add(key)
        async with self._client.tx(max_wait=timedelta(seconds=5)) as tx:
            await self._move(tx, key)
        self.refused.discard(key)
        self.kept.add(key)

    async def _transfer_serializable(self) -> None:
        """Reads, reckons and writes: right only if nobody wrote in between."""
        key = self._key()
        self.refused.add(key)
        source, target, amount = self._pair()
        async with self._client.tx(
            isolation_level="SERIALIZABLE", max_wait=timedelta(seconds=5)
        ) as tx:
            for account, change in ((source, -amount), (target, amount)):
                read = await tx.account.find_unique_or_raise(where={"id": account})
                await asyncio.sleep(0)
                await tx.account.update(
                    where={"id": account}, data={"balance": read.balance + change}
                )
                entry = {"key": f"{key}:{account}", "amount": change, "accountId": account}
                await tx.entry.create(entry)
        self.refused.discard(key)
        self.kept.add(key)

    async def _transfer_and_undo(self) -> None:
        key = self._key()
        self.refused.add(key)
        try:
            async with self._client.tx(max_wait=timedelta(seconds=5)) as tx:
                await self._move(tx, key)
                raise ZeroDivisionError
        except ZeroDivisionError:
            pass

    async def _transfer_and_give_up(self) -> None:
        """Cancelled somewhere on the way: all of it is there, or nothing."""
        key = self._key()
        try:
            async with asyncio.timeout(self._random.uniform(0, 0.02)):
                async with self._client.tx(max_wait=timedelta(seconds=5)) as tx:
                    await self._move(tx, key)
        except TimeoutError:
            return
        self.kept.add(key)

    async def _outlast_the_transaction(self) -> None:
        if self._random.random() < 0.9:  # it keeps SQLite's only writer waiting
            return
        key = self._key()
        self.refused.add(key)
        try:
            async with self._client.tx(
                timeout=timedelta(milliseconds=30), max_wait=timedelta(seconds=5)
            ) as tx:
                await self._move(tx, key)
                await asyncio.sleep(0.1)
                await tx.account.count()
        except self._transaction_error:
            return
        self._check(False, "a transaction outlived its timeout")

    # --- single writes ------------------------------------------------------------------------

    async def _bump(self) -> None:
        where = {"id": self._random.randint(1, ACCOUNTS)}
        self.maybe_versions += 1
        updated = await self._client.account.update(where=where, data={"version": {"increment": 1}})
        self.maybe_versions -= 1
        self.versions += 1
        self._check(updated is not None and updated.version > 0, f"no version: {updated}")

    async def _bump_in_a_batch(self) -> None:
        self.maybe_versions += 3
        async with self._client.batch_() as batch:
            for _ in range(3):
                where = {"id": self._random.randint(1, ACCOUNTS)}
                batch.account.update(where=where, data={"version": {"increment": 1}})
        self.maybe_versions -= 3
        self.versions += 3

    async def _race_for_a_key(self) -> None:
        """Of three that create the same key at once, one does."""
        key = self._key()

        async def create() -> bool:
            try:
                await self._client.entry.create({"key": f"{key}:race", "amount": 0, "accountId": 1})
            except self._unique_error:
                return False
            return True

        outcomes = await asyncio.gather(*(create() for _ in range(3)), return_exceptions=True)
        failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        won = outcomes.count(True)
        self._check(won == 1 or (won == 0 and bool(failures)), f"{won} have won a key")
        if failures:
            raise failures[0]


async def test_nothing_is_lost_or_leaked(world: World) -> None:
    process = psutil.Process()
    postgresql = isinstance(world, PostgresqlWorld)
    package: Any = package_of("ledger")
    # Once before counting, so that what is made once for the process is there.
    url = f"{world.url}&connection_limit={CONNECTIONS}" if postgresql else world.url
    client = in_process(package.Prisma)(datasource={"url": url})
    for _ in range(2):
        threads, descriptors = threading.active_count(), open_descriptors(process)
        await client.connect()
        if _ == 0:
            await client.account.count()
            await client.disconnect()
    tellers = [Teller(number, client, package.errors) for number in range(TASKS)]
    until = time.monotonic() + SECONDS
    await asyncio.gather(*(teller.work(until) for teller in tellers))
    gauges = {gauge.key: gauge.value for gauge in (await client.get_metrics()).gauges}
    await client.disconnect()

    done = sum((teller.done for teller in tellers), Counter())
    failed = sum((teller.failed for teller in tellers), Counter())
    print(f"\ndone: {dict(done)}\nfailed: {dict(failed)}")
    assert [what for teller in tellers for what in teller.wrong] == []
    assert min(done.values()) > 0

    assert gauges["prisma_pool_connections_busy"] == 0
    assert gauges["prisma_client_queries_active"] == 0
    assert threading.active_count() == threads
    assert open_descriptors(process) == descriptors
    if postgresql:
        others = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND application_name <> ''"
        )
        assert await world.rows(others) == [(0,)]
    await _check_the_books(world, tellers)


def open_descriptors(process: psutil.Process) -> int:
    """Without those of the database file itself: SQLite closes none of them as long as anybody in
    the process has the file open, as the world has, or their locks would be lost."""
    files = [file.path for file in process.open_files()]
    return process.num_fds() - sum(path.endswith("/ledger.db") for path in files)


async def _check_the_books(world: World, tellers: list[Teller]) -> None:
    [(money,)] = await world.rows('SELECT sum(balance) FROM "Account"')
    assert money == MONEY
    unbalanced = await world.rows(
        'SELECT a.id FROM "Account" a LEFT JOIN "Entry" e ON e."accountId" = a.id'
        " GROUP BY a.id, a.balance HAVING a.balance <> 1000 + coalesce(sum(e.amount), 0)"
    )
    assert unbalanced == []
    stored = Counter(
        key.partition(":")[0]
        for (key,) in await world.rows('SELECT key FROM "Entry"')
        if not key.endswith(":race")
    )
    assert set(stored.values()) <= {2}  # both sides of a transfer, or none
    kept = set().union(*(teller.kept for teller in tellers))
    refused = set().union(*(teller.refused for teller in tellers))
    assert kept - stored.keys() == set()
    assert refused & stored.keys() == set()
    [(versions,)] = await world.rows('SELECT sum(version) FROM "Account"')
    least = sum(teller.versions for teller in tellers)
    assert least <= versions <= least + sum(teller.maybe_versions for teller in tellers)

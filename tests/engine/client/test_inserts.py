"""Many rows of tables, written by few statements."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from backend.engine import Table, insert
from tests.engine.client.conftest import Stored

pytestmark = pytest.mark.anyio

TEAM = Table("Team", {"id": "int", "name": "string"})
MEMBERSHIP = Table(
    "Membership",
    {
        "user_id": "int",
        "team_id": "int",
        "level": "int",
        "title": "string",
        "joined_at": "datetime",
    },
)
MOMENT = datetime(2026, 3, 1, 9, 30, 0, 125_000, tzinfo=UTC)


@pytest.mark.parametrize("count", [1, 63, 64, 65, 200, 1_000])
async def test_as_many_rows_as_there_are(db: Any, stored: Stored, count: int) -> None:
    teams = [(1_000 + n, f"Team {n}") for n in range(count)]
    members = [(1, id_, n % 7, None if n % 2 else "x", MOMENT) for n, (id_, _) in enumerate(teams)]
    await insert(db, [(TEAM, teams), (MEMBERSHIP, members)])
    assert await stored('SELECT id, name FROM "Team" WHERE id >= 1000 ORDER BY id') == teams
    found = await db.membership.find_many(where={"teamId": {"gte": 1_000}}, order={"teamId": "asc"})
    assert [(m.userId, m.teamId, m.level, m.title, m.joinedAt) for m in found] == members


async def test_none(db: Any, stored: Stored) -> None:
    before = await stored('SELECT id FROM "Team"')
    await insert(db, [(TEAM, []), (MEMBERSHIP, [])])
    await insert(db, [])
    assert await stored('SELECT id FROM "Team"') == before


async def test_all_or_none(db: Any, stored: Stored, errors: Any) -> None:
    before = await stored('SELECT id, name FROM "Team" ORDER BY id')
    teams = [(1_000 + n, f"Team {n}") for n in range(100)]
    with pytest.raises(errors.UniqueViolationError):
        await insert(db, [(TEAM, [*teams, (1, "Core")])])
    with pytest.raises(errors.ForeignKeyViolationError):
        await insert(db, [(TEAM, teams), (MEMBERSHIP, [(99, 1_000, 1, None, MOMENT)])])
    assert await stored('SELECT id, name FROM "Team" ORDER BY id') == before


async def test_in_a_transaction_that_is_undone(db: Any, stored: Stored) -> None:
    manager = db.tx()
    transaction = await manager.start()
    await insert(transaction, [(TEAM, [(1_000, "x")])])
    assert await transaction.team.count(where={"id": 1_000}) == 1
    await manager.rollback()
    assert await stored('SELECT id FROM "Team" WHERE id >= 1000') == []


async def test_in_a_transaction_that_is_committed(db: Any, stored: Stored) -> None:
    async with db.tx() as transaction:
        await insert(transaction, [(TEAM, [(1_000, "x")])])
    assert await stored('SELECT id FROM "Team" WHERE id >= 1000') == [(1_000,)]

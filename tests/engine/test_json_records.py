"""Gathered finds where the database compares in another way than Python."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from backend.engine import JsonForm, JsonRecords, in_process
from tests.engine.client.worlds import package_of

pytestmark = pytest.mark.anyio


async def test_a_column_that_ignores_case_finds_what_was_meant(tmp_path: Path) -> None:
    types: Any = package_of("types")
    (tmp_path / "db").touch()
    async with in_process(types.Prisma)(datasource={"url": f"file:{tmp_path}/db"}) as db:
        await db.execute_raw(
            'CREATE TABLE "weird table" ("the key" TEXT PRIMARY KEY COLLATE NOCASE,'
            ' "select" INTEGER NOT NULL, "group" TEXT)'
        )
        await db.mapped.create({"key": "Ann", "select": 1})
        records = JsonRecords(db, types.models.Mapped, JsonForm({"key": "id"}))
        outcomes = await asyncio.gather(
            *(records.find_unique({"key": key}) for key in ("ann", "Ann", "b"))
        )
        assert outcomes == [{"id": "Ann"}, {"id": "Ann"}, None]

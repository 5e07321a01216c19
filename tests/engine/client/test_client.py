"""The client itself: connecting, registering, metrics and logs."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from backend.engine import in_process

pytestmark = pytest.mark.anyio


async def test_connect_disconnect_and_is_connected(package: Any, url: str, errors: Any) -> None:
    client = in_process(package.Prisma)(datasource={"url": url})
    assert not client.is_connected()
    with pytest.raises(errors.ClientNotConnectedError):
        await client.user.count()
    await client.connect()
    assert client.is_connected()
    with pytest.raises(package.engine.errors.AlreadyConnectedError):
        await client.connect()
    assert await client.user.count() == 4
    await client.disconnect()
    assert not client.is_connected()
    await client.disconnect()
    await client.connect()
    assert await client.user.count() == 4
    await client.disconnect()


async def test_the_client_as_a_context(package: Any, url: str) -> None:
    async with in_process(package.Prisma)(datasource={"url": url}) as client:
        assert await client.user.count() == 4
    assert not client.is_connected()


async def test_models_ask_the_registered_client(
    db: Any, package: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package._registry, "_registered_client", None)
    with pytest.raises(package.errors.ClientNotRegisteredError):
        package.models.User.prisma()
    package.register(db)
    assert package.get_client() is db
    assert db.is_registered()
    assert (await package.models.User.prisma().find_unique(where={"id": 1})).name == "Ada"
    made = await package.models.Team.prisma().create({"name": "a"})
    assert made == package.models.Team(id=101, name="a")
    found = await package.models.Team.prisma().query_first('SELECT * FROM "Team" WHERE id = 101')
    assert found == made


async def test_get_metrics(db: Any) -> None:
    await db.user.count()
    counters = {counter.key: counter.value for counter in (await db.get_metrics()).counters}
    assert counters["prisma_client_queries_total"] > 0
    gauges = {gauge.key: gauge.value for gauge in (await db.get_metrics()).gauges}
    assert gauges["prisma_pool_connections_open"] > 0
    assert "prisma_client_queries_total " in await db.get_metrics("prometheus")


async def test_log_queries(package: Any, url: str, caplog: pytest.LogCaptureFixture) -> None:
    client = in_process(package.Prisma)(datasource={"url": url}, log_queries=True)
    async with client:
        with caplog.at_level(logging.INFO):
            await client.user.find_many(where={"name": "Ada"})
    assert any("SELECT" in record.getMessage() for record in caplog.records)

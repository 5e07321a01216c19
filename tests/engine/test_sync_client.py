"""The sync interface runs on the same engine."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from backend.engine import in_process
from tests.engine.generated import generated_package
from tests.engine.sqlite_types import SCHEMA


@pytest.fixture(scope="module")
def package() -> Any:
    return generated_package(SCHEMA.replace('"asyncio"', '"sync"'))


@pytest.fixture
def client_class(package: Any) -> Any:
    return in_process(package.Prisma)


@pytest.fixture
def url(sqlite_file: Path) -> str:
    return f"file:{sqlite_file}"


def test_queries_transactions_batches_and_metrics(
    package: Any, client_class: Any, url: str
) -> None:
    with client_class(datasource={"url": url}) as db:
        created = db.everything.create({"name": "a", "whole": 1})
        assert db.everything.find_unique(where={"id": created.id}) == created
        with pytest.raises(package.errors.UniqueViolationError):
            db.everything.create({"name": "a"})
        with db.tx() as tx:
            tx.everything.update(where={"name": "a"}, data={"whole": {"increment": 1}})
            assert tx.everything.find_first().whole == 2
        manager = db.tx()
        assert manager.start().everything.delete_many() == 1
        manager.rollback()
        with db.batch_() as batch:
            batch.everything.create({"name": "b"})
            batch.everything.create({"name": "c"})
        assert db.query_raw("SELECT count(*) AS n FROM everything") == [{"n": 3}]
        assert db.execute_raw("UPDATE everything SET text = ?", "x") == 3
        assert db.get_metrics().counters[0].value > 0
        assert "prisma_client_queries_total" in db.get_metrics("prometheus")


def test_a_connected_client_does_not_connect_again(
    package: Any, client_class: Any, url: str
) -> None:
    with client_class(datasource={"url": url}) as db:
        with pytest.raises(package.engine.errors.AlreadyConnectedError):
            db.connect()
        assert db.everything.count() == 0


def test_threads_may_share_a_client(client_class: Any, url: str) -> None:
    with client_class(datasource={"url": url}) as db, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: db.everything.create({"name": f"n{i}"}), range(100)))
        assert db.everything.count() == 100


def test_disconnect_ends_the_thread_and_may_be_repeated(client_class: Any, url: str) -> None:
    before = threading.active_count()
    for _ in range(5):
        db = client_class(datasource={"url": url})
        db.connect()
        assert db.is_connected()
        db.everything.count()
        db.disconnect()
        db.disconnect()
        assert not db.is_connected()
    assert threading.active_count() == before


def test_a_connection_that_fails_leaves_no_thread(package: Any, client_class: Any) -> None:
    before = threading.active_count()
    db = client_class(datasource={"url": "file:/nowhere/at/all.db"})
    with pytest.raises(package.engine.errors.EngineConnectionError):
        db.connect()
    assert not db.is_connected()
    assert threading.active_count() == before

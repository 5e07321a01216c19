"""Backups: whole, from either database into either, with what hangs on the order of the log."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.core.caller import ALL_OWNERS, ANYONE, acting_for
from backend.history import AuditFilters
from backend.models.schemas import VideoAnalysisCreate, VideoAnalysisPatch
from backend.models.sources import HUMAN
from backend.records import ALL, Once
from backend.services import Services, make_services
from backend.transfer import BackupError, back_up, copy_sqlite, restore
from backend.transfer.archive import ArchiveReader, ArchiveWriter
from backend.twelvelabs import NewJob
from backend.twelvelabs.wire import IndexedAsset
from tests.commands import ROOT
from tests.fixtures import SCHEMA, Database
from tests.transfer.conftest import NewDatabase
from tests.transfer.test_export import FULL

pytestmark = pytest.mark.anyio

PROVIDERS = ("sqlite", "postgresql")
OWNERS = ("default", "ann")


@asynccontextmanager
async def served(database: Database) -> AsyncIterator[Services]:
    services = make_services(database.url)
    await services.database.connect()
    try:
        yield services
    finally:
        await services.database.disconnect()


async def fill(services: Services) -> None:
    """Records of two owners, with versions before and a deletion, a key, an outcome and seals."""
    records = services.database
    for name in OWNERS:
        with acting_for(name):
            await records.create_video_analysis(VideoAnalysisCreate(**FULL))
            for n in range(3):
                new = VideoAnalysisCreate(video_id=f"v{n}", description=f"{name}, day {n}.")
                await records.create_video_analysis(new)
            patch = VideoAnalysisPatch(title="Later", tags=["z", "b"], source=HUMAN)
            await records.patch_video_analysis("v1", patch)
            await records.delete_video_analysis("v2")
    await services.audit.seal()
    for n in range(3, 5):
        new = VideoAnalysisCreate(video_id=f"v{n}", description=f"A sandcastle on day {n}.")
        await records.create_video_analysis(new)
    await services.audit.seal()
    await services.access.create(
        ANYONE, name="frontend", owners=["default"], scopes=["search"], expires_at=None
    )

    sync = services.sync
    await sync.runs.ask("full")
    asset = IndexedAsset.model_validate({"_id": "v1", "system_metadata": {"duration": 60.5}})
    async with records.client.tx() as transaction:
        await sync.videos.take_in([asset], 1, within=transaction)
    await sync.jobs.add([NewJob("describe", "v1", "1", "asset", {"max_tokens": 80})])

    async def outcome() -> dict[str, str]:
        return {"stored": "once"}

    await records.once(Once("caller", "key", "fingerprint"), outcome)


async def contents(services: Services) -> dict[str, Any]:
    """All that can be read of what is stored."""
    found: dict[str, Any] = {}
    for name in OWNERS:
        with acting_for(name):
            async with services.exports.export(ALL, "ndjson") as parts:
                found[f"records of {name}"] = b"".join([part async for part in parts])
            page = await services.history.versions("v1", limit=10, cursor=None)
            found[f"versions of {name}"] = page
            found[f"version of {name}"] = await services.history.version("v1", 1)
            found[f"deleted of {name}"] = await services.history.deleted(limit=10, cursor=None)
    with acting_for(ALL_OWNERS):
        log = await services.audit.page(AuditFilters(), limit=100)
        found["log"] = log["changes"]
        for table, columns in (
            ("access_key", "id, name, owners, scopes, salt, hash, created_by"),
            ("idempotency_key", "owner, caller, key, fingerprint, outcome"),
            ("tag", "owner, name"),
            ("twelvelabs_job", "id, owner, kind, video_id, version, detail, status, due_at"),
            ("twelvelabs_video", "owner, video_id, status, duration, described, state"),
            ("twelvelabs_run", "owner, number, kind, status"),
        ):
            rows: Any = await services.database.client.query_raw(f"SELECT {columns} FROM {table}")
            found[table] = sorted(sorted(map(str, row.items())) for row in rows)
    found["seals"] = await services.audit.verify()
    return found


@pytest.mark.parametrize("target", PROVIDERS)
@pytest.mark.parametrize("source", PROVIDERS)
async def test_all_comes_back(
    source: str, target: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    old, new = new_database(source), new_database(target)
    path = tmp_path / "all.mmz"
    async with served(old) as services:
        await fill(services)
        manifest = await back_up(old.url, path, verify=True)
        expected = await contents(services)
    assert manifest.provider == source
    assert path.stat().st_mode & 0o777 == 0o600
    assert expected["seals"].trouble is None
    assert expected["seals"].rows == 14

    restored = await restore(path, new.url, schema=SCHEMA, force=False)
    assert restored.rows == sum(each.rows for each in manifest.tables.values())
    assert restored.out_of_order == 0
    async with served(new) as services:
        assert await contents(services) == expected
        for name, ids in (("default", {"v0", "v1", "v3", "v4"}), ("ann", {"v0", "v1"})):
            with acting_for(name):
                found = await services.search.search("day", ALL, limit=10, cursor=None)
                assert {result["video_id"] for result in found["results"]} == ids

        # What comes later follows upon what was restored.
        again = VideoAnalysisCreate(video_id="v2", description="Again.")
        assert (await services.database.create_video_analysis(again))["version"] == 3
        assert await services.audit.seal() == 2  # the key's row waited, too
        after = await services.audit.verify()
        assert (after.trouble, after.rows, after.unsealed) == (None, 16, 0)

    with pytest.raises(BackupError, match="not empty"):
        await restore(path, new.url, schema=SCHEMA, force=False)
    await restore(path, new.url, schema=SCHEMA, force=True)
    async with served(new) as services:
        assert await contents(services) == expected


async def test_a_backup_of_postgresql_keeps_the_order_of_the_log(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    old, new, lite = (new_database(each) for each in ("postgresql", "postgresql", "sqlite"))
    async with served(old) as services:
        client: Any = services.database.client
        insert = (
            "INSERT INTO video_analysis (id, owner, video_id, description, updated_at)"
            " VALUES ('{0}', 'default', '{0}', 'x', now())"
        )
        async with client.tx() as first:
            await first.query_raw("SELECT pg_current_xact_id()::text AS xid")  # the lower one
            await client.execute_raw(insert.format("a"))
            await first.execute_raw(insert.format("b"))
        await client.execute_raw(insert.format("c"))
        assert await services.audit.seal() == 3
        await back_up(old.url, tmp_path / "all.mmz", verify=False)
        verified = await services.audit.verify()
    restored = await restore(tmp_path / "all.mmz", new.url, schema=SCHEMA, force=False)
    assert restored.out_of_order == 0
    async with served(new) as services:
        assert await services.audit.verify() == verified
    restored = await restore(tmp_path / "all.mmz", lite.url, schema=SCHEMA, force=False)
    assert restored.out_of_order == 1


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_what_is_refused_leaves_the_target_as_it_was(
    provider: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    old, new = new_database(provider), new_database(provider)
    path = tmp_path / "all.mmz"
    for database in (old, new):
        async with served(database) as services:
            await fill(services)
    await back_up(old.url, path, verify=False)
    async with served(new) as services:
        before = await contents(services)
    whole = path.read_bytes()
    broken = bytearray(whole)
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("video_analysis.ndjson.zst")
    broken[entry.header_offset + 100 + entry.compress_size // 2] ^= 255
    for content in (b"", b"no backup", whole[:-100], whole[: len(whole) // 2], bytes(broken)):
        path.write_bytes(content)
        with pytest.raises(BackupError):
            await restore(path, new.url, schema=SCHEMA, force=True)
    async with served(new) as services:
        assert await contents(services) == before


async def test_a_backup_is_of_one_moment(new_database: NewDatabase, tmp_path: Path) -> None:
    """Records and the log are written together, and are backed up together."""
    for provider in PROVIDERS:
        old = new_database(provider)
        path = tmp_path / f"{provider}.mmz"
        async with served(old) as services:
            stop, begun = asyncio.Event(), asyncio.Event()

            async def write(
                services: Services = services,
                stop: asyncio.Event = stop,
                begun: asyncio.Event = begun,
            ) -> None:
                n = 0
                while not stop.is_set():
                    new = VideoAnalysisCreate(video_id=f"v{n}", description="x", tags=["t"])
                    await services.database.create_video_analysis(new)
                    n += 1
                    begun.set()

            writing = asyncio.create_task(write())
            await begun.wait()
            manifest = await back_up(old.url, path, verify=True)
            stop.set()
            await writing
        rows = {name: each.rows for name, each in manifest.tables.items()}
        assert rows["change_log"] == rows["video_analysis"] == rows["video_tag"] > 0


async def test_every_table_is_in_it(new_database: NewDatabase, tmp_path: Path) -> None:
    tables = []
    for provider in PROVIDERS:
        manifest = await back_up(new_database(provider).url, tmp_path / provider, verify=True)
        tables.append(list(manifest.tables))
        assert {"video_analysis", "change_log", "change_seal", "access_key"} <= set(tables[-1])
        assert not [name for name in tables[-1] if name.startswith(("search_", "_", "sqlite"))]
    assert tables[0] == tables[1]


async def test_a_copy_of_sqlite_is_restored_as_it_was(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    old, new = new_database("sqlite"), new_database("sqlite")
    async with served(old) as services:
        await fill(services)
        copy_sqlite(Path(old.url.removeprefix("file:")), tmp_path / "copy.db", verify=True)
        expected = await contents(services)
        with pytest.raises(BackupError, match="in use"):
            await restore(tmp_path / "copy.db", old.url, schema=SCHEMA, force=True)
    await restore(tmp_path / "copy.db", new.url, schema=SCHEMA, force=False)
    async with served(new) as services:
        assert await contents(services) == expected


async def test_what_cannot_be_written_leaves_no_file(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    database = new_database("sqlite")
    database.execute("DROP TABLE tag")  # found out in the middle
    database.execute("CREATE TABLE tag (name TEXT)")
    with pytest.raises(BackupError):
        await back_up(database.url, folder / "all.mmz", verify=False)
    assert os.listdir(folder) == []


async def test_a_row_that_is_refused_at_the_end_undoes_all(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    for provider in PROVIDERS:
        old, new = new_database(provider), new_database(provider)
        path = tmp_path / f"{provider}.mmz"
        for database in (old, new):
            async with served(database) as services:
                await fill(services)
                before = await contents(services)
        await back_up(old.url, path, verify=False)
        with closing(ArchiveReader(path)) as whole, ArchiveWriter(tmp_path / "wrong") as wrong:
            for name in whole.manifest.tables:
                with wrong.table(name) as table:
                    table.write(whole.rows(name))
                    if name == "video_tag":
                        [*_, last] = whole.rows(name)
                        table.write([{**last, "analysis_id": "nobody's"}])
            wrong.finish(replace(whole.manifest, tables=wrong.tables))
        with pytest.raises(BackupError):
            await restore(tmp_path / "wrong", new.url, schema=SCHEMA, force=True)
        async with served(new) as services:
            assert await contents(services) == before
        (tmp_path / "wrong").unlink()


def test_a_full_disk_leaves_no_file(new_database: NewDatabase, tmp_path: Path) -> None:
    database = new_database("sqlite")
    database.execute(
        "INSERT INTO video_analysis (id, video_id, description, updated_at) SELECT value, value,"
        " hex(randomblob(20000)), '2026-01-01T00:00:00.000+00:00' FROM json_each('[1,2,3,4,5,6]')"
    )
    folder = tmp_path / "backups"
    folder.mkdir()
    most = 40_000  # of any file: enough for what SQLite shares between processes

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    done = subprocess.run(
        [sys.executable, "-m", "backend.cli", "backup", str(folder)],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database.url, "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.endswith("cannot be written: File too large\n")
    assert len(done.stderr.splitlines()) == 1
    assert os.listdir(folder) == []


def test_a_reader_refuses_what_is_no_backup(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"PK\x05\x06" + bytes(18))
    with pytest.raises(BackupError, match="no whole backup"):
        ArchiveReader(tmp_path / "x")

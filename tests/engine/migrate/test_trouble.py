"""What goes wrong outside of a migration: processes that end, connections that break, rights."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from backend.engine.errors import EngineError
from backend.engine.migrate.status import status
from backend.engine.migrate.target import open_database, parse_target
from tests.engine.migrate.project import Project

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[3]
SLOW = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    " SELECT count(*) FROM n WHERE i < 0",
    "postgresql": "SELECT pg_sleep(600)",
}


def start_deploy(project: Project) -> subprocess.Popen[str]:
    return start(project, "deploy")


def start(project: Project, *words: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "backend.cli", "migrate", *words,
         "--schema", str(project.schema_path), "--url", project.url],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip


def wait_until_begun(project: Project, process: subprocess.Popen[str]) -> None:
    """Until the migration is recorded as started: its script is running, or about to."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Applying migration"):
            break
    deadline = time.monotonic() + 30
    while project.query("SELECT count(*) FROM _prisma_migrations") != [("1",)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def make_slow(project: Project) -> None:
    project.add_migration(
        "20260101000000_slow",
        f'CREATE TABLE "half" ("id" INTEGER);\n{SLOW[project.provider]};\n',
    )


def replace_slow(project: Project) -> None:
    path = project.migrations.path / "20260101000000_slow" / "migration.sql"
    path.write_text('CREATE TABLE "whole" ("id" INTEGER);\n')


async def test_interrupted_it_leaves_no_lock_and_nothing_half_done(project: Project) -> None:
    make_slow(project)
    with start_deploy(project) as process:
        wait_until_begun(project, process)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert project.tables() == {"_prisma_migrations"}
    replace_slow(project)
    assert (await project.deploy(lock_timeout=5)).applied == ("20260101000000_slow",)


def test_interrupted_dev_leaves_no_server_behind(sqlite_project: Project, tmp_path: Path) -> None:
    project = sqlite_project
    (project.schema_path.parent / "prisma.toml").write_text(
        '[migrations]\nproviders = ["sqlite", "postgresql"]\n'
    )
    project.write_schema("model A {\n  id Int @id\n}\n")
    temporary = Path(tempfile.mkdtemp(prefix="t"))
    temporary.chmod(0o755)
    with start(project, "dev", "--name", "init", TMPDIR=str(temporary)) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Starting a PostgreSQL"):
                break
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (130, "")
    temporary.rmdir()  # it is empty
    assert not project.migrations.path.exists()


async def test_killed_it_leaves_no_lock_and_a_state_that_is_named(project: Project) -> None:
    make_slow(project)
    with start_deploy(project) as process:
        wait_until_begun(project, process)
        process.kill()
        process.wait(30)
    if project.sql is not None:  # its session notices only when it has something to send
        project.sql.query(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{project.database}'"
        )
    assert project.tables() == {"_prisma_migrations"}
    with pytest.raises(EngineError) as caught:
        await project.deploy(lock_timeout=5)
    assert caught.value.code == "P3009"
    assert "20260101000000_slow" in caught.value.message


def test_several_processes_apply_each_migration_once(project: Project) -> None:
    for number in range(3):
        project.add_migration(f"2026010{number + 1}000000_m", f"CREATE TABLE t{number} (i INT);\n")
    processes = [start_deploy(project) for _ in range(3)]
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    assert sum("have been successfully applied" in output for output in outputs) == 1
    assert project.query("SELECT count(*), count(finished_at) FROM _prisma_migrations") == [
        ("3", "3")
    ]


async def test_a_connection_that_is_lost_is_told(postgresql_project: Project) -> None:
    project = postgresql_project
    project.add_migration(
        "20260101000000_lost",
        "CREATE TABLE half (i INT);\nSELECT pg_terminate_backend(pg_backend_pid());\nSELECT 1;\n",
    )
    with pytest.raises(EngineError) as caught:
        await project.deploy()
    assert caught.value.code == "P3018"
    assert "The connection was lost" in caught.value.message
    assert project.tables() == {"_prisma_migrations"}
    with pytest.raises(EngineError) as again:
        await project.deploy()
    assert again.value.code == "P3009"


async def test_missing_rights_are_told(postgresql_project: Project) -> None:
    project = postgresql_project
    await project.deploy()
    user = f"user_{secrets.token_hex(6)}"
    project.run(f"CREATE ROLE {user} LOGIN")
    project.url = project.url.replace("postgres@", f"{user}@")
    project.add_migration("20260101000000_init", "SELECT 1;\n")
    try:
        with pytest.raises(EngineError) as caught:
            await project.deploy()
    finally:
        project.run(f"DROP ROLE {user}")
    assert caught.value.code == "P2039"
    assert "permission denied for schema public" in caught.value.message


async def test_rights_that_a_statement_lacks_are_told(postgresql_project: Project) -> None:
    project = postgresql_project
    await project.deploy()
    user = f"user_{secrets.token_hex(6)}"
    project.run(
        f"CREATE ROLE {user} LOGIN; GRANT ALL ON SCHEMA public TO {user}; CREATE TABLE t (i INT);"
        "CREATE SCHEMA other; ALTER TABLE t SET SCHEMA other;"
    )
    url = project.url
    project.url = url.replace("postgres@", f"{user}@")
    project.add_migration("20260101000000_init", "SELECT 1;\nALTER TABLE other.t ADD x INT;\n")
    try:
        with pytest.raises(EngineError) as caught:
            await project.deploy()
    finally:
        project.run(f"DROP OWNED BY {user}; DROP ROLE {user}")
    assert caught.value.code == "P3018"
    assert caught.value.meta["database_error_code"] == "42501"
    assert caught.value.meta["line"] == 2


async def test_a_server_that_is_away_is_told(postgresql_project: Project) -> None:
    postgresql_project.url = "postgresql://me:secret@127.0.0.1:1/db"
    with pytest.raises(EngineError) as caught:
        await postgresql_project.deploy()
    assert caught.value.code == "P1001"
    assert "127.0.0.1:1" in caught.value.message


async def test_a_wrong_password_is_told(postgresql_project: Project) -> None:
    project = postgresql_project
    assert project.sql is not None
    project.url = project.sql.server.url(project.database, tcp=True).replace("%C3%A9", "e")
    with pytest.raises(EngineError) as caught:
        await project.deploy()
    assert caught.value.code == "P1000"


async def test_a_missing_database_is_told(project: Project) -> None:
    with pytest.raises(EngineError) as caught:
        await status(project.open())
    assert caught.value.code == "P1003"
    assert project.database in caught.value.message


async def test_behind_a_pooler_nothing_is_migrated_without_a_lock(
    postgresql_project: Project,
) -> None:
    project = postgresql_project
    project.add_migration("20260101000000_init", "SELECT 1;\n")
    direct = project.url
    project.url = f"{direct}&pgbouncer=true"
    with pytest.raises(EngineError, match="DIRECT_URL"):
        await project.deploy()
    project.url = direct
    await project.deploy()
    project.url = f"{direct}&pgbouncer=true"
    assert (await project.deploy()).applied == ()


async def test_a_deploy_waits_for_prismas_own_lock(postgresql_project: Project) -> None:
    """Prisma's schema engine takes the advisory lock 72707369 on its connection."""
    project = postgresql_project
    await project.deploy()
    project.add_migration("20260101000000_init", "SELECT 1;\n")
    other = await open_database(
        parse_target(project.url, base=project.folder), create=False, log=project.said.append
    )
    try:
        await other.query("SELECT pg_advisory_lock(72707369)")
        with pytest.raises(EngineError) as caught:
            await project.deploy(lock_timeout=0.3)
    finally:
        await other.close()
    assert caught.value.code == "P1002"
    assert (await project.deploy()).applied == ("20260101000000_init",)

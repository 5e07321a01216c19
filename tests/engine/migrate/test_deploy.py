from __future__ import annotations

import asyncio
import sqlite3
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from backend.engine.errors import EngineError
from backend.engine.migrate.databases import sqlite
from backend.engine.migrate.folder import checksum
from backend.engine.migrate.target import open_database, parse_target
from tests.engine.migrate.project import Project

pytestmark = pytest.mark.anyio

FIRST = 'CREATE TABLE "a" ("id" INTEGER PRIMARY KEY, "name" TEXT);\n'
SECOND = 'CREATE TABLE "b" ("id" INTEGER PRIMARY KEY);\nINSERT INTO "a" VALUES (1, \'x\');\n'
ROWS = (
    "SELECT migration_name, checksum, finished_at IS NOT NULL, rolled_back_at IS NOT NULL,"
    " logs IS NOT NULL, applied_steps_count FROM _prisma_migrations"
    " ORDER BY started_at, rolled_back_at"
)


def yes(project: Project) -> str:
    return "1" if project.is_sqlite else "t"


def no(project: Project) -> str:
    return "0" if project.is_sqlite else "f"


async def test_applies_what_is_pending_and_records_it_as_prisma_does(project: Project) -> None:
    project.add_migration("20260101000000_first", FIRST)
    project.add_migration("20260102000000_second", SECOND)
    done = await project.deploy()
    assert done.found == 2
    assert done.applied == ("20260101000000_first", "20260102000000_second")
    assert project.tables() == {"a", "b", "_prisma_migrations"}
    t, f = yes(project), no(project)
    assert project.query(ROWS) == [
        ("20260101000000_first", checksum(FIRST), t, f, f, "1"),
        ("20260102000000_second", checksum(SECOND), t, f, f, "1"),
    ]
    for row in project.query("SELECT id FROM _prisma_migrations"):
        assert str(uuid.UUID(row[0])) == row[0]
    assert any("created at" in line for line in project.said)
    assert "Applying migration `20260102000000_second`" in project.said


async def test_times_are_written_as_the_native_engine_writes_them(project: Project) -> None:
    project.add_migration("20260101000000_first", FIRST)
    await project.deploy()
    [(started, finished)] = project.query("SELECT started_at, finished_at FROM _prisma_migrations")
    if project.is_sqlite:  # milliseconds since 1970
        assert project.query("SELECT typeof(started_at) FROM _prisma_migrations") == [("integer",)]
        moments = [datetime.fromtimestamp(int(value) / 1000, UTC) for value in (started, finished)]
    else:
        moments = [datetime.fromisoformat(value) for value in (started, finished)]
    assert moments[0] <= moments[1]
    assert abs(datetime.now(UTC) - moments[1]) < timedelta(minutes=1)


async def test_a_second_deploy_does_nothing(project: Project) -> None:
    project.add_migration("20260101000000_first", FIRST)
    await project.deploy()
    before = project.query("SELECT * FROM _prisma_migrations")
    done = await project.deploy()
    assert (done.found, done.applied) == (1, ())
    assert project.query("SELECT * FROM _prisma_migrations") == before


async def test_without_migrations_nothing_is_applied(project: Project) -> None:
    done = await project.deploy()
    assert (done.found, done.applied) == (0, ())


async def test_a_failing_statement_is_named_and_nothing_of_its_migration_is_left(
    project: Project,
) -> None:
    project.add_migration("20260101000000_first", FIRST)
    project.add_migration(
        "20260102000000_bad",
        'CREATE TABLE "c" ("id" INTEGER);\n\n-- here\nINSERT INTO "nope"\n  VALUES (1);\n',
    )
    with pytest.raises(EngineError) as caught:
        await project.deploy()
    error = caught.value
    assert error.code == "P3018"
    assert error.meta["migration_name"] == "20260102000000_bad"
    assert error.meta["line"] == 4
    assert error.meta["statement"] == 'INSERT INTO "nope"\n  VALUES (1)'
    assert error.meta["undone"] is True
    assert error.meta["database_error_code"] == ("1" if project.is_sqlite else "42P01")
    assert "Migration name: 20260102000000_bad" in error.message
    assert "nope" in error.message
    assert "Line 4 of 20260102000000_bad/migration.sql" in error.message
    assert "c" not in project.tables()
    [first, failed] = project.query(ROWS)
    assert first[0] == "20260101000000_first"
    assert failed[:4] == (
        "20260102000000_bad",
        checksum(project.migrations.migrations()[1].text()),
        no(project),
        no(project),
    )
    with pytest.raises(EngineError) as again:
        await project.deploy()
    assert again.value.code == "P3009"
    assert "The `20260102000000_bad` migration started at 20" in again.value.message
    assert 'resolve --rolled-back "20260102000000_bad"' in again.value.message


async def test_statements_before_a_failure_stay_where_the_script_commits_itself(
    project: Project,
) -> None:
    project.add_migration(
        "20260101000000_bad",
        'BEGIN;\nCREATE TABLE "c" ("id" INTEGER);\nCOMMIT;\nINSERT INTO "nope" VALUES (1);\n',
    )
    with pytest.raises(EngineError) as caught:
        await project.deploy()
    assert caught.value.code == "P3018"
    assert caught.value.meta["line"] == 4
    assert caught.value.meta["undone"] is False
    assert "c" in project.tables()


async def test_what_is_checked_at_the_end_is_undone_too(project: Project) -> None:
    project.add_migration(
        "20260101000000_bad",
        'CREATE TABLE "p" ("id" INTEGER PRIMARY KEY);\n'
        'CREATE TABLE "c" ("p" INTEGER REFERENCES "p" ("id") DEFERRABLE INITIALLY DEFERRED);\n'
        'INSERT INTO "c" VALUES (1);\n',
    )
    with pytest.raises(EngineError) as caught:
        await project.deploy()
    assert caught.value.code == "P3018"
    assert caught.value.meta["statement"] == "COMMIT"
    assert caught.value.meta["undone"] is True
    assert project.tables() == {"_prisma_migrations"}


async def test_what_cannot_run_in_a_transaction_runs_alone(postgresql_project: Project) -> None:
    project = postgresql_project
    project.add_migration("20260101000000_first", FIRST)
    project.add_migration(
        "20260102000000_index",
        '-- not inside a transaction\nCREATE INDEX CONCURRENTLY "i" ON "a" ("name");\n',
    )
    project.add_migration(
        "20260103000000_bad", '\nCREATE INDEX CONCURRENTLY "j"\n  ON "a" ("nope");\n'
    )
    with pytest.raises(EngineError) as caught:
        await project.deploy()
    assert caught.value.meta["line"] == 2
    assert project.query("SELECT indexname FROM pg_indexes WHERE indexname IN ('i', 'j')") == [
        ("i",)
    ]


async def test_a_database_with_tables_of_others_is_refused(project: Project) -> None:
    project.add_migration("20260101000000_first", FIRST)
    await project.deploy()
    project.query('DROP TABLE "_prisma_migrations"')
    with pytest.raises(EngineError) as caught:
        await project.deploy()
    assert caught.value.code == "P3005"
    assert "The database schema is not empty." in caught.value.message
    assert "It holds: a" in caught.value.message
    assert "migrate resolve --applied" in caught.value.message
    assert project.tables() == {"a"}


async def test_external_tables_do_not_count_as_those_of_others(project: Project) -> None:
    (project.schema_path.parent / "prisma.toml").write_text('[tables]\nexternal = ["spatial_*"]\n')
    project.add_migration("20260101000000_first", FIRST)
    await project.deploy()
    project.query('ALTER TABLE "a" RENAME TO "spatial_a"')
    project.query('DROP TABLE "_prisma_migrations"')
    assert (await project.deploy()).applied == ("20260101000000_first",)
    assert project.tables() == {"a", "spatial_a", "_prisma_migrations"}


async def test_an_edited_and_a_missing_migration_are_named(project: Project) -> None:
    project.add_migration("20260101000000_first", FIRST)
    project.add_migration("20260102000000_second", SECOND)
    await project.deploy()
    folder = project.migrations.path
    (folder / "20260101000000_first" / "migration.sql").write_text(FIRST + "-- edited\n")
    (folder / "20260102000000_second" / "migration.sql").unlink()
    (folder / "20260102000000_second").rmdir()
    done = await project.deploy()
    assert done.applied == ()
    assert done.edited == ("20260101000000_first",)
    assert done.missing == ("20260102000000_second",)


async def test_other_line_ends_are_no_edit(project: Project) -> None:
    project.add_migration("20260101000000_first", FIRST)
    await project.deploy()
    path = project.migrations.path / "20260101000000_first" / "migration.sql"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert (await project.deploy()).edited == ()


async def test_a_folder_without_its_script_is_named(project: Project) -> None:
    (project.migrations.path / "20260101000000_first").mkdir(parents=True)
    with pytest.raises(EngineError) as caught:
        await project.deploy()
    assert caught.value.code == "P3015"
    assert "20260101000000_first" in caught.value.message


async def test_a_history_of_another_provider_is_refused(project: Project) -> None:
    project.add_migration("20260101000000_first", FIRST)
    (project.migrations.path / "migration_lock.toml").write_text('provider = "mysql"\n')
    with pytest.raises(EngineError) as caught:
        await project.deploy()
    assert caught.value.code == "P3019"
    assert "`mysql`" in caught.value.message


async def test_one_history_per_provider(project: Project) -> None:
    folder = project.migrations.path
    for name in ("sqlite", "postgresql"):
        migration = folder / name / "20260101000000_first"
        migration.mkdir(parents=True)
        (migration / "migration.sql").write_text(f'CREATE TABLE "of_{name}" ("id" INTEGER);\n')
        (folder / name / "migration_lock.toml").write_text(f'provider = "{name}"\n')
    await project.deploy()
    assert project.tables() == {f"of_{project.provider}", "_prisma_migrations"}


async def test_many_deploys_at_once_apply_each_migration_once(project: Project) -> None:
    for number in range(5):
        project.add_migration(
            f"2026010{number}000000_m", f'CREATE TABLE "t{number}" ("id" INTEGER);\n'
        )
    done = await asyncio.gather(*(project.deploy() for _ in range(6)))
    applied = [len(one.applied) for one in done]
    assert sorted(applied) == [0, 0, 0, 0, 0, 5]
    assert project.query("SELECT count(*), count(finished_at) FROM _prisma_migrations") == [
        ("5", "5")
    ]


async def test_functions_triggers_and_virtual_tables(project: Project) -> None:
    project.add_migration("20260101000000_first", FIRST)
    if project.is_sqlite:
        script = (
            'CREATE VIRTUAL TABLE "search" USING fts5(name);\n'
            'CREATE TRIGGER "t" AFTER INSERT ON "a" BEGIN\n'
            '  INSERT INTO "search" (rowid, name) VALUES (new.id, new.name);\nEND;\n'
        )
        look = "SELECT name FROM search WHERE search MATCH 'hello'"
    else:
        script = (
            'CREATE TABLE "search" ("name" TEXT);\n'
            "CREATE FUNCTION f() RETURNS trigger AS $$\nBEGIN\n"
            '  INSERT INTO "search" VALUES (new.name);\n  RETURN new;\nEND;\n$$ LANGUAGE plpgsql;\n'
            'CREATE TRIGGER "t" AFTER INSERT ON "a" FOR EACH ROW EXECUTE FUNCTION f();\n'
        )
        look = "SELECT name FROM search"
    project.add_migration("20260102000000_search", script)
    await project.deploy()
    project.query("INSERT INTO a VALUES (1, 'hello world')")
    assert project.query(look) == [("hello world",)]


async def test_a_lost_file_is_no_database(sqlite_project: Project) -> None:
    (sqlite_project.schema_path.parent / "dev.db").write_text(
        "this is no database, but long enough\n" * 9
    )
    with pytest.raises(EngineError) as caught:
        await sqlite_project.deploy()
    assert caught.value.code == "P1003"
    assert "not a database" in caught.value.message


async def test_a_table_rebuilt_under_foreign_keys_keeps_its_rows(sqlite_project: Project) -> None:
    """Prisma's RedefineTables for SQLite: with foreign keys on, DROP TABLE would cascade."""
    sqlite_project.add_migration(
        "20260101000000_first",
        'CREATE TABLE "p" ("id" INTEGER PRIMARY KEY);\n'
        'CREATE TABLE "c" ("id" INTEGER PRIMARY KEY, "p" INTEGER REFERENCES "p" ("id")'
        " ON DELETE CASCADE);\n"
        'INSERT INTO "p" VALUES (1);\nINSERT INTO "c" VALUES (1, 1);\n',
    )
    rebuild = (
        "-- RedefineTables\nPRAGMA defer_foreign_keys=ON;\nPRAGMA foreign_keys=OFF;\n"
        'CREATE TABLE "new_p" ("id" INTEGER PRIMARY KEY, "x" TEXT);\n'
        'INSERT INTO "new_p" ("id") SELECT "id" FROM "p";\nDROP TABLE "p";\n'
        'ALTER TABLE "new_p" RENAME TO "p";\n{}'
        "PRAGMA foreign_keys=ON;\nPRAGMA defer_foreign_keys=OFF;\n"
    )
    await sqlite_project.deploy()
    sqlite_project.add_migration("20260102000000_bad", rebuild.format("SELECT nope;\n"))
    with pytest.raises(EngineError) as caught:
        await sqlite_project.deploy()
    assert (caught.value.meta["line"], caught.value.meta["undone"]) == (8, True)
    assert sqlite_project.query('SELECT * FROM "p"') == [("1",)]
    sqlite_project.query("DELETE FROM _prisma_migrations WHERE finished_at IS NULL")
    path = sqlite_project.migrations.path / "20260102000000_bad" / "migration.sql"
    path.write_text(rebuild.format(""))
    await sqlite_project.deploy()
    assert sqlite_project.query('SELECT * FROM "p"') == [("1", "")]
    assert sqlite_project.query('SELECT * FROM "c"') == [("1", "1")]


async def test_cancelled_it_leaves_no_lock_and_nothing_half_done(project: Project) -> None:
    slow = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
        " SELECT count(*) FROM n WHERE i < 0"
        if project.is_sqlite
        else "SELECT pg_sleep(600)"
    )
    project.add_migration("20260101000000_slow", f'CREATE TABLE "c" ("id" INTEGER);\n{slow};\n')
    begun = asyncio.Event()
    running = asyncio.create_task(
        project.deploy(log=lambda line: begun.set() if line.startswith("Applying") else None)
    )
    await begun.wait()
    await asyncio.sleep(0.2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert project.tables() == {"_prisma_migrations"}
    [row] = project.query(ROWS)
    assert (row[0], row[2], row[3]) == ("20260101000000_slow", no(project), yes(project))
    path = project.migrations.path / "20260101000000_slow" / "migration.sql"
    path.write_text('CREATE TABLE "c" ("id" INTEGER);\n')
    assert (await project.deploy()).applied == ("20260101000000_slow",)
    assert len(project.query(ROWS)) == 2


async def test_who_waits_too_long_for_the_lock_is_told_so(project: Project) -> None:
    project.add_migration("20260101000000_first", FIRST)
    target = parse_target(project.url, base=project.schema_path.parent)
    other = await open_database(target, create=True, log=project.said.append)
    try:
        await other.lock(1, lambda: None)
        with pytest.raises(EngineError) as caught:
            await project.deploy(lock_timeout=0.3)
    finally:
        await other.close()
    assert caught.value.code == "P1002"
    assert "Waiting for another migration of this database to finish" in project.said
    assert (await project.deploy()).applied == ("20260101000000_first",)


async def test_a_locked_sqlite_file_is_an_error_not_a_half_migration(
    sqlite_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.2)
    sqlite_project.add_migration("20260101000000_first", FIRST)
    await sqlite_project.deploy()
    sqlite_project.add_migration("20260102000000_second", SECOND)
    path = sqlite_project.schema_path.parent / "dev.db"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(EngineError) as caught:
            await sqlite_project.deploy()
    finally:
        holder.close()
    assert caught.value.code == "P1008"
    assert "database is locked" in caught.value.message
    assert (await sqlite_project.deploy()).applied == ("20260102000000_second",)

"""`migrate deploy` is ours; here Prisma's schema engine does the same, and reads what we wrote."""

from __future__ import annotations

import pytest

from backend.engine.errors import EngineError
from backend.engine.migrate.engine import migration_list
from tests.engine.migrate.project import Project

pytestmark = pytest.mark.anyio

FIRST = 'CREATE TABLE "a" ("id" INTEGER PRIMARY KEY);\n'
TABLE = {
    "sqlite": "SELECT sql FROM sqlite_master WHERE name = '_prisma_migrations'",
    "postgresql": "SELECT column_name, data_type, character_maximum_length, is_nullable,"
    " column_default FROM information_schema.columns WHERE table_name = '_prisma_migrations'"
    " ORDER BY ordinal_position",
}
ROWS = (
    "SELECT migration_name, checksum, finished_at IS NOT NULL, rolled_back_at IS NULL,"
    " applied_steps_count, length(id) FROM _prisma_migrations ORDER BY started_at"
)


async def ask_engine(project: Project, method: str, **parameters: object) -> dict[str, object]:
    opened = project.open()
    folder = opened.folder
    given = {"migrationsList": migration_list(folder, folder.migrations()), **parameters}
    async with (
        opened.database(create=True) as database,
        opened.engine(database, schema=opened.schema()) as engine,
    ):
        return await engine._call(method, given)


async def test_the_engine_would_have_left_the_same_history(project: Project, twin: Project) -> None:
    project.add_migration("20260101000000_first", FIRST)
    project.add_migration("20260102000000_second", 'CREATE TABLE "b" ("id" INTEGER);\n')
    await project.deploy()
    done = await ask_engine(twin, "applyMigrations")
    assert done["appliedMigrationNames"] == ["20260101000000_first", "20260102000000_second"]
    assert project.query(TABLE[project.provider]) == twin.query(TABLE[project.provider])
    assert project.query(ROWS) == twin.query(ROWS)


async def test_the_engine_reads_our_history(project: Project) -> None:
    project.add_migration("20260101000000_first", FIRST)
    await project.deploy()
    project.add_migration("20260102000000_bad", "SELECT * FROM nowhere;\n")
    with pytest.raises(EngineError):
        await project.deploy()
    path = project.migrations.path / "20260101000000_first" / "migration.sql"
    path.write_text(FIRST + "-- edited\n")
    found = await ask_engine(project, "diagnoseMigrationHistory", optInToShadowDatabase=False)
    assert found["failedMigrationNames"] == ["20260102000000_bad"]
    assert found["editedMigrationNames"] == ["20260101000000_first"]
    with pytest.raises(EngineError) as caught:
        await ask_engine(project, "applyMigrations")
    with pytest.raises(EngineError) as ours:
        await project.deploy()
    assert caught.value.code == ours.value.code == "P3009"
    assert ours.value.message.startswith(caught.value.message.rstrip())
    await ask_engine(project, "markMigrationRolledBack", migrationName="20260102000000_bad")
    path = project.migrations.path / "20260102000000_bad" / "migration.sql"
    path.write_text("SELECT 1;\n")
    assert (await project.deploy()).applied == ("20260102000000_bad",)


async def test_the_engine_refuses_the_same_databases(project: Project, twin: Project) -> None:
    project.add_migration("20260101000000_first", FIRST)
    messages = []
    for database in (project, twin):
        await database.deploy()
        database.run('DROP TABLE "_prisma_migrations"')
    with pytest.raises(EngineError) as ours:
        await project.deploy()
    with pytest.raises(EngineError) as theirs:
        await ask_engine(twin, "applyMigrations")
    messages = [caught.value.message for caught in (ours, theirs)]
    assert ours.value.code == theirs.value.code == "P3005"
    assert messages[0].startswith(messages[1])

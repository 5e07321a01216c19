"""One schema, a history per provider, written together."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from backend.engine.errors import EngineError
from backend.engine.migrate.diff import Side
from backend.engine.migrate.folder import MigrationFolder
from tests.engine.migrate.project import Project
from tests.engine.migrate.test_dev import USER

pytestmark = pytest.mark.anyio

OWN = Path(__file__).resolve().parents[3] / "prisma"


@pytest.fixture
def both(project: Project) -> Project:
    """A project that keeps both histories."""
    (project.schema_path.parent / "prisma.toml").write_text(
        '[migrations]\nproviders = ["sqlite", "postgresql"]\n'
    )
    return project


def histories(project: Project) -> dict[str, list[str]]:
    folder = project.schema_path.parent / "migrations"
    return {
        provider: [
            item.text() for item in MigrationFolder(folder / provider, provider).migrations()
        ]
        for provider in ("sqlite", "postgresql")
    }


async def test_dev_writes_both(both: Project, shadow_url: str) -> None:
    both.write_schema(USER)
    done = await both.dev("init", shadow_url=shadow_url)
    assert {folder.provider for folder in done.created} == {"sqlite", "postgresql"}
    written = histories(both)
    assert "AUTOINCREMENT" in written["sqlite"][0]
    assert "SERIAL" in written["postgresql"][0]
    assert both.tables() == {"User", "_prisma_migrations"}
    both.write_schema(USER.replace("name  String?", 'name String @default("")'))
    await both.dev("name", shadow_url=shadow_url)
    written = histories(both)
    assert "RedefineTables" in written["sqlite"][1]
    assert "ALTER COLUMN" in written["postgresql"][1]
    assert (await both.dev(shadow_url=shadow_url)).created == ()


async def test_what_changes_one_database_only_is_written_for_it_only(
    both: Project, shadow_url: str
) -> None:
    enum = "enum Kind {\n  a\n  b\n}\nmodel T {\n  id Int @id\n  kind Kind\n}\n"
    both.write_schema(enum)
    await both.dev("init", shadow_url=shadow_url)
    both.write_schema(enum.replace("  b\n", "  b\n  c\n"))
    done = await both.dev("c", shadow_url=shadow_url)
    assert [folder.provider for folder in done.created] == ["postgresql"]
    assert [len(scripts) for scripts in histories(both).values()] == [1, 2]


async def test_drafts_are_written_for_both(both: Project, shadow_url: str) -> None:
    both.write_schema(USER)
    await both.dev("init", shadow_url=shadow_url)
    done = await both.dev("by hand", shadow_url=shadow_url, create_only=True)
    assert len(done.created) == 2
    assert [scripts[1] for scripts in histories(both).values()] == [
        "-- This is an empty migration.",
        "-- This is an empty migration.",
    ]


async def test_the_other_history_that_fails_is_named(both: Project, shadow_url: str) -> None:
    both.write_schema(USER)
    await both.dev("init", shadow_url=shadow_url)
    other = "postgresql" if both.is_sqlite else "sqlite"
    folder = both.schema_path.parent / "migrations" / other
    MigrationFolder(folder, "postgresql" if both.is_sqlite else "sqlite").write(
        "99990101000000_bad", "SELECT * FROM nowhere;\n"
    )
    with pytest.raises(EngineError) as caught:
        await both.dev(shadow_url=shadow_url)
    assert str(folder) in caught.value.message
    assert "99990101000000_bad" in caught.value.message


async def test_a_postgresql_starts_for_a_moment_where_none_is_given(
    sqlite_project: Project,
) -> None:
    (sqlite_project.schema_path.parent / "prisma.toml").write_text(
        '[migrations]\nproviders = ["sqlite", "postgresql"]\n'
    )
    sqlite_project.write_schema(USER)
    done = await sqlite_project.dev("init")
    assert len(done.created) == 2
    assert "Starting a PostgreSQL for a moment" in sqlite_project.said


async def test_own_schema_own_histories_and_databases_agree(project: Project) -> None:
    """What this service ships."""
    shutil.rmtree(project.schema_path.parent)
    project.schema_path.parent.mkdir()
    for name in ("schema.prisma", "prisma.toml"):
        shutil.copy(OWN / name, project.schema_path.parent / name)
    shutil.copytree(OWN / "migrations", project.schema_path.parent / "migrations")
    await project.deploy()
    schema = Side("schema", project.schema_path)
    there = Side("database", url=project.url)
    assert await project.difference(there, schema) == ""
    assert await project.difference(schema, there) == ""

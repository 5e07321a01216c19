from __future__ import annotations

import asyncio
import secrets

import pytest

from backend.engine.errors import EngineError
from backend.engine.migrate.dev import ResetNeededError, slug
from tests.engine.migrate.project import Project, UnexecutableError

pytestmark = pytest.mark.anyio

USER = """
model User {
  id    Int     @id @default(autoincrement())
  email String  @unique
  name  String?
}
"""


async def test_writes_and_applies_the_difference(project: Project) -> None:
    project.write_schema(USER)
    done = await project.dev("init")
    assert done.name.endswith("_init")
    assert done.applied == ()
    [migration] = project.migrations.migrations()
    assert migration.name == done.name
    assert 'CREATE TABLE "User"' in migration.text()
    assert project.tables() == {"User", "_prisma_migrations"}
    lock = (project.migrations.path / "migration_lock.toml").read_text()
    assert f'provider = "{project.provider}"' in lock


async def test_without_a_change_writes_nothing(project: Project) -> None:
    await project.init(USER)
    assert (await project.dev()).created == ()
    assert len(project.migrations.migrations()) == 1


async def test_create_only_writes_and_does_not_apply(project: Project) -> None:
    await project.init(USER)
    project.write_schema(USER.replace("name  String?", "name  String?\n  age Int?"))
    done = await project.dev("add age", create_only=True)
    assert done.name.endswith("_add_age")
    assert '"age"' in project.migrations.migrations()[1].text()
    assert len(project.query("SELECT id FROM _prisma_migrations")) == 1
    assert (await project.dev()).applied == (done.name,)
    assert project.query('SELECT "age" FROM "User"') == []


async def test_create_only_without_a_change_writes_an_empty_draft(project: Project) -> None:
    await project.init(USER)
    await project.dev("by hand", create_only=True)
    assert project.migrations.migrations()[1].text() == "-- This is an empty migration."


async def test_a_hand_written_draft_becomes_part_of_the_history(project: Project) -> None:
    await project.init(USER, "INSERT INTO \"User\" (email, name) VALUES ('a@x', 'Ann')")
    project.write_schema(USER.replace("name  String?", "full String?"))
    done = await project.dev("rename", create_only=True)
    path = project.migrations.path / done.name / "migration.sql"
    path.write_text('ALTER TABLE "User" RENAME COLUMN "name" TO "full";\n')
    again = await project.dev()
    assert (again.applied, again.created) == ((done.name,), ())
    assert project.query('SELECT "full" FROM "User"') == [("Ann",)]


async def test_warns_of_lost_data_and_names_it(project: Project) -> None:
    await project.init(USER, "INSERT INTO \"User\" (email, name) VALUES ('a@x', 'Ann')")
    project.write_schema(USER.replace("  name  String?\n", ""))
    done = await project.dev("drop name")
    assert project.warned == [
        "You are about to drop the column `name` on the `User` table, "
        "which still contains 1 non-null values."
    ]
    script = project.migrations.migrations()[1].text()
    assert script.startswith("/*\n  Warnings:\n")
    assert done.created


async def test_refuses_steps_that_the_rows_make_impossible(project: Project) -> None:
    await project.init(USER, "INSERT INTO \"User\" (email) VALUES ('a@x')")
    project.write_schema(USER.replace("name  String?", "name  String?\n  age Int"))
    with pytest.raises(UnexecutableError) as caught:
        await project.dev()
    assert "Added the required column `age` to the `User` table" in str(caught.value)
    assert len(project.migrations.migrations()) == 1


async def test_drift_asks_for_a_reset(project: Project) -> None:
    await project.init(USER)
    project.run('CREATE TABLE "stray" ("id" INTEGER PRIMARY KEY)')
    with pytest.raises(ResetNeededError) as caught:
        await project.dev()
    assert "Drift detected" in str(caught.value)
    assert "stray" in str(caught.value)


async def test_an_edited_migration_asks_for_a_reset(project: Project) -> None:
    await project.init(USER)
    [migration] = project.migrations.migrations()
    path = project.migrations.path / migration.name / "migration.sql"
    path.write_text(migration.text() + "-- edited\n")
    with pytest.raises(ResetNeededError, match="was modified after it was applied"):
        await project.dev()


async def test_a_missing_migration_asks_for_a_reset(project: Project) -> None:
    await project.init(USER)
    [migration] = project.migrations.migrations()
    (project.migrations.path / migration.name / "migration.sql").unlink()
    (project.migrations.path / migration.name).rmdir()
    with pytest.raises(ResetNeededError, match=migration.name):
        await project.dev()


async def test_a_migration_that_fails_on_an_empty_database_is_p3006(project: Project) -> None:
    await project.init(USER)
    project.add_migration("99990101000000_bad", "SELECT 1;\n\nSELECT * FROM nowhere;\n")
    with pytest.raises(EngineError) as caught:
        await project.dev()
    assert caught.value.code == "P3006"
    assert "`99990101000000_bad` failed to apply cleanly" in caught.value.message
    assert "Line 3 of its migration.sql:\n  SELECT * FROM nowhere" in caught.value.message
    assert "sql_schema_connector" not in caught.value.message
    assert project.query("SELECT count(*) FROM _prisma_migrations") == [("1",)]


async def test_an_invalid_schema_is_p1012(project: Project) -> None:
    project.write_schema(USER.replace("String?", "Sting?"))
    with pytest.raises(EngineError) as caught:
        await project.dev()
    assert caught.value.code == "P1012"
    assert 'Type "Sting" is neither a built-in type' in caught.value.message
    assert not project.migrations.path.exists()


async def test_a_new_migration_comes_after_all_others(project: Project) -> None:
    await project.init(USER)
    project.add_migration("99980101000000_later", "SELECT 1;\n")
    project.write_schema(USER.replace("name  String?", "name  String?\n  age Int?"))
    done = await project.dev("age")
    assert done.name == "99980101000001_age"


async def test_shadow_databases_are_gone_afterwards(postgresql_project: Project) -> None:
    await postgresql_project.init(USER)
    names = postgresql_project.query("SELECT datname FROM pg_database")
    assert not [name for (name,) in names if name.startswith("prisma_migrate")]


async def test_cancelled_at_any_moment_it_leaves_no_shadow_database(
    postgresql_project: Project,
) -> None:
    project = postgresql_project
    await project.init(USER)
    project.write_schema(USER.replace("name  String?", "age Int?"))
    for milliseconds in range(10, 200, 20):
        task = asyncio.create_task(project.dev("next", create_only=True))
        await asyncio.sleep(milliseconds / 1000)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled():
            break
    names = project.query("SELECT datname FROM pg_database")
    assert not [name for (name,) in names if name.startswith("prisma_migrate")]
    await project.dev()
    assert project.query('SELECT "age" FROM "User"') == []


async def test_without_the_right_to_create_databases_p3014(postgresql_project: Project) -> None:
    project = postgresql_project
    assert project.sql is not None
    await project.deploy()  # makes the database
    user = f"user_{secrets.token_hex(6)}"
    project.run(f"CREATE ROLE {user} LOGIN; GRANT ALL ON SCHEMA public TO {user};")
    shadow = f"shadow_{secrets.token_hex(6)}"
    project.sql.create_database(shadow)
    project.sql.run(f'ALTER DATABASE "{shadow}" OWNER TO {user}')
    project.url = project.url.replace("postgres@", f"{user}@")
    try:
        project.write_schema(USER)
        with pytest.raises(EngineError) as caught:
            await project.dev("init")
        assert caught.value.code == "P3014"
        assert "SHADOW_DATABASE_URL" in caught.value.message
        shadow_url = project.url.replace(project.database, shadow)
        await project.dev("init", shadow_url=shadow_url)
        project.write_schema(USER.replace("name  String?", "age Int?"))
        await project.dev("age", shadow_url=shadow_url)
        assert len(project.migrations.migrations()) == 2
    finally:
        project.sql.drop_database(shadow)
        project.run(f"DROP OWNED BY {user}; DROP ROLE {user};")


async def test_what_a_rebuilt_sqlite_table_would_lose_is_made_anew(sqlite_project: Project) -> None:
    project = sqlite_project
    await project.init(USER + "model Log {\n  id Int @id\n}\n")
    draft = await project.dev("triggers", create_only=True)
    path = project.migrations.path / draft.name / "migration.sql"
    path.write_text(
        'CREATE TRIGGER "note" AFTER INSERT ON "User" BEGIN\n'
        '  INSERT INTO "Log" VALUES (new."id");\nEND;\n'
        'CREATE TRIGGER "other" AFTER INSERT ON "Log" BEGIN SELECT 1; END;\n'
        'CREATE INDEX "named" ON "User" ("name") WHERE "name" IS NOT NULL;\n'
    )
    project.write_schema(
        USER.replace("name  String?", 'name String @default("x")')
        + "model Log {\n  id Int @id\n}\n"
    )
    done = await project.dev("required")
    script = project.migrations.migrations()[2].text()
    assert script.count("CREATE TRIGGER") == script.count("-- MakeAnew") == 1
    assert done.created
    project.run("INSERT INTO \"User\" (email) VALUES ('a@x')")
    assert project.query('SELECT "id" FROM "Log"') == [("1",)]
    made = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger' OR sql LIKE '% WHERE %' ORDER BY 1"
    )
    assert project.query(made) == [("named",), ("note",), ("other",)]
    assert (await project.dev()).created == ()


async def test_an_extension_is_made_once(postgresql_project: Project) -> None:
    project = postgresql_project
    project.write_schema("model T {\n  id Int @id\n  mail String @db.Citext\n}\n")
    text = project.schema_path.read_text()
    text = text.replace("url      =", "extensions = [citext]\n  url =")
    text = text.replace('prisma-client-py"', 'x"\n  previewFeatures = ["postgresqlExtensions"]')
    project.schema_path.write_text(text)
    await project.dev("init")
    assert 'CREATE EXTENSION IF NOT EXISTS "citext"' in project.migrations.migrations()[0].text()
    assert (await project.dev()).created == ()
    project.schema_path.write_text(text.replace("id Int @id", "id Int @id\n  x Int?"))
    await project.dev("x")
    [_, second] = project.migrations.migrations()
    assert second.text() == '-- AlterTable\nALTER TABLE "T" ADD COLUMN     "x" INTEGER;\n'
    await project.dev("draft", create_only=True)
    assert project.migrations.migrations()[2].text() == "-- This is an empty migration."


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("init", "init"),
        ("Add User's e-mail", "add_users_e_mail"),
        ("addUserAge", "add_user_age"),
        ("Größe & Höhe", "groesse_and_hoehe"),
        ("  ", ""),
        ("x" * 300, "x" * 200),
    ],
)
def test_a_name_becomes_part_of_a_path(given: str, expected: str) -> None:
    assert slug(given) == expected

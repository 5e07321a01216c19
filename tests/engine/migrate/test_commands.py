"""push, pull, execute, status, resolve, reset, diff, as functions."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from backend.engine.errors import EngineError
from backend.engine.migrate.diff import Side, diff
from backend.engine.migrate.execute import execute
from backend.engine.migrate.pull import pull, with_blocks_of
from backend.engine.migrate.push import push
from backend.engine.migrate.reset import reset
from backend.engine.migrate.resolve import mark_applied, mark_rolled_back
from backend.engine.migrate.status import status
from tests.engine.migrate.project import Project
from tests.engine.migrate.test_dev import USER

pytestmark = pytest.mark.anyio

ANN = "INSERT INTO \"User\" (email, name) VALUES ('a@x', 'Ann')"


async def test_push_makes_what_the_schema_says(project: Project) -> None:
    project.write_schema(USER)
    assert (await push(project.open())).steps > 0
    assert project.tables() == {"User"}
    assert (await push(project.open())).steps == 0


async def test_push_loses_no_data_unless_told_to(project: Project) -> None:
    project.write_schema(USER)
    await push(project.open())
    project.run(ANN)
    project.write_schema(USER.replace("  name  String?\n", ""))
    found = await push(project.open())
    assert found.steps == 0
    assert found.warnings == (
        "You are about to drop the column `name` on the `User` table, "
        "which still contains 1 non-null values.",
    )
    assert project.query('SELECT "name" FROM "User"') == [("Ann",)]
    assert (await push(project.open(), accept_data_loss=True)).steps > 0
    assert project.query('SELECT "email" FROM "User"') == [("a@x",)]


async def test_push_says_what_the_rows_make_impossible(project: Project) -> None:
    project.write_schema(USER)
    await push(project.open())
    project.run(ANN)
    project.write_schema(USER.replace("name  String?", "name  String?\n  age Int"))
    found = await push(project.open(), accept_data_loss=True)
    assert found.steps == 0
    assert "Added the required column `age` to the `User` table" in found.unexecutable[0]
    assert (await push(project.open(), force_reset=True)).steps > 0
    assert project.query('SELECT count("age") FROM "User"') == [("0",)]


async def test_push_names_what_the_database_refused(project: Project) -> None:
    project.write_schema(USER.replace("@unique", ""))
    await push(project.open())
    project.run(f"{ANN}; {ANN};")
    project.write_schema(USER)
    with pytest.raises(EngineError) as caught:
        await push(project.open(), accept_data_loss=True)
    assert "email" in caught.value.message
    assert "sql_schema_connector" not in caught.value.message
    assert len(project.query('SELECT * FROM "User"')) == 2


async def test_push_on_sqlite_does_all_or_nothing(sqlite_project: Project) -> None:
    project = sqlite_project
    project.write_schema(USER.replace("@unique", ""))
    await push(project.open())
    project.run(f"{ANN}; {ANN};")
    before = project.query("SELECT name, sql FROM sqlite_master ORDER BY name")
    project.write_schema(
        USER.replace("name  String?", 'name String @default("x")') + "model B {\n  id Int @id\n}\n"
    )
    with pytest.raises(EngineError):
        await push(project.open(), accept_data_loss=True)
    assert project.query("SELECT name, sql FROM sqlite_master ORDER BY name") == before
    assert project.query('SELECT "name" FROM "User"') == [("Ann",), ("Ann",)]


async def test_pull_reads_the_schema_of_the_database(project: Project) -> None:
    project.write_schema(USER)
    await push(project.open())
    before = project.schema_path.read_text()
    project.write_schema("")
    pulled = await pull(project.open())
    assert pulled.models == 1
    assert "model User {" in pulled.schema
    assert "@unique" in pulled.schema
    assert 'url      = env("DATABASE_URL")' in pulled.schema
    assert project.schema_path.read_text() != before


async def test_pull_of_an_empty_database_is_p4001(project: Project) -> None:
    await project.deploy()
    with pytest.raises(EngineError) as caught:
        await pull(project.open())
    assert caught.value.code == "P4001"


def test_pull_keeps_the_other_blocks_of_a_schema() -> None:
    before = 'generator client {\n  a = -1\n}\n\ndatasource db {\n  url = env("X")\n}\n'
    after = 'generator client {\n  a = "-1"\n}\n\ndatasource db {\n}\n\nmodel A {\n  id Int\n}\n'
    assert with_blocks_of(before, after) == before + "\nmodel A {\n  id Int\n}\n"


async def test_execute_runs_a_script_and_names_what_fails(project: Project) -> None:
    await project.deploy()
    await execute(project.open(), 'CREATE TABLE "a" ("id" INTEGER); INSERT INTO "a" VALUES (1);')
    assert project.query('SELECT * FROM "a"') == [("1",)]
    with pytest.raises(EngineError) as caught:
        await execute(project.open(), 'INSERT INTO "a" VALUES (2);\nINSERT INTO "b" VALUES (1);')
    assert caught.value.meta["line"] == 2
    assert "Line 2 of the script" in caught.value.message
    assert project.query('SELECT * FROM "a"') == [("1",)]


async def test_execute_makes_no_database(project: Project) -> None:
    with pytest.raises(EngineError) as caught:
        await execute(project.open(), "SELECT 1")
    assert caught.value.code == "P1003"


async def test_status_tells_pending_failed_edited_and_missing(project: Project) -> None:
    await project.init(USER)
    [first] = project.migrations.migrations()
    found = await status(project.open())
    assert found.has_history
    assert found.comparison.up_to_date
    project.add_migration("99990101000000_bad", "SELECT * FROM nowhere;\n")
    found = await status(project.open())
    assert [item.name for item in found.comparison.pending] == ["99990101000000_bad"]
    with pytest.raises(EngineError):
        await project.deploy()
    found = await status(project.open())
    assert [row.migration_name for row in found.comparison.failed] == ["99990101000000_bad"]
    path = project.migrations.path
    (path / first.name / "migration.sql").write_text("-- edited")
    (path / "99990101000000_bad").rename(path / "99990101000000_other")
    found = await status(project.open())
    assert found.comparison.edited == (first.name,)
    assert found.comparison.last_common == first.name
    assert [item.name for item in found.comparison.pending] == ["99990101000000_other"]


async def test_resolve_mends_a_failed_migration(project: Project) -> None:
    await project.init(USER)
    name = "99990101000000_bad"
    project.add_migration(name, "SELECT * FROM nowhere;\n")
    with pytest.raises(EngineError):
        await project.deploy()
    await mark_rolled_back(project.open(), name)
    (project.migrations.path / name / "migration.sql").write_text("SELECT 1;\n")
    assert (await project.deploy()).applied == (name,)
    for act, code in ((mark_rolled_back, "P3012"), (mark_applied, "P3008")):
        with pytest.raises(EngineError) as caught:
            await act(project.open(), name)
        assert caught.value.code == code


async def test_resolve_records_what_was_done_by_hand(project: Project) -> None:
    await project.init(USER)
    name = "99990101000000_bad"
    project.add_migration(name, "SELECT * FROM nowhere;\n")
    with pytest.raises(EngineError):
        await project.deploy()
    await mark_applied(project.open(), name)
    assert (await project.deploy()).applied == ()
    rows = project.query(
        "SELECT finished_at IS NOT NULL, rolled_back_at IS NOT NULL, applied_steps_count"
        f" FROM _prisma_migrations WHERE migration_name = '{name}' ORDER BY started_at"
    )
    yes, no = ("1", "0") if project.is_sqlite else ("t", "f")
    assert rows == [(no, yes, "0"), (yes, no, "0")]


async def test_resolve_baselines_a_database_that_has_its_tables(project: Project) -> None:
    project.write_schema(USER)
    await push(project.open())
    project.add_migration("20260101000000_init", "SELECT * FROM nowhere;\n")
    with pytest.raises(EngineError) as caught:
        await project.deploy()
    assert caught.value.code == "P3005"
    await mark_applied(project.open(), "20260101000000_init")
    assert (await project.deploy()).applied == ()


async def test_resolve_knows_unknown_names(project: Project) -> None:
    await project.init(USER)
    for act, code in ((mark_applied, "P3017"), (mark_rolled_back, "P3011")):
        with pytest.raises(EngineError) as caught:
            await act(project.open(), "20200101000000_unknown")
        assert caught.value.code == code


async def test_reset_drops_everything_and_applies_all(project: Project) -> None:
    await project.init(USER)
    project.run(f'{ANN}; CREATE TABLE "stray" ("id" INTEGER); CREATE VIEW "v" AS SELECT 1;')
    done = await reset(project.open())
    assert len(done.applied) == 1
    assert project.tables() == {"User", "_prisma_migrations"}
    assert project.query('SELECT count(*) FROM "User"') == [("0",)]
    assert (await project.dev()).created == ()


async def test_diff_of_every_kind_of_side(project: Project, shadow_url: str) -> None:
    await project.init(USER)
    sides = {
        "empty": Side("empty"),
        "schema": Side("schema", project.schema_path),
        "migrations": Side("migrations", project.migrations.path),
        "database": Side("database", url=project.url),
    }
    opened = project.open()
    for first, second in itertools.permutations(sides, 2):
        found = await diff(
            sides[first],
            sides[second],
            script=False,
            config=opened.config,
            base=project.schema_path.parent,
            shadow_url=shadow_url,
            log=project.said.append,
        )
        assert found.is_empty == ("empty" not in (first, second)), (first, second, found.text)


async def test_a_shadow_database_that_is_the_main_one_is_refused(
    postgresql_project: Project,
) -> None:
    project = postgresql_project
    assert project.sql is not None
    await project.init(USER, ANN)
    project.write_schema(USER.replace("name  String?", "age Int?"))
    for shadow_url in (project.url, project.sql.server.url(project.database, tcp=True)):
        with pytest.raises(EngineError, match="the same as the main database"):
            await project.dev(shadow_url=shadow_url)
    assert project.query('SELECT "name" FROM "User"') == [("Ann",)]


async def test_diff_writes_a_script(project: Project, tmp_path: Path) -> None:
    await project.init(USER)
    other = tmp_path / "other.prisma"
    text = project.schema_path.read_text()
    other.write_text(text.replace("name  String?", "name  String?\n  age Int?"))
    found = await diff(
        Side("database", url=project.url),
        Side("schema", other),
        script=True,
        config=project.open().config,
        base=project.schema_path.parent,
        log=project.said.append,
    )
    assert not found.is_empty
    await execute(project.open(), found.text)
    assert project.query('SELECT "age" FROM "User"') == []


async def test_no_password_is_ever_shown(postgresql_project: Project) -> None:
    project = postgresql_project
    assert project.sql is not None
    for url in (
        project.sql.server.url("nowhere", tcp=True).replace("%C3%A9", "secret"),
        "postgresql://somebody:secret@127.0.0.1:1/db",
        "postgresql://somebody:secret@127.0.0.1:1/db?sslmode=wrong",
    ):
        project.url = url
        with pytest.raises(EngineError) as caught:
            await status(project.open())
        assert caught.value.code in ("P1000", "P1001", "P1013")
        assert "secret" not in f"{caught.value}{caught.value.meta}{project.said}"

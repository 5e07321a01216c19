"""Tables that Prisma does not model: left alone, and never taken for drift."""

from __future__ import annotations

import re

import pytest

from backend.engine.errors import EngineError
from backend.engine.migrate.config import load_config
from backend.engine.migrate.diff import Side
from backend.engine.migrate.pull import pull
from backend.engine.migrate.push import push
from tests.engine.migrate.project import Project

pytestmark = pytest.mark.anyio

NOTE = "model Note {\n  id   Int    @id\n  text String\n}\n"
NOTE_WITH_TITLE = NOTE.replace("text String", 'text String\n  title String @default("")')

SEARCH = {
    "sqlite": (
        'CREATE VIRTUAL TABLE "note_search" USING fts5("text", content=\'Note\');\n'
        'CREATE TRIGGER "note_added" AFTER INSERT ON "Note" BEGIN\n'
        '  INSERT INTO "note_search" (rowid, "text") VALUES (new."id", new."text");\nEND;\n'
    ),
    "postgresql": (
        'CREATE TABLE "note_search" ("id" INTEGER PRIMARY KEY, "words" tsvector);\n'
        'CREATE INDEX "note_search_words" ON "note_search" USING gin ("words");\n'
        "CREATE FUNCTION note_added() RETURNS trigger AS $$\nBEGIN\n"
        '  INSERT INTO "note_search" VALUES (new."id", to_tsvector(new."text"));\n'
        "  RETURN new;\nEND;\n$$ LANGUAGE plpgsql;\n"
        'CREATE TRIGGER "note_added" AFTER INSERT ON "Note"\n'
        "  FOR EACH ROW EXECUTE FUNCTION note_added();\n"
    ),
}
ADD = "INSERT INTO \"Note\" (id, text) VALUES (1, 'hello world')"
FIND = {
    "sqlite": "SELECT rowid FROM note_search WHERE note_search MATCH 'hello'",
    "postgresql": "SELECT id FROM note_search WHERE words @@ to_tsquery('hello')",
}


def name_external(project: Project, *names: str) -> None:
    listed = ", ".join(f'"{name}"' for name in names)
    path = project.schema_path.parent / "prisma.toml"
    path.write_text(f"[tables]\nexternal = [{listed}]\n")


async def with_search(project: Project) -> None:
    """A history of a model and of the hand-written search beside it."""
    await project.begin(NOTE)
    project.add_migration("20260102000000_search", SEARCH[project.provider])
    await project.deploy()
    project.run(ADD)


@pytest.mark.parametrize("name", ["note_search", "note_*"])
async def test_they_are_no_drift_and_survive_a_migration(project: Project, name: str) -> None:
    name_external(project, name)
    await with_search(project)
    assert (await project.dev()).created == ()
    project.write_schema(NOTE_WITH_TITLE)
    done = await project.dev("title")
    assert project.warned == []
    [script] = [item.text() for item in project.migrations.migrations() if item.name == done.name]
    assert "note_search" not in script.replace('INSERT INTO "note_search"', "")
    project.run(ADD.replace("1, 'hello", "2, 'hello"))
    assert project.query(f"{FIND[project.provider]} ORDER BY 1") == [("1",), ("2",)]


async def test_unnamed_they_would_be_dropped_with_a_warning(postgresql_project: Project) -> None:
    project = postgresql_project
    await with_search(project)
    await project.dev("unnamed")
    assert 'DROP TABLE "note_search"' in project.migrations.migrations()[2].text()
    assert project.warned == [
        "You are about to drop the `note_search` table, which is not empty (1 rows)."
    ]


async def test_virtual_tables_of_sqlite_need_not_be_named(sqlite_project: Project) -> None:
    await with_search(sqlite_project)
    assert (await sqlite_project.dev()).created == ()
    assert "note_search" not in (await pull(sqlite_project.open())).schema
    sqlite_project.write_schema(NOTE_WITH_TITLE)
    assert (await push(sqlite_project.open())).warnings == ()
    assert sqlite_project.query(FIND["sqlite"]) == [("1",)]


async def test_push_leaves_them_alone(project: Project) -> None:
    name_external(project, "note_search")
    await with_search(project)
    project.write_schema(NOTE_WITH_TITLE)
    found = await push(project.open())
    assert found.warnings == ()
    assert project.query(FIND[project.provider]) == [("1",)]


async def test_a_fresh_database_gets_them_from_the_history(project: Project) -> None:
    name_external(project, "note_search")
    await with_search(project)
    migrations = Side("migrations", project.migrations.path)
    there = Side("database", url=project.url)
    assert await project.difference(there, Side("schema", project.schema_path)) == ""
    if project.is_sqlite:
        assert await project.difference(migrations, there) == ""


async def test_pull_makes_no_models_of_them(project: Project) -> None:
    name_external(project, "note_search")
    await with_search(project)
    pulled = await pull(project.open())
    assert "model Note {" in pulled.schema
    assert "note_search" not in pulled.schema


async def test_pull_leaves_out_what_leads_to_them(postgresql_project: Project) -> None:
    project = postgresql_project
    name_external(project, "note_search", "kinds")
    await project.begin(NOTE)
    project.run(
        "CREATE TYPE kind AS ENUM ('a');"
        'CREATE TABLE "note_search" ("id" INTEGER PRIMARY KEY REFERENCES "Note" ("id"));'
        'CREATE TABLE "kinds" ("id" INTEGER PRIMARY KEY, "kind" kind);'
    )
    path = project.schema_path.parent / "prisma.toml"
    path.write_text(path.read_text() + '[enums]\nexternal = ["kind"]\n')
    pulled = await pull(project.open())
    assert re.findall(r"^\w+ \w+ \{", pulled.schema, re.MULTILINE) == [
        "generator client {",
        "datasource db {",
        "model Note {",
    ]
    assert "kind" not in pulled.schema
    assert "note_search" not in pulled.schema


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[tables", "Expected"),
        ("[tables]\nextern = []", "unknown setting tables.extern (known: external)"),
        ("[tables]\nexternal = [1]", "tables.external must be a list of strings"),
        ("tables = 1", "tables must be a table"),
        ('[migrations]\nproviders = ["mysql"]', "unknown provider 'mysql'"),
        ("[migrations]\npath = 1", "migrations.path must be a string"),
        ("[other]", "unknown setting other"),
    ],
)
def test_what_prisma_toml_cannot_say_is_named(
    sqlite_project: Project, text: str, says: str
) -> None:
    path = sqlite_project.schema_path.parent / "prisma.toml"
    path.write_text(text)
    with pytest.raises(EngineError) as caught:
        load_config(sqlite_project.schema_path)
    assert str(path) in caught.value.message
    assert says in caught.value.message

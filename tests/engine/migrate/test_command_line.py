"""The commands as their users run them: what they print, and their exit codes."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from backend import cli
from backend.core.config import Settings
from backend.engine.cli import prisma
from tests.engine.migrate.project import Project
from tests.engine.migrate.test_dev import USER

ROOT = Path(__file__).resolve().parents[3]
_NOT_OURS = shutil.ignore_patterns("node_modules", "*.db*")

MORE = USER.replace("name  String?", "name  String?\n  age Int?")
LESS = USER.replace("  name  String?\n", "")
ANN = "INSERT INTO \"User\" (email, name) VALUES ('a@x', 'Ann')"


class Terminal:
    """Runs commands in the project's folder, without a person at the terminal."""

    def __init__(
        self, project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.out = self.err = ""
        self._capsys = capsys
        monkeypatch.chdir(project.folder)
        monkeypatch.setenv("DATABASE_URL", project.url)
        monkeypatch.setattr("sys.stdin", io.StringIO())

    def run(self, *words: str) -> int:
        self._capsys.readouterr()
        try:
            code = cli.main(words)
        except SystemExit as exited:
            code = int(exited.code or 0)
        self.out, self.err = self._capsys.readouterr()
        return code


@pytest.fixture
def terminal(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Terminal:
    return Terminal(project, capsys, monkeypatch)


def begin(project: Project, rows: str = "") -> None:
    asyncio.run(project.begin(USER, rows))


def test_deploy(project: Project, terminal: Terminal) -> None:
    begin(project)
    project.add_migration("20260102000000_two", 'CREATE TABLE "two" ("id" INTEGER);\n')
    assert terminal.run("migrate", "deploy") == 0
    assert terminal.out.startswith('Datasource "db": ')
    assert "Applying migration `20260102000000_two`\n" in terminal.out
    assert terminal.out.endswith(
        "\n2 migrations found in prisma/migrations\n\n"
        "The following migration(s) have been applied:\n\n"
        "migrations/\n  └─ 20260102000000_two/\n    └─ migration.sql\n\n"
        "All migrations have been successfully applied.\n"
    )
    assert terminal.run("migrate", "deploy") == 0
    assert terminal.out.endswith("\nNo pending migrations to apply.\n")
    assert terminal.err == ""
    assert terminal.run("migrate", "deploy", "--json") == 0
    assert json.loads(terminal.out) == {"found": 2, "applied": [], "edited": [], "missing": []}


def test_deploy_that_fails(project: Project, terminal: Terminal) -> None:
    begin(project)
    project.add_migration("20260102000000_bad", "SELECT 1;\nSELECT * FROM nowhere;\n")
    assert terminal.run("migrate", "deploy") == 1
    assert terminal.err.startswith("Error: P3018\n\nA migration failed to apply. New migrations ")
    assert "Line 2 of 20260102000000_bad/migration.sql:\n  SELECT * FROM nowhere\n" in terminal.err
    assert terminal.run("migrate", "deploy", "--json") == 1
    assert json.loads(terminal.out)["error"]["code"] == "P3009"
    assert terminal.run("migrate", "status") == 1
    assert "Following migration have failed:\n20260102000000_bad\n" in terminal.err
    assert terminal.run("migrate", "resolve", "--rolled-back", "20260102000000_bad") == 0
    assert "Migration 20260102000000_bad marked as rolled back.\n" in terminal.out
    assert terminal.run("migrate", "resolve", "--applied", "20260102000000_bad") == 0
    assert terminal.run("migrate", "status") == 0
    assert terminal.out.endswith("\nDatabase schema is up to date!\n")


def test_status(project: Project, terminal: Terminal) -> None:
    begin(project)
    assert terminal.run("migrate", "status", "--json") == 0
    assert json.loads(terminal.out)["isUpToDate"] is True
    path = project.migrations.path
    (path / "20260101000000_init").rename(path / "20260101000000_renamed")
    assert terminal.run("migrate", "status") == 1
    assert "not found locally:\n20260101000000_init\n" in terminal.err
    assert "have not yet been applied:\n20260101000000_renamed\n" in terminal.err
    assert terminal.run("migrate", "status", "--json") == 1
    assert json.loads(terminal.out)["missing"] == ["20260101000000_init"]


def test_status_of_a_database_that_is_not_managed(project: Project, terminal: Terminal) -> None:
    asyncio.run(project.deploy())
    assert terminal.run("migrate", "status") == 1
    assert "The current database is not managed by Prisma Migrate." in terminal.err
    project.add_migration("20260101000000_init", "SELECT 1;\n")
    assert terminal.run("migrate", "status") == 1
    assert "To apply migrations in production run memory-mirror migrate deploy." in terminal.out


def test_dev(project: Project, terminal: Terminal) -> None:
    begin(project)
    project.write_schema(MORE)
    assert terminal.run("migrate", "dev", "--name", "Add age", "--skip-generate") == 0
    [_, second] = project.migrations.migrations()
    assert second.name.endswith("_add_age")
    assert f"{second.name}/migration.sql" in terminal.out
    assert terminal.out.endswith("\nYour database is now in sync with your schema.\n")
    assert terminal.run("migrate", "dev", "--skip-generate") == 0
    assert "Already in sync, no schema change or pending migration was found." in terminal.out


def test_dev_that_would_lose_data_needs_a_flag(project: Project, terminal: Terminal) -> None:
    begin(project, ANN)
    project.write_schema(LESS)
    assert terminal.run("migrate", "dev", "--name", "drop", "--skip-generate") == 1
    assert "  • You are about to drop the column `name`" in terminal.out
    assert "Use the --accept-data-loss flag to ignore them." in terminal.err
    assert project.query('SELECT "name" FROM "User"') == [("Ann",)]
    words = ("migrate", "dev", "--name", "drop", "--accept-data-loss", "--skip-generate", "--json")
    assert terminal.run(*words) == 0
    [created] = json.loads(terminal.out)["created"]
    assert Path(created, "migration.sql").is_file()
    assert project.query('SELECT "email" FROM "User"') == [("a@x",)]


def test_dev_create_only(project: Project, terminal: Terminal) -> None:
    begin(project)
    assert terminal.run("migrate", "dev", "--create-only", "-n", "draft") == 0
    assert "You can now edit it and apply it by running memory-mirror migrate dev." in terminal.out
    assert len(project.query("SELECT id FROM _prisma_migrations")) == 1


def test_dev_on_a_drifted_database_ends_with_130(project: Project, terminal: Terminal) -> None:
    begin(project)
    project.run('CREATE TABLE "stray" ("id" INTEGER PRIMARY KEY)')
    assert terminal.run("migrate", "dev", "--skip-generate") == 130
    assert "Drift detected" in terminal.out
    assert "You may use memory-mirror migrate reset to drop the development" in terminal.out


def test_reset_needs_force(project: Project, terminal: Terminal) -> None:
    begin(project, ANN)
    assert terminal.run("migrate", "reset") == 1
    assert "Use --force to run this command without user interaction." in terminal.err
    assert len(project.query('SELECT * FROM "User"')) == 1
    assert terminal.run("migrate", "reset", "--force") == 0
    assert "Database reset successful" in terminal.out
    assert project.query('SELECT * FROM "User"') == []


def test_a_person_may_say_yes_or_no(
    project: Project, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(project, ANN)
    answers = iter(["n", "yes", "no", "y", "", "y", "name it"])
    monkeypatch.setattr("builtins.input", lambda question: next(answers))
    for module in ("migrate", "migrate_dev", "db"):
        monkeypatch.setattr(f"backend.engine.cli.{module}.is_interactive", lambda: True)
    assert terminal.run("migrate", "reset") == 130
    assert len(project.query('SELECT * FROM "User"')) == 1
    assert terminal.run("migrate", "reset") == 0
    project.run(ANN)
    project.write_schema(LESS)
    assert terminal.run("db", "push", "--skip-generate") == 130
    assert terminal.out.endswith("Push cancelled.\n")
    assert terminal.run("db", "push", "--skip-generate") == 0
    assert terminal.run("migrate", "reset", "--force") == 0
    project.run(ANN)
    assert terminal.run("migrate", "dev", "--skip-generate") == 130
    assert terminal.out.endswith("Migration cancelled.\n")
    assert terminal.run("migrate", "dev", "--skip-generate") == 0
    assert project.migrations.migrations()[1].name.endswith("_name_it")


def test_push(project: Project, terminal: Terminal) -> None:
    project.write_schema(USER)
    assert terminal.run("db", "push", "--skip-generate") == 0
    assert "\nYour database is now in sync with your Prisma schema. Done in " in terminal.out
    assert terminal.run("db", "push", "--skip-generate") == 0
    assert terminal.out.endswith("\nThe database is already in sync with the Prisma schema.\n")
    project.run(ANN)
    project.write_schema(LESS)
    assert terminal.run("db", "push", "--skip-generate") == 1
    assert "There might be data loss when applying the changes:" in terminal.out
    assert "Use the --accept-data-loss flag to ignore the data loss warnings" in terminal.err
    assert terminal.run("db", "push", "--skip-generate", "--json", "--accept-data-loss") == 0
    assert json.loads(terminal.out)["executedSteps"] > 0
    project.write_schema(LESS.replace("email", "age Int\n  email"))
    assert terminal.run("db", "push", "--skip-generate") == 1
    assert "We found changes that cannot be executed:" in terminal.err
    assert terminal.run("db", "push", "--skip-generate", "--force-reset") == 0
    assert project.query('SELECT * FROM "User"') == []


def test_pull(project: Project, terminal: Terminal) -> None:
    begin(project)
    project.write_schema("")
    before = project.schema_path.read_text()
    assert terminal.run("db", "pull", "--print") == 0
    assert "model User {" in terminal.out
    assert project.schema_path.read_text() == before
    assert terminal.run("db", "pull") == 0
    assert "Introspected 1 model and wrote them into " in terminal.out
    assert "model User {" in project.schema_path.read_text()
    assert terminal.run("validate") == 0


def test_execute(
    project: Project, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begin(project)
    monkeypatch.setattr("sys.stdin", io.StringIO(ANN))
    assert terminal.run("db", "execute", "--stdin") == 0
    assert terminal.out == "Script executed successfully.\n"
    assert len(project.query('SELECT * FROM "User"')) == 1
    script = tmp_path / "script.sql"
    assert terminal.run("db", "execute", "--file", str(script)) == 1
    assert terminal.err == (f"memory-mirror db: Provided --file at {script} doesn't exist.\n")
    script.write_text("SELECT 1;\nSELECT nope;")
    assert terminal.run("db", "execute", "--file", str(script)) == 1
    assert "Line 2 of the script:\n  SELECT nope\n" in terminal.err


def test_diff_and_its_exit_codes(project: Project, terminal: Terminal, tmp_path: Path) -> None:
    begin(project)
    sides = ("--from-config-datasource", "--to-schema", "prisma/schema.prisma")
    assert terminal.run("migrate", "diff", *sides, "--exit-code") == 0
    assert terminal.out == "No difference detected.\n"
    project.write_schema(MORE)
    assert terminal.run("migrate", "diff", *sides) == 0
    assert "[+] Added column `age`" in terminal.out
    assert terminal.run("migrate", "diff", *sides, "--exit-code", "--script") == 2
    assert terminal.out.startswith("-- AlterTable\nALTER TABLE ")
    assert terminal.run("migrate", "diff", *sides, "--script", "-o", str(tmp_path / "out")) == 0
    assert (tmp_path / "out").read_text().startswith("-- AlterTable\nALTER TABLE ")
    assert terminal.run("migrate", "diff", *sides, "--json") == 0
    assert json.loads(terminal.out)["isEmpty"] is False
    assert terminal.run("migrate", "diff", "--from-empty", "--exit-code") == 1
    assert "--to-empty" in terminal.err
    assert terminal.run("migrate", "diff", "--from-empty", "--to-schema", "nowhere") == 1
    two = ("--from-url", project.url, "--to-schema-datasource", "prisma/schema.prisma")
    assert terminal.run("migrate", "diff", *two, "--exit-code") == 0


def test_validate_and_format(sqlite_project: Project, capsys: pytest.CaptureFixture[str],
                             monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    project = sqlite_project
    terminal = Terminal(project, capsys, monkeypatch)
    project.write_schema("model  A {\n id Int   @id\n}")
    assert terminal.run("validate") == 0
    assert terminal.out == f"The schema at {project.schema_path} is valid\n"
    assert terminal.run("format", "--check") == 1
    assert terminal.run("format") == 0
    assert terminal.out.startswith("Formatted prisma/schema.prisma in ")
    assert "model A {\n  id Int @id\n}\n" in project.schema_path.read_text()
    assert terminal.run("format", "--check") == 0
    project.write_schema("model A {\n  id Int @id\n  t String @db.Uuid\n}\n")
    assert terminal.run("validate") == 1
    assert "Native type Uuid is not supported for sqlite connector" in terminal.err
    (project.schema_path.parent / "prisma.toml").write_text(
        '[migrations]\nproviders = ["sqlite", "postgresql"]\n'
    )
    project.write_schema('model A {\n  id Int @id\n  t String @default("x") @db.VarChar(2)\n}\n')
    assert terminal.run("validate") == 1


def test_which_schema_and_which_database(
    sqlite_project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = sqlite_project
    terminal = Terminal(project, capsys, monkeypatch)
    monkeypatch.delenv("DATABASE_URL")
    assert terminal.run("migrate", "status") == 1
    assert terminal.err == "memory-mirror migrate: Environment variable not found: DATABASE_URL\n"
    (project.folder / ".env").write_text("DATABASE_URL=file:./of_env.db\n")
    assert terminal.run("migrate", "deploy") == 0
    assert 'SQLite database "of_env.db" at "file:./of_env.db"' in terminal.out
    assert terminal.run("migrate", "deploy", "--url", "file:./of_flag.db") == 0
    assert (project.schema_path.parent / "of_flag.db").exists()
    assert terminal.run("migrate", "deploy", "--url", "mysql://x") == 1
    assert terminal.err.startswith("Error: P1013\n\n")
    other = project.schema_path.rename(project.folder / "other.prisma")
    assert terminal.run("migrate", "status") == 1
    assert "Could not find a schema.prisma file" in terminal.err
    assert terminal.run("migrate", "deploy", "--schema", "other.prisma") == 0
    assert terminal.run("migrate", "deploy", "--schema", "prisma") == 1
    assert "schemas of several files are not supported" in terminal.err
    text = other.read_text().replace('env("DATABASE_URL")', '"file:./literal.db"')
    other.write_text(text)
    assert terminal.run("migrate", "deploy", "--schema", "other.prisma") == 0
    assert (project.folder / "literal.db").exists()


def test_the_session_of_the_documentation(
    sqlite_project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DATABASE_SETUP.md, "When a migration fails", in which the failing statement is mended."""
    section = (ROOT / "DATABASE_SETUP.md").read_text().partition("\n## When a migration fails\n")[2]
    [session] = re.findall(r"^```text\n(.*?)^```", section.partition("\n## ")[0], re.M | re.S)
    project = sqlite_project
    shutil.rmtree(project.schema_path.parent)
    shutil.copytree(ROOT / "prisma", project.schema_path.parent, ignore=_NOT_OURS)
    terminal = Terminal(project, capsys, monkeypatch)
    assert terminal.run("migrate", "deploy") == 0
    script = project.migrations.path / "sqlite/20260301120000_notes/migration.sql"
    script.parent.mkdir()
    script.write_text('CREATE TABLE "note" ("id" INTEGER);\nINSERT INTO "notes" VALUES (1);\n')
    shown = ""
    for line in re.findall(r"^\$ memory-mirror (.*)$", session, re.M):
        terminal.run(*shlex.split(line))
        shown += f"$ memory-mirror {line}\n{terminal.out}{terminal.err}"
        if "--rolled-back" in line:
            script.write_text('CREATE TABLE "note" ("id" INTEGER);\n')
    assert _without_what_changes(shown) == _without_what_changes(session)


def _without_what_changes(session: str) -> str:
    session = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ UTC", "TIME", session)
    return re.sub(r"\d+ migrations found", "N migrations found", session)


def test_where_the_shadow_database_is_named(
    sqlite_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema, nothing = sqlite_project.schema_path, argparse.Namespace()
    flag = argparse.Namespace(shadow_database_url="flag")
    environment = {"SHADOW_DATABASE_URL": "usual", "OTHER": "other"}
    assert prisma.shadow_url(nothing, schema, {}) is None
    assert prisma.shadow_url(nothing, schema, environment) == "usual"
    assert prisma.shadow_url(flag, schema, environment) == "flag"
    text = schema.read_text()
    schema.write_text(text.replace("url      =", 'shadowDatabaseUrl = env("OTHER")\n  url ='))
    assert prisma.shadow_url(nothing, schema, environment) == "other"


def test_own_default_is_that_of_the_service() -> None:
    default = Settings.model_fields["database_url"].default
    assert default.get_secret_value() == prisma.OWN_DEFAULT_URL


@pytest.mark.parametrize(
    ("schema", "url", "environment", "expected"),
    [
        ("", "file:./a.db", {"DIRECT_URL": "postgresql://direct"}, "file:./a.db"),
        ("", "postgresql://a/b", {"DIRECT_URL": "postgresql://direct"}, "postgresql://a/b"),
        ("", "postgresql://a/b?pgbouncer=true", {"DIRECT_URL": "postgresql://c"}, "postgresql://c"),
        ("", "postgresql://a/b?pgbouncer=true", {}, "postgresql://a/b?pgbouncer=true"),
        ('directUrl = env("D")', "postgresql://a/b", {"D": "postgresql://c"}, "postgresql://c"),
        ('directUrl = env("D")', "postgresql://a/b", {}, "postgresql://a/b"),
    ],
)
def test_migrations_go_around_a_pooler(
    schema: str, url: str, environment: dict[str, str], expected: str
) -> None:
    text = f'datasource db {{\n  url = env("DATABASE_URL")\n  {schema}\n}}\n'
    assert prisma.direct_url(text, url, environment) == expected

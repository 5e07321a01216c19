"""What the documents say holds: settings, commands, files."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from backend.cli import COMMANDS
from backend.core.caller import SCOPES
from backend.core.config import Settings
from backend.engine.drivers.postgresql.url import parse_url

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "DATABASE_SETUP.md", "docs/security.md", "docs/twelvelabs.md")


def test_env_example_equals_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    entries = re.findall(r"((?:^# .*\n)+)^([A-Z_]+)=.*$", example, re.M)
    said = {name: " ".join(re.findall("^# (.*)$", text, re.M)) for text, name in entries}
    fields = Settings.model_fields
    assert said == {name.upper(): field.description for name, field in fields.items()}

    for name in said:
        monkeypatch.delenv(name, raising=False)
    nothing_set = Settings(_env_file=None)  # type: ignore[call-arg]
    assert Settings(_env_file=ROOT / ".env.example") == nothing_set  # type: ignore[call-arg]


def test_the_table_of_scopes_names_them_all() -> None:
    text = (ROOT / "docs" / "security.md").read_text("utf-8")
    section = text.partition("\n## Scopes\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, re.M)
    assert set(re.findall(r"`([\w:]+)`", " ".join(rows))) == set(SCOPES)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_that_a_document_names_exist(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.M)) <= targets
    assert set(re.findall(r"\bmemory-mirror ([a-z]+)", text)) <= set(COMMANDS)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_that_a_document_names_exist(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    linked = set(re.findall(r"\]\(([^)#:]+)\)", text))
    assert [
        path for path in sorted(linked) if not (ROOT / name).parent.joinpath(path).exists()
    ] == []
    named = set(re.findall(r"`((?:backend|prisma|tests|bench|oracle)/[\w./-]*)`", text))
    named = {path for path in named if not path.endswith(".db")}  # made by the first run
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_the_table_of_url_parameters_holds() -> None:
    text = (ROOT / "DATABASE_SETUP.md").read_text("utf-8")
    section = text.partition("\n## PostgreSQL\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \| (.*?)\|", section, re.M)
    named = [name for names, _ in rows for name in re.findall(r"`(\w+)`", names)]
    given = {"pgbouncer": "true", "sslmode": "prefer", "sslaccept": "strict", "host": "/tmp"}
    query = "&".join(f"{name}={given.get(name, 1)}" for name in named)
    assert parse_url(f"postgresql://localhost/x?{query}").unknown == ()

    defaults = {name.strip("`"): said.strip("` ") for name, said in rows if said.strip()}
    settings = parse_url("postgresql://localhost/x")
    assert defaults.pop("connection_limit") == "2 x CPUs + 1"
    assert settings.connection_limit == 2 * (os.cpu_count() or 1) + 1
    said = {name: getattr(settings, name) for name in defaults}
    assert defaults == {name: _as_written(value) for name, value in said.items()}


def _as_written(value: object) -> str:
    if value is None:
        return "0"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)

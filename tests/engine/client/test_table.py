"""The table of operations in the engine's README: complete, and every cell a test that exists."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from tests.engine.client.worlds import package_of

FOLDER = Path(__file__).parent
README = FOLDER.parents[2] / "backend/engine/README.md"
SECTION = README.read_text().partition("## Every operation")[2]
FILES = sorted(FOLDER.glob("test_*.py"))


def rows() -> list[tuple[str, str, str, str]]:
    """File, operation, and the cells for SQLite and PostgreSQL."""
    found, file = [], ""
    for line in SECTION.splitlines():
        if heading := re.fullmatch(r"\*\*.*\*\* \(`(test_\w+\.py)`\)", line):
            file = heading[1]
        elif line.startswith("| ") and not line.startswith("| operation"):
            operation, sqlite, postgresql = line.strip("| ").split(" | ")
            found.append((file, operation, sqlite, postgresql))
    return found


def names_in(file: str) -> set[str]:
    tree = ast.parse((FOLDER / file).read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree.body if isinstance(node, kinds) and "test_" in node.name}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[1])
def test_every_cell_names_a_test(row: tuple[str, str, str, str]) -> None:
    file, _, sqlite, postgresql = row
    name = postgresql.strip("`").removesuffix("[postgresql]")
    assert postgresql == f"`{name}[postgresql]`"
    assert name in names_in(file)
    postgresql_only = file == "test_postgresql_only.py"
    assert sqlite == ("not in Prisma" if postgresql_only else f"`{name}[sqlite]`")


def test_every_test_has_a_row() -> None:
    named = {postgresql.strip("`").partition("[")[0] for _, _, _, postgresql in rows()}
    written = set().union(*(names_in(file.name) for file in FILES if file != Path(__file__)))
    assert written == named


def test_every_method_of_the_generated_client_has_a_row() -> None:
    package: Any = package_of("blog")

    def methods(owner: type) -> set[str]:
        members = inspect.getmembers(owner, inspect.isfunction)
        return {name for name, _ in members if not name.startswith("_") and name != "commit"}

    offered = methods(package.actions.UserActions) | methods(package.Prisma)
    offered |= methods(package.client.Batch) | methods(package.client.UserBatchActions)
    named = set(re.findall(r"`(\w+)`", " ".join(operation for _, operation, _, _ in rows())))
    assert offered - named == set()

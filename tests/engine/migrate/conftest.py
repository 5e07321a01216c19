from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.engine.wasm import modules
from backend.engine.wasm.modules import LoadedModule
from backend.engine.wasm.packages import locate
from tests.engine.migrate.project import Project
from tests.postgres import PostgresServer


@pytest.fixture(scope="session", autouse=True)
def _schema_engine_module() -> LoadedModule:
    """Kept in memory: a module that nobody holds is read from the disk again."""
    packages = locate(Path(__file__).resolve().parents[3] / "prisma" / "schema.prisma")
    return modules.load(packages / "@prisma/schema-engine-wasm/schema_engine_bg.wasm")


@pytest.fixture
def sqlite_project(tmp_path: Path) -> Project:
    """A project without models or migrations; its database does not exist yet."""
    project = Project(tmp_path, "sqlite", "file:./dev.db", "dev.db")
    project.write_schema("")
    return project


@pytest.fixture
def postgresql_project(tmp_path: Path, postgres_server: PostgresServer) -> Iterator[Project]:
    name = f"migrate_{secrets.token_hex(6)}"
    project = Project(tmp_path, "postgresql", postgres_server.url(name), name, postgres_server)
    project.write_schema("")
    yield project
    postgres_server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def project(request: pytest.FixtureRequest) -> Project:
    found: Project = request.getfixturevalue(f"{request.param}_project")
    return found


@pytest.fixture
def shadow_url(project: Project, postgres_server: PostgresServer) -> Iterator[str]:
    """A PostgreSQL database that may be emptied."""
    name = postgres_server.create_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)

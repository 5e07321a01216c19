from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.engine.wasm import modules
from backend.engine.wasm.modules import LoadedModule
from backend.engine.wasm.packages import locate
from tests.engine.migrate.project import Project
from tests.engine.migrate.sql import Sql
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


@pytest.fixture(scope="session")
def sql(postgres_server: PostgresServer) -> Iterator[Sql]:
    sql = Sql(postgres_server)
    yield sql
    sql.close()


@pytest.fixture
def postgresql_project(tmp_path: Path, sql: Sql) -> Iterator[Project]:
    name = f"migrate_{secrets.token_hex(6)}"
    project = Project(tmp_path, "postgresql", sql.server.url(name), name, sql)
    project.write_schema("")
    yield project
    sql.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def project(request: pytest.FixtureRequest) -> Project:
    found: Project = request.getfixturevalue(f"{request.param}_project")
    return found


@pytest.fixture
def twin(project: Project) -> Iterator[Project]:
    """The same project over a second database, which does not exist yet."""
    if project.sql is None:
        yield dataclasses.replace(project, url="file:./twin.db", database="twin.db")
        return
    name = f"{project.database}_twin"
    yield dataclasses.replace(project, url=project.sql.server.url(name), database=name)
    project.sql.drop_database(name)


@pytest.fixture
def shadow_url(sql: Sql) -> Iterator[str]:
    """A PostgreSQL database that may be emptied."""
    name = f"shadow_{secrets.token_hex(6)}"
    sql.create_database(name)
    yield sql.server.url(name)
    sql.drop_database(name)

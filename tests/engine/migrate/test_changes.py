"""`migrate dev` on one database with rows, `migrate deploy` on another one like it."""

from __future__ import annotations

import pytest

from backend.engine.migrate.diff import Side
from tests.engine.migrate.changes import CHANGES, Change
from tests.engine.migrate.project import Project, UnexecutableError

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("project", "change"),
    [
        pytest.param(provider, change, id=f"{provider}-{change.name}")
        for change in CHANGES
        for provider in change.providers
    ],
    indirect=["project"],
)
async def test_rows_survive_where_prisma_says_so(
    project: Project, twin: Project, change: Change
) -> None:
    await project.begin(change.before, change.rows)
    twin.create_database()
    await twin.deploy()
    twin.run(change.rows)
    project.write_schema(change.after)
    if project.provider in change.impossible:
        with pytest.raises(UnexecutableError):
            await project.dev()
        assert project.query(change.look) == change.expected
        return
    done = await project.dev()
    assert bool(project.warned) == (project.provider in change.warns), project.warned
    assert bool(done.created) == (project.provider not in change.no_change)
    await twin.deploy()
    for database in (project, twin):
        assert database.query(change.look) == change.expected
    schema, deployed = Side("schema", project.schema_path), Side("database", url=twin.url)
    assert await twin.difference(deployed, schema) == ""

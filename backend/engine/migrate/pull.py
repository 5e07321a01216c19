"""`db pull`: the schema of what is in a database."""

from __future__ import annotations

import re
from dataclasses import dataclass

from backend.engine.errors import EngineError
from backend.engine.migrate.project import Project

_BLOCK = re.compile(r"^(datasource|generator)\s+(\w+)\s*\{.*?^\}", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Pulled:
    schema: str
    warnings: str
    models: int


async def pull(project: Project, *, force: bool = False) -> Pulled:
    """The schema's text with the models of the database. Names and comments of the present
    models are kept unless `force`. Writes nothing. Raises EngineError P4001 when there is no
    table."""
    schema = project.schema()
    async with (
        project.database(create=False) as database,
        project.engine(database, schema=schema) as engine,
    ):
        found = await engine.introspect(schema, force=force, base=project.schema_path.parent)
    [file] = found["schema"]["files"]
    text = with_blocks_of(project.schema_path.read_text(encoding="utf-8"), file["content"])
    models = len(re.findall(r"^model\s", text, re.MULTILINE))
    if not models:
        raise EngineError("P4001", "The introspected database was empty:")
    return Pulled(text, found["warnings"] or "", models)


def with_blocks_of(before: str, after: str) -> str:
    """`after` with the datasource and generator blocks as they stand in `before`: the engine
    saw them without the URL, and writes every value of a generator as a string."""
    blocks = {(match[1], match[2]): match[0] for match in _BLOCK.finditer(before)}
    return _BLOCK.sub(lambda match: blocks.get((match[1], match[2]), match[0]), after)

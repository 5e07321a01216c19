"""`db pull`: the schema of what is in a database."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import EngineError
from .external import External, find_external
from .project import Project

_BLOCK = re.compile(
    r"(?:^///[^\n]*\n)*^(?P<kind>datasource|generator|model|enum|view) (?P<name>\w+) "
    r"\{\n(?P<body>.*?)^\}\n?",
    re.MULTILINE | re.DOTALL,
)
_MAP = re.compile(r'^\s*@@map\("((?:[^"\\]|\\.)*)"\)', re.MULTILINE)


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
    async with project.database(create=False) as database:
        external = await find_external(project.config, [database], ())
        async with project.engine(database, schema=schema) as engine:
            found = await engine.introspect(schema, force=force, base=project.schema_path.parent)
    [file] = found["schema"]["files"]
    text = without_external(file["content"], external)
    text = with_blocks_of(project.schema_path.read_text(encoding="utf-8"), text)
    models = len(re.findall(r"^model\s", text, re.MULTILINE))
    if not models:
        raise EngineError("P4001", "The introspected database was empty:")
    return Pulled(text, found["warnings"] or "", models)


def with_blocks_of(before: str, after: str) -> str:
    """`after` with the datasource and generator blocks as they stand in `before`: the engine
    saw them without the URL, and writes every value of a generator as a string."""
    kept = {
        (block["kind"], block["name"]): block[0]
        for block in _BLOCK.finditer(before)
        if block["kind"] in ("datasource", "generator")
    }
    return _BLOCK.sub(lambda block: kept.get((block["kind"], block["name"]), block[0]), after)


def without_external(schema: str, external: External) -> str:
    """Without the models and enums of what is external, and the fields that lead to them:
    introspection, unlike the engine's other methods, takes no filter."""
    gone = {
        block["name"]
        for block in _BLOCK.finditer(schema)
        if block["kind"] in ("model", "enum", "view") and _is_external(block, external)
    }
    if not gone:
        return schema
    leads_there = re.compile(rf"^\s+\w+\s+(?:{'|'.join(sorted(gone))})(?![\w(]).*\n", re.MULTILINE)

    def kept(block: re.Match[str]) -> str:
        return "" if block["name"] in gone else leads_there.sub("", block[0])

    return re.sub(r"\n{3,}", "\n\n", _BLOCK.sub(kept, schema)).rstrip() + "\n"


def _is_external(block: re.Match[str], external: External) -> bool:
    mapped = _MAP.search(block["body"])
    name = mapped[1] if mapped else block["name"]
    return name in (external.enums if block["kind"] == "enum" else external.tables)

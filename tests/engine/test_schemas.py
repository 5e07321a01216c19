"""The tables that tests and oracle make are those that Prisma's schema engine writes today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backend.engine.migrate.config import MigrateConfig
from backend.engine.migrate.diff import Side, diff

pytestmark = pytest.mark.anyio

SCHEMAS = Path(__file__).with_name("schemas")
SCRIPTS = sorted(path.name for path in SCHEMAS.glob("*.*.sql"))


@pytest.mark.parametrize("script", SCRIPTS)
async def test_the_script_is_what_prisma_writes(script: str, tmp_path: Path) -> None:
    name, provider, _ = script.split(".")
    text = (SCHEMAS / f"{name}.prisma").read_text()
    schema = tmp_path / "schema.prisma"
    schema.write_text(re.sub(r'provider = "(sqlite|postgresql)"', f'provider = "{provider}"', text))
    made = await diff(
        Side("empty"),
        Side("schema", schema),
        script=True,
        config=MigrateConfig(tmp_path),
        base=tmp_path,
        log=lambda message: None,
    )
    assert made.text == (SCHEMAS / script).read_text()

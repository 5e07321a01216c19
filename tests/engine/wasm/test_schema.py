from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.engine.wasm.schema import (
    SchemaError,
    SchemaTools,
    connection_url,
    with_provider,
    without_connection,
)
from tests.engine.wasm.schemas import BLOG


@pytest.fixture
def tools(packages: Path) -> Iterator[SchemaTools]:
    tools = SchemaTools(packages)
    yield tools
    tools.close()


def test_config(tools: SchemaTools) -> None:
    config = tools.get_config(BLOG)
    assert config["datasources"][0]["activeProvider"] == "sqlite"
    assert config["generators"][0]["config"] == {"recursive_type_depth": "-1"}


def test_dmmf(tools: SchemaTools) -> None:
    dmmf = tools.get_dmmf(BLOG)
    assert [model["name"] for model in dmmf["datamodel"]["models"]] == ["User", "Post"]


def test_a_valid_schema_passes(tools: SchemaTools) -> None:
    tools.validate(BLOG)


def test_an_invalid_schema_is_reported_with_its_line(tools: SchemaTools) -> None:
    wrong = BLOG.replace("score Float", "score Flaot")
    line = wrong[: wrong.index("Flaot")].count("\n") + 1
    for ask in (tools.validate, tools.get_dmmf):
        with pytest.raises(SchemaError) as raised:
            ask(wrong)
        assert raised.value.code == "P1012"
        assert 'Type "Flaot" is neither a built-in type' in raised.value.message
        assert f"schema.prisma:{line}\n" in raised.value.message
        assert "\x1b" not in raised.value.message


def test_a_broken_block_is_reported_by_get_config(tools: SchemaTools) -> None:
    with pytest.raises(SchemaError, match="provider"):
        tools.get_config(BLOG.replace('provider = "sqlite"', 'provider = "oracle"'))


def test_format_keeps_the_connection(tools: SchemaTools) -> None:
    formatted = tools.format(BLOG.replace("  url      = ", "url="))
    assert formatted.strip() == BLOG.strip()


def test_the_tools_go_on_after_a_panic(tools: SchemaTools) -> None:
    with pytest.raises(SchemaError, match=r"(?s)panicked: .*missing field `prismaSchema`"):
        tools._ask("validate", "{}")
    tools.validate(BLOG)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (
            'datasource db {\n  provider = "sqlite"\n  url = env("A")\n}\n',
            'datasource db {\n  provider = "sqlite"\n\n}\n',
        ),
        (
            "datasource db {\n"
            '\turl="file:./{a}.db" // one\n\tdirectUrl  =  env("B")\n'
            '  shadowDatabaseUrl = env("C")\n  relationMode = "prisma"\n}\n',
            'datasource db {\n\n\n\n  relationMode = "prisma"\n}\n',
        ),
        ('model M {\n  url = "x"\n}\n', 'model M {\n  url = "x"\n}\n'),
        (
            '// datasource db {\n  url = "x"\n// }\ndatasource db {\n  url = "}"\n}',
            '// datasource db {\n  url = "x"\n// }\ndatasource db {\n\n}',
        ),
        (
            "/* { */ datasource db {\n}\nmodel urls {\n  url = 1\n}",
            "/* { */ datasource db {\n}\nmodel urls {\n  url = 1\n}",
        ),
        ("", ""),
    ],
)
def test_connections_are_blanked(schema: str, expected: str) -> None:
    assert without_connection(schema) == expected


def test_the_provider_is_replaced_in_the_datasource_alone() -> None:
    replaced = with_provider(BLOG, "postgresql")
    assert replaced == BLOG.replace('"sqlite"', '"postgresql"')
    assert 'provider             = "prisma-client-py"' in replaced


@pytest.mark.parametrize(
    ("line", "url"),
    [
        ('url = env("DB")', {"fromEnvVar": "DB", "value": None}),
        ('url="file:./a.db"', {"fromEnvVar": None, "value": "file:./a.db"}),
        ('directUrl = env("B")', {"fromEnvVar": "DATABASE_URL", "value": None}),
    ],
)
def test_the_connection_is_read(line: str, url: dict[str, str | None]) -> None:
    assert connection_url(f"datasource db {{\n  {line}\n}}") == url

from __future__ import annotations

import pytest

from backend.engine.drivers.driver import Provider
from backend.engine.migrate.statements import split

BOTH: list[tuple[str, list[str]]] = [
    ("", []),
    ("-- only a comment\n ; ;\n/* and another; */", []),
    ("SELECT 1", ["SELECT 1"]),
    ("SELECT 1;\n\nSELECT 2;", ["SELECT 1", "SELECT 2"]),
    ("SELECT ';'; SELECT 'it''s;'", ["SELECT ';'", "SELECT 'it''s;'"]),
    ('SELECT ";"; SELECT "a"";"', ['SELECT ";"', 'SELECT "a"";"']),
    ("SELECT 1 -- ; no\n; SELECT 2 /* ; */;", ["SELECT 1", "SELECT 2"]),
    ("SELECT 1 /* it's */; SELECT 2", ["SELECT 1", "SELECT 2"]),
]

SQLITE: list[tuple[str, list[str]]] = [
    ("SELECT [a;b]; SELECT `;`", ["SELECT [a;b]", "SELECT `;`"]),
    (
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n INSERT INTO b VALUES (1);\n"
        " SELECT CASE WHEN 1 THEN 2 END;\nEND;\nSELECT 1;",
        [
            "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n INSERT INTO b VALUES (1);\n"
            " SELECT CASE WHEN 1 THEN 2 END;\nEND",
            "SELECT 1",
        ],
    ),
]

POSTGRESQL: list[tuple[str, list[str]]] = [
    ("SELECT $$;$$; SELECT $a$ $$;$$ $a$;", ["SELECT $$;$$", "SELECT $a$ $$;$$ $a$"]),
    ("SELECT E'\\';'; SELECT e'a\\\\'; SELECT 1", [
        "SELECT E'\\';'", "SELECT e'a\\\\'", "SELECT 1",
    ]),
    ("SELECT 'a\\'; SELECT 2", ["SELECT 'a\\'", "SELECT 2"]),
    ("SELECT 1 /* /* ; */ ; */; SELECT 2", ["SELECT 1", "SELECT 2"]),
    ("PREPARE p AS SELECT $1; SELECT a$b$ FROM c; SELECT 2", [
        "PREPARE p AS SELECT $1", "SELECT a$b$ FROM c", "SELECT 2",
    ]),
    ("CREATE RULE r AS ON INSERT TO a DO (SELECT 1; SELECT 2); SELECT 3", [
        "CREATE RULE r AS ON INSERT TO a DO (SELECT 1; SELECT 2)", "SELECT 3",
    ]),
    (
        "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1;"
        " SELECT CASE WHEN true THEN 1 END; END; SELECT 2",
        [
            "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1;"
            " SELECT CASE WHEN true THEN 1 END; END",
            "SELECT 2",
        ],
    ),
    ("BEGIN; SELECT 1; COMMIT;", ["BEGIN", "SELECT 1", "COMMIT"]),
]  # fmt: skip

CASES: list[tuple[Provider, str, list[str]]] = [
    *(("sqlite", script, expected) for script, expected in BOTH + SQLITE),
    *(("postgresql", script, expected) for script, expected in BOTH + POSTGRESQL),
]


@pytest.mark.parametrize(("provider", "script", "expected"), CASES)
def test_a_script_is_cut_into_its_statements(
    provider: Provider, script: str, expected: list[str]
) -> None:
    assert [statement.text for statement in split(script, provider)] == expected


@pytest.mark.parametrize("provider", ["sqlite", "postgresql"])
def test_a_statement_knows_its_line_and_its_kind(provider: Provider) -> None:
    script = "-- one\n\nCREATE TABLE a (\n b TEXT -- ;\n);\n/* c\n d */ drop  table a; select 1"
    found = [(item.line, item.words[:2]) for item in split(script, provider)]
    assert found == [(3, ("CREATE", "TABLE")), (7, ("DROP", "TABLE")), (7, ("SELECT",))]

"""SQL templates: their text, their arguments, and how long lists are split."""

from __future__ import annotations

from typing import Any

import pytest

from backend.engine.errors import EngineError
from backend.engine.plan.statements import SqlTemplate

STRING = {"arity": "scalar", "scalarType": "string", "dbType": None}
INT = {"arity": "scalar", "scalarType": "int", "dbType": None}
BIGINT = {"arity": "scalar", "scalarType": "bigint", "dbType": None}

TUPLE = {"type": "parameterTuple", "itemPrefix": "", "itemSeparator": ",", "itemSuffix": ""}
ROWS = {
    "type": "parameterTupleList",
    "itemPrefix": "(",
    "itemSeparator": ",",
    "itemSuffix": ")",
    "groupSeparator": ",",
}


def param(name: str) -> dict[str, Any]:
    return {"prisma__type": "param", "prisma__value": {"name": name, "type": "String"}}


def template(
    *fragments: Any,
    args: Any,
    types: Any,
    chunkable: bool = True,
    numbered: bool = False,
    most: int = 4,
) -> SqlTemplate:
    node = {
        "type": "templateSql",
        "fragments": [
            {"type": "stringChunk", "chunk": part} if isinstance(part, str) else part
            for part in fragments
        ],
        "args": args,
        "argTypes": types,
        "placeholderFormat": {"prefix": "$" if numbered else "?", "hasNumbering": numbered},
        "chunkable": chunkable,
    }
    return SqlTemplate(node, returns_rows=True, max_bind_values=most)


def rendered(made: SqlTemplate, **values: Any) -> list[tuple[str, list[Any], list[str]]]:
    return [
        (statement.sql, list(args), [t["scalarType"] for t in statement.arg_types])
        for statement, args in made.render(values)
    ]


PARAMETER = {"type": "parameter"}


def test_a_fixed_text_is_one_statement_for_all_values() -> None:
    made = template(
        "a = ", PARAMETER, " LIMIT ", PARAMETER, args=[param("x"), "10"], types=[STRING, BIGINT]
    )
    assert rendered(made, x="v") == [("a = ? LIMIT ?", ["v", 10], ["string", "bigint"])]
    assert made.render({"x": "v"})[0][0] is made.render({"x": "w"})[0][0]


def test_placeholders_are_numbered_where_the_database_wants_it() -> None:
    made = template(
        "a IN ",
        TUPLE,
        " AND b = ",
        PARAMETER,
        args=[param("x"), 1],
        types=[STRING, INT],
        numbered=True,
    )
    assert rendered(made, x=["p", "q"]) == [
        ("a IN ($1,$2) AND b = $3", ["p", "q", 1], ["string", "string", "int"])
    ]


@pytest.mark.parametrize(
    ("value", "text", "args"),
    [([], "a IN (NULL)", []), ("p", "a IN (?)", ["p"]), (["p", "q"], "a IN (?,?)", ["p", "q"])],
)
def test_a_list_makes_as_many_placeholders(value: Any, text: str, args: list[str]) -> None:
    made = template("a IN ", TUPLE, args=[param("x")], types=[STRING])
    assert rendered(made, x=value) == [(text, args, ["string"] * len(args))]


def test_long_lists_of_many_lengths_share_few_statements() -> None:
    made = template("a IN ", TUPLE, " LIMIT 1", args=[param("x")], types=[INT], most=999)
    lengths = set()
    for length in range(1, 1000):
        ((statement, args),) = made.render({"x": list(range(length))})
        assert list(args) == [*range(length), *[length - 1] * (len(args) - length)]
        assert statement.sql.count("?") == len(statement.arg_types) == len(args) <= 999
        assert length <= 8 or len(args) <= length * 1.25
        lengths.add(len(args))
    assert len(lengths) == 36


def test_rows_of_values_take_their_types_from_the_tuple() -> None:
    pair = {"arity": "tuple", "elements": [STRING, INT]}
    made = template("VALUES ", ROWS, args=[param("x")], types=[pair])
    assert rendered(made, x=[["a", 1], ["b", 2]]) == [
        ("VALUES (?,?),(?,?)", ["a", 1, "b", 2], ["string", "int", "string", "int"])
    ]


def test_a_list_too_long_is_split_and_the_rest_repeated() -> None:
    made = template(
        "a IN ", TUPLE, " AND b = ", PARAMETER, args=[param("x"), param("y")], types=[INT, INT]
    )
    assert rendered(made, x=[1, 2, 3, 4, 5, 6, 7], y=9) == [
        ("a IN (?,?,?) AND b = ?", [1, 2, 3, 9], ["int"] * 4),
        ("a IN (?,?,?) AND b = ?", [4, 5, 6, 9], ["int"] * 4),
        ("a IN (?) AND b = ?", [7, 9], ["int"] * 2),
    ]


def test_rows_too_many_are_split_between_rows() -> None:
    made = template("VALUES ", ROWS, args=[param("x")], types=[INT])
    assert [args for _, args, _ in rendered(made, x=[[1, 2], [3, 4], [5, 6]])] == [
        [1, 2, 3, 4],
        [5, 6],
    ]


@pytest.mark.parametrize(
    ("made", "values"),
    [
        (template("a IN ", TUPLE, args=[param("x")], types=[INT], chunkable=False), [1] * 5),
        (template("VALUES ", ROWS, args=[param("x")], types=[INT]), [[1, 2, 3, 4, 5]]),
    ],
)
def test_what_cannot_be_split_is_refused(made: SqlTemplate, values: Any) -> None:
    with pytest.raises(EngineError) as raised:
        made.render({"x": values})
    assert raised.value.code == "P2029"


def test_a_fixed_text_with_too_many_placeholders_is_refused() -> None:
    with pytest.raises(EngineError) as raised:
        template(*[PARAMETER] * 5, args=[1] * 5, types=[INT] * 5)
    assert raised.value.code == "P2029"


def test_texts_of_many_lengths_do_not_pile_up() -> None:
    node = {
        "type": "templateSql",
        "fragments": [TUPLE],
        "args": [param("x")],
        "argTypes": [INT],
        "placeholderFormat": {"prefix": "?", "hasNumbering": False},
        "chunkable": True,
    }
    made = SqlTemplate(node, returns_rows=True, max_bind_values=999)
    for length in range(200):
        made.render({"x": list(range(length))})
    assert len(made._texts) <= 64


def test_raw_sql_is_left_as_it_is() -> None:
    node = {"type": "rawSql", "sql": "SELECT $1", "args": [1], "argTypes": [INT]}
    made = SqlTemplate(node, returns_rows=True, max_bind_values=4)
    ((statement, args),) = made.render({})
    assert (statement.sql, args, statement.raw) == ("SELECT $1", [1], True)

"""Every kind of node that a plan may hold, lowered and run with given answers."""

from __future__ import annotations

from typing import Any

import pytest

from backend.engine.drivers.driver import Rows
from backend.engine.errors import DriverError, EngineError
from backend.engine.plan.lower import _Lowering, lower_plan

INT = {"arity": "scalar", "scalarType": "int", "dbType": None}


def param(name: str) -> dict[str, Any]:
    return {"prisma__type": "param", "prisma__value": {"name": name, "type": "Int"}}


def sql(text: str, *args: Any) -> dict[str, Any]:
    return {
        "type": "templateSql",
        "fragments": [{"type": "stringChunk", "chunk": text}] + [{"type": "parameter"}] * len(args),
        "args": list(args),
        "argTypes": [INT] * len(args),
        "placeholderFormat": {"prefix": "?", "hasNumbering": False},
        "chunkable": False,
    }


def query(text: str, *args: Any) -> dict[str, Any]:
    return {"type": "query", "args": sql(text, *args)}


def execute(text: str, *args: Any) -> dict[str, Any]:
    return {"type": "execute", "args": sql(text, *args)}


def value(given: Any) -> dict[str, Any]:
    return {"type": "value", "args": given}


def get(name: str) -> dict[str, Any]:
    return {"type": "get", "args": {"name": name}}


def let(name: str, expr: Any, body: Any) -> dict[str, Any]:
    bindings = [{"name": name, "expr": expr}]
    return {"type": "let", "args": {"bindings": bindings, "expr": body}}


def field(column: str, kind: str = "int", arity: str = "required") -> dict[str, Any]:
    return {"type": "field", "dbName": column, "fieldType": {"arity": arity, "type": kind}}


def record(fields: Any, serialized: str | None = None, *, skip_nulls: bool = False) -> Any:
    return {
        "type": "object",
        "serializedName": serialized,
        "fields": fields,
        "skipNulls": skip_nulls,
    }


def data_map(expr: Any, structure: Any, enums: Any = None) -> dict[str, Any]:
    return {
        "type": "dataMap",
        "args": {"expr": expr, "structure": structure, "enums": enums or {}},
    }


def validate(expr: Any, rule: Any, identifier: str, **context: Any) -> dict[str, Any]:
    return {
        "type": "validate",
        "args": {
            "expr": expr,
            "rules": [rule],
            "errorIdentifier": identifier,
            "context": context,
        },
    }


def operations(**given: Any) -> dict[str, Any]:
    nothing = {"pagination": None, "distinct": None, "reverse": False, "linkingFields": None}
    return {**nothing, "nested": {}, **given}


def run(node: Any, answers: Any = (), values: Any = None, **options: Any) -> tuple[Any, list[Any]]:
    """The plan's result, and the statements that it asked for."""
    settings = {"provider": "sqlite", "max_bind_values": 4, "reads_only": False} | options
    plan = lower_plan(node, decoders=lambda field_type: None, **settings)
    program = plan.program(dict(values or {}))
    asked = []
    replies = iter(answers)
    try:
        item = next(program)
        while True:
            asked.append((item[0].sql, list(item[1])))
            reply = next(replies)
            item = program.throw(reply) if isinstance(reply, Exception) else program.send(reply)
    except StopIteration as end:
        return end.value, asked


def rows(*columns: str, records: Any = ()) -> Rows:
    return Rows(columns, list(records))


TWO = rows("id", "name", records=[(1, "a"), (2, "b")])
AS_DICTS = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]

PAIRS = value([{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 1}])

CASES: dict[str, list[tuple[Any, Any, Any]]] = {
    # kind of node: (plan, answers, result)
    "value": [
        (value(3), (), 3),
        (value(param("%1")), (), 7),
        (value([1, param("%1")]), (), [1, 7]),
    ],
    "unit": [({"type": "unit"}, (), None)],
    "get": [(let("x", value(1), get("x")), (), 1)],
    "let": [
        # an inner binding hides the outer one only inside its own expression
        (
            let("x", value(1), {"type": "seq", "args": [let("x", value(2), get("x")), get("x")]}),
            (),
            1,
        ),
        (let("x", query("q"), get("x")), (TWO,), AS_DICTS),
    ],
    "getFirstNonEmpty": [
        (
            let("x", value([]), {"type": "getFirstNonEmpty", "args": {"names": ["no", "x", "%1"]}}),
            (),
            7,
        ),
        ({"type": "getFirstNonEmpty", "args": {"names": ["no"]}}, (), []),
    ],
    "seq": [
        ({"type": "seq", "args": [execute("a"), query("b")]}, (1, TWO), AS_DICTS),
        ({"type": "seq", "args": []}, (), None),
    ],
    "query": [(query("SELECT", param("%1")), (TWO,), AS_DICTS)],
    "execute": [(execute("UPDATE", param("%1")), (5,), 5)],
    "reverse": [
        ({"type": "reverse", "args": value([1, 2])}, (), [2, 1]),
        ({"type": "reverse", "args": value(None)}, (), None),
    ],
    "sum": [({"type": "sum", "args": [execute("a"), execute("b"), value(1)]}, (2, 3), 6)],
    "concat": [({"type": "concat", "args": [query("a"), value(9)]}, (TWO,), [*AS_DICTS, 9])],
    "unique": [
        ({"type": "unique", "args": query("q")}, (rows("id", records=[(1,)]),), {"id": 1}),
        ({"type": "unique", "args": query("q")}, (rows("id"),), None),
    ],
    "required": [({"type": "required", "args": value([1])}, (), [1])],
    "mapField": [
        ({"type": "mapField", "args": {"field": "id", "records": query("q")}}, (TWO,), [1, 2]),
        ({"type": "mapField", "args": {"field": "id", "records": value(None)}}, (), None),
    ],
    "transaction": [({"type": "transaction", "args": execute("a")}, (1,), 1)],
    "dataMap": [
        (
            data_map(query("q"), record({"key": field("id"), "n": record({"m": field("name")})})),
            (TWO,),
            [{"key": 1, "n": {"m": "a"}}, {"key": 2, "n": {"m": "b"}}],
        ),
        (
            data_map({"type": "unique", "args": query("q")}, record({"key": field("id")})),
            (rows("id", records=[(1,)]),),
            {"key": 1},
        ),
        (data_map(execute("q"), {"type": "affectedRows"}), (4,), {"count": 4}),
        (data_map(value(4), {"type": "field", "dbName": "", "fieldType": {"type": "int"}}), (), 4),
        (
            data_map(
                value([{"id": 1, "r": [None, {"id": 2}]}, {"id": 3, "r": None}]),
                record(
                    {"id": field("id"), "many": record({"id": field("id")}, "r", skip_nulls=True)}
                ),
            ),
            (),
            [{"id": 1, "many": [{"id": 2}]}, {"id": 3, "many": None}],
        ),
        (
            data_map(
                query("q"),
                record(
                    {
                        "role": {
                            "type": "field",
                            "dbName": "role",
                            "fieldType": {"arity": "optional", "type": "enum", "name": "Role"},
                        },
                        "tags": field("tags", "string", "list"),
                    }
                ),
                {"Role": {"admin": "ADMIN"}},
            ),
            (rows("role", "tags", records=[("admin", ["x"]), (None, None)]),),
            [{"role": "ADMIN", "tags": ["x"]}, {"role": None, "tags": []}],
        ),
    ],
    "validate": [
        (
            validate(query("q"), {"type": "rowCountNeq", "args": 0}, "MISSING_RECORD"),
            (TWO,),
            AS_DICTS,
        ),
        (validate(value(2), {"type": "affectedRowCountEq", "args": 2}, "MISSING_RECORD"), (), 2),
    ],
    "if": [
        (
            {
                "type": "if",
                "args": {
                    "value": query("q"),
                    "rule": {"type": "rowCountEq", "args": count},
                    "then": value("then"),
                    "else": execute("else"),
                },
            },
            (TWO, 1),
            result,
        )
        for count, result in ((2, "then"), (0, 1))
    ],
    "diff": [
        (
            {"type": "diff", "args": {"from": query("a"), "to": query("b"), "fields": ["id"]}},
            (TWO, rows("id", records=[(2,)])),
            [{"id": 1, "name": "a"}],
        )
    ],
    "join": [
        (
            {
                "type": "join",
                "args": {
                    "parent": query("parents"),
                    "children": [
                        {
                            "child": query("children"),
                            "on": [["id", "parent"]],
                            "parentField": "many",
                            "isRelationUnique": False,
                        },
                        {
                            "child": query("only"),
                            "on": [["id", "parent"]],
                            "parentField": "one",
                            "isRelationUnique": True,
                        },
                    ],
                    "canAssumeStrictEquality": True,
                },
            },
            (
                rows("id", records=[(1,), (2,)]),
                rows("parent", "x", records=[(1, 5), (1, 6)]),
                rows("parent", records=[(2,)]),
            ),
            [
                {"id": 1, "many": [{"parent": 1, "x": 5}, {"parent": 1, "x": 6}], "one": None},
                {"id": 2, "many": [], "one": {"parent": 2}},
            ],
        )
    ],
    "process": [
        (
            {
                "type": "process",
                "args": {"expr": PAIRS, "operations": operations(distinct=["a"], reverse=True)},
            },
            (),
            [{"a": 2, "b": 1}, {"a": 1, "b": 1}],
        ),
        (
            {
                "type": "process",
                "args": {
                    "expr": PAIRS,
                    "operations": operations(
                        pagination={"cursor": {"b": param("two")}, "take": 1, "skip": None},
                        linkingFields=["a"],
                    ),
                },
            },
            (),
            [{"a": 1, "b": 2}],
        ),
        (
            {
                "type": "process",
                "args": {
                    "expr": value({"id": 1, "kids": [{"k": 1}, {"k": 2}]}),
                    "operations": operations(
                        nested={
                            "kids": operations(pagination={"cursor": None, "take": 1, "skip": 1})
                        }
                    ),
                },
            },
            (),
            {"id": 1, "kids": [{"k": 2}]},
        ),
    ],
    "mapRecord": [
        (
            {
                "type": "mapRecord",
                "args": {
                    "expr": {"type": "unique", "args": query("q")},
                    "fields": {
                        "a": {"type": "set", "value": param("%1")},
                        "b": {"type": "add", "value": 1},
                        "c": {"type": "subtract", "value": 1},
                        "d": {"type": "multiply", "value": 2},
                        "e": {"type": "divide", "value": 2},
                        "f": {"type": "divide", "value": 0},
                    },
                },
            },
            (rows("a", "b", "c", "d", "e", "f", records=[(1, 1, 1, 1, 1, 1)]),),
            {"a": 7, "b": 2, "c": 0, "d": 2, "e": 0.5, "f": None},
        ),
    ],
    "initializeRecord": [
        (
            {
                "type": "initializeRecord",
                "args": {
                    "expr": execute("INSERT"),
                    "fields": {"id": {"type": "value", "value": param("%1")}},
                },
            },
            (1,),
            {"id": 7},
        )
    ],
}


def test_every_kind_of_node_has_a_case() -> None:
    lowering = _Lowering("sqlite", lambda field_type: None, 4)
    assert set(CASES) == set(lowering._arms)


@pytest.mark.parametrize(
    ("plan", "answers", "result"),
    [
        pytest.param(*case, id=f"{kind}-{index}")
        for kind, cases in CASES.items()
        for index, case in enumerate(cases)
    ],
)
def test_node(plan: Any, answers: Any, result: Any) -> None:
    found, _ = run(plan, answers, {"%1": 7, "two": 2})
    assert found == result


def test_an_unknown_node_fails_by_its_name() -> None:
    with pytest.raises(EngineError, match="'teleport'"):
        run({"type": "teleport", "args": {}})


@pytest.mark.parametrize(
    "plan",
    [
        value({"prisma__type": "riddle"}),
        value({"prisma__type": "generatorCall", "prisma__value": {"name": "dice", "args": []}}),
        {"type": "query", "args": {"type": "graphql"}},
        data_map(value(1), {"type": "riddle"}),
        validate(value(1), {"type": "riddle", "args": 1}, "MISSING_RECORD"),
    ],
)
def test_what_is_unknown_inside_a_node_fails_by_its_name(plan: Any) -> None:
    with pytest.raises(EngineError, match=r"'(riddle|dice|graphql)'"):
        run(plan)


def test_arguments_reach_their_statements_in_order() -> None:
    node = {"type": "seq", "args": [execute("a", param("%1"), 2), execute("b", param("%1"))]}
    _, asked = run(node, (1, 1), {"%1": 7})
    assert asked == [("a??", [7, 2]), ("b?", [7])]


def test_all_of_a_query_sees_one_time() -> None:
    moment = object()
    call = {"prisma__type": "generatorCall", "prisma__value": {"name": "now", "args": []}}
    node = let("x", value(call), {"type": "seq", "args": [execute("a", call, param("x"))]})
    _, asked = run(node, (1,), {"@now": moment})
    assert asked == [("a??", [moment, moment])]


def test_a_failed_statement_leaves_the_program_with_the_drivers_error() -> None:
    error = DriverError("TransactionWriteConflict")
    with pytest.raises(DriverError) as raised:
        run({"type": "transaction", "args": execute("a")}, (error,))
    assert raised.value is error


def test_more_than_one_row_where_one_belongs_is_an_error() -> None:
    with pytest.raises(EngineError, match="zero or one"):
        run({"type": "unique", "args": query("q")}, (TWO,))


def test_a_column_that_is_missing_is_named() -> None:
    for expr, answers in ((query("q"), (TWO,)), (value([{"id": 1}]), ())):
        with pytest.raises(EngineError, match="nope") as raised:
            run(data_map(expr, record({"x": field("nope")})), answers)
        assert raised.value.code == "P2023"


@pytest.mark.parametrize(
    ("node", "atomic"),
    [
        (query("q"), False),
        (execute("q"), False),
        ({"type": "transaction", "args": execute("a")}, True),
        (let("x", {"type": "transaction", "args": execute("a")}, get("x")), True),
    ],
)
def test_plans_say_whether_they_must_be_atomic(node: Any, atomic: bool) -> None:
    plan = lower_plan(
        node, provider="sqlite", decoders=lambda _: None, max_bind_values=4, reads_only=False
    )
    assert plan.atomic is atomic


@pytest.mark.parametrize(
    ("rule", "is_single"),
    [
        ({"type": "rowCountNeq", "args": 0}, True),
        ({"type": "rowCountEq", "args": 1}, False),
        ({"type": "affectedRowCountEq", "args": 2}, False),
    ],
)
def test_a_statement_that_a_rule_may_have_to_undo_runs_as_a_program(
    rule: Any, is_single: bool
) -> None:
    plan = lower_plan(
        {"type": "transaction", "args": validate(execute("a"), rule, "MISSING_RECORD")},
        provider="sqlite",
        decoders=lambda _: None,
        max_bind_values=4,
        reads_only=False,
    )
    assert (plan.single is not None) is is_single


VIOLATIONS = [
    ("RELATION_VIOLATION", "P2014", {"relation": "R", "modelA": "A", "modelB": "B"}),
    ("MISSING_RECORD", "P2025", {"operation": "an update"}),
    (
        "MISSING_RELATED_RECORD",
        "P2025",
        {
            "model": "A",
            "relation": "R",
            "relationType": "one-to-many",
            "operation": "a nested connect",
            "neededFor": "inline the relation",
        },
    ),
    ("INCOMPLETE_CONNECT_INPUT", "P2025", {"expectedRows": 2}),
    (
        "INCOMPLETE_CONNECT_OUTPUT",
        "P2018",
        {"expectedRows": 2, "relation": "R", "relationType": "many-to-many"},
    ),
    ("RECORDS_NOT_CONNECTED", "P2017", {"relation": "R", "parent": "A", "child": "B"}),
]


@pytest.mark.parametrize(("identifier", "code", "context"), VIOLATIONS)
def test_a_broken_rule_is_prismas_error(identifier: str, code: str, context: Any) -> None:
    node = validate(value([]), {"type": "never"}, identifier, **context)
    with pytest.raises(EngineError) as raised:
        run(node)
    assert raised.value.code == code
    assert raised.value.meta == context
    named = [text for text in context.values() if isinstance(text, str)]
    assert all(text in raised.value.message for text in named)

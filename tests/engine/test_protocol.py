"""Calls of the client become requests of the JSON protocol, their literals Params."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest

from backend.engine.client.package import GeneratedPackage
from backend.engine.errors import EngineError
from backend.engine.generate.generate import load_artifact
from backend.engine.protocol.parameters import ParameterGraph
from backend.engine.protocol.request import Request, RequestBuilder
from tests.engine.generated import generated_package
from tests.engine.sqlite_types import SCHEMA

FIELDS = ["id", "text", "whole", "big", "real", "exact", "yes", "moment", "data", "bytes", "mood"]
FIELDS += ["name", "above"]

MOMENT = datetime(2026, 11, 23, 4, 5, 6, 789123, tzinfo=timezone(timedelta(hours=2)))
MOMENT_UTC = datetime(2026, 11, 23, 2, 5, 6, 789000, tzinfo=UTC)


@pytest.fixture(scope="module")
def client() -> Any:
    return generated_package(SCHEMA)


@pytest.fixture(scope="module")
def builder(make_builder: Callable[[], RequestBuilder]) -> RequestBuilder:
    return make_builder()


@pytest.fixture(scope="module")
def make_builder(client: Any) -> Callable[[], RequestBuilder]:
    package = GeneratedPackage(client.Prisma)
    parameters = load_artifact(package.folder)["providers"]["sqlite"]["parameters"]
    models = package.models(client.Prisma(datasource={"url": "file:unused.db"}))
    graph = ParameterGraph(parameters)
    return lambda: RequestBuilder(graph, models, package.fields)


@pytest.fixture
def build(client: Any, builder: RequestBuilder) -> Any:
    def build(method: str, arguments: Any, selection: Any = None) -> tuple[Any, Any, Request]:
        request = builder.build(method, arguments, client.models.Everything, selection)
        return json.loads(request.text), request.values, request

    return build


def param(name: str, kind: str) -> dict[str, Any]:
    return {"$type": "Param", "value": {"name": name, "type": kind}}


def test_a_find_names_model_action_and_the_models_own_fields(build: Any) -> None:
    request, values, _ = build("find_unique", {"where": {"name": "x"}, "include": None})
    assert request == {
        "modelName": "Everything",
        "action": "findUnique",
        "query": {
            "arguments": {"where": {"name": param("%1", "String")}},
            "selection": dict.fromkeys(FIELDS, True),
        },
    }
    assert values == {"%1": "x"}


class Shade(StrEnum):
    WILD = "WILD"


@pytest.mark.parametrize(
    ("field", "given", "kind", "value"),
    [
        ("text", "a", "String", "a"),
        ("whole", 1, "Int", 1),
        ("big", 1, "Int", 1),
        ("big", 2**40, "BigInt", 2**40),
        ("real", 1.5, "Float", 1.5),
        ("real", 2, "Int", 2),
        ("real", 2**40, "Float", float(2**40)),
        ("exact", Decimal("1.10"), "Float", Decimal("1.10")),
        ("exact", 3, "Float", Decimal(3)),
        ("exact", 0.1, "Float", Decimal("0.1")),
        ("exact", "2.50", "Float", Decimal("2.50")),
        ("yes", True, "Boolean", True),
        ("moment", MOMENT, "DateTime", MOMENT_UTC),
        ("moment", MOMENT.replace(tzinfo=None), "DateTime", MOMENT_UTC + timedelta(hours=2)),
        ("moment", "2026-11-23T02:05:06.789Z", "DateTime", MOMENT_UTC),
        ("data", '{"a": 1}', "Json", '{"a": 1}'),
        ("bytes", "AAE=", "Bytes", "AAE="),
        ("mood", "WILD", "Enum", "very wild"),
        ("mood", Shade.WILD, "Enum", "very wild"),
    ],
)
def test_a_literal_becomes_a_param_of_its_type(
    build: Any, field: str, given: Any, kind: str, value: Any
) -> None:
    request, values, built = build("create", {"data": {field: given}})
    assert request["query"]["arguments"] == {"data": {field: param("%1", kind)}}
    assert values == {"%1": value}
    assert type(values["%1"]) is type(value)
    assert not built.has_literals


def test_json_and_base64_wrappers_become_params(client: Any, build: Any) -> None:
    data = {"data": client.Json({"a": [1, "ü"]}), "bytes": client.Base64.encode(b"\x00\x01")}
    request, values, _ = build("create", {"data": data})
    assert request["query"]["arguments"]["data"] == {
        "data": param("%1", "Json"),
        "bytes": param("%2", "Bytes"),
    }
    assert values == {"%1": '{"a":[1,"ü"]}', "%2": "AAE="}


@pytest.mark.parametrize("operator", ["lt", "lte", "gt", "gte"])
def test_json_that_is_compared_stays_a_literal(client: Any, build: Any, operator: str) -> None:
    where = {"data": {"path": "$.a", operator: client.Json(3), "not": client.Json(4)}}
    request, values, built = build("find_many", {"where": where})
    data = request["query"]["arguments"]["where"]["data"]
    assert data[operator] == {"$type": "Json", "value": "3"}
    assert data["not"] == param("%1", "Json")
    assert values == {"%1": "4"}
    assert built.has_literals


@pytest.mark.parametrize(
    ("given", "inner", "values"),
    [
        (["a", "b"], "String", ["a", "b"]),
        (("a",), "String", ["a"]),
    ],
)
def test_a_list_of_values_becomes_one_param(
    build: Any, given: Any, inner: str, values: Any
) -> None:
    request, found, _ = build("find_many", {"where": {"text": {"in": given}}})
    listed = {"name": "%1", "type": "List", "inner": {"type": inner}}
    assert request["query"]["arguments"]["where"]["text"]["in"] == {
        "$type": "Param",
        "value": listed,
    }
    assert found == {"%1": values}


def test_lists_of_all_lengths_share_a_shape(build: Any) -> None:
    shapes = {
        build("find_many", {"where": {"big": {"in": list(range(n))}}})[2].text for n in range(1, 50)
    }
    assert len(shapes) == 1


def test_a_list_takes_the_widest_number_type(build: Any) -> None:
    _, values, request = build("find_many", {"where": {"big": {"in": [1, 2**40]}}})
    assert '"inner":{"type":"BigInt"}' in request.text
    assert values == {"%1": [1, 2**40]}


def test_an_empty_list_stays_a_literal(build: Any) -> None:
    request, values, _ = build("find_many", {"where": {"text": {"in": []}}})
    assert request["query"]["arguments"]["where"]["text"]["in"] == []
    assert values == {}


def test_snake_case_operators_become_prismas_and_none_arguments_are_left_out(build: Any) -> None:
    request, _, _ = build(
        "find_many",
        {
            "where": {"text": {"startswith": "a", "not_in": ["b"]}, "name": None},
            "order_by": [{"id": "desc"}],
            "take": None,
        },
    )
    arguments = request["query"]["arguments"]
    assert set(arguments) == {"where", "orderBy"}
    assert set(arguments["where"]["text"]) == {"startsWith", "notIn"}
    assert arguments["where"]["name"] is None
    assert arguments["orderBy"] == [{"id": "desc"}]


def test_take_and_skip_stay_literals_and_are_told(build: Any) -> None:
    request, values, built = build("find_many", {"take": 5, "skip": 2})
    assert request["query"]["arguments"] == {"take": 5, "skip": 2}
    assert values == {}
    assert built.has_literals


def test_an_include_selects_the_relation_with_its_arguments(build: Any) -> None:
    include = {
        "parent": True,
        "below": {"where": {"text": "x"}, "order_by": {"id": "asc"}, "include": {"parent": True}},
    }
    request, values, _ = build("find_many", {"include": include})
    selection = request["query"]["selection"]
    assert selection["parent"]["arguments"] == {}
    assert selection["parent"]["selection"]["id"] is True
    assert selection["below"]["arguments"] == {
        "where": {"text": param("%1", "String")},
        "orderBy": {"id": "asc"},
    }
    assert "parent" in selection["below"]["selection"]
    assert values == {"%1": "x"}


def test_include_false_selects_nothing_and_other_values_are_refused(build: Any) -> None:
    request, _, _ = build("find_many", {"include": {"parent": False}})
    assert "parent" not in request["query"]["selection"]
    with pytest.raises(TypeError, match="include"):
        build("find_many", {"include": {"parent": 1}})


def test_aggregates_select_what_the_client_asks_for(build: Any) -> None:
    request, _, _ = build("count", {"where": None}, ["_count { _all text }"])
    assert request["action"] == "aggregate"
    assert request["query"]["selection"] == {
        "_count": {"arguments": {}, "selection": {"_all": True, "text": True}}
    }
    request, _, _ = build("group_by", {"by": ["text"]}, ["text", "_avg { whole }"])
    assert request["query"]["arguments"] == {"by": ["text"]}
    assert request["query"]["selection"] == {
        "text": True,
        "_avg": {"arguments": {}, "selection": {"whole": True}},
    }


def test_equal_values_share_a_param_in_an_upsert_only(build: Any) -> None:
    arguments = {"where": {"name": "x"}, "create": {"name": "x"}, "update": {"text": "y"}}
    request, values, _ = build("upsert", arguments)
    sent = request["query"]["arguments"]
    assert sent["where"]["name"] == sent["create"]["name"] == param("%1", "String")
    assert sent["update"]["text"] == param("%2", "String")
    assert values == {"%1": "x", "%2": "y"}
    _, values, _ = build("create", {"data": {"name": "x", "text": "x"}})
    assert values == {"%1": "x", "%2": "x"}


def test_a_record_that_is_named_twice_counts_once(build: Any) -> None:
    request, values, _ = build(
        "update",
        {"where": {"id": 9}, "data": {"below": {"connect": [{"id": 1}, {"id": 2}, {"id": 1}]}}},
    )
    assert len(request["query"]["arguments"]["data"]["below"]["connect"]) == 2
    assert sorted(values.values()) == [1, 2, 9]


def test_a_record_that_is_to_be_deleted_twice_counts_twice(build: Any) -> None:
    """It is not there the second time: P2017, as in Prisma."""
    data = {"below": {"delete": [{"id": 1}, {"id": 1}]}}
    request, _, _ = build("update", {"where": {"id": 9}, "data": data})
    assert len(request["query"]["arguments"]["data"]["below"]["delete"]) == 2


def test_true_and_one_do_not_share_a_param(build: Any) -> None:
    arguments = {"where": {"id": 1}, "create": {"yes": True, "whole": 1}, "update": {}}
    _, values, _ = build("upsert", arguments)
    assert list(values.values()) == [1, True]
    assert [type(value) for value in values.values()] == [int, bool]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_json_cannot_carry_are_refused_as_literals(build: Any, number: float) -> None:
    with pytest.raises(EngineError, match="not finite"):
        build("find_many", {"take": number})


def test_what_cannot_be_sent_is_refused_by_its_type(build: Any) -> None:
    with pytest.raises(TypeError, match="object"):
        build("find_many", {"where": {"text": object()}})


VALUES: dict[str, list[Any]] = {
    "text": ["a", "é", Shade.WILD, None, True, 3],
    "whole": [1, 2**31 - 1, 2**31, -(2**31), None, 1.5, True],
    "big": [1, 2**31, 2**63 - 1, 2**63, None],
    "real": [1.5, 2, 2**40, Decimal("1.5"), None],
    "exact": [Decimal("1.10"), 3, 0.1, "2.50", "no number"],
    "yes": [True, False, None, 1],
    "moment": [MOMENT, MOMENT_UTC, MOMENT.replace(tzinfo=None), "2026-11-23", "never"],
    "mood": ["WILD", Shade.WILD, "no mood"],
    "name": ["x", None],
    "id": [1, {"increment": 1}, [1, 2]],
}


def test_what_is_kept_of_an_object_writes_the_same_as_none(
    make_builder: Callable[[], RequestBuilder], client: Any
) -> None:
    choose = random.Random(1)
    kept = make_builder()
    flat = 0

    def row() -> dict[str, Any]:
        names = list(VALUES)[: choose.randint(4, len(VALUES))]
        usual = choose.random() < 0.7
        return {name: VALUES[name][0] if usual else choose.choice(VALUES[name]) for name in names}

    for _ in range(3000):
        if choose.random() < 0.5:
            call: Any = ("create_many", {"data": [row() for _ in range(choose.randint(1, 4))]})
        else:
            where = {"name": "x", "id": 7, "text": "a", "yes": True}
            call = (choose.choice(["update_many", "upsert"]), {"data": row(), "where": where})
        built = []
        for builder in (kept, make_builder()):
            try:
                built.append(builder.build(*call, client.models.Everything, None))
            except EngineError as error:
                built.append(error.code)
        assert built[0] == built[1]
        if isinstance(built[0], Request):
            types = [list(map(type, request.values.values())) for request in built]
            assert types[0] == types[1]
            flat += not built[0].has_literals
    assert flat > 500

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from backend.engine.wasm.compiler import CompileError, QueryCompiler, module_file
from backend.engine.wasm.instance import WasmPanicError
from backend.engine.wasm.modules import load
from backend.engine.wasm.schema import with_provider, without_connection
from tests.engine.wasm.schemas import BLOG

PROVIDERS = ("sqlite", "postgresql")


@pytest.fixture(params=PROVIDERS)
def compiler(request: pytest.FixtureRequest, packages: Path) -> Iterator[QueryCompiler]:
    compiler = _open(packages, request.param)
    yield compiler
    compiler.close()


def _open(packages: Path, provider: str, schema_name: str | None = None) -> QueryCompiler:
    return QueryCompiler(
        packages,
        provider=provider,
        datamodel=with_provider(without_connection(BLOG), provider),
        schema_name=schema_name,
    )


def _request(action: str, arguments: dict[str, Any], selection: dict[str, Any]) -> str:
    query = {"arguments": arguments, "selection": selection}
    return json.dumps({"modelName": "User", "action": action, "query": query})


def _find(**where: Any) -> str:
    return _request("findMany", {"where": where}, {"$scalars": True})


def _types(value: Any) -> set[type]:
    if isinstance(value, dict):
        return {dict}.union(map(type, value), *map(_types, value.values()))
    if isinstance(value, list):
        return {list}.union(*map(_types, value))
    return {type(value)}


def test_a_plan_is_plain_python(compiler: QueryCompiler) -> None:
    plan = compiler.compile(
        _request(
            "findMany",
            {"where": {"score": {"gt": 2.5}, "age": {"in": [1, 2]}}, "take": 3},
            {"$scalars": True, "posts": {"arguments": {"take": 2}, "selection": {"title": True}}},
        )
    )
    assert _types(plan) <= {dict, list, str, int, float, bool, type(None)}
    assert json.loads(json.dumps(plan)) == plan
    assert plan["type"] == "dataMap"


def test_a_param_stays_a_placeholder(compiler: QueryCompiler) -> None:
    param = {"$type": "Param", "value": {"name": "%1", "type": "String"}}
    plan = compiler.compile(_request("findUnique", {"where": {"email": param}}, {"$scalars": True}))
    query = plan["args"]["expr"]["args"]["args"]
    assert query["type"] == "templateSql"
    assert query["args"][0] == {
        "prisma__type": "param",
        "prisma__value": {"name": "%1", "type": "String"},
    }


def test_text_arrives_unharmed(compiler: QueryCompiler) -> None:
    text = 'a"\\\u0000\u2028é😀'
    plan = compiler.compile(_request("findUnique", {"where": {"email": text}}, {"id": True}))
    assert plan["args"]["expr"]["args"]["args"]["args"][0] == text


@pytest.mark.parametrize(
    ("request_text", "code", "message"),
    [
        (_find(nope=1), "P2009", "Field does not exist in enclosing type"),
        (_find(age="x"), "P2009", "Invalid argument type"),
        (
            _request("createOne", {"data": {}}, {"$scalars": True}),
            "P2009",
            "A value is required but not set",
        ),
        (_find().replace("User", "Nobody"), None, "does not match any query"),
        ("{", None, "EOF while parsing"),
    ],
)
def test_what_the_compiler_refuses(
    compiler: QueryCompiler, request_text: str, code: str | None, message: str
) -> None:
    with pytest.raises(CompileError) as raised:
        compiler.compile(request_text)
    assert raised.value.code == code
    assert message in raised.value.message
    assert isinstance(raised.value.meta, dict)
    compiler.compile(_find(age=1))


def test_an_error_has_its_meta(compiler: QueryCompiler) -> None:
    with pytest.raises(CompileError) as raised:
        compiler.compile(_find(nope=1))
    assert raised.value.meta["kind"] == "UnknownInputField"
    assert raised.value.meta["argumentPath"] == ["where", "nope"]


def test_batches(compiler: QueryCompiler) -> None:
    batch = [json.loads(_find(age=1)), json.loads(_find(email="a"))]
    answer = compiler.compile_batch(json.dumps({"batch": batch}))
    assert answer["type"] == "multi"
    assert answer["plans"] == [compiler.compile(json.dumps(query)) for query in batch]


def test_the_schema_of_postgresql_is_in_the_sql(packages: Path) -> None:
    compiler = _open(packages, "postgresql", "tenant")
    assert '\\"tenant\\".\\"User\\"' in json.dumps(compiler.compile(_find(age=1)))
    compiler.close()


def test_a_panic_is_named_and_the_next_query_is_answered(compiler: QueryCompiler) -> None:
    before = compiler.compile(_find(age=1))
    entered = compiler._instance.entered()
    with entered as (instance, handle), pytest.raises(WasmPanicError, match="out of bounds"):
        instance.call("querycompiler_compile", handle, 0x7FFFFFF0, 100)
    assert compiler.compile(_find(age=1)) == before


def test_threads_share_a_compiler(compiler: QueryCompiler) -> None:
    requests = [_find(age=n) for n in range(5)] + [_find(nope=n) for n in range(5)]
    expected = [_outcome(compiler, request) for request in requests]
    found: dict[int, list[str]] = {}

    def compile_all(thread: int) -> None:
        found[thread] = [_outcome(compiler, request) for request in requests]

    threads = [threading.Thread(target=compile_all, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == dict.fromkeys(range(4), expected)


def _outcome(compiler: QueryCompiler, request: str) -> str:
    try:
        return json.dumps(compiler.compile(request))
    except CompileError as error:
        return f"{error.code} {error.message}"


def test_fifty_opens_leak_nothing(packages: Path) -> None:
    process = psutil.Process()
    loaded = load(module_file(packages, "sqlite"))
    _open(packages, "sqlite").close()
    gc.collect()
    before = (process.num_fds(), process.num_threads())
    for _ in range(50):
        compiler = _open(packages, "sqlite")
        compiler.compile(_find(age=1))
        compiler.close()
        compiler.close()
    assert (process.num_fds(), process.num_threads()) == before
    del loaded
    with pytest.raises(RuntimeError, match="is closed"):
        compiler.compile(_find(age=1))


def test_an_unknown_provider_is_refused(packages: Path) -> None:
    with pytest.raises(ValueError, match="no query compiler for the provider 'mysql'"):
        QueryCompiler(packages, provider="mysql", datamodel="")

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backend.engine.wasm.bindings import UnknownImportError
from backend.engine.wasm.compiler import QueryCompiler, module_file
from backend.engine.wasm.glue import Glue, find_glue
from backend.engine.wasm.imports import VALUES
from backend.engine.wasm.instance import Instance
from backend.engine.wasm.modules import LoadedModule, load
from backend.engine.wasm.schema import without_connection
from tests.engine.wasm.schemas import BLOG

REQUEST = json.dumps(
    {
        "modelName": "User",
        "action": "findMany",
        "query": {
            "arguments": {"where": {"age": {"gt": 5}}},
            "selection": {"$scalars": True, "posts": True},
        },
    }
)


@pytest.fixture
def compiler_module(packages: Path) -> LoadedModule:
    return load(module_file(packages, "sqlite"))


def _with_glue(loaded: LoadedModule, folder: Path, old: str, new: str) -> LoadedModule:
    """The same module beside glue with another text."""
    text = loaded.glue.read_text()
    assert text.count(old) == 1
    glue = folder / loaded.glue.name
    glue.write_text(text.replace(old, new))
    return LoadedModule(loaded.engine, loaded.module, glue)


def _name(glue: Glue, body: str) -> str:
    (name,) = [function.name for function in glue.functions.values() if function.body == body]
    return name


def test_every_import_of_the_modules_is_bound(packages: Path) -> None:
    for wasm in (
        module_file(packages, "sqlite"),
        module_file(packages, "postgresql"),
        packages / "@prisma/prisma-schema-wasm/src/prisma_schema_build_bg.wasm",
    ):
        Instance(load(wasm), (VALUES,)).close()


def test_an_import_that_the_glue_lacks_is_named(
    compiler_module: LoadedModule, tmp_path: Path
) -> None:
    name = _name(Glue(compiler_module.glue.read_text()), "const ret = new Map(); return ret;")
    changed = _with_glue(compiler_module, tmp_path, f"function {name}(", "function another(")
    with pytest.raises(UnknownImportError, match=f"{name} is not in"):
        Instance(changed, (VALUES,))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("new Map()", "new WeakMap()", r"__wbg_new_\w+ does what is not known here: .*WeakMap"),
        ("arg0 in arg1", "arg1 in arg0", r"__wbg___wbindgen_in_\w+ does what is not known"),
        (
            "typeof(arg0) === 'string';\n    return ret;",
            "typeof(arg0) === 'string';\n    return !ret;",
            r"is_string_\w+ does what is not known",
        ),
        (
            "const ret = new Map();",
            "// a comment\n    const ret = new Map(1);",
            r"__wbg_new_\w+ does what is not known",
        ),
        (
            "length_cdd215e10d9dd507(arg0)",
            "length_cdd215e10d9dd507(arg1)",
            r"length_cdd215e10d9dd507 takes 1 values, but its JavaScript glue says \(arg1\)",
        ),
        (
            "return x === undefined || x === null;",
            "return x === undefined;",
            r"get_\w+ uses the glue's helper isLikeNone, whose text is not known",
        ),
        (
            "ptr = ptr >>> 0;\n    return decodeText(ptr, len);",
            "ptr = ptr >>> 1;\n    return decodeText(ptr, len);",
            r"uses the glue's helper getStringFromWasm0, whose text is not known",
        ),
    ],
)
def test_an_import_whose_glue_has_changed_is_named(
    compiler_module: LoadedModule, tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(UnknownImportError, match=message):
        Instance(_with_glue(compiler_module, tmp_path, old, new), (VALUES,))


def test_rehashed_names_bind_by_what_they_do(packages: Path, tmp_path: Path, cache: Path) -> None:
    """Names are swapped between functions of the same type: a table by names would bind the
    wrong ones silently."""
    # The small build of the compiler has the same imports and takes half the time.
    original = module_file(packages, "sqlite").with_name("query_compiler_small_bg.wasm")
    glue = Glue(find_glue(original).read_text())
    new_object = _name(glue, "const ret = new Object(); return ret;")
    new_array = _name(glue, "const ret = new Array(); return ret;")
    new_map = _name(glue, "const ret = new Map(); return ret;")
    names = {new_object: new_array, new_array: new_map, new_map: new_object}
    copied = module_file(tmp_path, "sqlite")
    copied.parent.mkdir(parents=True)
    copied.write_bytes(_rename(original.read_bytes(), names))
    copied.with_suffix(".js").write_bytes(_rename(find_glue(original).read_bytes(), names))

    assert _plan(tmp_path) == _plan(packages)


def _plan(packages: Path) -> Any:
    compiler = QueryCompiler(
        packages, provider="sqlite", datamodel=without_connection(BLOG), log=lambda text: None
    )
    try:
        return compiler.compile(REQUEST)
    finally:
        compiler.close()


def _rename(content: bytes, names: dict[str, str]) -> bytes:
    for old in names:
        assert old.encode() in content
        content = content.replace(old.encode(), old.upper().encode())
    for old, new in names.items():
        content = content.replace(old.upper().encode(), new.encode())
    return content

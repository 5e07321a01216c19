from __future__ import annotations

from pathlib import Path

import pytest

from backend.engine.wasm.glue import Glue, GlueFunction, digest, find_glue

ES_MODULE = """
let wasm;
export function __wbg_set_wasm(val) {
    wasm = val;
}

function addToExternrefTable0(obj) {
    const idx = wasm.__externref_table_alloc();
    wasm.__wbindgen_externrefs.set(idx, obj);
    return idx;
}

function handleError(f, args) {
    try {
        return f.apply(this, args);
    } catch (e) {
        const idx = addToExternrefTable0(e);
        wasm.__wbindgen_exn_store(idx);
    }
}

export class Engine {
    free() {
        wasm.free(this.ptr);
    }
}

export function __wbg_call_e762c39fa8ea36bf() { return handleError(function (arg0, arg1) {
    const ret = arg0.call(arg1);
    return ret;
}, arguments) };

export function __wbindgen_cast_2241b6af4c4b2941(arg0, arg1) {
    // Cast intrinsic for `Ref(String) -> Externref`.
    let result;
    if (arg0) {
        result = 1;
    }
    return result;
};
"""
COMMON_JS = """
exports.__wbg_Error_e83987f665cf5504 = function(arg0, arg1) {
    const ret = Error(getStringFromWasm0(arg0, arg1));
    return ret;
};
"""


def test_imports_are_known_by_their_bodies() -> None:
    functions = Glue(ES_MODULE).functions
    assert functions["__wbg_call_e762c39fa8ea36bf"] == GlueFunction(
        "__wbg_call_e762c39fa8ea36bf",
        ("arg0", "arg1"),
        "const ret = arg0.call(arg1); return ret;",
        catches=True,
    )
    assert functions["__wbindgen_cast_2241b6af4c4b2941"] == GlueFunction(
        "__wbindgen_cast_2241b6af4c4b2941",
        ("arg0", "arg1"),
        "let result; if (arg0) { result = 1; } return result;",
        catches=False,
    )
    assert Glue(COMMON_JS).functions["__wbg_Error_e83987f665cf5504"].body == (
        "const ret = Error(getStringFromWasm0(arg0, arg1)); return ret;"
    )


def test_helpers_are_found_through_helpers() -> None:
    glue = Glue(ES_MODULE)
    used = glue.helpers_of(glue.functions["__wbg_call_e762c39fa8ea36bf"])
    assert set(used) == {"handleError", "addToExternrefTable0"}
    assert glue.helpers_of(glue.functions["__wbindgen_cast_2241b6af4c4b2941"]) == {}


def test_a_digest_changes_with_the_text_and_not_with_its_layout() -> None:
    def handle_error(text: str) -> str:
        return digest(Glue(text).helpers["handleError"])

    assert handle_error(ES_MODULE) == handle_error(ES_MODULE.replace("        ", "  "))
    assert handle_error(ES_MODULE) != handle_error(ES_MODULE.replace("this, args", "null, args"))
    assert handle_error(ES_MODULE) != handle_error(ES_MODULE.replace("(f, args)", "(args, f)"))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["engine_bg.js", "engine.js"], "engine_bg.js"),
        (["engine.js"], "engine.js"),
    ],
)
def test_the_glue_is_found_beside_the_module(
    tmp_path: Path, files: list[str], expected: str
) -> None:
    for name in files:
        (tmp_path / name).touch()
    assert find_glue(tmp_path / "engine_bg.wasm") == tmp_path / expected

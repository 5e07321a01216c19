from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path

import psutil
import pytest
import wasmtime

from backend.engine.wasm import modules
from backend.engine.wasm.bindings import UnknownImportError
from backend.engine.wasm.imports import VALUES
from backend.engine.wasm.instance import Instance, WasmPanicError
from backend.engine.wasm.javascript import UNDEFINED, BigInt, ThrownError
from backend.engine.wasm.modules import LoadedModule
from backend.engine.wasm.renewing import RenewingInstance


@pytest.fixture
def schema_module(packages: Path) -> LoadedModule:
    return modules.load(packages / "@prisma/prisma-schema-wasm/src/prisma_schema_build_bg.wasm")


def test_a_panic_is_named_and_poisons_the_instance(schema_module: LoadedModule) -> None:
    instance = Instance(schema_module, (VALUES,))
    with pytest.raises(WasmPanicError, match="panicked at"):
        instance.call("debug_panic")
    assert instance.is_poisoned
    with pytest.raises(WasmPanicError, match=r"panicked earlier: .*panicked at"):
        instance.call("preview_features")
    instance.close()


def test_an_exception_of_the_host_comes_out_as_it_is(
    schema_module: LoadedModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    class StopNowError(BaseException):
        pass

    def interrupt(self: Instance, pointer: int, length: int) -> str:
        raise StopNowError

    # Bound when the instance is made: the import that makes an Error of a text.
    monkeypatch.setattr(Instance, "text", interrupt)
    instance = Instance(schema_module, (VALUES,))
    with pytest.raises(StopNowError):
        instance.call_fallible("get_dmmf", *instance.put_text("no JSON"))
    assert instance.is_poisoned
    instance.close()


def test_a_thrown_error_leaves_the_instance_sound(schema_module: LoadedModule) -> None:
    instance = Instance(schema_module, (VALUES,))
    for _ in range(3):
        with pytest.raises(ThrownError):
            instance.call_fallible("validate", *instance.put_text('{"prismaSchema": "model {"}'))
    assert not instance.is_poisoned
    assert "relationJoins" in instance.take_text(*instance.call("preview_features"))
    instance.close()


def test_a_closed_instance_says_so(schema_module: LoadedModule) -> None:
    instance = Instance(schema_module, (VALUES,))
    instance.close()
    instance.close()
    with pytest.raises(RuntimeError, match="is closed"):
        instance.call("preview_features")


def test_lone_surrogates_arrive_as_in_javascript(schema_module: LoadedModule) -> None:
    instance = Instance(schema_module, (VALUES,))
    where = instance.put_text("a\ud800b😀")
    assert instance.text(*where) == "a\ufffdb😀"
    instance.close()


def test_fifty_opens_leak_nothing(schema_module: LoadedModule) -> None:
    process = psutil.Process()
    Instance(schema_module, (VALUES,)).close()
    gc.collect()
    before = (process.num_fds(), process.num_threads())
    opened = []
    for _ in range(50):
        instance = Instance(schema_module, (VALUES,))
        instance.take_text(*instance.call("preview_features"))
        instance.close()
        opened.append(weakref.ref(instance))
        del instance
    gc.collect()
    assert [reference for reference in opened if reference() is not None] == []
    assert (process.num_fds(), process.num_threads()) == before


def test_an_instance_that_was_dropped_is_given_back(schema_module: LoadedModule) -> None:
    renewing = RenewingInstance(schema_module, lambda instance: None)
    with renewing.entered() as (instance, _):
        dropped = weakref.ref(instance)
    del renewing, instance
    gc.collect()
    assert dropped() is None


def test_a_panicked_instance_is_made_anew(schema_module: LoadedModule) -> None:
    started: list[Instance] = []
    renewing = RenewingInstance(schema_module, started.append)
    with renewing.entered() as (first, _), pytest.raises(WasmPanicError):
        first.call("debug_panic")
    with renewing.entered() as (second, _):
        assert second.take_text(*second.call("preview_features")).startswith("[")
    assert started == [first, second]
    renewing.close()
    renewing.close()
    with pytest.raises(RuntimeError, match="is closed"), renewing.entered():
        pass


HANDLE_ERROR = """
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
"""
SMALL = """
(module
  (import "glue" "__wbg_throw_1" (func $throw (param i32 i32)))
  (import "glue" "__wbg_get_1" (func $get (param externref externref) (result externref)))
  (import "glue" "__wbg_same_1" (func $same (param i64) (result externref)))
  (import "glue" "__wbg_is_undefined_1" (func $is_undefined (param externref) (result i32)))
  (memory (export "memory") 1)
  (table $references (export "__wbindgen_externrefs") 8 externref)
  (global $stored (mut i32) (i32.const 0))
  (func (export "__wbindgen_start"))
  (func (export "__externref_table_alloc") (result i32) i32.const 5)
  (func (export "__wbindgen_exn_store") (param i32) (global.set $stored (local.get 0)))
  (func (export "stored") (result externref) (table.get $references (global.get $stored)))
  (func (export "throw") (param i32 i32) (call $throw (local.get 0) (local.get 1)))
  (func (export "get") (param externref externref) (result externref)
    (call $get (local.get 0) (local.get 1)))
  (func (export "same") (param i64) (result externref) (call $same (local.get 0)))
  (func (export "is_undefined") (param externref) (result i32) (call $is_undefined (local.get 0)))
)
"""
SMALL_GLUE = """
export function __wbg_throw_1(arg0, arg1) {
    throw new Error(getStringFromWasm0(arg0, arg1));
};
export function __wbg_get_1() { return handleError(function (arg0, arg1) {
    const ret = arg0[arg1];
    return ret;
}, arguments) };
export function __wbg_same_1(arg0) {
    const ret = arg0;
    return ret;
};
export function __wbg_is_undefined_1(arg0) {
    const ret = arg0 === undefined;
    return ret;
};
"""


@pytest.fixture
def small_module(tmp_path: Path, schema_module: LoadedModule, cache: Path) -> LoadedModule:
    """A module that does little else than call its imports; some helpers are Prisma's."""
    text = schema_module.glue.read_text()
    start = text.index("let cachedTextDecoder")
    text = text[start : text.index("let WASM_VECTOR_LEN")] + SMALL_GLUE + HANDLE_ERROR
    (tmp_path / "small_bg.js").write_text(text)
    wasm = tmp_path / "small_bg.wasm"
    wasm.write_bytes(wasmtime.wat2wasm(SMALL))
    return modules.load(wasm, log=lambda text: None)


def test_an_error_that_rust_expects_is_stored_for_it(small_module: LoadedModule) -> None:
    instance = Instance(small_module, (VALUES,))
    assert instance.call("get", {"a": "found"}, "a") == "found"
    assert instance.call("get", None, "a") is UNDEFINED
    stored = instance.call("stored")
    assert str(stored) == "TypeError: Cannot read properties of null (reading 'a')"
    assert not instance.is_poisoned
    instance.close()


def test_an_import_that_the_glue_lacks_is_named(small_module: LoadedModule) -> None:
    text = small_module.glue.read_text()
    small_module.glue.write_text(text.replace("__wbg_same_1", "__wbg_same_2"))
    with pytest.raises(UnknownImportError, match="the import __wbg_same_1 is not in"):
        Instance(small_module, (VALUES,))


def test_a_missing_helper_is_named(small_module: LoadedModule) -> None:
    text = small_module.glue.read_text()
    small_module.glue.write_text(text.replace(HANDLE_ERROR, ""))
    with pytest.raises(UnknownImportError, match="__wbg_get_1 uses the glue's helper handleError"):
        Instance(small_module, (VALUES,))


def test_values_cross_the_border_as_in_javascript(small_module: LoadedModule) -> None:
    instance = Instance(small_module, (VALUES,))
    assert type(instance.call("same", 2**62)) is BigInt
    assert instance.call("is_undefined", UNDEFINED) == 1
    assert instance.call("is_undefined", None) == 0
    instance.close()


def test_threads_do_not_take_each_others_errors(small_module: LoadedModule) -> None:
    """wasmtime keeps the last exception of a host function for the whole process."""
    taken: list[tuple[str, str]] = []

    def throw(mine: str) -> None:
        instance = Instance(small_module, (VALUES,))
        instance.write(0, mine.encode())
        for _ in range(300):
            try:
                instance.call("throw", 0, len(mine))
            except ThrownError as thrown:
                taken.append((mine, thrown.value.properties["message"]))
        instance.close()

    threads = [threading.Thread(target=throw, args=(f"of thread {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 1200
    assert [pair for pair in taken if pair[0] != pair[1]] == []

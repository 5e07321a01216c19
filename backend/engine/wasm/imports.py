"""The values, objects and memory that every module imports from JavaScript, in Python."""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping
from typing import Any

from . import javascript as js
from .bindings import Bindings, Function
from .instance import Instance

#: Values, objects, errors and time: all that the schema and query compiler modules import.
VALUES = Bindings()

VALUES.returns("arg0", lambda value: value)
VALUES.returns("Number(arg0)", js.to_number)
VALUES.returns("Number.isSafeInteger(arg0)", js.is_safe_integer)
VALUES.returns("BigInt.asUintN(64, arg0)", lambda value: js.BigInt(value & 0xFFFFFFFFFFFFFFFF))
VALUES.returns("arg0 in arg1", lambda key, target: js.has(target, key))
VALUES.returns("arg0 === undefined", lambda value: value is js.UNDEFINED)
VALUES.returns("arg0 === arg1", js.strict_equal)
VALUES.returns("arg0 == arg1", js.loose_equal)
VALUES.returns("typeof(arg0) === 'string'", lambda value: isinstance(value, str))
VALUES.returns("typeof(arg0) === 'bigint'", lambda value: isinstance(value, js.BigInt))
VALUES.returns("typeof(arg0) === 'function'", callable)
VALUES.returns("Array.isArray(arg0)", lambda value: isinstance(value, list))
VALUES.returns("new Object()", dict)
VALUES.returns("new Array()", list)
VALUES.returns("new Map()", js.JSMap)
VALUES.returns("new Date()", lambda: js.JSDate(_now()))
VALUES.returns("Date.now()", lambda: _now())
VALUES.returns("arg0.getTime()", lambda date: js.get(date, "getTime")())
VALUES.returns("Object.entries(arg0)", js.entries)
VALUES.returns("arg0[arg1 >>> 0]", lambda target, index: js.get(target, index & 0xFFFFFFFF))
VALUES.returns("arg0[arg1]", js.get)


def _now() -> float:
    return float(time.time_ns() // 1_000_000)


@VALUES.body("const val = arg0; const ret = typeof(val) === 'object' && val !== null; return ret;")
def _is_object(instance: Instance) -> Function:
    return js.is_object


@VALUES.body(
    "const v = arg0; const ret = typeof(v) === 'boolean' ? v : undefined; "
    "return isLikeNone(ret) ? 0xFFFFFF : ret ? 1 : 0;"
)
def _boolean_get(instance: Instance) -> Function:
    return lambda value: int(value) if isinstance(value, bool) else 0xFFFFFF


@VALUES.body(
    "const obj = arg1; const ret = typeof(obj) === 'number' ? obj : undefined; "
    "getDataViewMemory0().setFloat64(arg0 + 8 * 1, isLikeNone(ret) ? 0 : ret, true); "
    "getDataViewMemory0().setInt32(arg0 + 4 * 0, !isLikeNone(ret), true);"
)
def _number_get(instance: Instance) -> Function:
    def number_get(pointer: int, value: Any) -> None:
        number = float(value) if js.is_number(value) else None
        instance.write(pointer, struct.pack("<ixxxxd", number is not None, number or 0.0))

    return number_get


@VALUES.body(
    "const v = arg1; const ret = typeof(v) === 'bigint' ? v : undefined; "
    "getDataViewMemory0().setBigInt64(arg0 + 8 * 1, isLikeNone(ret) ? BigInt(0) : ret, true); "
    "getDataViewMemory0().setInt32(arg0 + 4 * 0, !isLikeNone(ret), true);"
)
def _bigint_get(instance: Instance) -> Function:
    def bigint_get(pointer: int, value: Any) -> None:
        given = isinstance(value, js.BigInt)
        bits = int(value) & 0xFFFFFFFFFFFFFFFF if given else 0
        instance.write(pointer, struct.pack("<ixxxxQ", given, bits))

    return bigint_get


_WRITE_STRING = (
    "getDataViewMemory0().setInt32(arg0 + 4 * 1, len1, true); "
    "getDataViewMemory0().setInt32(arg0 + 4 * 0, ptr1, true);"
)
_PASS_STRING = (
    "const ptr1 = passStringToWasm0(ret, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc); "
    "const len1 = WASM_VECTOR_LEN; "
) + _WRITE_STRING


@VALUES.body(
    "const obj = arg1; const ret = typeof(obj) === 'string' ? obj : undefined; "
    "var ptr1 = isLikeNone(ret) ? 0 : "
    "passStringToWasm0(ret, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc); "
    "var len1 = WASM_VECTOR_LEN; " + _WRITE_STRING
)
def _string_get(instance: Instance) -> Function:
    def string_get(pointer: int, value: Any) -> None:
        where = instance.put_text(value) if isinstance(value, str) else (0, 0)
        instance.write(pointer, struct.pack("<II", *where))

    return string_get


@VALUES.body("const ret = String(arg1); " + _PASS_STRING)
def _string(instance: Instance) -> Function:
    def string(pointer: int, value: Any) -> None:
        instance.write(pointer, struct.pack("<II", *instance.put_text(js.to_string(value))))

    return string


@VALUES.body("const ret = debugString(arg1); " + _PASS_STRING)
def _debug_string(instance: Instance) -> Function:
    def debug_string(pointer: int, value: Any) -> None:
        instance.write(pointer, struct.pack("<II", *instance.put_text(js.debug_string(value))))

    return debug_string


@VALUES.body("const ret = getStringFromWasm0(arg0, arg1); return ret;")
def _text(instance: Instance) -> Function:
    return instance.text


@VALUES.pattern(r"const ret = (?:new )?Error\(getStringFromWasm0\(arg0, arg1\)\); return ret;")
def _error(instance: Instance) -> Function:
    return lambda pointer, length: js.JSError(instance.text(pointer, length))


@VALUES.body("throw new Error(getStringFromWasm0(arg0, arg1));")
def _throw(instance: Instance) -> Function:
    def throw(pointer: int, length: int) -> None:
        raise js.ThrownError(js.JSError(instance.text(pointer, length)))

    return throw


@VALUES.body("global.PRISMA_WASM_PANIC_REGISTRY.set_message(getStringFromWasm0(arg0, arg1));")
def _set_panic_message(instance: Instance) -> Function:
    def set_message(pointer: int, length: int) -> None:
        instance.panic_message = instance.text(pointer, length)

    return set_message


@VALUES.pattern(r"const ret = arg0\.(\w+); return ret;")
def _property(instance: Instance, name: str) -> Function:
    return lambda target: js.get(target, name)


@VALUES.body("arg0[arg1] = arg2;")
def _set_property(instance: Instance) -> Function:
    return js.set_property


@VALUES.body("arg0[arg1 >>> 0] = arg2;")
def _set_element(instance: Instance) -> Function:
    return lambda target, index, value: js.set_element(target, index & 0xFFFFFFFF, value)


@VALUES.body("const ret = arg0.set(arg1, arg2); return ret;")
def _map_set(instance: Instance) -> Function:
    def map_set(target: js.JSMap, key: Any, value: Any) -> js.JSMap:
        target[key] = value
        return target

    return map_set


#: ArrayBuffer has no type here, since nothing makes one.
_CLASSES: Mapping[str, type | tuple[()]] = {
    "ArrayBuffer": (),
    "Map": js.JSMap,
    "Uint8Array": js.Uint8Array,
}


@VALUES.pattern(
    r"let result; try \{ result = arg0 instanceof (ArrayBuffer|Map|Uint8Array); \} "
    r"catch \(_\) \{ result = false; \} const ret = result; return ret;"
)
def _instance_of(instance: Instance, class_name: str) -> Function:
    wanted = _CLASSES[class_name]
    return lambda value: isinstance(value, wanted)


@VALUES.body("const ret = new Uint8Array(arg0); return ret;")
def _new_bytes(instance: Instance) -> Function:
    def new_bytes(source: Any) -> js.Uint8Array:
        if isinstance(source, js.Uint8Array):
            return js.Uint8Array.copy_of(source.view)
        if isinstance(source, list):
            return js.Uint8Array.copy_of(bytes(int(item) & 0xFF for item in source))
        raise js.type_error(f"Cannot make a Uint8Array of {js.debug_string(source)}")

    return new_bytes


@VALUES.pattern(
    r"const ret = (?:new Uint8Array\()?getArrayU8FromWasm0\(arg0, arg1\)\)?; return ret;"
)
def _bytes_of_memory(instance: Instance) -> Function:
    # In JavaScript the second form is a window on the module's memory. Here it is a copy: the
    # memory moves when it grows, and Rust hands the window out only to be read at once.
    return lambda pointer, length: js.Uint8Array.copy_of(instance.read(pointer, length))


@VALUES.body("Uint8Array.prototype.set.call(getArrayU8FromWasm0(arg0, arg1), arg2);")
def _copy_to_memory(instance: Instance) -> Function:
    def copy_to_memory(pointer: int, length: int, source: js.Uint8Array) -> None:
        if len(source) > length & 0xFFFFFFFF:
            raise js.ThrownError(js.JSError("offset is out of bounds", "RangeError"))
        instance.write(pointer, bytes(source))

    return copy_to_memory


@VALUES.body(
    "const table = wasm.__wbindgen_externrefs; const offset = table.grow(4); "
    "table.set(0, undefined); table.set(offset + 0, undefined); table.set(offset + 1, null); "
    "table.set(offset + 2, true); table.set(offset + 3, false); ;"
)
def _init_externref_table(instance: Instance) -> Function:
    return instance.init_references

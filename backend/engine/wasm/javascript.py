"""The slice of JavaScript that wasm-bindgen's glue needs, with Python objects as its values.

    undefined -> UNDEFINED      null -> None          boolean -> bool
    number    -> int, float     bigint -> BigInt      string -> str
    Object    -> dict           Array -> list         Map -> JSMap
    Uint8Array -> Uint8Array    function -> callable  Error -> JSError
    Symbol    -> Symbol         any other object -> JSObject and what derives from it

What is not here raises a TypeError of JavaScript; nothing guesses.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from typing import Any, Final


class Undefined:
    __slots__ = ()

    def __repr__(self) -> str:
        return "undefined"

    def __bool__(self) -> bool:
        return False


UNDEFINED: Final = Undefined()


class BigInt(int):
    """`typeof x === "bigint"`; a plain int stands for a number."""


class JSMap(dict[Any, Any]):
    """`new Map()`: a type of its own, since `instanceof Map` tells it from an Object."""


class Symbol:
    def __init__(self, description: str) -> None:
        self.description = description

    def __repr__(self) -> str:
        return f"Symbol({self.description})"


SYMBOL_ITERATOR: Final = Symbol("Symbol.iterator")


class JSObject:
    """An object of the host: its attributes are its JavaScript properties."""

    class_name = "Object"

    def __init__(self, **properties: Any) -> None:
        self.properties: dict[str, Any] = properties


class JSError(JSObject):
    """`new Error(message)`; Rust's errors set further properties (code, meta) on it."""

    class_name = "Error"

    def __init__(self, message: str, name: str = "Error") -> None:
        super().__init__(name=name, message=message, stack=f"{name}: {message}")

    def __str__(self) -> str:
        return f"{self.properties['name']}: {self.properties['message']}"


class JSDate(JSObject):
    """`new Date()`: the instant alone, in milliseconds since 1970."""

    class_name = "Date"

    def __init__(self, milliseconds: float) -> None:
        super().__init__(getTime=lambda *_: milliseconds)


class JSIterator(JSObject):
    class_name = "Iterator"

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = iter(items)
        super().__init__(next=self._next)

    def _next(self, *_: Any) -> dict[str, Any]:
        for item in self._items:
            return {"value": item, "done": False}
        return {"value": UNDEFINED, "done": True}


class Uint8Array:
    """A window on a shared buffer: what is written through `subarray` is seen in the whole."""

    __slots__ = ("view",)

    def __init__(self, view: memoryview) -> None:
        self.view = view

    @classmethod
    def copy_of(cls, data: bytes | bytearray | memoryview) -> Uint8Array:
        return cls(memoryview(bytearray(data)))

    def subarray(self, start: int, stop: int) -> Uint8Array:
        return Uint8Array(self.view[start:stop])

    def __len__(self) -> int:
        return len(self.view)

    def __bytes__(self) -> bytes:
        return bytes(self.view)


class ThrownError(Exception):
    """A JavaScript exception in flight; `value` is any JavaScript value."""

    def __init__(self, value: Any) -> None:
        super().__init__(to_string(value) if isinstance(value, JSError) else debug_string(value))
        self.value = value


def type_error(message: str) -> ThrownError:
    return ThrownError(JSError(message, "TypeError"))


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, (bool, BigInt))


def is_safe_integer(value: Any) -> bool:
    return is_number(value) and float(value).is_integer() and abs(value) <= 2**53 - 1


def is_object(value: Any) -> bool:
    """`typeof value === "object" && value !== null`"""
    return isinstance(value, (dict, list, Uint8Array, JSObject))


def get(target: Any, key: Any) -> Any:
    """`target[key]`"""
    if isinstance(target, dict) and not isinstance(target, JSMap):
        return target.get(key if isinstance(key, str) else to_string(key), UNDEFINED)
    if isinstance(target, JSObject):
        return target.properties.get(key, UNDEFINED)
    if target is None or target is UNDEFINED:
        raise type_error(
            f"Cannot read properties of {to_string(target)} (reading '{to_string(key)}')"
        )
    if key is SYMBOL_ITERATOR:
        return _iterator_function(target)
    if isinstance(target, (list, str, Uint8Array)):
        return _element(target, key)
    return UNDEFINED


def _element(target: list[Any] | str | Uint8Array, key: Any) -> Any:
    if key == "length":
        return len(target)
    if not is_number(key) or not float(key).is_integer() or not 0 <= key < len(target):
        return UNDEFINED
    index = int(key)
    return target.view[index] if isinstance(target, Uint8Array) else target[index]


def _iterator_function(target: Any) -> Callable[..., JSIterator] | Undefined:
    if isinstance(target, JSMap):
        return lambda *_: JSIterator([[key, value] for key, value in target.items()])
    if isinstance(target, (list, str)):
        return lambda *_: JSIterator(target)
    if isinstance(target, Uint8Array):
        return lambda *_: JSIterator(target.view)
    return UNDEFINED


def set_property(target: Any, key: Any, value: Any) -> None:
    """`target[key] = value`"""
    if isinstance(target, list):
        set_element(target, int(key), value)
    elif isinstance(target, dict) and not isinstance(target, JSMap):
        target[key if isinstance(key, str) else to_string(key)] = value
    elif isinstance(target, JSObject):
        target.properties[key] = value
    else:
        raise type_error(f"Cannot set property {to_string(key)} of {debug_string(target)}")


def set_element(target: list[Any], index: int, value: Any) -> None:
    if index == len(target):
        target.append(value)
        return
    while len(target) <= index:
        target.append(UNDEFINED)
    target[index] = value


def has(target: Any, key: Any) -> bool:
    """`key in target`"""
    if isinstance(target, dict) and not isinstance(target, JSMap):
        return (key if isinstance(key, str) else to_string(key)) in target
    if isinstance(target, JSObject):
        return key in target.properties
    if not is_object(target):
        raise type_error(f"Cannot use 'in' operator to search in {debug_string(target)}")
    return get(target, key) is not UNDEFINED


def entries(target: Any) -> list[list[Any]]:
    """`Object.entries(target)`"""
    if isinstance(target, JSMap):
        return []
    if isinstance(target, dict):
        return [[key, value] for key, value in target.items()]
    if isinstance(target, JSObject):
        return [[key, value] for key, value in target.properties.items()]
    if isinstance(target, list):
        return [[str(index), value] for index, value in enumerate(target)]
    raise type_error(f"Cannot list the entries of {debug_string(target)}")


def strict_equal(left: Any, right: Any) -> bool:
    """`left === right`"""
    if is_number(left) and is_number(right):
        return bool(left == right)
    if type(left) is type(right) and isinstance(left, (str, bool, BigInt)):
        return bool(left == right)
    return left is right


def loose_equal(left: Any, right: Any) -> bool:
    """`left == right`"""
    left_is_nullish = left is None or left is UNDEFINED
    right_is_nullish = right is None or right is UNDEFINED
    if left_is_nullish or right_is_nullish:
        return left_is_nullish and right_is_nullish
    if is_object(left) or is_object(right) or callable(left) or callable(right):
        return left is right
    if isinstance(left, str) != isinstance(right, str):
        return to_number(left) == to_number(right)
    return bool(left == right)


def to_number(value: Any) -> float:
    """`Number(value)`"""
    if value is None:
        return 0.0
    if isinstance(value, (bool, int, float)):
        return float(value)
    if isinstance(value, str):
        try:
            return float(value.strip() or 0)
        except ValueError:
            return math.nan
    return math.nan


def to_string(value: Any) -> str:
    """`String(value)`"""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        if math.isnan(value):
            return "NaN"
        return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, list):
        return ",".join("" if v is None or v is UNDEFINED else to_string(v) for v in value)
    if isinstance(value, (Undefined, Symbol, JSError)):
        return str(value)
    return f"[object {class_name(value)}]"


def class_name(value: Any) -> str:
    if isinstance(value, JSMap):
        return "Map"
    if isinstance(value, Uint8Array):
        return "Uint8Array"
    return value.class_name if isinstance(value, JSObject) else "Object"


def debug_string(value: Any) -> str:
    """What the glue's `debugString` shows in Rust's error texts."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return "[" + ", ".join(debug_string(item) for item in value) + "]"
    if isinstance(value, dict) and not isinstance(value, JSMap):
        return f"Object({json.dumps(to_python(value), default=repr, ensure_ascii=False)})"
    if callable(value):
        return "Function"
    if isinstance(value, JSError):
        return f"{value}\n{value.properties['stack']}"
    return to_string(value) if not is_object(value) else class_name(value)


def to_python(value: Any) -> Any:
    """Plain Python out of a JavaScript value: a number without a fraction becomes an int,
    undefined becomes None, and a property that is undefined is left out."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, dict):
        return {key: to_python(item) for key, item in value.items() if item is not UNDEFINED}
    if isinstance(value, list):
        return [to_python(item) for item in value]
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Uint8Array):
        return bytes(value)
    if isinstance(value, JSObject):
        return to_python(value.properties)
    return None if value is UNDEFINED else value

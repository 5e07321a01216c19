from __future__ import annotations

import math
from typing import Any

import pytest

from backend.engine.wasm import javascript as js
from backend.engine.wasm.javascript import (
    UNDEFINED,
    BigInt,
    JSError,
    JSMap,
    ThrownError,
    Uint8Array,
)

OBJECT: dict[str, Any] = {"a": 1}
LIST: list[Any] = [1]


@pytest.mark.parametrize(
    ("left", "right", "strict", "loose"),
    [
        (None, None, True, True),
        (None, UNDEFINED, False, True),
        (UNDEFINED, 0, False, False),
        (None, False, False, False),
        (1, 1.0, True, True),
        (1, BigInt(1), False, True),
        (BigInt(2), BigInt(2), True, True),
        (1, True, False, True),
        (True, True, True, True),
        ("1", 1, False, True),
        ("1", "1", True, True),
        ("a", 1, False, False),
        (math.nan, math.nan, False, False),
        (OBJECT, OBJECT, True, True),
        (OBJECT, dict(OBJECT), False, False),
        (LIST, LIST, True, True),
        (LIST, [1], False, False),
    ],
)
def test_equality(left: Any, right: Any, strict: bool, loose: bool) -> None:
    assert js.strict_equal(left, right) is strict
    assert js.loose_equal(left, right) is loose


@pytest.mark.parametrize(
    ("target", "key", "value"),
    [
        (OBJECT, "a", 1),
        (OBJECT, "b", UNDEFINED),
        ({"1": "x"}, 1.0, "x"),
        (JSMap(a=1), "a", UNDEFINED),
        (LIST, 0, 1),
        (LIST, 0.0, 1),
        (LIST, 1, UNDEFINED),
        (LIST, -1, UNDEFINED),
        (LIST, "length", 1),
        ("ab", "length", 2),
        (Uint8Array.copy_of(b"ab"), 1, 98),
        (JSError("m"), "message", "m"),
        (3, "a", UNDEFINED),
    ],
)
def test_property(target: Any, key: Any, value: Any) -> None:
    assert js.get(target, key) == value
    assert js.get(target, key) is not None


@pytest.mark.parametrize("target", [None, UNDEFINED])
def test_property_of_nothing_is_thrown(target: Any) -> None:
    with pytest.raises(ThrownError, match="TypeError: Cannot read properties of"):
        js.get(target, "a")


def test_elements_grow_a_list() -> None:
    target: list[Any] = []
    js.set_element(target, 0, "a")
    js.set_element(target, 2, "c")
    js.set_element(target, 1, "b")
    assert target == ["a", "b", "c"]


def test_a_subarray_is_a_window() -> None:
    whole = Uint8Array.copy_of(b"abcd")
    whole.subarray(1, 3).view[:] = b"XY"
    assert bytes(whole) == b"aXYd"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (None, "null"),
        (UNDEFINED, "undefined"),
        (True, "true"),
        (1, "1"),
        (1.0, "1"),
        (1.5, "1.5"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        (BigInt(9007199254740993), "9007199254740993"),
        ([1, None, "a"], "1,,a"),
        ({}, "[object Object]"),
        (JSMap(), "[object Map]"),
        (JSError("m"), "Error: m"),
    ],
)
def test_string(value: Any, text: str) -> None:
    assert js.to_string(value) == text


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (1.0, 1),
        (1.5, 1.5),
        (BigInt(2**63), 2**63),
        (True, True),
        (None, None),
        (UNDEFINED, None),
        (["a", 2.0, UNDEFINED], ["a", 2, None]),
        ({"a": 1.0, "b": UNDEFINED, "c": None}, {"a": 1, "c": None}),
        (JSMap(a=[BigInt(1)]), {"a": [1]}),
        (Uint8Array.copy_of(b"ab"), b"ab"),
    ],
)
def test_to_python(value: Any, plain: Any) -> None:
    result = js.to_python(value)
    assert result == plain
    assert type(result) is type(plain)


def test_errors_carry_their_properties() -> None:
    error = JSError("m")
    js.set_property(error, "code", "P2009")
    plain = js.to_python(error)
    assert (plain["message"], plain["code"]) == ("m", "P2009")


def test_is_safe_integer() -> None:
    values = [0, 2**53 - 1, 2**53, 1.0, 1.5, math.inf, math.nan, True, "1", BigInt(1)]
    assert [js.is_safe_integer(value) for value in values] == [
        *[True, True, False, True],
        *[False] * 6,
    ]

"""Identifiers have the form that Prisma's own have, and do not repeat."""

from __future__ import annotations

import re
import time
import uuid
from typing import Any

import pytest

from backend.engine.errors import EngineError
from backend.engine.plan.generators import GENERATORS, now

FORMS: list[tuple[str, list[Any], str]] = [
    ("cuid", [1], r"c[0-9a-z]{24}"),
    ("cuid", [2], r"[a-z][0-9a-z]{23}"),
    ("uuid", [4], r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
    ("uuid", [7], r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
    ("ulid", [], r"[0-7][0-9A-HJKMNP-TV-Z]{25}"),
    ("nanoid", [], r"[A-Za-z0-9_-]{21}"),
    ("nanoid", [12], r"[A-Za-z0-9_-]{12}"),
]


@pytest.mark.parametrize(("name", "args", "form"), FORMS)
def test_identifiers(name: str, args: list[Any], form: str) -> None:
    made = [GENERATORS[name](*args) for _ in range(5000)]
    assert all(re.fullmatch(form, one) for one in made)
    assert len(set(made)) == len(made)


@pytest.mark.parametrize(("name", "args"), [("cuid", [1]), ("uuid", [7]), ("ulid", [])])
def test_identifiers_that_hold_the_time_sort_by_it(name: str, args: list[Any]) -> None:
    earlier = GENERATORS[name](*args)
    time.sleep(0.002)
    assert earlier < GENERATORS[name](*args)


def test_uuid_7_holds_the_milliseconds() -> None:
    before = time.time_ns() // 1_000_000
    stamp = uuid.UUID(GENERATORS["uuid"](7)).int >> 80
    assert before <= stamp <= time.time_ns() // 1_000_000


@pytest.mark.parametrize(("name", "args"), [("cuid", [3]), ("uuid", [1])])
def test_versions_that_do_not_exist_are_refused(name: str, args: list[Any]) -> None:
    with pytest.raises(EngineError, match="Invalid"):
        GENERATORS[name](*args)


@pytest.mark.parametrize(
    ("left", "right", "pairs"),
    [
        (1, 2, [[1, 2]]),
        ([1, 2], 3, [[1, 3], [2, 3]]),
        (1, [2, 3], [[1, 2], [1, 3]]),
        ([1, 2], [3, 4], [[1, 3], [1, 4], [2, 3], [2, 4]]),
        ([], [1], []),
    ],
)
def test_product(left: Any, right: Any, pairs: Any) -> None:
    assert GENERATORS["product"](left, right) == pairs


def test_now_is_in_utc_and_whole_milliseconds() -> None:
    moment = now()
    assert moment.utcoffset() is not None
    assert moment.microsecond % 1000 == 0

"""Rows for types.prisma."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from oracle.calls import Call, Json, Model
from oracle.seeds.days import day


def types() -> list[Call]:
    full = {
        "text": "plain", "number": 7, "big": 9007199254740993, "ratio": 1.5,
        "amount": Decimal("12.34"), "flag": True, "moment": day(3, ms=7),
        "data": Json({"a": [1, None, {"b": "c"}]}), "blob": b"\x00\x01\xff", "color": "GREEN",
    }  # fmt: skip
    extreme = {
        "text": "ünï 😀 'q' \"d\" \\ % _ \n\t", "number": -2147483648,
        "big": -9223372036854775808, "ratio": -1e300, "amount": Decimal("-0.000001"), "flag": False,
        "moment": datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
        "data": Json([]), "blob": b"", "color": "BLUE",
    }  # fmt: skip
    most = {
        "text": "", "number": 2147483647, "big": 9223372036854775807, "ratio": 5e-324,
        "amount": Decimal("99999.99"), "flag": True, "moment": datetime(2999, 12, 31, tzinfo=UTC),
        "data": Json("text"), "blob": bytes(range(256)),
        "color": "RED",
    }  # fmt: skip
    optional = {f"{name}Opt": value for name, value in full.items()}
    unique = Model("Unique")
    return [
        Model("Scalars").create(data={"id": 1, **full, **optional}),
        Model("Scalars").create(data={"id": 2, **extreme}),
        Model("Scalars").create(
            data={"id": 3, **most, **{f"{name}Opt": value for name, value in extreme.items()}}
        ),
        Model("Scalars").create(
            data={"id": 4, **full, "data": Json(None), "dataOpt": Json(None), "numberOpt": 0}
        ),
        Model("Defaults").create(
            data={
                "id": "d1",
                "cuid1": "k1",
                "cuid2": "k2",
                "uuid4": "u4",
                "uuid7": "u7",
                "ulid": "ul",
                "nano": "na",
                "nano10": "n10",
                "now": day(1),
                "touched": day(2),
                "note": "seeded",
            }
        ),
        unique.create(
            data={
                "id": 1,
                "text": "one",
                "big": 10,
                "amount": Decimal("1.5"),
                "moment": day(1),
                "blob": b"one",
                "color": "RED",
            }
        ),
        unique.create(
            data={
                "id": 2,
                "text": "two",
                "big": 9007199254740993,
                "moment": day(2),
                "color": "GREEN",
            }
        ),
        unique.create(data={"id": 3}),
        Model("Mapped").create_many(
            data=[
                {"key": "k1", "select": 1, "group": "g"},
                {"key": "k'2", "select": 2, "group": None},
            ]
        ),
        Model("Part").create_many(
            data=[
                {"id": 1, "owner": "k1"},
                {"id": 2, "owner": "k1"},
                {"id": 3, "owner": "k'2"},
                {"id": 4, "owner": None},
            ]
        ),
    ]

"""Rows for postgres.prisma."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from oracle.calls import Call, Json, Model
from oracle.seeds.days import day


def postgres() -> list[Call]:
    body = {
        "name": "spec",
        "size": 3,
        "tags": ["x", "y"],
        "nested": {"deep": [1, {"k": "v"}]},
        "none": None,
    }
    uuids = [f"0000000{n}-0000-4000-8000-000000000000" for n in range(4)]
    return [
        Model("Lists").create_many(
            data=[
                {
                    "id": 1,
                    "strings": ["a", "b", "b", ""],
                    "numbers": [1, 2, -3],
                    "bigs": [9007199254740993, 0],
                    "ratios": [1.5, -0.25],
                    "amounts": [Decimal("1.10"), Decimal("-2")],
                    "flags": [True, False],
                    "moments": [day(1), day(2)],
                    "datas": [Json({"a": 1}), Json([1]), Json("s")],
                    "blobs": [b"x", b""],
                    "moods": ["HAPPY", "SAD"],
                    "defaults": [],
                },
                {"id": 2, "strings": [], "numbers": []},
                {
                    "id": 3,
                    "strings": ["ü", "it's", 'q"q', "back\\slash", "{}", "NULL", ","],
                    "numbers": [2147483647],
                },
            ]
        ),
        Model("Native").create_many(
            data=[
                {
                    "id": uuids[1],
                    "varchar": "varchar",
                    "char": "ab",
                    "bits": "1010",
                    "varbits": "101",
                    "uuid": uuids[2],
                    "inet": "192.168.0.1/24",
                    "small": 32767,
                    "oid": 4294967,
                    "real": 0.5,
                    "money": Decimal("12.30"),
                    "amount": Decimal("12345678.90"),
                    "date": datetime(2024, 2, 29, tzinfo=UTC),
                    "time": datetime(1970, 1, 1, 13, 14, 15, 678000, tzinfo=UTC),
                    "timetz": datetime(1970, 1, 1, 13, 14, 15, 678000, tzinfo=UTC),
                    "stamp": day(4, ms=123),
                    "stamptz": day(5, ms=456),
                    "jsonText": Json(body),
                    "jsonBinary": Json(body),
                    "bytes": b"\x00\xffabc",
                },
                {"id": uuids[3]},
            ]
        ),
        Model("NativeLists").create_many(
            data=[
                {
                    "id": 1,
                    "varchars": ["a", "bc"],
                    "uuids": [uuids[1], uuids[2]],
                    "inets": ["10.0.0.1"],
                    "smalls": [1, -2],
                    "reals": [0.5],
                    "dates": [datetime(2024, 2, 29, tzinfo=UTC)],
                    "stamps": [day(6)],
                    "jsons": [Json(body)],
                },
                {"id": 2},
            ]
        ),
        Model("Folder").create_many(
            data=[{"id": 1, "path": "/"}, {"id": 2, "path": "/a"}, {"id": 3, "path": "/empty"}]
        ),
        Model("Document").create_many(
            data=[
                {
                    "id": 1,
                    "title": "Spec",
                    "body": Json(body),
                    "labels": ["new", "urgent"],
                    "mood": "HAPPY",
                    "folderId": 1,
                },
                {
                    "id": 2,
                    "title": "spec two",
                    "body": Json({"name": "Other", "size": 10, "tags": []}),
                    "extra": Json({"a": {"b": 1}}),
                    "labels": ["new"],
                    "mood": "SAD",
                    "folderId": 2,
                },
                {
                    "id": 3,
                    "title": "List",
                    "body": Json([1, "two", None]),
                    "extra": Json(None),
                    "labels": [],
                    "folderId": 2,
                },
                {
                    "id": 4,
                    "title": "Scalar",
                    "body": Json("just text"),
                    "extra": Json(5),
                    "labels": ["old"],
                    "mood": "CALM",
                },
            ]
        ),
    ]

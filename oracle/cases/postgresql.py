"""What only PostgreSQL has: scalar lists, JSON filters, native types."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from oracle.calls import Call, Case, Json, Model
from oracle.cases import cases
from oracle.seeds.days import day

Lists, Native, NativeLists = Model("Lists"), Model("Native"), Model("NativeLists")
Document, Folder = Model("Document"), Model("Folder")
UUID = "00000001-0000-4000-8000-000000000000"


def on(model: Model, *filters: dict[str, Any]) -> list[Call]:
    return [model.find_many(where=where) for where in filters]


def only(*calls: Call | list[Call]) -> list[Case]:
    return cases("postgres", *calls, providers=("postgresql",))


LISTS = only(
    *on(
        Lists,
        {"strings": {"has": "b"}},
        {"strings": {"has": "none"}},
        {"strings": {"has": None}},
        {"strings": {"has_every": ["a", "b"]}},
        {"strings": {"has_every": []}},
        {"strings": {"has_some": ["a", "ü"]}},
        {"strings": {"has_some": []}},
        {"strings": {"is_empty": True}},
        {"strings": {"is_empty": False}},
        {"strings": {"equals": ["a", "b", "b", ""]}},
        {"strings": {"equals": []}},
        {"strings": ["a", "b", "b", ""]},
        {"NOT": [{"strings": {"has": "a"}}]},
        {"numbers": {"has": -3}},
        {"numbers": {"has_some": [2, 2147483647]}},
        {"bigs": {"has": 9007199254740993}},
        {"ratios": {"has": 1.5}},
        {"amounts": {"has": Decimal("1.1")}},
        {"flags": {"has": False}},
        {"flags": {"equals": [True, False]}},
        {"moments": {"has": day(2)}},
        {"blobs": {"has": b"x"}},
        {"blobs": {"has_every": [b"x"]}},
        {"moods": {"has": "SAD"}},
        {"moods": {"has_every": ["SAD", "HAPPY"]}},
        {"moods": {"is_empty": True}},
        {"datas": {"has": Json({"a": 1})}},
        {"defaults": {"equals": ["a", "b"]}},
    ),
    Lists.create(data={}),
    Lists.create(
        data={"strings": ["x"], "numbers": {"set": [1, 2]}, "moods": ["CALM"], "defaults": ["z"]}
    ),
    Lists.create(
        data={
            "bigs": [2**62],
            "ratios": [0.1, 1],
            "amounts": [Decimal("0.001")],
            "flags": [],
            "moments": [day(1, ms=5)],
            "blobs": [b"\x00", b""],
            "datas": [Json(None), Json({"k": []})],
        }
    ),
    Lists.create(data={"strings": ["a", None]}),
    Lists.create(data={"numbers": ["a"]}),
    Lists.create_many(data=[{"strings": ["x"]}, {"numbers": [5]}]),
    Lists.update(where={"id": 1}, data={"strings": ["new"]}),
    Lists.update(where={"id": 1}, data={"strings": {"set": ["new"]}, "moods": {"set": []}}),
    Lists.update(
        where={"id": 1},
        data={"strings": {"push": ["c"]}, "numbers": {"push": [4, 5]}, "moods": {"push": ["CALM"]}},
    ),
    Lists.update(
        where={"id": 1},
        data={"strings": {"push": "c"}, "moods": {"push": "CALM"}, "bigs": {"push": 1}},
    ),
    Lists.update(
        where={"id": 2},
        data={
            "blobs": {"push": [b"new"]},
            "moments": {"push": [day(7)]},
            "flags": {"push": [True]},
            "amounts": {"push": [Decimal("7.5")]},
        },
    ),
    Lists.update(where={"id": 2}, data={"datas": {"push": [Json({"p": 1})]}}),
    Lists.update(where={"id": 2}, data={"datas": [Json(1), Json([2])]}),
    Lists.update_many(where={"id": {"in": [1, 2]}}, data={"strings": {"push": ["both"]}}),
    Lists.update_many(where={"id": 1}, data={"blobs": {"set": [b"new", b""]}}),
    Lists.update_many(where={"blobs": {"has": b"x"}}, data={"strings": {"set": ["found"]}}),
    Lists.upsert(
        where={"id": 1}, data={"create": {"strings": ["c"]}, "update": {"strings": {"push": ["u"]}}}
    ),
    Lists.find_many(order={"strings": "asc"}),
    Lists.find_many(distinct=["strings"], order={"id": "asc"}),
    Lists.group_by(by=["strings"], count=True),
)

JSON = only(
    *on(
        Document,
        {"body": {"equals": Json("just text")}},
        {"body": {"equals": Json([1, "two", None])}},
        {"body": {"not": Json("just text")}},
        {"body": {"path": ["name"], "equals": Json("spec")}},
        {"body": {"path": ["name"], "not": Json("spec")}},
        {"body": {"path": ["size"], "gt": Json(3)}},
        {"body": {"path": ["size"], "gte": Json(3), "lt": Json(10)}},
        {"body": {"path": ["size"], "equals": Json(3)}},
        {"body": {"path": ["nested", "deep", "0"], "equals": Json(1)}},
        {"body": {"path": ["nested", "deep", "1", "k"], "equals": Json("v")}},
        {"body": {"path": ["none"], "equals": Json(None)}},
        {"body": {"path": ["missing"], "equals": Json(1)}},
        {"body": {"path": ["name"], "string_contains": "pe"}},
        {"body": {"path": ["name"], "string_contains": "PE", "mode": "insensitive"}},
        {"body": {"path": ["name"], "string_starts_with": "sp"}},
        {"body": {"path": ["name"], "string_ends_with": "er"}},
        {"body": {"string_contains": "text"}},
        {"body": {"path": ["tags"], "array_contains": Json(["x"])}},
        {"body": {"path": ["tags"], "array_contains": Json("x")}},
        {"body": {"path": ["tags"], "array_starts_with": Json("x")}},
        {"body": {"path": ["tags"], "array_ends_with": Json("y")}},
        {"body": {"array_contains": Json([1])}},
        {"body": {"path": [], "equals": Json("just text")}},
        {"extra": {"equals": Json(5)}},
        {"extra": {"equals": Json(None)}},
        {"extra": {"not": Json(5)}},
        {"extra": {"path": ["a", "b"], "equals": Json(1)}},
        {"extra": {"path": ["a"], "lt": Json(1)}},
        {"labels": {"has": "new"}, "folder": {"is": {"path": "/"}}},
        {"mood": "SAD"},
        {"mood": {"in": ["SAD", "CALM"]}},
        {"mood": None},
        {"NOT": [{"body": {"path": ["name"], "equals": Json("spec")}}]},
    ),
    Document.create(data={"title": "n"}),
    Document.create(
        data={
            "title": "n",
            "body": Json({"z": 1, "a": [True, None, 1.50, "é"]}),
            "extra": Json(None),
            "labels": ["l"],
        }
    ),
    Document.update(where={"id": 1}, data={"body": Json([]), "labels": {"push": ["more"]}}),
    Document.update(where={"id": 1}, data={"extra": Json({"x": None})}),
    Document.find_many(include={"folder": True}, order={"id": "asc"}),
    Folder.find_many(
        include={
            "documents": {"where": {"labels": {"is_empty": False}}, "order_by": {"id": "asc"}}
        },
        order={"id": "asc"},
    ),
    Document.group_by(by=["mood"], count=True),
)

NATIVE = only(
    Native.find_many(),
    Native.find_unique(where={"id": UUID}),
    Native.find_unique(where={"id": "not a uuid"}),
    *on(
        Native,
        {"varchar": "varchar"},
        {"varchar": {"contains": "arch"}},
        {"char": "ab"},
        {"char": "ab   "},
        {"bits": "1010"},
        {"uuid": {"in": ["00000002-0000-4000-8000-000000000000"]}},
        {"uuid": {"not": UUID}},
        {"inet": "192.168.0.1/24"},
        {"small": {"gt": 1}},
        {"small": 40000},
        {"oid": 4294967},
        {"real": 0.5},
        {"money": Decimal("12.30")},
        {"amount": {"gte": Decimal("1")}},
        {"date": datetime(2024, 2, 29, tzinfo=UTC)},
        {"date": {"gt": datetime(2024, 2, 28, 23, 59, tzinfo=UTC)}},
        {"time": {"lt": datetime(1970, 1, 1, 14, tzinfo=UTC)}},
        {"stamp": day(4, ms=123)},
        {"stamptz": {"gte": day(5)}},
        {"jsonBinary": {"path": ["size"], "equals": Json(3)}},
        {"jsonText": {"path": ["name"], "string_contains": "sp"}},
        {"bytes": b"\x00\xffabc"},
    ),
    Native.create(data={}),
    Native.create(
        data={
            "varchar": "x" * 10,
            "char": "abc",
            "bits": "0001",
            "varbits": "",
            "inet": "::1",
            "small": -5,
            "real": 1.1,
        }
    ),
    Native.create(data={"varchar": "x" * 11}),
    Native.create(data={"char": "abcdef"}),
    Native.create(data={"bits": "1"}),
    Native.create(data={"bits": "2222"}),
    Native.create(data={"small": 40000}),
    Native.create(data={"uuid": "nonsense"}),
    Native.create(data={"inet": "nonsense"}),
    Native.create(data={"oid": -1}),
    Native.create(data={"real": 1e300}),
    Native.create(data={"amount": Decimal("123456789.01")}),
    Native.create(data={"amount": Decimal("1.005"), "money": Decimal("-7.5")}),
    Native.create(data={"uuid": "00000002-0000-4000-8000-000000000000"}),
    Native.create(
        data={
            "date": datetime(2023, 5, 6, 23, 59, 59, tzinfo=UTC),
            "time": datetime(2023, 5, 6, 7, 8, 9, 123000, tzinfo=UTC),
            "timetz": datetime(2023, 5, 6, 7, 8, 9, tzinfo=UTC),
        }
    ),
    Native.create(
        data={
            "stamp": day(1, ms=1),
            "stamptz": day(1, ms=999),
            "jsonText": Json({"b": 1, "a": 2}),
            "jsonBinary": Json({"b": 1, "a": 2}),
        }
    ),
    Native.update(where={"id": UUID}, data={"small": {"increment": 1}}),
    Native.update(
        where={"id": UUID},
        data={
            "small": {"decrement": 7},
            "amount": {"multiply": Decimal("0.5")},
            "real": {"divide": 2},
        },
    ),
    NativeLists.find_many(order={"id": "asc"}),
    NativeLists.create(
        data={
            "varchars": ["é"],
            "uuids": [UUID],
            "inets": ["10.0.0.0/8"],
            "smalls": [3],
            "reals": [1.25],
            "dates": [datetime(2024, 1, 1, tzinfo=UTC)],
            "stamps": [day(3, ms=3)],
            "jsons": [Json({}), Json(None)],
        }
    ),
    NativeLists.create(data={"varchars": ["x" * 11]}),
    NativeLists.create(data={"uuids": ["nonsense"]}),
    NativeLists.update(
        where={"id": 1},
        data={
            "uuids": {"push": [UUID]},
            "smalls": {"push": [9]},
            "dates": {"push": [datetime(2025, 1, 1, tzinfo=UTC)]},
        },
    ),
    *on(
        NativeLists,
        {"uuids": {"has": UUID}},
        {"smalls": {"has_some": [-2, 5]}},
        {"varchars": {"has_every": ["a"]}},
    ),
)

CASES = [*LISTS, *JSON, *NATIVE]

"""Garbage is answered with a 4xx problem document that says what is wrong, and stores nothing."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.fixtures import Database

pytestmark = pytest.mark.anyio

COLLECTION = "/api/video-analysis/"
ITEM = "/api/video-analysis/kept"
KEPT = {"kept": "as it was"}
JSON = {"Content-Type": "application/json"}

Error = tuple[list[str], str]
"""Its place, and its kind."""


@pytest.fixture
async def kept(client: httpx.AsyncClient) -> None:
    for video_id, description in KEPT.items():
        answer = await client.post(
            COLLECTION, json={"video_id": video_id, "description": description}
        )
        assert answer.status_code == 201


def assert_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]
    document: dict[str, Any] = answer.json()
    assert list(document)[:5] == ["type", "title", "status", "detail", "instance"]
    assert document["status"] == status
    assert isinstance(document["detail"], str)
    assert document["detail"]
    return document


def text(**fields: object) -> bytes:
    return json.dumps({"video_id": "new", "description": "text", **fields}).encode()


BODIES: list[tuple[str, bytes, list[Error]]] = [
    ("empty", b"", [(["body"], "missing")]),
    ("spaces", b"  ", [(["body"], "json_invalid")]),
    ("not-json", b"video_id=new", [(["body"], "json_invalid")]),
    ("cut", text()[:-3], [(["body"], "json_invalid")]),
    ("two", text() + text(), [(["body"], "json_invalid")]),
    ("not-utf-8", b'{"video_id": "new", "description": "\xff"}', [(["body"], "json_invalid")]),
    ("utf-16", text().decode().encode("utf-16"), [(["body"], "json_invalid")]),
    ("bom", b"\xef\xbb\xbf" + text(), [(["body"], "json_invalid")]),
    ("raw-newline", b'{"video_id": "new", "description": "a\nb"}', [(["body"], "json_invalid")]),
    ("raw-nul", b'{"video_id": "new", "description": "a\0b"}', [(["body"], "json_invalid")]),
    ("nan", b'{"video_id": "new", "description": NaN}', [(["body"], "json_invalid")]),
    ("infinity", b'{"video_id": "new", "description": -Infinity}', [(["body"], "json_invalid")]),
    ("digits", b'{"description": ' + b"9" * 5000 + b"}", [(["body"], "json_invalid")]),
    ("deep", b"[" * 100_000, [(["body"], "json_invalid")]),
    ("deep-objects", b'{"a":' * 100_000, [(["body"], "json_invalid")]),
    (
        "duplicate-key",
        b'{"video_id": "new", "description": "a", "description": "b"}',
        [(["body"], "json_invalid")],
    ),
    ("null", b"null", [(["body"], "model_attributes_type")]),
    ("list", b"[]", [(["body"], "model_attributes_type")]),
    ("string", b'"text"', [(["body"], "model_attributes_type")]),
    ("number", b"1", [(["body"], "model_attributes_type")]),
    (
        "nothing-in-it",
        b"{}",
        [(["body", "video_id"], "missing"), (["body", "description"], "missing")],
    ),
    ("no-description", b'{"video_id": "new"}', [(["body", "description"], "missing")]),
    ("unknown-field", text(colour="x"), [(["body", "colour"], "extra_forbidden")]),
    ("our-field", text(id="cmine"), [(["body", "id"], "extra_forbidden")]),
    ("other-case", text(Description="x"), [(["body", "Description"], "extra_forbidden")]),
    (
        "unknown-surrogate",
        b'{"video_id": "new", "description": "a", "\\ud800": 1}',
        [(["body"], "string_unicode")],
    ),
    (
        "unknown-long",
        text(**{"x" * 10_000: 1}),
        [(["body", "x" * 100 + "…"], "extra_forbidden")],
    ),
    ("number-for-id", text(video_id=1), [(["body", "video_id"], "string_type")]),
    ("null-for-id", text(video_id=None), [(["body", "video_id"], "string_type")]),
    ("empty-id", text(video_id=""), [(["body", "video_id"], "string_too_short")]),
    ("long-id", text(video_id="a" * 256), [(["body", "video_id"], "string_too_long")]),
    ("number-for-text", text(description=1.5), [(["body", "description"], "string_type")]),
    ("list-for-text", text(description=["a"]), [(["body", "description"], "string_type")]),
    ("true-for-text", text(description=True), [(["body", "description"], "string_type")]),
    ("empty-text", text(description=""), [(["body", "description"], "blank")]),
    ("blank-text", text(description=" \t\n\u00a0\u3000"), [(["body", "description"], "blank")]),
    ("nul", text(description="a\0b"), [(["body", "description"], "nul_character")]),
    (
        "lone-surrogate",
        b'{"video_id": "new", "description": "a\\ud800b"}',
        [(["body", "description"], "lone_surrogate")],
    ),
    (
        "long-text",
        text(description="a" * 65_536),
        [(["body", "description"], "string_too_long")],
    ),
    ("70000", text(description="é" * 70_000), [(["body", "description"], "string_too_long")]),
    (
        "two-errors",
        text(video_id="a b", description=""),
        [(["body", "video_id"], "video_id"), (["body", "description"], "blank")],
    ),
    *(
        (f"id-{bad!a}", text(video_id=bad), [(["body", "video_id"], "video_id")])
        for bad in [
            ".", "..", "a b", " a", "a\n", "\n", "a/b", "/", "a\\b", "a%2Fb", "a?b", "a#b", "é",
            "a\0", "a,b", "a;b", "a@b", "a+b", "a*b", "a'b", 'a"b', "<b>", "\uff41", "a\u200b", "٣",
        ]
    ),
]  # fmt: skip


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("body", "errors"), [each[1:] for each in BODIES], ids=[each[0] for each in BODIES]
)
async def test_a_bad_body_is_refused_with_each_error(
    client: httpx.AsyncClient, database: Database, body: bytes, errors: list[Error]
) -> None:
    answer = await client.post(COLLECTION, content=body, headers=JSON)

    document = assert_problem(answer, 422)
    assert document["type"] == "urn:memory-mirror:problem:invalid-request"
    assert [(e["loc"], e["type"]) for e in document["errors"]] == errors
    for error in document["errors"]:
        assert list(error) == ["loc", "msg", "type"]
        assert f"{'.'.join(error['loc'])}: {error['msg']}" in document["detail"]
    assert database.rows() == KEPT


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("body", "errors"),
    [
        (b"", [(["body"], "missing")]),
        (b"{}", [(["body", "description"], "missing")]),
        (b'{"description": " "}', [(["body", "description"], "blank")]),
        (b'{"description": null}', [(["body", "description"], "string_type")]),
        (text(), [(["body", "video_id"], "extra_forbidden")]),
        (
            json.dumps({"description": "a" * 65_536}).encode(),
            [(["body", "description"], "string_too_long")],
        ),
    ],
    ids=["empty", "nothing-in-it", "blank", "null", "video_id", "long"],
)
async def test_a_bad_update_is_refused_and_changes_nothing(
    client: httpx.AsyncClient, database: Database, body: bytes, errors: list[Error]
) -> None:
    answer = await client.put(ITEM, content=body, headers=JSON)
    document = assert_problem(answer, 422)
    assert [(e["loc"], e["type"]) for e in document["errors"]] == errors
    assert database.rows() == KEPT


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "text/plain;charset=UTF-8"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": "application/json, text/plain"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": ""},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
    ids=str,
)
async def test_a_body_must_come_as_json(
    client: httpx.AsyncClient, database: Database, headers: dict[str, str]
) -> None:
    answer = await client.post(COLLECTION, content=text(), headers=headers)
    document = assert_problem(answer, 415)
    assert document["type"] == "urn:memory-mirror:problem:unsupported-media-type"
    assert database.rows() == {}


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'],
)
async def test_json_may_name_its_charset(client: httpx.AsyncClient, content_type: str) -> None:
    answer = await client.post(COLLECTION, content=text(), headers={"Content-Type": content_type})
    assert answer.status_code == 201


async def test_many_errors_are_cut_short(client: httpx.AsyncClient) -> None:
    body = text(**{f"field{n}": n for n in range(5000)})
    document = assert_problem(await client.post(COLLECTION, content=body, headers=JSON), 422)
    assert len(document["errors"]) == 21
    assert document["errors"][-1] == {
        "loc": ["body"],
        "msg": "and 4980 more errors",
        "type": "more_errors",
    }


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("%2e", 422),
        ("%2e%2E", 422),
        ("%00", 422),
        ("kept%00", 422),
        ("kept%0A", 422),
        ("kept%20", 422),
        ("%20kept", 422),
        ("kept%3F", 422),
        ("kept%23", 422),
        ("kept%25", 422),
        ("kept%252F", 422),
        ("kept%5C", 422),
        ("kept;a=b", 422),
        ("kept,", 422),
        ("%ff", 422),
        ("%c0%ae", 422),
        ("%C3%A9", 422),
        ("%E2%80%AEkept", 422),
        ("a" * 256, 422),
        ("a" * 20_000, 422),
        ("kept%2F", 404),
        ("kept%2f%2f", 404),
        ("%2Fkept", 404),
        ("..%2Fkept", 404),
        ("kept/kept", 404),
        ("kept//", 404),
        ("/kept", 404),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else None,
)
async def test_tricks_in_the_path_reach_nothing(
    client: httpx.AsyncClient, database: Database, method: str, path: str, status: int
) -> None:
    body = {"description": "changed"} if method == "PUT" else None
    # As bytes: httpx would tidy a string.
    url = httpx.URL("http://localhost").copy_with(raw_path=f"/api/video-analysis/{path}".encode())
    answer = await client.request(method, url, json=body)
    document = assert_problem(answer, status)
    if status == 422:
        assert [e["loc"] for e in document["errors"]] == [["path", "video_id"]]
    assert document["instance"] == f"/api/video-analysis/{path}"
    assert database.rows() == KEPT


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("limit=0", [(["query", "limit"], "greater_than_equal")]),
        ("limit=-1", [(["query", "limit"], "greater_than_equal")]),
        ("limit=1001", [(["query", "limit"], "less_than_equal")]),
        ("limit=99999999999999999999", [(["query", "limit"], "less_than_equal")]),
        ("limit=" + "9" * 5000, [(["query", "limit"], "int_parsing_size")]),
        ("limit=", [(["query", "limit"], "int_parsing")]),
        ("limit", [(["query", "limit"], "int_parsing")]),
        ("limit=ten", [(["query", "limit"], "int_parsing")]),
        ("limit=1.0", [(["query", "limit"], "int_parsing")]),
        ("limit=1e2", [(["query", "limit"], "int_parsing")]),
        ("limit=%2B5", [(["query", "limit"], "int_parsing")]),
        ("limit=+5", [(["query", "limit"], "int_parsing")]),
        ("limit=1_0", [(["query", "limit"], "int_parsing")]),
        ("limit=%D9%A3", [(["query", "limit"], "int_parsing")]),
        ("limit=5%00", [(["query", "limit"], "int_parsing")]),
        ("limit=%ff", [(["query", "limit"], "int_parsing")]),
        ("limit=5&limit=6", [(["query", "limit"], "repeated")]),
        ("Limit=5", [(["query", "Limit"], "extra_forbidden")]),
        ("limit=5&page=2", [(["query", "page"], "extra_forbidden")]),
        (
            "page=2&offset=1&page=3",
            [(["query", "page"], "extra_forbidden"), (["query", "offset"], "extra_forbidden")],
        ),
        ("=5", [(["query", ""], "extra_forbidden")]),
        ("%ff=5", [(["query", "\ufffd"], "extra_forbidden")]),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)
async def test_a_bad_query_is_refused_by_name(
    client: httpx.AsyncClient, query: str, errors: list[Error]
) -> None:
    url = httpx.URL("http://localhost").copy_with(raw_path=f"{COLLECTION}?{query}".encode())
    document = assert_problem(await client.get(url), 422)
    assert [(e["loc"], e["type"]) for e in document["errors"]] == errors


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", COLLECTION, {"video_id": "new", "description": "text"}),
        ("GET", ITEM, None),
        ("PUT", ITEM, {"description": "changed"}),
        ("DELETE", ITEM, None),
        ("GET", "/api/test/health", None),
    ],
)
async def test_every_endpoint_refuses_unknown_query_parameters(
    client: httpx.AsyncClient, database: Database, method: str, path: str, body: object
) -> None:
    answer = await client.request(method, f"{path}?dry_run=1", json=body)
    document = assert_problem(answer, 422)
    assert [e["loc"] for e in document["errors"]] == [["query", "dry_run"]]
    assert database.rows() == KEPT

"""/docs, /redoc and the OpenAPI document: whole, with examples, and without another host."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

pytestmark = pytest.mark.anyio

ITEM = "/api/video-analysis/{video_id}"
OPERATIONS = {
    "create_video_analysis": ("post", "/api/video-analysis/", {201, 400, 409, 413, 415, 507}),
    "list_video_analyses": ("get", "/api/video-analysis/", {200, 304}),
    "get_video_analysis": ("get", "/api/video-analysis/{video_id}", {200, 304, 404}),
    "update_video_analysis": (
        "put",
        "/api/video-analysis/{video_id}",
        {200, 201, 400, 404, 409, 412, 413, 415, 428, 507},
    ),
    "patch_video_analysis": (
        "patch",
        "/api/video-analysis/{video_id}",
        {200, 400, 404, 409, 412, 413, 415, 428, 507},
    ),
    "list_versions": ("get", f"{ITEM}/versions", {200, 404}),
    "get_version": ("get", f"{ITEM}/versions/{{version}}", {200, 404}),
    "diff_versions": ("get", f"{ITEM}/versions/{{version}}/diff", {200, 404}),
    "restore_version": (
        "post",
        f"{ITEM}/versions/{{version}}/restore",
        {200, 404, 412, 428, 507},
    ),
    "list_deleted": ("get", "/api/deleted", {200}),
    "look_up": ("post", "/api/lookup", {200, 400, 413, 415}),
    "audit": ("get", "/api/audit", {200}),
    "search": ("get", "/api/search", {200, 304}),
    "recall": ("post", "/api/recall", {200, 400, 413, 415}),
    "list_duplicates": ("get", "/api/duplicates", {200}),
    "merge_duplicates": (
        "post",
        "/api/duplicates/merge",
        {200, 400, 404, 412, 413, 415, 428, 507},
    ),
    "dismiss_duplicates": (
        "post",
        "/api/duplicates/dismiss",
        {200, 400, 404, 413, 415, 507},
    ),
    "list_tags": ("get", "/api/tags", {200}),
    "rename_tag": ("patch", "/api/tags", {200, 400, 404, 409, 413, 415, 507}),
    "delete_tag": ("delete", "/api/tags", {204, 404, 507}),
    "merge_tags": ("post", "/api/tags/merge", {200, 400, 404, 413, 415, 507}),
    "list_people": ("get", "/api/people", {200}),
    "rename_person": ("patch", "/api/people", {200, 400, 404, 409, 413, 415, 507}),
    "delete_person": ("delete", "/api/people", {204, 404, 507}),
    "merge_people": ("post", "/api/people/merge", {200, 400, 404, 413, 415, 507}),
    "context": ("post", "/api/context", {200, 400, 413, 415}),
    "get_stream": ("get", f"{ITEM}/stream", {200, 404, 502}),
    "upload_video": ("post", "/api/videos", {202, 400, 404, 409, 413, 415, 502, 507}),
    "get_job": ("get", "/api/jobs/{job_id}", {200, 404}),
    "follow_job": ("get", "/api/jobs/{job_id}/events", {200, 404}),
    "twelvelabs_webhook": ("post", "/api/twelvelabs/webhook", {204, 400, 403, 404, 413}),
    "stats": ("get", "/api/stats", {200}),
    "delete_video_analysis": ("delete", ITEM, {204, 404, 412, 428, 507}),
    "export": ("get", "/api/export", {200}),
    "backup": ("get", "/api/backup", {200}),
    "import_records": ("post", "/api/import", {200, 400, 409, 413, 415, 507}),
    "write_bulk": ("post", "/api/bulk", {200, 400, 409, 413, 415, 507}),
    "delete_video_analyses": ("delete", "/api/video-analysis/", {200, 409, 507}),
    "delete_bulk": ("post", "/api/bulk/delete", {200, 400, 409, 413, 415, 507}),
    "twelvelabs_status": ("get", "/api/twelvelabs/status", {200, 404}),
    "twelvelabs_videos": ("get", "/api/twelvelabs/videos", {200, 404}),
    "twelvelabs_sync": ("post", "/api/twelvelabs/sync", {202, 404, 507}),
    "list_keys": ("get", "/api/keys", {200}),
    "create_key": ("post", "/api/keys", {201, 400, 409, 413, 415, 507}),
    "revoke_key": ("delete", "/api/keys/{key_id}", {204, 404, 507}),
    "whoami": ("get", "/api/whoami", {200}),
    "health": ("get", "/api/test/health", {200}),
}
OPEN = {"health", "twelvelabs_webhook"}
EVERYWHERE = {421, 422, 429, 500, 503}
WITH_A_CALLER = {401, 403}


@pytest.fixture
async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def has_example(document: dict[str, Any], schema: dict[str, Any]) -> bool:
    schema = resolve(document, schema)
    if "examples" in schema or "default" in schema:
        return True
    if schema.get("type") == "array":
        return has_example(document, schema["items"])
    if schema.get("type") == "object":
        return all(has_example(document, each) for each in schema["properties"].values())
    return False


async def test_every_operation_and_its_answers_are_documented(document: dict[str, Any]) -> None:
    found = {}
    for method, path, operation in operations(document):
        assert operation["summary"]
        assert operation["tags"][0] in {tag["name"] for tag in document["tags"]}
        statuses = {int(status) for status in operation["responses"]}
        expected = EVERYWHERE
        if operation["operationId"] not in OPEN:
            expected = EVERYWHERE | WITH_A_CALLER
        found[operation["operationId"]] = (method, path, statuses - expected)
        assert statuses >= expected
    assert found == OPERATIONS


async def test_every_body_and_answer_has_an_example(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        for status, response in operation["responses"].items():
            assert "X-Request-ID" in response["headers"]
            assert response["description"]
            assert ("content" in response) == (status not in ("204", "304"))
            bodies.append(response)
        for body in bodies:
            for media_type, content in body.get("content", {}).items():
                where = (method, path, media_type)
                assert "example" in content or has_example(document, content["schema"]), where
        for parameter in operation.get("parameters", []):
            assert parameter["schema"].get("examples"), (method, path, parameter["name"])


async def test_every_problem_has_the_one_schema(document: dict[str, Any]) -> None:
    problem = document["components"]["schemas"]["Problem"]
    for _, _, operation in operations(document):
        for status, response in operation["responses"].items():
            if int(status) < 400:
                continue
            content = response["content"]["application/problem+json"]
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
            assert content["example"]["status"] == int(status)
            assert set(content["example"]) - {"errors", "scope"} == set(problem["required"])
            assert list(response["content"]) == ["application/problem+json"]


class _References(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [
            value for name, value in attrs if name in ("src", "href", "spec-url") and value
        ]


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (
            "/docs",
            {
                "/docs/assets/swagger/swagger-ui.css": "text/css",
                "/docs/assets/swagger/swagger-ui-bundle.js": "text/javascript",
                "/docs/assets/fastapi/favicon.png": "image/png",
                "/openapi.json": "application/json",
            },
        ),
        (
            "/redoc",
            {
                "/docs/assets/redoc/redoc.standalone.js": "text/javascript",
                "/docs/assets/fastapi/favicon.png": "image/png",
                "/openapi.json": "application/json",
            },
        ),
    ],
)
async def test_a_page_and_all_it_refers_to_are_served_from_here(
    client: httpx.AsyncClient, page: str, slash: str, expected: dict[str, str]
) -> None:
    answer = await client.get(page + slash)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    referred = {*_References(answer.text).found, *re.findall(r"url: '([^']+)'", answer.text)}
    assert referred == set(expected)
    for path, media_type in expected.items():
        assert not urlsplit(path).netloc
        asset = await client.get(path)
        assert asset.status_code == 200
        assert asset.headers["content-type"].split(";")[0] == media_type
        assert asset.content
    assert not re.search(r"https?://", answer.text)


async def test_the_assets_load_nothing_from_another_host(client: httpx.AsyncClient) -> None:
    """ReDoc's own build asks a CDN for its logo, and its page another for fonts."""
    for logo in ("/redoc/logo-mini.svg", "/redoc//logo-mini.svg"):
        assert (await client.get(logo)).headers["content-type"] == "image/svg+xml"
    script = (await client.get("/docs/assets/redoc/redoc.standalone.js")).text
    assert "cdn.redoc.ly" not in script
    style = (await client.get("/docs/assets/swagger/swagger-ui.css")).text
    assert not re.findall(r"url\(\s*['\"]?(https?:)?//[^)]*\)|@import", style)


async def test_pages_behind_a_prefix(client: httpx.AsyncClient) -> None:
    transport = client._transport
    assert isinstance(transport, httpx.ASGITransport)
    behind = httpx.ASGITransport(app=transport.app, root_path="/memories")
    async with httpx.AsyncClient(
        transport=behind, base_url="http://localhost/memories"
    ) as prefixed:
        page = (await prefixed.get("/docs")).text
        assert 'src="/memories/docs/assets/swagger/swagger-ui-bundle.js"' in page
        assert "url: '/memories/openapi.json'" in page
        created = await prefixed.post(
            "/api/video-analysis/", json={"video_id": "v", "description": "text"}
        )
        assert created.headers["location"] == "/memories/api/video-analysis/v"
        refused = await prefixed.post(created.headers["location"].removeprefix("/memories"))
        assert refused.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"

"""The context pack: what is in it, in which order, within how many tokens."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from backend.context.tokens import count

pytestmark = pytest.mark.anyio

SENTENCES = [f"Sentence number {n} tells of the sea." for n in range(8)]
SEGMENTS = [
    {"start": 0, "end": 10, "text": "At first."},
    {"start": 10, "end": 20.5, "text": "In the middle."},
    {"start": 75, "end": 80, "text": "At last."},
]


@pytest.fixture
async def videos(client: httpx.AsyncClient) -> None:
    for video_id, fields in {
        "a": {"description": " ".join(SENTENCES), "segments": SEGMENTS, "title": "The sea"},
        "b": {"description": "Short and about whales.", "people": ["Ben"], "location": "Rio"},
        "c": {"description": "Wordless " * 400},
        "d": {"description": "海边\u3002祖母\uff01 读书\uff1f"},
    }.items():
        answer = await client.post("/api/video-analysis/", json={"video_id": video_id, **fields})
        assert answer.status_code == 201


async def pack(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post("/api/context", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found["tokens"] <= body.get("max_tokens", 2000)
    assert found["tokenizer"] == "o200k_base"
    if found["text"] is not None:
        assert found["tokens"] == count(found["text"])
    return found


@pytest.mark.usefixtures("videos")
async def test_hits_stand_in_order_with_their_segments(client: httpx.AsyncClient) -> None:
    hits = [
        {"video_id": "b", "score": 0.9},
        {"video_id": "gone"},
        {"video_id": "a", "start": 12, "end": 76, "score": 0.5},
        {"video_id": "b", "start": 1, "end": 2, "score": 0.1},
    ]
    found = await pack(client, hits=hits)
    assert found["text"] == (
        "[1] b, Rio, Ben\nShort and about whales.\n\n"
        f"[2] The sea\n{' '.join(SENTENCES)}\n"
        "(0:10-0:20) In the middle.\n(1:15-1:20) At last."
    )
    assert found["sources"] == [
        {"citation": "[1]", "video_id": "b", "title": None, "score": 0.9, "truncated": False},
        {"citation": "[2]", "video_id": "a", "title": "The sea", "score": 0.5, "truncated": False},
    ]
    assert (found["missing"], found["omitted"], found["items"]) == (["gone"], [], None)

    as_json = await pack(client, hits=hits, format="json")
    assert as_json["text"] is None
    assert [item["video_id"] for item in as_json["items"]] == ["b", "a"]
    assert as_json["items"][1]["segments"] == SEGMENTS[1:]


@pytest.mark.usefixtures("videos")
async def test_what_does_not_fit_is_cut_at_a_sentence_or_omitted(
    client: httpx.AsyncClient,
) -> None:
    hits = [{"video_id": "a"}, {"video_id": "c"}, {"video_id": "b"}]
    for budget in range(1, 130, 3):
        found = await pack(client, hits=hits, max_tokens=budget)
        shown = [source["video_id"] for source in found["sources"]]
        assert shown + found["omitted"] == sorted(shown + found["omitted"], key="abc".index) or (
            set(shown) | set(found["omitted"]) == {"a", "b", "c"}
        )
        if shown and shown[0] == "a" and found["sources"][0]["truncated"]:
            told = found["text"].split("\n")[1]
            number = told.count(".")
            assert told == " ".join(SENTENCES[:number])
    assert (await pack(client, hits=hits, max_tokens=1))["omitted"] == ["a", "c", "b"]
    japanese = await pack(client, hits=[{"video_id": "d"}], max_tokens=12)
    assert japanese["text"] == "" or japanese["text"].endswith(("\u3002", "\uff01", "\uff1f"))


@pytest.mark.usefixtures("videos")
async def test_a_query_finds_its_own_hits(client: httpx.AsyncClient) -> None:
    found = await pack(client, query="whales")
    assert [source["video_id"] for source in found["sources"]] == ["b"]
    assert (await pack(client, query="nothing like it"))["text"] == ""


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"hits": [], "query": "x"},
        {"query": "  "},
        {"hits": [{"video_id": "a/b"}]},
        {"hits": [{"video_id": "a", "start": -1}]},
        {"hits": [{"video_id": "a"}] * 201},
        {"query": "x", "max_tokens": 0},
        {"query": "x", "format": "xml"},
    ],
    ids=lambda body: str(body)[:40],
)
async def test_a_wrong_request_is_a_422(client: httpx.AsyncClient, body: Any) -> None:
    assert (await client.post("/api/context", json=body)).status_code == 422

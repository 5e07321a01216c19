"""Known-item search: is the video found whose words were asked for, garbled?

    python bench/known_item.py DATA.ndjson [--url URL ...] [--queries 1000] [--seed 1]

Each line of DATA is `{"video_id", "description", "segments": [{"start", "end", "text"}]}`, with
more of the record's fields where there are. All are stored and asked for with the words of one of
their segments, some dropped, some inflected, in another order. Printed for each database and for
bm25s with the same stemmer over the descriptions: how many are among the first ten (R@10), and the
mean of 1/rank (MRR). Without --url: a new SQLite database. A database that is given must be empty.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bm25s
import Stemmer

from backend.engine.migrate import deploy
from backend.models.schemas import VideoAnalysisCreate
from backend.records import DatabaseService
from backend.services import make_services

SCHEMA = Path(__file__).parents[1] / "prisma" / "schema.prisma"
DEPTH = 10
WORD = re.compile(r"\w+")
Question = tuple[str, str]
"""The video_id wanted, and what is asked."""


def garbled(sentence: str, choose: random.Random) -> str:
    words = [word for word in WORD.findall(sentence) if choose.random() > 0.25]
    for at, word in enumerate(words):
        if len(word) > 3 and choose.random() < 0.3:
            words[at] = word + choose.choice(["s", "ing", "ed", "er", "ly"])
    choose.shuffle(words)
    return " ".join(words)


def questions(videos: Sequence[Any], number: int, seed: int) -> list[Question]:
    choose = random.Random(seed)
    made = []
    for video in choose.sample(list(videos), min(number, len(videos))):
        text = garbled(choose.choice(video["segments"])["text"], choose)
        if text:
            made.append((video["video_id"], text))
    return made


def show(name: str, asked: Sequence[Question], answers: Sequence[Sequence[str]]) -> None:
    ranks = [
        ids.index(wanted) + 1 if wanted in ids else None
        for (wanted, _), ids in zip(asked, answers, strict=True)
    ]
    found = [rank for rank in ranks if rank is not None]
    recall, mrr = len(found) / len(ranks), sum(1 / rank for rank in found) / len(ranks)
    print(f"{name:12} R@{DEPTH} {recall:.4f}  MRR {mrr:.4f}", flush=True)


def reference(videos: Sequence[Any], asked: Sequence[Question]) -> list[list[str]]:
    stemmer = Stemmer.Stemmer("english")
    texts = [video["description"] for video in videos]
    index = bm25s.BM25()
    index.index(bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False),
                show_progress=False)  # fmt: skip
    answers = []
    for _, text in asked:
        tokens = bm25s.tokenize(text, stopwords="en", stemmer=stemmer, show_progress=False)
        found, _ = index.retrieve(tokens, k=DEPTH, show_progress=False)
        answers.append([videos[at]["video_id"] for at in found[0]])
    return answers


async def ours(url: str, videos: Sequence[Any], asked: Sequence[Question]) -> list[list[str]]:
    await deploy(SCHEMA, url, log=lambda line: print(line, file=sys.stderr))
    services = make_services(url)
    database = services.database
    await database.connect()
    try:
        await store(database, videos)
        answers = []
        for _, text in asked:
            page = await services.search.search(text, limit=DEPTH)
            answers.append([result["video_id"] for result in page["results"]])
        return answers
    finally:
        await database.disconnect()


async def store(database: DatabaseService, videos: Sequence[Any]) -> None:
    """Sixteen at once."""
    waiting = iter(videos)

    async def work() -> None:
        for video in waiting:
            await database.create_video_analysis(
                VideoAnalysisCreate.model_validate(
                    {key: video[key] for key in video if key in VideoAnalysisCreate.model_fields}
                )
            )

    async with asyncio.TaskGroup() as group:
        for _ in range(16):
            group.create_task(work())


def read(data: Path) -> list[Any]:
    videos = [json.loads(line) for line in data.open(encoding="utf-8")]
    for video in videos:  # a few of the real ones end before they start
        video["segments"] = [part for part in video["segments"] if part["start"] <= part["end"]]
    return [video for video in videos if video["segments"]]


async def main() -> None:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--url", action="append", default=[])
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    videos = read(options.data)
    asked = questions(videos, options.queries, options.seed)
    print(f"{len(videos)} videos, {len(asked)} questions", flush=True)
    show("bm25s", asked, await asyncio.to_thread(reference, videos, asked))
    with tempfile.TemporaryDirectory() as folder:
        for url in options.url or [f"file:{folder}/bench.db"]:
            show(url.partition(":")[0], asked, await ours(url, videos, asked))


if __name__ == "__main__":
    asyncio.run(main())

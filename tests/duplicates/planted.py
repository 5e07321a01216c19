"""Descriptions of which some are much like others, and which they are by reading each."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

from backend.models.schemas import VideoAnalysisCreate
from backend.records import Given
from backend.services import Services

Pair = tuple[str, str]


def planted(number: int, seed: int) -> dict[str, str]:
    """By video_id. A third of them are made of others, by as many changes as leave them anything
    from alike to different."""
    chance = random.Random(seed)
    vocabulary = [f"w{n}" for n in range(5_000)]
    weights = [1 / (n + 5) for n in range(5_000)]
    texts: list[list[str]] = []
    for _ in range(number):
        if texts and chance.random() < 0.33:
            words = list(chance.choice(texts))
            for _ in range(chance.choice([0, 1, 1, 2, 2, 3, 4, 6])):
                _change(words, chance, vocabulary)
        else:
            words = chance.choices(vocabulary, weights, k=chance.randint(12, 90))
        texts.append(words)
    return {f"v{n:06}": " ".join(words).capitalize() + "." for n, words in enumerate(texts)}


def _change(words: list[str], chance: random.Random, vocabulary: list[str]) -> None:
    place = chance.randrange(len(words))
    match chance.randrange(3):
        case 0:
            words[place] = chance.choice(vocabulary)
        case 1:
            words.insert(place, chance.choice(vocabulary))
        case _ if len(words) > 5:
            del words[place]


def similar_pairs(texts: Mapping[str, str], threshold: float) -> set[Pair]:
    """Each pair of which the sets of three words are so similar."""
    shingles = {}
    having: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for id_, text in texts.items():
        words = text.lower().rstrip(".").split()
        shingles[id_] = set(zip(words, words[1:], words[2:], strict=False))
        for shingle in shingles[id_]:
            having[shingle].append(id_)
    common: Counter[Pair] = Counter()
    for ids in having.values():
        common.update(combinations(ids, 2))
    return {
        (one, other)
        for (one, other), number in common.items()
        if number / (len(shingles[one]) + len(shingles[other]) - number) >= threshold
    }


def components(pairs: Iterable[Pair]) -> set[frozenset[str]]:
    linked: defaultdict[str, set[str]] = defaultdict(set)
    for one, other in pairs:
        linked[one].add(other)
        linked[other].add(one)
    found, seen = set(), set()
    for id_ in linked:
        front, group = [id_], set[str]()
        while front:
            each = front.pop()
            if each not in group:
                group.add(each)
                front += linked[each]
        if id_ not in seen:
            found.add(frozenset(group))
        seen |= group
    return found


async def store(services: Services, texts: Mapping[str, str]) -> None:
    given = [
        Given(id_, VideoAnalysisCreate(video_id=id_, description=text))
        for id_, text in texts.items()
    ]
    for start in range(0, len(given), 500):
        await services.database.write_many(given[start : start + 500], "create")


async def pages(services: Services, threshold: float, limit: int = 100) -> Iterator[Any]:
    """Of an index that is up to date."""
    while (await services.duplicates.page(threshold, limit=1))["pending"]:
        pass
    found, cursor = [], None
    while True:
        page = await services.duplicates.page(threshold, limit=limit, cursor=cursor)
        assert page["pending"] == 0
        assert page["count"] == len(page["groups"]) <= limit
        found += page["groups"]
        cursor = page["next_cursor"]
        if cursor is None:
            return iter(found)


async def groups(services: Services, threshold: float = 0.8, limit: int = 100) -> list[list[str]]:
    return [group["video_ids"] for group in await pages(services, threshold, limit)]


def recall(found: Iterable[Iterable[str]], expected: set[Pair]) -> float:
    """Of the pairs, the part of which both are in one group."""
    group_of = {id_: number for number, group in enumerate(found) for id_ in group}
    together = [pair for pair in expected if group_of.get(pair[0], -1) == group_of.get(pair[1], -2)]
    return len(together) / len(expected)

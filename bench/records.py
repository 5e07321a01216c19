"""The records that are stored before anything is measured: real descriptions, or text like them.

A file has one JSON object a line with `video_id` and `description`. Without one, text is generated
with the statistics of the captions of ActivityNet (10,009 training videos): a description has 262
characters in the mean, 50 words, 3.7 sentences. Either is repeated, under new ids, until there are
as many as are wanted.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
GENERATED = 10_000

WORDS = """
the a and to in of is on man with are then he people woman camera his her she up it as
while shown into around down they seen person an we back two playing one standing another at several
off men by water ball girl out other from them continues screen over talking begins holding front
him their boy sitting group more white black walks speaking hands again large shows hair puts lady
young behind side wearing table room field riding shirt walking hand some dog play onto game video
stands various blue jumps takes moves red doing next starts along car floor talks leads board shots
using different away running small throws ground rope wall together top face jump put through goes
close turns appears gets moving runs holds girls horse outside kitchen snow grandmother sandcastle
birthday bicycle guitar garden river beach
"""


class Source(NamedTuple):
    video_id: str
    description: str


class Row(NamedTuple):
    id: str
    video_id: str
    description: str
    created_at: datetime


def read_sources(path: Path) -> list[Source]:
    with path.open(encoding="utf-8") as lines:
        records = (json.loads(line) for line in lines if line.strip())
        return [Source(record["video_id"], record["description"]) for record in records]


def generate_sources() -> list[Source]:
    chance = random.Random(1)
    words = WORDS.split()
    weights = [1 / (rank + 8) for rank in range(len(words))]  # about Zipf's law

    def sentence() -> str:
        length = max(4, round(chance.lognormvariate(2.5, 0.45)))
        return " ".join(chance.choices(words, weights, k=length)).capitalize() + "."

    def description() -> str:
        sentences = max(2, round(chance.lognormvariate(1.2, 0.45)))
        return " ".join(sentence() for _ in range(sentences))

    return [Source(f"v_{_letters(chance, 11)}", description()) for _ in range(GENERATED)]


def rows(sources: list[Source], count: int) -> Iterator[Row]:
    """`count` records, one second apart, always the same."""
    chance = random.Random(2)
    for number in range(count):
        turn, place = divmod(number, len(sources))
        video_id, description = sources[place]
        yield Row(
            "c" + _letters(chance, 24),
            f"{video_id}-{turn}" if turn else video_id,
            description,
            FIRST + timedelta(seconds=number, milliseconds=number % 1000),
        )


def _letters(chance: random.Random, count: int) -> str:
    return "".join(chance.choices(ALPHABET, k=count))

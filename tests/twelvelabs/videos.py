"""The videos of the loopback server, and what an analysis says of each."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SMALL = Path(__file__).parent / "videos.ndjson"
"""Some twenty videos with descriptions."""

FIRST = datetime(2026, 1, 1, tzinfo=UTC)

_SUBJECTS = ("Two children", "A grandmother", "The neighbours", "A choir", "Three dogs", "My aunt")
_ACTS = ("build a sandcastle", "bake bread", "plant roses", "sing", "run to the water", "dance")
_PLACES = ("on the beach", "in the kitchen", "in the garden", "at a station", "by the lake")
_MOODS = ("joyful", "calm", "lively", "tender")
_EVENTS = ("vacation", "birthday", "everyday", "concert")
_NAMES = ("Grandma Rosa", "Ben", "Ida", "Uncle Theo")


def id_of(number: int, kind: str = "video") -> str:
    """24 hexadecimal digits, as the documentation shows ids."""
    return hashlib.sha256(f"{kind} {number}".encode()).hexdigest()[:24]


def rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Video:
    id: str
    asset_id: str
    filename: str
    duration: float
    description: dict[str, Any]
    """title, summary, keywords, people, mood, event_type, segments of start, end, text."""
    created_at: datetime
    updated_at: datetime
    indexed_at: datetime | None
    status: str = "ready"
    user_metadata: dict[str, Any] = field(default_factory=dict)
    has_stream: bool = True

    @property
    def version(self) -> str | None:
        """What changes when the video is indexed anew."""
        return None if self.indexed_at is None else rfc3339(self.indexed_at)

    def listed(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "_id": self.id,
            "asset_id": self.asset_id,
            "created_at": rfc3339(self.created_at),
            "updated_at": rfc3339(self.updated_at),
            "status": self.status,
            "system_metadata": {
                "duration": self.duration,
                "filename": self.filename,
                "height": 720,
                "width": 1280,
            },
        }
        if self.indexed_at is not None:
            shown["indexed_at"] = rfc3339(self.indexed_at)
        return shown

    def words(self) -> set[str]:
        return words_of(json.dumps(self.description, ensure_ascii=False))


def words_of(text: str) -> set[str]:
    return set(re.findall(r"\w{2,}", text.casefold()))


def made_up(number: int) -> Iterator[Video]:
    """The same ones each time, a second apart."""
    for each in range(number):
        made = random.Random(each)
        subject, act, place = made.choice(_SUBJECTS), made.choice(_ACTS), made.choice(_PLACES)
        summary = f"{subject} {act} {place}. It is video number {each}."
        duration = made.randint(10, 900) + 0.5
        description = {
            "title": f"{act.capitalize()} {place}",
            "summary": summary,
            "keywords": sorted({act.split()[-1], place.split()[-1], f"reel{each % 40}"}),
            "people": made.sample(_NAMES, made.randint(0, 2)),
            "mood": made.choice(_MOODS),
            "event_type": made.choice(_EVENTS),
            "segments": [
                {"start": 0.0, "end": duration / 2, "text": f"{subject} arrive {place}."},
                {"start": duration / 2, "end": duration, "text": f"{subject} {act}."},
            ],
        }
        yield video_of(each, f"reel-{each:06}.mp4", duration, description)


def of_file(path: Path = SMALL) -> Iterator[Video]:
    for number, line in enumerate(path.read_text("utf-8").splitlines()):
        described = json.loads(line)
        filename, duration = described.pop("filename"), described.pop("duration")
        yield video_of(number, filename, duration, described)


def video_of(number: int, filename: str, duration: float, description: dict[str, Any]) -> Video:
    made = FIRST + timedelta(seconds=number)
    return Video(
        id_of(number),
        id_of(number, "asset"),
        filename,
        duration,
        description,
        created_at=made,
        updated_at=made,
        indexed_at=made,
    )

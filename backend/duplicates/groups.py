"""Groups of videos whose descriptions say the same, of what the index has of some clusters.

Two videos are linked when their records have the same text, or texts of which a pair is similar
enough, unless a person has said that they are no duplicates. A group is all that links lead to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

Dismissed = Mapping[str, Collection[str]]
"""For each video: those of which it is no duplicate."""


@dataclass(frozen=True, slots=True)
class Text:
    records: int
    """How many have it."""
    video_ids: Sequence[str]
    """Of these: all, or the first."""


@dataclass(frozen=True, slots=True)
class Group:
    first: tuple[int, str]
    """The smallest text, and of it the first video: no other group has it."""
    video_ids: list[str]
    count: int
    """Of videos: as many as `video_ids` or more."""
    similarity: float
    """The least of a pair of its texts; 1 where all have the same."""


def groups_of(
    texts: Mapping[int, Text], pairs: Iterable[tuple[int, int, float]], dismissed: Dismissed
) -> list[Group]:
    """Of two videos or more, in the order of `first`."""
    linked: defaultdict[int, dict[int, float]] = defaultdict(dict)
    for one, other, similarity in pairs:
        linked[one][other] = linked[other][one] = similarity
    waiting = {id_: dict.fromkeys(text.video_ids) for id_, text in sorted(texts.items())}
    groups = []
    for id_, videos in waiting.items():
        while videos:
            found = _reached((id_, next(iter(videos))), waiting, linked, dismissed)
            if sum(map(len, found.values())) > 1:
                groups.append(_group(found, texts, linked))
    return sorted(groups, key=lambda group: group.first)


def _reached(
    start: tuple[int, str],
    waiting: Mapping[int, dict[str, None]],
    linked: Mapping[int, Mapping[int, float]],
    dismissed: Dismissed,
) -> dict[int, list[str]]:
    """The videos of each text that links lead to. They are taken from `waiting`."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    found[start[0]].append(start[1])
    del waiting[start[0]][start[1]]
    front = [start]
    done: set[int] = set()
    """Texts of which a video that nothing is dismissed of has been looked at: it speaks for all."""
    while front:
        text, video = front.pop()
        no_duplicates = dismissed.get(video, ())
        if not no_duplicates:
            if text in done:
                continue
            done.add(text)
        for other in (text, *linked.get(text, ())):
            for each in [each for each in waiting[other] if each not in no_duplicates]:
                del waiting[other][each]
                found[other].append(each)
                front.append((other, each))
    return found


def _group(
    found: Mapping[int, Sequence[str]],
    texts: Mapping[int, Text],
    linked: Mapping[int, Mapping[int, float]],
) -> Group:
    first = min(found)
    # Those of a text that were not read go with the first of it.
    unread = sum(
        max(texts[id_].records - len(texts[id_].video_ids), 0)
        for id_, videos in found.items()
        if texts[id_].video_ids[0] in videos
    )
    return Group(
        (first, min(found[first])),
        sorted(video for videos in found.values() for video in videos),
        sum(map(len, found.values())) + unread,
        min(
            (
                each
                for id_ in found
                for other, each in linked.get(id_, {}).items()
                if other in found
            ),
            default=1.0,
        ),
    )

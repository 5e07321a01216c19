"""Two searches' moments as one list."""

from __future__ import annotations

import pytest

from backend.twelvelabs.moments import Found, K, Searcher, Span, fused


def found(searcher: Searcher, *moments: str) -> list[Found]:
    """Of `a 0-10`, or `a` for the whole video."""
    made = []
    for moment in moments:
        video_id, _, times = moment.partition(" ")
        start, _, end = times.partition("-")
        made.append(Found(searcher, video_id, Span(float(start), float(end)) if times else None))
    return made


def shown(*lists: list[Found]) -> list[str]:
    return [
        " ".join(
            [
                moment.video_id,
                *([f"{moment.span.start:g}-{moment.span.end:g}"] if moment.span else []),
                *(f"{reason.searcher[0]}{reason.rank}" for reason in moment.reasons),
            ]
        )
        for moment in fused(lists)
    ]


@pytest.mark.parametrize(
    ("by_index", "by_words", "expected"),
    [
        ([], [], []),
        (["a 0-10", "b 5-6"], [], ["a 0-10 t1", "b 5-6 t2"]),
        ([], ["b", "a 1-2"], ["b d1", "a 1-2 d2"]),
        # A video stands once for each search, by its best clip, with what overlaps that.
        (["a 10-20", "b 0-1", "a 40-50", "a 18-30", "a 5-11"], [], ["a 5-30 t1", "b 0-1 t2"]),
        (["a 10-20", "a 29-40", "a 19-30"], [], ["a 10-40 t1"]),
        (["a 40-50", "a 0-10", "a 9-20"], [], ["a 40-50 t1"]),
        (["a 10-20", "a 20-30", "a 0-10"], [], ["a 10-20 t1"]),
        # What both have found comes before what one has found first.
        (["a 0-1", "b 0-1"], ["c 0-1", "b 0-1"], ["b 0-1 t2 d2", "a 0-1 t1", "c 0-1 d1"]),
        (["a 10-20"], ["a 15-30"], ["a 10-30 t1 d1"]),
        (["a 10-20"], ["a 20-30"], ["a 10-20 t1", "a 20-30 d1"]),
        (["a 10-20"], ["a"], ["a 10-20 t1 d1"]),
        (["a"], ["a 10-20"], ["a 10-20 t1 d1"]),
        (["b 0-1", "a 10-20"], ["a 21-30"], ["a 21-30 d1", "a 10-20 t2", "b 0-1 t1"]),
    ],
)
def test_joined(by_index: list[str], by_words: list[str], expected: list[str]) -> None:
    assert shown(found("twelvelabs", *by_index), found("descriptions", *by_words)) == expected


def test_the_score_is_that_of_the_article() -> None:
    first, second = fused([found("twelvelabs", "a", "b"), found("descriptions", "b")])
    assert (first.video_id, first.score) == ("b", 1 / (K + 2) + 1 / (K + 1))
    assert second.score == 1 / (K + 1)

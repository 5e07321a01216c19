"""Groups of what an index has of some clusters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from backend.duplicates.clusters import Clusters
from backend.duplicates.groups import Group, Text, groups_of


def text(*video_ids: str, records: int = 0) -> Text:
    return Text(records or len(video_ids), video_ids)


def dismissed(*groups: Sequence[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for group in groups:
        for one, other in combinations(group, 2):
            found.setdefault(one, set()).add(other)
            found.setdefault(other, set()).add(one)
    return found


def test_equal_texts_and_similar_ones() -> None:
    texts = {1: text("b", "a"), 2: text("c"), 3: text("d"), 4: text("e"), 5: text("f")}
    pairs = [(1, 2, 0.9), (2, 3, 0.75), (4, 5, 0.8)]
    assert groups_of(texts, pairs, {}) == [
        Group((1, "a"), ["a", "b", "c", "d"], 4, 0.75),
        Group((4, "e"), ["e", "f"], 2, 0.8),
    ]


def test_one_video_is_no_group() -> None:
    assert groups_of({1: text("a"), 2: text("b")}, [], {}) == []


def test_videos_that_were_not_read_are_counted_once() -> None:
    texts = {1: text("a", "b", records=5_000), 2: text("c")}
    [group] = groups_of(texts, [(1, 2, 0.9)], {})
    assert (group.video_ids, group.count) == (["a", "b", "c"], 5_001)


def test_what_is_dismissed_links_nothing() -> None:
    texts = {1: text("a", "b"), 2: text("c")}
    pairs = [(1, 2, 0.9)]
    assert groups_of(texts, pairs, dismissed("abc")) == []
    [group] = groups_of(texts, pairs, dismissed("ab"))
    assert group.video_ids == ["a", "b", "c"]  # by c
    [group] = groups_of(texts, pairs, dismissed("ac", "bc"))
    assert (group.video_ids, group.similarity) == (["a", "b"], 1.0)
    assert groups_of(texts, pairs, dismissed("ab", "ac")) == [Group((1, "b"), ["b", "c"], 2, 0.9)]


def test_one_text_may_be_of_two_groups() -> None:
    texts = {1: text("a", "b", "c", "d")}
    apart = dismissed("ac", "ad", "bc", "bd")
    assert [group.video_ids for group in groups_of(texts, [], apart)] == [["a", "b"], ["c", "d"]]


def test_a_cluster_has_a_bound_and_the_smallest_label() -> None:
    clusters: Clusters[str] = Clusters(4)
    for label, name in enumerate("abcde", start=5):
        clusters.add(name, label)
    clusters.add("whole", 3, 3)
    assert clusters.join("b", "a")
    assert clusters.join("c", "b")
    assert not clusters.join("whole", "c")
    assert clusters.join("d", "c")
    assert not clusters.join("e", "a")
    assert clusters.join("whole", "e")
    assert [clusters.label(name) for name in "abcde"] == [5, 5, 5, 5, 3]
    assert [clusters.size(name) for name in ("a", "e")] == [4, 4]

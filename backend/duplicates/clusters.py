"""Texts that are held together by pairs: union-find (disjoint sets) with a bound on their size.

A member is a text, or a whole cluster of texts that was stored before and is not taken apart.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

M = TypeVar("M", bound=Hashable)


class Clusters(Generic[M]):
    """Of at most `most` texts each."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._parents: dict[M, M] = {}
        self._sizes: dict[M, int] = {}
        self._labels: dict[M, int] = {}

    def __iter__(self) -> Iterator[M]:
        return iter(self._parents)

    def __contains__(self, member: M) -> bool:
        return member in self._parents

    def add(self, member: M, label: int, size: int = 1) -> None:
        """`size`: in texts."""
        self._parents[member] = member
        self._sizes[member] = size
        self._labels[member] = label

    def join(self, one: M, other: M) -> bool:
        """Whether they are in one cluster now: one that is too large is not made."""
        one, other = self.root(one), self.root(other)
        if one == other:
            return True
        size = self._sizes[one] + self._sizes[other]
        if size > self._most:
            return False
        if self._sizes[one] < self._sizes[other]:
            one, other = other, one
        self._parents[other] = one
        self._sizes[one] = size
        self._labels[one] = min(self._labels[one], self._labels[other])
        return True

    def root(self, member: M) -> M:
        """The same for all of a cluster."""
        parents = self._parents
        while parents[member] != member:
            parents[member] = member = parents[parents[member]]
        return member

    def label(self, member: M) -> int:
        """The smallest of its cluster."""
        return self._labels[self.root(member)]

    def size(self, member: M) -> int:
        return self._sizes[self.root(member)]

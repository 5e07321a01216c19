"""What a text says, in a form that is compared with others' without reading it again.

A text is a set of shingles: each run of three words, case and accents aside. The similarity of two
texts is that of their sets (Jaccard): how many they have in common, of all that either has. Texts
that are likely to be similar are found by MinHash (Broder 1997): the smallest values of a set under
some permutations, a few of which make a band. Two texts of similarity s have a band in common with
the probability 1 - (1 - s^5)^16: 0.998 at 0.8, 0.95 at 0.7, 0.04 at 0.3. Whether they are similar
is then told by the sets themselves, of which the 1,024 smallest hashes are kept: up to so many
shingles exactly, beyond by an estimate with a standard error of 0.016 at most.

What is stored is compared with what later processes and releases make. Whoever changes what is
made of a text gives ALGORITHM another number, and indexes are made anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from backend.text.analysis import words_of

ALGORITHM = 1

_SHINGLE = 3
_BANDS = 16
_ROWS = 5
"""Values of a band."""
_MOST_KEPT = 1_024
"""Hashes of a text: 4 KB."""
_AT_ONCE = 4_096
"""Shingles that are permuted at once: 80 values of 8 bytes of each."""
_MOST_REMEMBERED = 50_000
_LONGEST_REMEMBERED = 64
"""Characters: what is remembered takes memory by length."""

_Words = npt.NDArray[np.uint64]
Sketch = npt.NDArray[np.uint32]
"""Different hashes of shingles, the smallest first."""


def _constants(name: str, count: int) -> _Words:
    digests = [blake2b(f"{name} {n}".encode(), digest_size=8).digest() for n in range(count)]
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


_MULTIPLIERS = _constants("multiply", _BANDS * _ROWS) | np.uint64(1)
_SUMMANDS = _constants("add", _BANDS * _ROWS)
_OF_WORD = _constants("word", _SHINGLE) | np.uint64(1)
_OF_ROW = _constants("row", _ROWS) | np.uint64(1)
_OF_MIX = np.array([0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53], np.uint64)
_SHIFT = np.uint64(33)
_OF_BAND = _constants("band", _BANDS)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    bands: list[int]
    """Of 64 bits, with a sign."""
    sketch: Sketch

    def packed(self) -> bytes:
        return np.array(self.bands, "<i8").tobytes() + self.sketch.astype("<u4").tobytes()


def unpacked(data: bytes) -> Fingerprint:
    bands = np.frombuffer(data, "<i8", _BANDS)
    return Fingerprint(bands.tolist(), np.frombuffer(data, "<u4", offset=8 * _BANDS))


def normalised(text: str) -> str:
    """The same for texts that differ in case and white space alone."""
    return " ".join(text.casefold().split())


def hash_of(text: str) -> str:
    """Of a normalised text: 128 bits in hexadecimal."""
    return blake2b(text.encode(), digest_size=16).hexdigest()


def fingerprint(text: str) -> Fingerprint:
    """Of a normalised text."""
    shingles = _shingles(text)
    lowest = np.full(_BANDS * _ROWS, np.iinfo(np.uint64).max)
    for start in range(0, len(shingles), _AT_ONCE):
        part = shingles[start : start + _AT_ONCE, None]
        np.minimum(lowest, (part * _MULTIPLIERS + _SUMMANDS).min(axis=0), out=lowest)
    bands = (lowest.reshape(_BANDS, _ROWS) * _OF_ROW).sum(axis=1) + _OF_BAND
    sketch = np.unique((shingles >> np.uint64(32)).astype(np.uint32))[:_MOST_KEPT]
    return Fingerprint(bands.view(np.int64).tolist(), sketch)


def similarity(one: Sketch, other: Sketch) -> float:
    """0 to 1."""
    if len(one) == _MOST_KEPT or len(other) == _MOST_KEPT:
        # Of either, what lies below the last hash is known.
        last = min(each[-1] for each in (one, other) if len(each) == _MOST_KEPT)
        one, other = (each[: np.searchsorted(each, last, "right")] for each in (one, other))
    both = np.sort(np.concatenate((one, other)))
    common = int(np.count_nonzero(both[1:] == both[:-1]))
    return common / (len(both) - common)


def _shingles(text: str) -> _Words:
    """Different hashes."""
    words = words_of(text)
    if not words:  # signs alone
        words = [text]
    hashes = np.fromiter(map(_HASHES.__getitem__, words), np.uint64, len(words))
    size = min(_SHINGLE, len(hashes))
    count = len(hashes) - size + 1
    sums = hashes[:count] * _OF_WORD[0]
    for place in range(1, size):
        sums += hashes[place : place + count] * _OF_WORD[place]
    return np.unique(_mixed(sums))


def _mixed(values: _Words) -> _Words:
    """In place, by MurmurHash3's finalizer: each bit depends on all."""
    for multiplier in _OF_MIX:
        values ^= values >> _SHIFT
        values *= multiplier
    values ^= values >> _SHIFT
    return values


class _Hashes(dict[str, int]):
    """Of words, kept."""

    def __missing__(self, word: str) -> int:
        hash_ = int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little")
        if len(word) <= _LONGEST_REMEMBERED:
            if len(self) >= _MOST_REMEMBERED:
                self.clear()
            self[word] = hash_
        return hash_


_HASHES = _Hashes()

"""Postings as bytes that numpy reads: which documents have a term, and how often.

A segment is some documents and their postings. It is never changed, only merged with others into a
new one. Its documents have numbers from 0 on, by which its postings name them:

    members    the id of each document (u64), then the length of each in words (u32)
    block      the number of its terms (u64); the hash of each (u64), ascending; where the
               postings of each end (u32); the postings (u32): the document's number * 256 + count

Blocks are the rows of a segment in the database: as many as a power of two, so that each has some
1,000 postings, and the first bits of a term's hash say in which it is. All is little-endian.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backend.text.entry import COUNT_SIGNS, IndexEntry

Numbers: TypeAlias = NDArray[np.uint32]
Hashes: TypeAlias = NDArray[np.uint64]

MOST_DOCUMENTS = 2**24
"""Of one segment."""
PER_BLOCK = 1_024
PREFIX_BITS = 16
"""The first bits of a hash, which say where it belongs."""
PREFIXES = 1 << PREFIX_BITS
_DROPPED = np.uint32(0xFFFFFFFF)


class _Hashes(dict[str, bytes]):
    """The hash of a term, kept; the same in every process. So long that no two terms share one."""

    def __missing__(self, term: str) -> bytes:
        if len(self) >= 20_000:
            self.clear()
        digest = hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        self[term] = digest
        return digest


HASHES = _Hashes()


def hash_of(term: str) -> int:
    return int.from_bytes(HASHES[term], "little")


def prefix_of(hash_: int) -> int:
    return hash_ >> (64 - PREFIX_BITS)


@dataclass(frozen=True, slots=True)
class Block:
    bucket: int
    data: bytes


class Members(NamedTuple):
    """A segment's documents."""

    ids: NDArray[np.uint64]
    lengths: Numbers


def all_members(each: Iterable[Members]) -> Members:
    """One after the other."""
    ids, lengths = [np.empty(0, np.uint64)], [np.empty(0, np.uint32)]
    for members in each:
        ids.append(members.ids)
        lengths.append(members.lengths)
    return Members(np.concatenate(ids), np.concatenate(lengths))


def pack_members(members: Members) -> bytes:
    return members.ids.astype("<u8").tobytes() + members.lengths.astype("<u4").tobytes()


def read_members(data: bytes) -> Members:
    number = len(data) // 12
    return Members(
        np.frombuffer(data, "<u8", number), np.frombuffer(data, "<u4", number, number * 8)
    )


def ids_in(text: str | None) -> NDArray[np.uint64]:
    """Of numbers with commas between them: ascending."""
    if not text:
        return np.empty(0, np.uint64)
    return np.sort(np.fromstring(text, dtype=np.uint64, sep=","))


def shift_for(postings: int) -> int:
    """By how many bits to shift a prefix for the bucket, in a segment of so many postings."""
    return PREFIX_BITS - min(max(postings // PER_BLOCK, 1).bit_length() - 1, PREFIX_BITS)


# Making a segment of documents


def postings_of(entries: Sequence[IndexEntry]) -> tuple[Hashes, Numbers]:
    """Of documents, numbered in their order: hashes and postings, ascending."""
    terms = chain.from_iterable([entry.terms for entry in entries])
    hashes = np.frombuffer(b"".join(map(HASHES.__getitem__, terms)), "<u8")
    signs = "".join([entry.counts for entry in entries]).encode("utf-16-le")
    counts = np.frombuffer(signs, "<u2").astype(np.uint32) - np.uint32(COUNT_SIGNS)
    each = [len(entry.terms) for entry in entries]
    numbers = np.repeat(np.arange(len(each), dtype=np.uint32), each)
    return _in_order(hashes, numbers << np.uint32(8) | counts)


def _in_order(hashes: Hashes, postings: Numbers) -> tuple[Hashes, Numbers]:
    """By their hashes; those of one term keep their order."""
    order = np.argsort(hashes, kind="stable")
    return hashes[order], postings[order]


def blocks_of(hashes: Hashes, postings: Numbers, shift: int) -> list[Block]:
    """`hashes` ascending: one for each of the postings."""
    if not len(hashes):
        return []
    ends = np.append(np.flatnonzero(hashes[1:] != hashes[:-1]) + 1, len(hashes))
    terms = hashes[ends - 1]
    buckets = (terms >> np.uint64(64 - PREFIX_BITS + shift)).astype(np.int64)
    borders = [0, *(np.flatnonzero(buckets[1:] != buckets[:-1]) + 1).tolist(), len(terms)]
    blocks = []
    begun = 0
    for first, last in pairwise(borders):
        end = int(ends[last - 1])
        data = b"".join(
            (
                (last - first).to_bytes(8, "little"),
                terms[first:last].astype("<u8").tobytes(),
                (ends[first:last] - begun).astype("<u4").tobytes(),
                postings[begun:end].astype("<u4").tobytes(),
            )
        )
        blocks.append(Block(int(buckets[first]), data))
        begun = end
    return blocks


# Reading


def read_block(data: bytes) -> tuple[Hashes, Numbers, Numbers]:
    """The hashes of its terms, where the postings of each end, and the postings."""
    number = int.from_bytes(data[:8], "little")
    hashes = np.frombuffer(data, "<u8", number, 8)
    ends = np.frombuffer(data, "<u4", number, 8 + 8 * number)
    return hashes, ends, np.frombuffer(data, "<u4", -1, 8 + 12 * number)


def find(data: bytes, hashes: Hashes) -> Iterator[tuple[int, Numbers]]:
    """The postings of those of the hashes that a block has."""
    terms, ends, postings = read_block(data)
    places = np.minimum(np.searchsorted(terms, hashes), len(terms) - 1)
    for place in places[terms[places] == hashes].tolist():
        begin = int(ends[place - 1]) if place else 0
        yield int(terms[place]), postings[begin : int(ends[place])]


# Merging


def merged_members(
    sources: Sequence[Members], living: NDArray[np.uint64]
) -> tuple[Members, list[Numbers]]:
    """The documents of the sources that are among the living, and the new number of each one of
    each source (_DROPPED: it is gone). `living`: ids, ascending."""
    numbers: list[Numbers] = []
    begin = 0
    kept: list[Members] = []
    for source in sources:
        lives = np.isin(source.ids, living)
        new = np.full(len(source.ids), _DROPPED, dtype=np.uint32)
        count = int(np.count_nonzero(lives))
        new[lives] = np.arange(begin, begin + count, dtype=np.uint32)
        begin += count
        numbers.append(new)
        kept.append(Members(source.ids[lives], source.lengths[lives]))
    return all_members(kept), numbers


def merged_postings(
    blocks: Iterable[tuple[Numbers, bytes]], first: int, last: int
) -> tuple[Hashes, Numbers]:
    """Of blocks, each with the new numbers of its documents, in the order of the segments: the
    postings whose hashes have the prefixes from `first` to `last`."""
    low, high = first << (64 - PREFIX_BITS), (last + 1) << (64 - PREFIX_BITS)
    found_hashes: list[Hashes] = []
    found: list[Numbers] = []
    for numbers, data in blocks:
        terms, ends, postings = read_block(data)
        begin = int(np.searchsorted(terms, np.uint64(low)))
        end = len(terms) if last + 1 == PREFIXES else int(np.searchsorted(terms, np.uint64(high)))
        if begin == end:
            continue
        begun = int(ends[begin - 1]) if begin else 0
        part = postings[begun : int(ends[end - 1])]
        each = np.diff(ends[begin:end], prepend=np.uint32(begun))
        hashes = np.repeat(terms[begin:end], each)
        moved = numbers[part >> np.uint32(8)]
        lives = moved != _DROPPED
        found_hashes.append(hashes[lives])
        found.append((moved << np.uint32(8) | part & np.uint32(255))[lives])
    if not found:
        return np.empty(0, np.uint64), np.empty(0, np.uint32)
    return _in_order(np.concatenate(found_hashes), np.concatenate(found))

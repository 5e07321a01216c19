"""Whether the change log is as it was sealed: every row, every seal, and that none is missing.

One seal and its rows are in memory at a time. What is said of the first that does not agree is a
sentence that names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backend.engine import Provider
from backend.history import seals
from backend.history.change_log import START
from backend.history.digests import RowDigest, canonical_time, row_digests
from backend.history.seals import NO_HASH, Seal

if TYPE_CHECKING:
    from prisma import Prisma


@dataclass(frozen=True, slots=True)
class Verified:
    rows: int
    seals: int
    unsealed: int
    last_hash: str | None
    """Of the last seal. Who keeps it elsewhere can tell later that the chain was not made anew."""
    trouble: str | None
    """The first that does not agree, in words."""
    holds: bool | None = None
    """Whether a seal has the hash that was asked for."""


async def verify(client: Prisma, provider: Provider, *, hash_: str | None = None) -> Verified:
    """`hash_`: a seal's, kept from before."""
    # First: what is sealed meanwhile is beyond it.
    remembered = await seals.last_sealed(client, provider)
    previous: Seal | None = None
    rows, number, holds = 0, 0, None if hash_ is None else False
    trouble: str | None = None
    while trouble is None:
        seal = await seals.next_seal(client, provider, after=number)
        if seal is None:
            break
        trouble = await _trouble(client, provider, previous, seal)
        if trouble is None:
            rows, number, previous = rows + seal.count, seal.id, seal
            holds = holds or (None if hash_ is None else seal.hash == hash_)
    sealed = START if previous is None else previous.last
    if trouble is None and sealed < remembered:
        trouble = (
            f"Seal {number + 1} is missing: rows up to number {remembered.number} were sealed."
        )
    return Verified(
        rows=rows,
        seals=number,
        unsealed=await seals.unsealed(client, provider, sealed),
        last_hash=None if previous is None else previous.hash,
        trouble=trouble,
        holds=holds,
    )


async def _trouble(
    client: Prisma, provider: Provider, previous: Seal | None, seal: Seal
) -> str | None:
    expected_id = 1 if previous is None else previous.id + 1
    if seal.id != expected_id:
        return f"Seal {expected_id} is missing."
    if seal.hash != seal.expected_hash(NO_HASH if previous is None else previous.hash):
        return f"Seal {seal.id} is not as it was made" + (
            "." if previous is None else f", or seal {previous.id} was made anew."
        )
    after = START if previous is None else previous.last
    found = await row_digests(
        client,
        provider,
        since=after.next,
        before=seal.last.next,
        limit=seal.count + 1,
    )
    said = _difference(seal.rows(), found)
    if said is not None:
        return f"{said} since seal {seal.id}."
    times = sorted(canonical_time(row.at) for row in found)
    told = [canonical_time(seal.earliest), canonical_time(seal.latest)]
    if (found[0].position, found[-1].position) != (seal.first, seal.last) or told != [
        times[0],
        times[-1],
    ]:
        return f"Seal {seal.id} is not as it was made."
    return None


def _difference(sealed: Sequence[tuple[int, bytes]], found: Sequence[RowDigest]) -> str | None:
    """What became of the first row that is not as it was sealed."""
    numbers = [row.position.number for row in found]
    for place, (number, digest) in enumerate(sealed):
        if place == len(found):
            return f"Row {number} is missing"
        if numbers[place] == number and found[place].digest != digest:
            return f"Row {number} was altered"
        if numbers[place] != number:
            if numbers[place] not in {each for each, _ in sealed}:
                return f"Row {numbers[place]} was inserted"
            if number not in numbers:
                return f"Row {number} is missing"
            return f"Row {number} and row {numbers[place]} have changed places"
    if len(found) > len(sealed):
        return f"Row {numbers[len(sealed)]} was inserted"
    return None

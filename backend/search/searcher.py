"""A query: parsed, weighted, ranked, and shown page by page."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import orjson

from backend.core import cursors
from backend.engine import fetch
from backend.records import RELATIONS, Filters, Reader, RecordJson
from backend.search import postgresql, segments, spelling, sqlite
from backend.search.bm25 import Hit, Scores
from backend.search.indexer import Indexers
from backend.search.postings import ids_in
from backend.search.results import all_shown, facets_of
from backend.search.snippets import Matcher
from backend.search.weighing import Slot, weigh
from backend.text.analysis import stem, term_of, words

SQL: dict[str, ModuleType] = {"sqlite": sqlite, "postgresql": postgresql}

BEGINNING = 0.25
"""The weight of a word that the last one is a beginning of, where that is itself a word."""
COMPLETION = 0.8
CORRECTION = 0.7
FAR_CORRECTION = 0.5
MOST_BEGINNINGS = 8
MOST_CORRECTIONS = 5
MOST_ALTERNATIVES = 1 + max(MOST_BEGINNINGS, MOST_CORRECTIONS)
LONGEST = 1000
"""Characters of a query."""
SHORTEST_BEGINNING = 3
WHOLE = 50
"""A last word that so many documents have is taken for a whole one."""

FEW_FILTERED = 1_000
"""If the filters name so few, only those are ranked; or else the best are held against them."""
RANKED_AT_ONCE = 2
"""Queries that are ranked at the same time; others wait for their turn. More would be no faster,
and each takes memory: of 100,000 documents, 10 MB."""
MOST_FACETED = 50
_COMPARED_PER_TURN = 200
"""Words, for their spelling: of 40 letters, some 20 ms."""


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """What a cursor keeps: read and weighed once, however long its pages are walked."""

    slots: list[Slot]
    documents: int
    length: int


class Search:
    def __init__(self, reader: Reader, indexers: Indexers) -> None:
        self._reader = reader
        self._client = reader.client
        self._indexers = indexers
        self._sql = SQL[reader.provider]
        self._ranking = asyncio.Semaphore(RANKED_AT_ONCE)

    async def page(
        self, text: str, filters: Filters, *, limit: int, cursor: str | None
    ) -> dict[str, Any]:
        """What SearchPage describes, as JSON has it."""
        query = f"search {text} {filters.digest()}"
        after = None
        if cursor is None:
            parsed, known = await self._read(text)
        else:
            parsed, after = _decode(cursor, query)
            _, _, known = await self._opening(_terms_of(parsed))
        async with self._ranking:
            scores = await self._rank(parsed, filters, known)
            best = hits = await self._best(scores, filters, max(limit + 1, MOST_FACETED))
            if after is not None:
                hits = await self._best(scores, filters, limit + 1, after)
            del scores
        wanted = [hit.video_id for hit in hits[:limit]]
        rows, limit = await self._reader.by_video_ids(wanted) if wanted else ({}, limit)
        named = filters.facets()
        matcher = Matcher(_terms_of(parsed))
        current = [
            (hit.score, row)
            for hit in hits[:limit]
            if (row := rows.get(hit.video_id)) is not None and _has(row, named)
        ]
        results = await all_shown(current, matcher)
        more = len(hits) > limit
        return {
            "results": results,
            "count": len(results),
            "next_cursor": (
                cursors.encode(query, _cursor_position(parsed, hits[limit - 1])) if more else None
            ),
            "facets": facets_of(best[:MOST_FACETED]),
        }

    async def best(self, text: str, filters: Filters, *, limit: int) -> list[Hit]:
        parsed, known = await self._read(text)
        async with self._ranking:
            return await self._best(await self._rank(parsed, filters, known), filters, limit)

    # Parsing the query

    async def _read(self, text: str) -> tuple[ParsedQuery, dict[str, int]]:
        """And in how many documents each of its terms occurs."""
        found = list(words(text))
        wanted: dict[str, str] = {}
        times: Counter[str] = Counter()
        for word in found:
            term = term_of(word.folded)
            if term is not None:
                wanted[term] = word.folded
                times[term] += 1
        open_word = found[-1].folded if found and found[-1].end == len(text) else None
        documents, length, known = await self._opening({*wanted, *map(stem, wanted)})
        found_as: dict[str, list[tuple[str, float]]] = {}
        for term, folded in wanted.items():
            found_as[term] = [(term, 1.0)] if term in known else []
            if folded == open_word:
                found_as[term] += await self._beginnings(folded, term, known)
        unknown = {term: wanted[term] for term, others in found_as.items() if not others}
        found_as |= await self._corrections(unknown, known)
        slots = []
        for term, alternatives in found_as.items():
            if alternatives:
                own = known.get(term) or sum(known[other] for other, _ in alternatives)
                slots.append(Slot(tuple(alternatives), min(own, documents), times[term]))
        return ParsedQuery(slots, documents, length), known

    async def _opening(self, terms: Iterable[str]) -> tuple[int, int, dict[str, int]]:
        """How many documents there are, their words, and in how many each term occurs: of an
        index that has all that was written before."""
        asked = self._sql.bound(list(terms))
        row: Any = await self._client.query_first(self._sql.OPENING, asked)
        if row["pending"]:
            await self._indexers.own().catch_up()
            row = await self._client.query_first(self._sql.OPENING, asked)
        known: dict[str, int] = orjson.loads(row["known"] or "{}")
        return int(row["documents"]), int(row["length"]), known

    async def _frequencies(self, terms: Iterable[str]) -> dict[str, int]:
        wanted = list(terms)
        if not wanted:
            return {}
        rows: Any = await self._client.query_raw(self._sql.FREQUENCIES, self._sql.bound(wanted))
        return {row["term"]: int(row["documents"]) for row in rows}

    async def _beginnings(
        self, folded: str, term: str, known: dict[str, int]
    ) -> list[tuple[str, float]]:
        """Words that the last one, perhaps unfinished, may become. Adds to `known`."""
        if known.get(term, 0) >= WHOLE or len(folded) < (
            SHORTEST_BEGINNING if term in known else 1
        ):
            return []
        candidates = set(await self._terms_from(folded, 50))
        if term not in known:
            candidates |= spelling.completions(folded)
        found = await self._frequencies(candidates - {term})
        weight = BEGINNING if term in known else COMPLETION
        best = sorted(found, key=lambda other: (-found[other], other))[:MOST_BEGINNINGS]
        known |= {other: found[other] for other in best}
        return [(other, weight) for other in best]

    async def _corrections(
        self, unknown: Mapping[str, str], known: dict[str, int]
    ) -> dict[str, list[tuple[str, float]]]:
        """Known words that each unknown one, by its term, may mean. Adds to `known`."""
        corrected: dict[str, list[tuple[str, float]]] = {}
        near: dict[str, set[str]] = {}
        letters = 0
        for term, folded in unknown.items():
            if not spelling.SHORTEST_CORRECTED <= len(folded) <= spelling.LONGEST_CORRECTED:
                continue
            if stem(term) in known:  # an ending too many: `standsing`
                corrected[term] = [(stem(term), CORRECTION)]
            elif (letters := letters + len(folded)) <= spelling.MOST_LETTERS_CORRECTED:
                near[term] = spelling.near_terms(folded)
        frequencies = await self._frequencies({other for terms in near.values() for other in terms})
        for term, terms in near.items():
            weight = CORRECTION
            found = {other: frequencies[other] for other in terms & frequencies.keys()}
            if not found and len(unknown[term]) >= spelling.SHORTEST_CORRECTED_TWICE:
                weight = FAR_CORRECTION
                found = await self._frequencies(await self._farther(term, unknown[term]))
            best = sorted(found, key=lambda other: (-found[other], other))[:MOST_CORRECTIONS]
            known |= {other: found[other] for other in best}
            corrected[term] = [(other, weight) for other in best]
        return corrected

    async def _farther(self, term: str, folded: str) -> list[str]:
        """Terms that begin as the word does, two letters away."""
        found = []
        for number, other in enumerate(await self._terms_from(folded[:3], 1000), start=1):
            if spelling.distance(term, other, 2) <= 2:
                found.append(other)
            if number % _COMPARED_PER_TURN == 0:
                await asyncio.sleep(0)  # others have their turn
        return found[:50]

    async def _terms_from(self, beginning: str, most: int) -> list[str]:
        rows: Any = await self._client.query_raw(
            self._sql.BEGINNINGS, beginning, beginning + chr(0x10FFFF), most
        )
        return [row["term"] for row in rows]

    # Ranking

    async def _rank(
        self, parsed: ParsedQuery, filters: Filters, known: Mapping[str, int]
    ) -> Scores:
        weighed = weigh(parsed.slots, parsed.documents, parsed.length)
        scores = await segments.scores(self._client, self._sql, weighed, known)
        if filters:
            [(text,)] = await self._fetch(*self._sql.filtered(filters, FEW_FILTERED + 1))
            ids = ids_in(text)
            if len(ids) <= FEW_FILTERED:
                scores.keep(ids)
        return scores

    async def _best(
        self, scores: Scores, filters: Filters, wanted: int, after: Hit | None = None
    ) -> list[Hit]:
        """So many of those that the filters name, or all that there are: the best first, equals by
        their id."""
        hits: list[Hit] = []
        for portion in scores.best(2 * wanted, below=after.score if after else None):
            # Of very many equals the database chooses, by their video_id.
            begins = after is not None and portion.tied and portion.scores[0] == after.score
            sql, args = self._sql.documents(
                portion.ids,
                filters,
                after=after.video_id if after is not None and begins else "",
                limit=wanted - len(hits) if portion.tied else len(portion.ids),
            )
            rows = await self._fetch(sql, args)
            if portion.tied:
                scored = [(portion.scores[0], row) for row in rows]
            else:
                score_of = dict(zip(portion.ids, portion.scores, strict=True))
                scored = [(score_of[row[0]], row) for row in rows]
            found = [Hit(score, video_id, facets) for score, (_, video_id, facets) in scored]
            found.sort(key=_place)
            hits += [hit for hit in found if after is None or _place(hit) > _place(after)]
            if len(hits) >= wanted:
                break
        return hits[:wanted]

    async def _fetch(self, sql: str, args: list[Any]) -> Sequence[Sequence[Any]]:
        return await fetch(self._client, sql, *args)


def _terms_of(parsed: ParsedQuery) -> set[str]:
    return {term for slot in parsed.slots for term, _ in slot.terms}


def _place(hit: Hit) -> tuple[float, str]:
    """In the order of hits."""
    return -hit.score, hit.video_id


def _has(analysis: RecordJson, named: Mapping[str, Sequence[str]]) -> bool:
    """Whether the record is still what its entry in the index told of it."""
    return all(
        name in (analysis[facet] if facet in RELATIONS else [analysis[facet]])
        for facet, names in named.items()
        for name in names
    )


# Cursors


def _cursor_position(parsed: ParsedQuery, last: Hit) -> list[Any]:
    slots = [
        [slot.documents, slot.times, [list(term) for term in slot.terms]] for slot in parsed.slots
    ]
    return [last.score, last.video_id, parsed.documents, parsed.length, slots]


def _decode(cursor: str, query: str) -> tuple[ParsedQuery, Hit]:
    position = cursors.decode(cursor, query)
    try:
        # Those of earlier releases have one more number, and one more in each slot.
        score, video_id, documents, length, *earlier, slots = position
        parsed = ParsedQuery([_slot(slot) for slot in slots], _whole(documents), _whole(length))
        if not isinstance(video_id, str) or "\0" in video_id or len(earlier) > 1:
            raise ValueError
        video_id.encode()
        return parsed, Hit(_number(score), video_id)
    except (ValueError, TypeError) as error:
        raise cursors.refused("This is no cursor that an answer gave as next_cursor") from error


def _slot(value: Any) -> Slot:
    documents, times, terms, *earlier = value
    if not 0 < len(terms) <= MOST_ALTERNATIVES or _whole(times) > LONGEST:
        raise ValueError
    if len(list(map(_whole, earlier))) > 1:
        raise ValueError
    return Slot(
        tuple((_term(term), _share(share)) for term, share in terms), _whole(documents), times
    )


def _term(value: Any) -> str:
    # Terms consist of letters and digits.
    if not isinstance(value, str) or not value.isalnum() or len(value) > 100:
        raise ValueError
    return value


def _share(value: Any) -> float:
    if (share := _number(value)) > 1:
        raise ValueError
    return share


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1e9:
        raise ValueError
    return float(value)


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise ValueError
    return value

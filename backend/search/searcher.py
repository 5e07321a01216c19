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
from backend.records import RELATIONS, Filters, Reader, RecordJson, total
from backend.search import candidates as plan
from backend.search import postgresql, spelling, sqlite
from backend.search.bm25 import Hit, rank
from backend.search.candidates import Slot
from backend.search.indexer import Indexer
from backend.search.results import all_shown, facets_of
from backend.search.snippets import Matcher
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

MOST_COUNTED = 10_000
"""Of what filters name: they may name more, and then no more is known."""
MOST_KEPT = 1_000
"""Filters whose counts are remembered."""
FEW_FILTERED = 1_000
"""If the filters name so few, each of them is ranked."""
TOO_MANY = 250
"""More than these are not ranked: of words that common, those in which they weigh most."""
MOST_LOOKED_AT = 250
"""There may be far more than by chance: of words that go together, or of one length."""
MOST_FACETED = 50
_COMPARED_PER_TURN = 200
"""Words, for their spelling: of 40 letters, some 20 ms."""


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """What a cursor keeps: read and weighed once, however long its pages are walked."""

    slots: list[Slot]
    documents: int
    length: int
    threshold: float
    """Of the formula that names the documents; 0: not chosen yet."""


class Search:
    def __init__(self, reader: Reader, indexer: Indexer) -> None:
        self._reader = reader
        self._client = reader.client
        self._indexer = indexer
        self._sql = SQL[reader.provider]
        self._counted: dict[Filters, tuple[int, int, int]] = {}
        """The index's documents and words, when filters named so many videos."""

    async def page(
        self, text: str, filters: Filters, *, limit: int, cursor: str | None
    ) -> dict[str, Any]:
        """What SearchPage describes, as JSON has it."""
        query = f"search {text} {filters.digest()}"
        after = None
        if cursor is None:
            parsed = await self._read(text)
            found = await self._found(filters, parsed.documents, parsed.length)
        else:
            parsed, after = _decode(cursor, query)
            documents, length, _ = await self._opening(())
            found = await self._found(filters, documents, length)
        hits, parsed = await self._rank(parsed, filters, found, wanted=limit + 1)
        facets = facets_of(hits[:MOST_FACETED])
        if after is not None:
            hits = [
                hit for hit in hits if (-hit.score, hit.video_id) > (-after.score, after.video_id)
            ]
        rows = await self._reader.by_video_ids([hit.video_id for hit in hits[:limit]])
        named = filters.facets()
        matcher = Matcher({term for slot in parsed.slots for term, _ in slot.terms})
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
            "facets": facets,
        }

    async def best(self, text: str, filters: Filters, *, limit: int) -> list[Hit]:
        parsed = await self._read(text)
        found = await self._found(filters, parsed.documents, parsed.length)
        hits, _ = await self._rank(parsed, filters, found, wanted=limit)
        return hits[:limit]

    # Parsing the query

    async def _read(self, text: str) -> ParsedQuery:
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
                reach = min(sum(known[other] for other, _ in alternatives), documents)
                own = min(known.get(term) or reach, documents)
                slots.append(Slot(tuple(alternatives), own, times[term], reach))
        return ParsedQuery(slots, documents, length, 0.0)

    async def _opening(self, terms: Iterable[str]) -> tuple[int, int, dict[str, int]]:
        """How many documents there are, their words, and in how many each term occurs: of an
        index that has all that was written before."""
        asked = self._sql.bound(list(terms))
        row: Any = await self._client.query_first(self._sql.OPENING, asked)
        if row["pending"]:
            await self._indexer.catch_up()
            row = await self._client.query_first(self._sql.OPENING, asked)
        known: dict[str, int] = orjson.loads(row["known"] or "{}")
        return int(row["documents"]), int(row["length"]), known

    async def _frequencies(self, terms: Iterable[str]) -> dict[str, int]:
        wanted = list(terms)
        if not wanted:
            return {}
        rows: Any = await self._client.query_raw(self._sql.FREQUENCIES, self._sql.bound(wanted))
        return {row["term"]: int(row["documents"]) for row in rows}

    async def _between(self, ends: Iterable[str]) -> dict[str, int]:
        """_frequencies, for two ranges of terms: their first and their last."""
        rows: Any = await self._client.query_raw(self._sql.RANGES, *ends)
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
        self, parsed: ParsedQuery, filters: Filters, found: int, *, wanted: int
    ) -> tuple[list[Hit], ParsedQuery]:
        slots, total = parsed.slots, parsed.documents
        if not slots or total <= 0:
            return [], parsed
        weighed = plan.weigh(slots, total, parsed.length)
        named = plan.named(filters)
        share = 1.0
        if filters:
            share = min(found / total, 1.0)
            if found <= FEW_FILTERED:
                lines = await self._lines(*self._sql.filtered(filters))
                return rank(lines, weighed), parsed
        deciding = plan.deciding(slots)
        steps = plan.thresholds(deciding, total)
        enough = [step for step in steps if step[1] * share <= plan.WANTED]
        asked = [*enough[-1:], *steps[len(enough) :]]
        if parsed.threshold:
            asked = [step for step in steps if abs(step[0] - parsed.threshold) < 1e-6][:1]
        hits: list[Hit] = []
        chosen, looked_at = parsed.threshold, 0.0
        for threshold, expected in asked:
            # The next step must promise more, or it is not worth asking.
            if hits and expected < 2 * looked_at:
                continue
            formula = plan.formula(deciding, named, total, threshold)
            indexed = [*deciding, *named]
            if expected * share <= TOO_MANY:
                lines = await self._candidates([formula], indexed, filters)
            else:
                higher = [step[0] for step in steps if step[1] * share <= TOO_MANY]
                better = plan.formula(deciding, named, total, higher[-1]) if higher else None
                rarest = deciding[0]
                known = await self._between(plan.told_of(rarest))
                bands = plan.promising(rarest, known, weighed, total, expected * share)
                lines = await self._best_lines(formula, better, indexed, filters, bands)
            hits, chosen, looked_at = rank(lines, weighed), threshold, expected
            if len(hits) >= wanted:
                break
        return hits, ParsedQuery(slots, total, parsed.length, chosen)

    async def _found(self, filters: Filters, documents: int, length: int) -> int:
        """How many videos the filters name, up to MOST_COUNTED; 0 without filters. They are not
        counted again while the index has the same totals: the number only says how to search."""
        if not filters:
            return 0
        kept = self._counted.get(filters)
        if kept is not None and kept[:2] == (documents, length):
            return kept[2]
        found = await total(self._reader, filters, MOST_COUNTED)
        if len(self._counted) >= MOST_KEPT:
            self._counted.clear()
        self._counted[filters] = documents, length, found
        return found

    async def _best_lines(
        self,
        formula: plan.Formula,
        better: plan.Formula | None,
        indexed: list[Slot],
        filters: Filters,
        bands: list[list[Slot]],
    ) -> list[str]:
        """Of the too many that a formula names: all that a better one names, and those of the
        bands (see plan.promising); without bands, the shortest."""
        slots = list(indexed)
        formulas = [] if better is None else [better]
        if not bands:
            formulas.append(formula)
        for band in bands:
            numbers = range(len(slots), len(slots) + len(band))
            slots += band
            formulas.append(("and", [formula, *numbers]))
        return await self._candidates(formulas, slots, filters)

    async def _candidates(
        self, formulas: list[plan.Formula], slots: list[Slot], filters: Filters
    ) -> list[str]:
        return await self._lines(*self._sql.candidates(formulas, slots, filters, MOST_LOOKED_AT))

    async def _lines(self, sql: str, args: list[Any]) -> list[str]:
        row: Any = await self._client.query_first(sql, *args)
        text: str | None = row["lines"]
        return text.split("\n") if text is not None else []


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
        [slot.documents, slot.times, [list(term) for term in slot.terms], slot.reach]
        for slot in parsed.slots
    ]
    return [
        last.score,
        last.video_id,
        parsed.documents,
        parsed.length,
        parsed.threshold,
        slots,
    ]


def _decode(cursor: str, query: str) -> tuple[ParsedQuery, Hit]:
    position = cursors.decode(cursor, query)
    try:
        score, video_id, documents, length, threshold, slots = position
        parsed = ParsedQuery(
            [_slot(slot) for slot in slots], _whole(documents), _whole(length), _number(threshold)
        )
        if not isinstance(video_id, str):
            raise ValueError
        return parsed, Hit(_number(score), video_id)
    except (ValueError, TypeError) as error:
        raise cursors.refused("This is no cursor that an answer gave as next_cursor") from error


def _slot(value: Any) -> Slot:
    documents, times, terms, *reach = value  # cursors of earlier releases have no reach
    if not 0 < len(terms) <= MOST_ALTERNATIVES or _whole(times) > LONGEST:
        raise ValueError
    return Slot(
        tuple((_term(term), _share(share)) for term, share in terms),
        _whole(documents),
        times,
        _whole(*reach) if reach else 0,
    )


def _term(value: Any) -> str:
    # What goes into a formula for the database consists of letters and digits.
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

"""What a portion of changed records changes in the index of an owner: prepared here, without a
lock, of what is stored."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import orjson

from backend.core.owners import owned
from backend.core.threads import GoOn, Stopped, in_thread
from backend.duplicates import sql
from backend.duplicates.clusters import Clusters
from backend.duplicates.fingerprints import (
    Fingerprint,
    Sketch,
    fingerprint,
    hash_of,
    normalised,
    similarity,
    unpacked,
)
from backend.engine import Provider, fetch
from backend.records import Conditions

if TYPE_CHECKING:
    from prisma import Prisma

LEAST_SIMILARITY = 0.7
"""Of the pairs that are kept. Below, bands find too few of them."""
MOST_IN_CLUSTER = 1_000
"""Texts: a pair that would make a larger one is not kept."""

_MOST_OF_BAND = 50
"""Texts that are looked at, the newest, of those that have a band in common."""
_MOST_COMPARED = 50
"""With each text: those that have the most bands in common."""
_MOST_PAIRS = 16
"""Of a text with those before it, besides those that connect clusters."""
_MOST_TAKEN_APART = 5_000
"""Texts, of all the clusters that lose one: with their pairs, some 10 MB."""
_MOST_COMPARED_ANEW = 1_000
"""Texts that have lost a pair, and may have others that were not kept: 4 MB of sketches."""
_AT_ONCE = 50
"""Texts that are compared at once: with up to 2,500 others, 10 MB of sketches."""

Node = tuple[Literal["text", "cluster"], int]
"""A text by itself, or a cluster that is not taken apart."""
Pair = tuple[int, int, float]


class TooMuch(Exception):
    """Too many texts are to be looked at for so many records."""


@dataclass(slots=True)
class _Text:
    id: int
    hash: str
    records: int
    cluster: int | None
    before: tuple[int, int | None] | None = None
    """Its records and cluster, as they are stored; None: it is new."""
    made: Fingerprint | None = None
    """Of one that is new."""

    @property
    def is_removed(self) -> bool:
        return not self.records

    @property
    def leaves(self) -> bool:
        """Whether its cluster may not hold together any more."""
        return self.before is not None and self.records < min(self.before[0], 2)


@dataclass(frozen=True, slots=True)
class _Read:
    """A record."""

    version: int
    description: str
    hash: str
    """Of what it says."""


class Change:
    """`last_text`: the greatest id that a text has had."""

    def __init__(self, client: Prisma, provider: Provider, last_text: int) -> None:
        self._client = client
        self._provider: Provider = provider
        self.last_text = last_text
        self._records: list[tuple[str, int, int]] = []
        self._gone: list[str] = []
        self._texts: dict[int, _Text] = {}
        """Those that are looked at by themselves."""
        self._removed_bands: list[tuple[int, int]] = []
        self._pairs: list[Pair] = []
        self._removed_pairs: list[tuple[int, int]] = []
        self._clusters: Clusters[Node] = Clusters(MOST_IN_CLUSTER)

    async def prepare(self, video_ids: Sequence[str], *, forgets: bool) -> None:
        """`forgets`: as if there were no such records. Raises TooMuch."""
        if not video_ids:
            return
        new = await self._change_records(video_ids, {} if forgets else await self._read(video_ids))
        again = await self._take_apart()
        await self._find_pairs({**new, **await self._fingerprints(again)})
        self._settle()

    def add_to(self, store: sql.Store) -> None:
        texts = self._texts.values()
        store.put_records(self._records)
        store.remove_records(self._gone)
        store.remove_pairs(self._removed_pairs)
        store.remove_bands(self._removed_bands)
        store.remove_texts([text.id for text in texts if text.is_removed])
        store.change_clusters(
            [
                (cluster, label)
                for kind, cluster in self._clusters
                if kind == "cluster" and (label := self._clusters.label((kind, cluster))) != cluster
            ]
        )
        store.change_texts(
            [
                (text.id, text.records, text.cluster)
                for text in texts
                if text.before not in (None, (text.records, text.cluster)) and not text.is_removed
            ]
        )
        made = [(text, text.made) for text in texts if text.made is not None]
        store.put_texts(
            [(text.id, text.hash, text.records, text.cluster, of.packed()) for text, of in made]
        )
        # In the order of the index, which takes them faster so.
        store.put_bands(sorted((band, text.id) for text, of in made for band in of.bands))
        store.put_pairs(self._pairs)

    # Records

    async def _read(self, video_ids: Sequence[str]) -> dict[str, _Read]:
        rows = await self._those(
            "SELECT v.video_id, v.version, v.description FROM video_analysis AS v",
            "v.video_id",
            video_ids,
            "text",
        )

        def read(goes_on: GoOn) -> dict[str, _Read]:
            found = {}
            for video_id, version, description in rows:
                _stop_unless(goes_on)
                hash_ = hash_of(normalised(description))
                found[video_id] = _Read(version, description, hash_)
            return found

        return await in_thread(read)

    async def _change_records(
        self, video_ids: Sequence[str], found: Mapping[str, _Read]
    ) -> dict[int, Fingerprint]:
        """The texts that are new."""
        stored = await self._those(
            "SELECT r.video_id, r.text_id FROM duplicate_record AS r",
            "r.video_id",
            video_ids,
            "text",
        )
        text_of: dict[str, int] = dict(map(tuple, stored))
        await self._load("hash", {read.hash for read in found.values()}, "text")
        await self._load("id", set(text_of.values()) - self._texts.keys())
        by_hash = {text.hash: text for text in self._texts.values()}
        new: dict[int, str] = {}
        for video_id in video_ids:
            before = text_of.get(video_id)
            if before is not None:
                self._texts[before].records -= 1
            if video_id in found:
                read = found[video_id]
                text = by_hash.get(read.hash)
                if text is None:
                    self.last_text += 1
                    text = by_hash[read.hash] = _Text(self.last_text, read.hash, 0, None)
                    self._texts[text.id] = text
                    new[text.id] = read.description
                text.records += 1
                self._records.append((video_id, read.version, text.id))
            elif before is not None:
                self._gone.append(video_id)

        def make(goes_on: GoOn) -> dict[int, Fingerprint]:
            made = {}
            for id_, description in new.items():
                _stop_unless(goes_on)
                made[id_] = fingerprint(normalised(description))
            return made

        made = await in_thread(make)
        for id_, each in made.items():
            self._texts[id_].made = each
        return made

    # Clusters that lose a text

    async def _take_apart(self) -> list[int]:
        """Texts that have lost a pair and may have others that were not kept. Raises TooMuch."""
        clusters = {
            text.cluster
            for text in self._texts.values()
            if text.cluster is not None and text.leaves
        }
        removed = {text.id for text in self._texts.values() if text.is_removed}
        for id_, each in (await self._fingerprints(removed)).items():
            self._removed_bands += [(band, id_) for band in each.bands]
        if not clusters:
            return []
        sizes = await self._sizes(clusters)
        if sum(sizes.values()) > _MOST_TAKEN_APART:
            raise TooMuch
        await self._load("cluster", clusters)
        for text in self._texts.values():
            if text.cluster in clusters and not text.is_removed:
                self._clusters.add(("text", text.id), text.id)
        pairs = await self._those(
            "SELECT p.text_id, p.other_id FROM duplicate_text AS t JOIN duplicate_pair AS p"
            f" ON {owned('p')} AND p.text_id = t.id AND p.text_id < p.other_id",
            "t.cluster",
            clusters,
        )
        number = Counter(id_ for pair in pairs for id_ in pair)
        losing: set[int] = set()
        for one, other in pairs:
            if removed.isdisjoint((one, other)):
                self._clusters.join(("text", one), ("text", other))
            else:
                self._removed_pairs += [(one, other), (other, one)]
                losing |= {one, other}
        again = sorted(id_ for id_ in losing - removed if number[id_] >= _MOST_PAIRS)
        return again[:_MOST_COMPARED_ANEW]

    # Pairs

    async def _find_pairs(self, compared: Mapping[int, Fingerprint]) -> None:
        of_band: defaultdict[int, list[int]] = defaultdict(list)
        """Of those that were compared already and are not stored."""
        each = iter(compared)
        while part := list(islice(each, _AT_ONCE)):
            others = await self._likely(part, compared, of_band)
            stored = {id_ for ids in others.values() for id_ in ids} - compared.keys()
            sketches = await self._load_likely(stored)
            sketches |= {id_: found.sketch for id_, found in compared.items()}
            for id_, similar in (await in_thread(partial(_compare, sketches, others))).items():
                self._keep(id_, similar)

    async def _likely(
        self,
        part: Sequence[int],
        compared: Mapping[int, Fingerprint],
        of_band: defaultdict[int, list[int]],
    ) -> dict[int, list[int]]:
        """With which to compare each of `part`."""
        bands = {band for id_ in part for band in compared[id_].bands}
        query = Conditions(self._provider)
        found = sql.texts_of_bands(query, bands, _MOST_OF_BAND)
        rows = await fetch(self._client, found, *query.args)
        stored = {band: orjson.loads(ids) for band, ids in rows}
        likely = {}
        for id_ in part:
            common: Counter[int] = Counter()
            is_new = self._texts[id_].before is None
            for band in compared[id_].bands:
                if band in stored:
                    common.update(stored[band])
                if band in of_band:
                    common.update(of_band[band][-_MOST_OF_BAND:])
                if is_new:
                    of_band[band].append(id_)
            likely[id_] = [
                other
                for other, _ in common.most_common(_MOST_COMPARED + 1)
                if other != id_ and not self._is_removed(other)
            ][:_MOST_COMPARED]
        return likely

    def _is_removed(self, id_: int) -> bool:
        text = self._texts.get(id_)
        return text is not None and text.is_removed

    async def _load_likely(self, ids: Collection[int]) -> dict[int, Sketch]:
        """Their sketches. Those without a cluster are looked at by themselves; of the others each
        cluster as a whole, if it is not taken apart."""
        rows = await self._those(
            "SELECT t.id, t.hash, t.records, t.cluster, t.fingerprint FROM duplicate_text AS t",
            "t.id",
            ids,
        )
        self._add_stored(row[:4] for row in rows)
        whole = {row[3] for row in rows if ("text", row[0]) not in self._clusters} - {None}
        new = {cluster for cluster in whole if ("cluster", cluster) not in self._clusters}
        for cluster, size in (await self._sizes(new)).items():
            self._clusters.add(("cluster", cluster), cluster, size)
        return {row[0]: unpacked(row[4]).sketch for row in rows}

    def _keep(self, id_: int, similar: Iterable[tuple[float, int]]) -> None:
        """Of the pairs, those that are the most similar, and those that connect clusters."""
        node, kept = self._node(id_), 0
        for each, other in similar:
            another = self._node(other)
            connects = self._clusters.root(node) != self._clusters.root(another)
            if (kept < _MOST_PAIRS or connects) and self._clusters.join(node, another):
                self._pairs += [(id_, other, each), (other, id_, each)]
                kept += 1

    def _node(self, id_: int) -> Node:
        node: Node = ("text", id_)
        if node in self._clusters:
            return node
        text = self._texts[id_]
        if text.cluster is not None:
            return ("cluster", text.cluster)
        self._clusters.add(node, id_)
        return node

    def _settle(self) -> None:
        """To which cluster each text belongs now."""
        for text in self._texts.values():
            node = self._node(text.id) if not text.is_removed else None
            if node is None or node not in self._clusters:
                continue
            alone = self._clusters.size(node) == 1 and text.records == 1
            text.cluster = None if alone else self._clusters.label(node)

    # What is stored

    async def _load(self, column: str, values: Collection[Any], kind: sql.Kind = "bigint") -> None:
        self._add_stored(
            await self._those(
                "SELECT t.id, t.hash, t.records, t.cluster FROM duplicate_text AS t",
                f"t.{column}",
                values,
                kind,
            )
        )

    def _add_stored(self, rows: Iterable[Sequence[Any]]) -> None:
        for id_, hash_, records, cluster in rows:
            self._texts.setdefault(id_, _Text(id_, hash_, records, cluster, (records, cluster)))

    async def _fingerprints(self, ids: Collection[int]) -> dict[int, Fingerprint]:
        rows = await self._those("SELECT t.id, t.fingerprint FROM duplicate_text AS t", "t.id", ids)
        return {id_: unpacked(data) for id_, data in rows}

    async def _sizes(self, clusters: Collection[int]) -> dict[int, int]:
        """In texts."""
        rows = await self._those(
            "SELECT t.cluster, count(*) FROM duplicate_text AS t",
            "t.cluster",
            clusters,
            end=" GROUP BY t.cluster",
        )
        return dict(map(tuple, rows))

    async def _those(
        self,
        select: str,
        column: str,
        values: Collection[Any],
        kind: sql.Kind = "bigint",
        *,
        end: str = "",
    ) -> Sequence[Sequence[Any]]:
        """The owner's rows where the column has one of these."""
        if not values:
            return []
        query = Conditions(self._provider)
        given = sql.among(query, column, values, kind)
        where = f"{owned(column.partition('.')[0])} AND {given}"
        return await fetch(self._client, f"{select} WHERE {where}{end}", *query.args)


def _compare(
    sketches: Mapping[int, Sketch], others: Mapping[int, Iterable[int]], goes_on: GoOn
) -> dict[int, list[tuple[float, int]]]:
    similar = {}
    for id_, ids in others.items():
        _stop_unless(goes_on)
        similar[id_] = _similar(sketches, id_, ids)
    return similar


def _similar(
    sketches: Mapping[int, Sketch], id_: int, others: Iterable[int]
) -> list[tuple[float, int]]:
    """The most similar first."""
    own = sketches[id_]
    # One that another process has just removed is not there.
    found = [(similarity(own, sketches[other]), other) for other in others if other in sketches]
    return sorted(
        (each for each in found if each[0] >= LEAST_SIMILARITY),
        key=lambda each: (-each[0], each[1]),
    )


def _stop_unless(goes_on: GoOn) -> None:
    if not goes_on():
        raise Stopped

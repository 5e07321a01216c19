"""The SQL of the index of duplicates, that of the two databases side by side.

Lists are bound as JSON. What is looked up for each of a list is a subquery: a join could read all
that there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import orjson

from backend.core.owners import OWNER, found_owned, owned
from backend.engine import Provider
from backend.records import Conditions

Kind = Literal["bigint", "text", "double precision"]
Statement = tuple[str, Sequence[Any]]

END_OF_LOG: Mapping[Provider, str] = {
    "sqlite": f"0, coalesce((SELECT max(c.number) FROM change_log AS c WHERE {owned('c')}), 0)",
    "postgresql": "pg_snapshot_xmin(pg_current_snapshot()), 0",
}
"""(xid, number): whatever is not seen now has a greater one."""
_JSON_LIST: Mapping[Provider, str] = {
    "sqlite": "json_group_array({})",
    "postgresql": "coalesce(json_agg({}), '[]')::text",
}


def among(query: Conditions, column: str, values: Iterable[Any], kind: Kind) -> str:
    """The condition that a column has one of these."""
    array = query.bind(orjson.dumps(list(values)).decode())
    if query.provider == "sqlite":
        return f"{column} IN (SELECT value FROM json_each({array}))"
    found = f"SELECT value::{kind} FROM json_array_elements_text({array}::json)"
    return f"{column} = ANY (ARRAY({found}))"


def rows_of(query: Conditions, rows: Iterable[Sequence[Any]], **columns: Kind) -> str:
    """A table `k` of these rows."""
    array = query.bind(orjson.dumps(list(rows)).decode())
    if query.provider == "sqlite":
        items = [f"json_extract(value, '$[{n}]') AS {name}" for n, name in enumerate(columns)]
        return f"(SELECT {', '.join(items)} FROM json_each({array})) AS k"
    items = [f"(value ->> {n})::{kind} AS {name}" for n, (name, kind) in enumerate(columns.items())]
    return f"(SELECT {', '.join(items)} FROM json_array_elements({array}::json)) AS k"


def _is_changed(provider: Provider, owner: str, video_id: str) -> str:
    """The condition that the index has another version of this record, `v`, or none. Looked up for
    each: of a join PostgreSQL would read all that the index has, for each portion."""
    differ = "IS NOT" if provider == "sqlite" else "IS DISTINCT FROM"
    version = (
        f"SELECT r.version FROM duplicate_record AS r WHERE {found_owned('r')}"
        f" AND r.owner = {owner} AND r.video_id = {video_id}"
    )
    return f"({version}) {differ} v.version"


def records_to_scan(query: Conditions, after: str) -> str:
    """FROM and WHERE: records, `v`, that the index has not, in the order of their video_id."""
    return (
        f"FROM video_analysis AS v WHERE {owned('v')} AND v.video_id > {query.bind(after)}"
        f" AND {_is_changed(query.provider, 'v.owner', 'v.video_id')}"
    )


def changes_to_follow(query: Conditions, xid: int, number: int) -> str:
    """FROM and WHERE: rows of the change log, `c`, after this one, of which the index has not what
    there is now, `v`."""
    # The log compares names by their bytes.
    name = "c.name" if query.provider == "sqlite" else 'c.name COLLATE "default"'
    after = after_row(query, xid, number)
    return (
        f"FROM change_log AS c LEFT JOIN video_analysis AS v ON {found_owned('v')}"
        f" AND v.owner = c.owner AND v.video_id = {name}"
        f" WHERE {owned('c')} AND {after} AND c.kind = 'video'"
        f" AND {_is_changed(query.provider, 'c.owner', name)}"
    )


def after_row(query: Conditions, xid: int, number: int) -> str:
    if query.provider == "sqlite":
        return f"c.number > {query.bind(number)}"
    xid_, number_ = query.bind(str(xid)), query.bind(number)
    return f"(c.xid, c.number) > ({xid_}::text::xid8, {number_})"


def log_order(provider: Provider) -> Sequence[str]:
    return ("c.number",) if provider == "sqlite" else ("c.xid", "c.number")


def xid_of(provider: Provider, table: str) -> str:
    """As text."""
    return f"CAST({table}.xid AS TEXT)" if table != "c" or provider == "postgresql" else "'0'"


def texts_of_bands(query: Conditions, bands: Iterable[int], most: int) -> str:
    """Each band that a text has, and the newest of those that have it, as JSON."""
    having = f"FROM duplicate_band AS b WHERE {owned('b')} AND b.band = k.band"
    found = f"SELECT b.text_id {having} ORDER BY b.text_id DESC LIMIT {most}"
    ids = _JSON_LIST[query.provider].format("text_id")
    rows = rows_of(query, ([band] for band in bands), band="bigint")
    return (
        f"SELECT k.band, (SELECT {ids} FROM ({found}) AS found) FROM {rows}"
        f" WHERE (SELECT 1 {having} LIMIT 1) = 1"  # EXISTS would be made a join
    )


def videos_of_texts(query: Conditions, texts: Iterable[int], most: int) -> str:
    """Each text, and the first of the videos that have it, as JSON."""
    found = (
        f"SELECT r.video_id FROM duplicate_record AS r WHERE {owned('r')} AND r.text_id = k.id"
        f" ORDER BY r.video_id LIMIT {most}"
    )
    ids = _JSON_LIST[query.provider].format("video_id")
    rows = rows_of(query, ([text] for text in texts), id="bigint")
    return f"SELECT k.id, (SELECT {ids} FROM ({found}) AS found) FROM {rows}"


def _first_among(column: str, given_column: str, given: str) -> str:
    """Said besides the join with `given`: PostgreSQL would read all rows of the owner for it."""
    return f"{column} = ANY (ARRAY(SELECT k.{given_column} FROM {given}))"


class Store:
    """The statements of one transaction that changes the index, if it is still as it was read: the
    first makes NULL of what must not be where it is not."""

    def __init__(self, provider: Provider, version: int, columns: Mapping[str, Any]) -> None:
        """`version`: the one that was read; `columns`: of duplicate_index."""
        self._provider = provider
        self.statements: list[Statement] = []
        query = Conditions(provider)
        expected = query.bind(version)
        sets = [f"version = CASE WHEN version = {expected} THEN version + 1 END"]
        for name, value in columns.items():
            bound = query.bind(str(value) if name == "xid" else value)
            cast = "::text::xid8" if name == "xid" and provider == "postgresql" else ""
            sets.append(f"{name} = {bound}{cast}")
        self._add(query, f"UPDATE duplicate_index AS i SET {', '.join(sets)} WHERE {owned('i')}")

    def put_records(self, rows: Sequence[tuple[str, int, int]]) -> None:
        """video_id, version, text"""
        if rows:
            query = Conditions(self._provider)
            given = rows_of(query, rows, video_id="text", version="bigint", text_id="bigint")
            self._add(
                query,
                "INSERT INTO duplicate_record (owner, video_id, version, text_id)"
                f" SELECT {OWNER}, video_id, version, text_id FROM {given} WHERE true"
                " ON CONFLICT (owner, video_id) DO UPDATE SET version = excluded.version,"
                " text_id = excluded.text_id",
            )

    def remove_records(self, video_ids: Sequence[str]) -> None:
        """With what was said of them."""
        if video_ids:
            query = Conditions(self._provider)
            given = among(query, "d.video_id", video_ids, "text")
            self._add(
                query,
                f"DELETE FROM duplicate_dismissal AS o WHERE {owned('o')}"
                " AND (o.video_id, o.other_id) IN (SELECT d.other_id, d.video_id"
                f" FROM duplicate_dismissal AS d WHERE {owned('d')} AND {given})",
            )
        self._remove("duplicate_dismissal", "video_id", video_ids, "text")
        self._remove("duplicate_record", "video_id", video_ids, "text")

    def put_texts(self, rows: Sequence[tuple[int, str, int, int | None, bytes]]) -> None:
        """id, hash, records, cluster, fingerprint"""
        if not rows:
            return
        placed, begin = [], 1
        for id_, hash_, records, cluster, data in rows:
            placed.append((id_, hash_, records, cluster, begin, len(data)))
            begin += len(data)
        query = Conditions(self._provider)
        joined = query.bind(b"".join(row[4] for row in rows))
        cast = "::bytea" if self._provider == "postgresql" else ""
        given = rows_of(
            query, placed, id="bigint", hash="text", records="bigint", cluster="bigint",
            start="bigint", size="bigint",
        )  # fmt: skip
        place = "start, size" if self._provider == "sqlite" else "start::integer, size::integer"
        self._add(
            query,
            "INSERT INTO duplicate_text (owner, fingerprint, id, hash, records, cluster)"
            f" SELECT {OWNER}, substr({joined}{cast}, {place}), id, hash, records, cluster"
            f" FROM {given}",
        )

    def change_texts(self, rows: Sequence[tuple[int, int, int | None]]) -> None:
        """id, records, cluster"""
        self._change_texts(
            rows,
            "id",
            "id",
            {"records": "k.records", "cluster": "k.cluster"},
            id="bigint",
            records="bigint",
            cluster="bigint",
        )

    def change_clusters(self, rows: Sequence[tuple[int, int]]) -> None:
        """What it was, and what it is"""
        self._change_texts(
            rows, "cluster", "was", {"cluster": "k.becomes"}, was="bigint", becomes="bigint"
        )

    def _change_texts(
        self,
        rows: Sequence[Sequence[Any]],
        column: str,
        given_column: str,
        sets: Mapping[str, str],
        **columns: Kind,
    ) -> None:
        if not rows:
            return
        query = Conditions(self._provider)
        given = rows_of(query, rows, **columns)
        if self._provider == "sqlite":
            # Not as UPDATE ... FROM, which may read all texts for each row.
            names = ("id", "hash", "records", "cluster", "fingerprint")
            values = ", ".join(sets.get(name, f"t.{name}") for name in names)
            changes = ", ".join(f"{name} = excluded.{name}" for name in sets)
            self._add(
                query,
                f"INSERT INTO duplicate_text (owner, {', '.join(names)})"
                f" SELECT {OWNER}, {values} FROM {given} CROSS JOIN duplicate_text AS t"
                f" ON {owned('t')} AND t.{column} = k.{given_column} WHERE true"
                f" ON CONFLICT (owner, id) DO UPDATE SET {changes}",
            )
        else:
            changes = ", ".join(f"{name} = {value}" for name, value in sets.items())
            self._add(
                query,
                f"UPDATE duplicate_text AS t SET {changes} FROM {given}"
                f" WHERE {owned('t')} AND t.{column} = k.{given_column}"
                f" AND {_first_among(f't.{column}', given_column, given)}",
            )

    def remove_texts(self, ids: Sequence[int]) -> None:
        self._remove("duplicate_text", "id", ids, "bigint")

    def put_bands(self, rows: Sequence[tuple[int, int]]) -> None:
        """band, text"""
        self._put("duplicate_band", rows, band="bigint", text_id="bigint")

    def remove_bands(self, rows: Sequence[tuple[int, int]]) -> None:
        self._remove_rows("duplicate_band", rows, "band", "text_id")

    def put_pairs(self, rows: Sequence[tuple[int, int, float]]) -> None:
        """Each from either side."""
        self._put(
            "duplicate_pair", rows, text_id="bigint", other_id="bigint",
            similarity="double precision",
        )  # fmt: skip

    def remove_pairs(self, rows: Sequence[tuple[int, int]]) -> None:
        self._remove_rows("duplicate_pair", rows, "text_id", "other_id")

    def _put(self, table: str, rows: Sequence[tuple[Any, ...]], **columns: Kind) -> None:
        if rows:
            query = Conditions(self._provider)
            names = ", ".join(columns)
            self._add(
                query,
                f"INSERT INTO {table} (owner, {names}) SELECT {OWNER}, {names}"
                f" FROM {rows_of(query, rows, **columns)} WHERE true ON CONFLICT DO NOTHING",
            )

    def _remove(self, table: str, column: str, values: Sequence[Any], kind: Kind) -> None:
        if values:
            query = Conditions(self._provider)
            given = among(query, column, values, kind)
            self._add(query, f"DELETE FROM {table} AS t WHERE {owned('t')} AND {given}")

    def _remove_rows(
        self, table: str, rows: Sequence[tuple[int, int]], first: str, second: str
    ) -> None:
        if not rows:
            return
        query = Conditions(self._provider)
        given = rows_of(query, rows, a="bigint", b="bigint")
        if self._provider == "sqlite":
            where = f"({first}, {second}) IN (SELECT a, b FROM {given})"
            self._add(query, f"DELETE FROM {table} AS t WHERE {owned('t')} AND {where}")
        else:
            where = f"t.{first} = k.a AND t.{second} = k.b"
            where += f" AND {_first_among(f't.{first}', 'a', given)}"
            self._add(
                query, f"DELETE FROM {table} AS t USING {given} WHERE {owned('t')} AND {where}"
            )

    def _add(self, query: Conditions, sql: str) -> None:
        self.statements.append((sql, query.args))

"""Many records at once: a file imported, and all of them exported.

Ours and Fastify take the file as one request, and say of each record what became of it. Bare is the
practical limit: the same rows that our import wrote, all columns, into the same tables, with their
indexes and triggers, by executemany or COPY in one transaction; and a cursor whose rows orjson
writes. Fastify stores the ids and descriptions alone, in a table of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import random
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from threading import Thread
from time import perf_counter
from typing import Any

import asyncpg
import orjson

from bench.contestants import Contestant
from bench.databases import Databases, PostgresDatabases
from bench.records import Source
from bench.rounds import LOAD_CORE, SERVER_CORE, Bench

OPERATIONS = ("import", "export")
_TABLES = {
    "video_analysis": "SELECT * FROM video_analysis WHERE video_id LIKE 'import-%'"
    " ORDER BY created_at, id",
    "segment": "SELECT s.* FROM segment AS s JOIN video_analysis AS v ON v.id = s.analysis_id"
    " ORDER BY v.created_at, v.id, s.position",
}
"""What is written of records that have segments, and neither tags nor people."""
_AT_ONCE = 200
_SECONDS = 600
_STORED = 1
"""Records that are there before: the first tells that a server answers."""

Rates = dict[str, list[float]]
"""Records per second, of each operation."""
Rows = dict[str, tuple[Sequence[str], list[tuple[Any, ...]]]]
"""Of each table: its columns, and the rows."""


class WrongCountError(Exception):
    """Not all records were stored, or given back."""


def compare(
    bench: Bench,
    contestants: Sequence[Contestant],
    lines: Sequence[Mapping[str, Any]],
    *,
    rounds: int,
) -> dict[str, Rates]:
    """Ours, bare and Fastify, of those chosen. Raises WrongCountError."""
    measured: dict[str, Rates] = {}
    for turn in range(rounds):
        for ours in [c for c in contestants if _is_plainly_ours(c)]:
            rows: Rows = {}
            rates = {ours.name: _serve(bench, ours, lines, rows)}
            for peer in [c for c in contestants if c.provider == ours.provider]:
                if peer.is_limit:
                    rates[peer.name] = _bare(bench, ours, rows)
                elif "fastify" in peer.name:
                    rates[peer.name] = _serve(bench, peer, lines)
            for name, each in rates.items():
                for operation, rate in each.items():
                    measured.setdefault(name, {}).setdefault(operation, []).append(rate)
                bench.log(
                    f"round {turn + 1}/{rounds} {name}: "
                    + ", ".join(f"{operation} {rate:,.0f}/s" for operation, rate in each.items())
                )
    return measured


def lines_of(data: Path | None, sources: Sequence[Source], count: int) -> list[dict[str, Any]]:
    """`count` records, with segments. Those of a file are repeated under new ids."""
    if data is None:
        given = [_with_segments(source) for source in sources]
    else:
        kept = ("video_id", "description", "duration", "segments")
        with data.open(encoding="utf-8") as file:
            read = [json.loads(line) for line in file if line.strip()]
        given = [{name: one[name] for name in kept if name in one} for one in read]
        given = [one for one in given if all(s["end"] >= s["start"] for s in one["segments"])]
    return [
        {**given[n % len(given)], "video_id": f"import-{n // len(given)}-{n % len(given)}"}
        for n in range(count)
    ]


def _with_segments(source: Source) -> dict[str, Any]:
    chance = random.Random(source.video_id)
    sentences = [f"{each}." for each in source.description.split(".") if each.strip()]
    length = round(chance.uniform(20, 200), 2)
    part = length / len(sentences)
    segments = [
        {"start": round(n * part, 2), "end": round((n + 1) * part, 2), "text": text.strip()}
        for n, text in enumerate(sentences)
    ]
    return {"description": source.description, "duration": length, "segments": segments}


def _is_plainly_ours(contestant: Contestant) -> bool:
    return contestant.is_ours and not (contestant.logs_requests or contestant.needs_key)


def _serve(
    bench: Bench,
    contestant: Contestant,
    lines: Sequence[Mapping[str, Any]],
    rows: Rows | None = None,
) -> dict[str, float]:
    """`rows`: filled with what was written."""
    file = b"".join(orjson.dumps(_given(contestant, line)) + b"\n" for line in lines)
    bench.fill(contestant, _STORED)
    with bench.running(contestant, _STORED, flush=False) as (server, url):
        seconds, answer = _timed(server.port, "POST", "/api/import", file)
        created = answer.count(b'"status":"created"')
        if created != len(lines):
            raise WrongCountError(f"{contestant.name}: {created} of {len(lines)} were created")
        rates = {"import": len(lines) / seconds}
        if contestant.is_ours:  # so that the index is kept up before the export begins
            _timed(server.port, "GET", "/api/search?q=camera")
        seconds, answer = _timed(server.port, "GET", "/api/export?format=ndjson")
        found = answer.count(b'"video_id"')
        if found != len(lines) + _STORED:
            raise WrongCountError(f"{contestant.name}: {found} were exported")
        rates["export"] = found / seconds
        if rows is not None and url is not None:
            assert contestant.provider is not None
            rows.update(_written(bench.databases[contestant.provider], url))
    return rates


def _given(contestant: Contestant, line: Mapping[str, Any]) -> Mapping[str, Any]:
    if contestant.is_ours:
        return line
    return {name: line[name] for name in ("video_id", "description")}


def _timed(port: int, method: str, path: str, body: bytes | None = None) -> tuple[float, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    with contextlib.closing(connection):
        connection.putrequest(method, path)
        connection.putheader("Content-Type", "application/x-ndjson")
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        started = perf_counter()
        connection.endheaders()
        # At once: who answers while it reads may wait until its answer is read.
        sending = Thread(target=connection.sock.sendall, args=(body or b"",), daemon=True)
        sending.start()
        response = connection.getresponse()
        answer = response.read()
        seconds = perf_counter() - started
        sending.join()
    if response.status != 200:
        raise WrongCountError(f"{method} {path}: {response.status} {answer[:500]!r}")
    return seconds, answer


# Bare


class _SQLite:
    def __init__(self, url: str) -> None:
        self._database = sqlite3.connect(
            url.removeprefix("file:").partition("?")[0], isolation_level=None
        )

    async def open(self) -> None:
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute("PRAGMA foreign_keys = ON")

    async def close(self) -> None:
        self._database.close()

    async def read(self, sql: str) -> tuple[Sequence[str], list[tuple[Any, ...]]]:
        cursor = self._database.execute(sql)
        return [column[0] for column in cursor.description], cursor.fetchall()

    async def write(self, rows: Rows) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        for table, (columns, of_table) in rows.items():
            names = ", ".join(f'"{name}"' for name in columns)
            self._database.executemany(
                f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})", of_table
            )
        self._database.execute("COMMIT")

    async def export(self) -> None:
        cursor = self._database.execute(_ALL)
        names = [column[0] for column in cursor.description]
        segments = f"{_SEGMENTS} IN (SELECT value FROM json_each(?)) {_IN_ORDER}"
        while some := cursor.fetchmany(_AT_ONCE):
            ids = orjson.dumps([row[_ID] for row in some]).decode()
            _as_lines(names, some, self._database.execute(segments, (ids,)))


class _PostgreSQL:
    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Any = None

    async def open(self) -> None:
        self._connection = await asyncpg.connect(self._url)

    async def close(self) -> None:
        await self._connection.close()

    async def read(self, sql: str) -> tuple[Sequence[str], list[tuple[Any, ...]]]:
        statement = await self._connection.prepare(sql)
        columns = [attribute.name for attribute in statement.get_attributes()]
        return columns, [tuple(row) for row in await statement.fetch()]

    async def write(self, rows: Rows) -> None:
        async with self._connection.transaction():
            for table, (columns, of_table) in rows.items():
                await self._connection.copy_records_to_table(
                    table, columns=columns, records=of_table
                )

    async def export(self) -> None:
        async with self._connection.transaction():
            cursor = await self._connection.cursor(_ALL)
            segments = await self._connection.prepare(f"{_SEGMENTS} = ANY($1) {_IN_ORDER}")
            while some := await cursor.fetch(_AT_ONCE):
                found = await segments.fetch([row[_ID] for row in some])
                _as_lines(list(some[0].keys()), some, found)


_ID = 0
_ALL = """
    SELECT id, video_id, description, created_at, updated_at, version, title, recorded_date, age,
        location, country, mood, event_type, duration, extra, sources
    FROM video_analysis ORDER BY created_at, id
"""
_SEGMENTS = 'SELECT analysis_id, "start", "end", text FROM segment WHERE analysis_id'
_IN_ORDER = "ORDER BY analysis_id, position"


def _as_lines(
    names: Sequence[str], rows: Sequence[Sequence[Any]], segments: Iterable[Sequence[Any]]
) -> bytes:
    of: dict[str, list[dict[str, Any]]] = {}
    for id_, start, end, text in segments:
        of.setdefault(id_, []).append({"start": start, "end": end, "text": text})
    return b"".join(
        orjson.dumps({**dict(zip(names, row, strict=True)), "segments": of.get(row[_ID], [])})
        + b"\n"
        for row in rows
    )


def _bare(bench: Bench, ours: Contestant, rows: Rows) -> dict[str, float]:
    assert ours.provider is not None
    databases = bench.databases[ours.provider]
    databases.flush_writes(False)
    database = _database(databases, databases.copy(ours.layout, _STORED))

    async def do() -> dict[str, float]:
        await database.open()
        try:
            started = perf_counter()
            await database.write(rows)
            imported = perf_counter() - started
            started = perf_counter()
            await database.export()
            exported = perf_counter() - started
        finally:
            await database.close()
        count = len(rows["video_analysis"][1])
        return {"import": count / imported, "export": (count + _STORED) / exported}

    os.sched_setaffinity(0, {SERVER_CORE})  # where the servers run
    try:
        return asyncio.run(do())
    finally:
        os.sched_setaffinity(0, {LOAD_CORE})


def _written(databases: Databases, url: str) -> Rows:
    """By the import: what was there before is left out."""
    database = _database(databases, url)

    async def read() -> Rows:
        await database.open()
        try:
            return {table: await database.read(sql) for table, sql in _TABLES.items()}
        finally:
            await database.close()

    return asyncio.run(read())


def _database(databases: Databases, url: str) -> _SQLite | _PostgreSQL:
    if isinstance(databases, PostgresDatabases):
        return _PostgreSQL(databases.libpq_url_of(url))
    return _SQLite(url)

"""The databases that contestants are measured on: each starts with a copy of its own, made from a
template that is filled once.

Ours has the tables of all our migrations; the peers have the one table that they need, with the
same indexes. Both databases flush, or do not flush, a write to the disk before it is answered, as
the operation that is measured says: SQLite by `synchronous` (of each connection, so that is left
to the contestant), PostgreSQL by `synchronous_commit` (of the server).
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Literal

import asyncpg

from backend.core.role import make_role
from backend.engine.migrate import deploy
from backend.services import make_services
from backend.text.entry import index_entry
from bench.key import make_key
from bench.records import Row
from tests.postgres import USER, PostgresServer

SCHEMA = Path(__file__).parents[1] / "prisma" / "schema.prisma"

Layout = Literal["ours", "plain", "sqlalchemy"]
"""`sqlalchemy` on SQLite writes dates in another text than Prisma does."""

COLUMNS = ("id", "video_id", "description", "created_at", "updated_at")
OUR_COLUMNS = (*COLUMNS, "search_terms")
"""From the last, the search index is filled, as it is for the service."""

TABLE = """
CREATE TABLE video_analysis (
    id TEXT NOT NULL PRIMARY KEY,
    video_id TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at {datetime} NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at {datetime} NOT NULL
);
CREATE UNIQUE INDEX video_analysis_video_id_key ON video_analysis (video_id);
CREATE INDEX video_analysis_created_at_id_idx ON video_analysis (created_at DESC, id DESC);
"""

POSTGRES_SETTINGS = {
    "fsync": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",  # nothing starts by itself while something is measured
    "max_connections": "50",
}


class SQLiteDatabases:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.key = ""
        """Of our templates."""

    def fill(self, layout: Layout, size: int, rows: Iterable[Row]) -> None:
        template = self._template(layout, size)
        if template.exists():
            return
        draft = template.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        if layout == "ours":
            asyncio.run(deploy(SCHEMA, f"file:{draft}", log=lambda _: None))
        database = sqlite3.connect(draft, isolation_level=None)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            if layout != "ours":
                database.executescript(TABLE.format(datetime="DATETIME"))
            database.execute("PRAGMA synchronous = OFF")
            database.execute("BEGIN")
            columns = OUR_COLUMNS if layout == "ours" else COLUMNS
            database.executemany(
                f"INSERT INTO video_analysis ({', '.join(columns)}) "
                f"VALUES ({', '.join('?' * len(columns))})",
                (_as_text(row, layout) for row in rows),
            )
            database.execute("COMMIT")
            if layout == "ours":
                self.key = asyncio.run(_finish(f"file:{draft}"))
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            database.close()
        draft.rename(template)

    def copy(self, layout: Layout, size: int) -> str:
        """A fresh copy's URL, in place of the one before."""
        copy = self._folder / f"{layout}.db"
        for suffix in ("", "-wal", "-shm"):
            copy.with_name(copy.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(self._template(layout, size), copy)
        return f"file:{copy}"

    def stored(self, url: str, video_id: str) -> str | None:
        database = sqlite3.connect(url.removeprefix("file:").partition("?")[0])
        try:
            found = database.execute(
                "SELECT description FROM video_analysis WHERE video_id = ?", (video_id,)
            ).fetchone()
        finally:
            database.close()
        return found[0] if found else None

    def flush_writes(self, wanted: bool) -> None:
        """Nothing: each connection says it for itself."""

    def _template(self, layout: Layout, size: int) -> Path:
        return self._folder / f"template-{layout}-{size}.db"


class PostgresDatabases:
    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self.key = ""
        self._filled: set[str] = set()
        self._copies: set[str] = set()

    def fill(self, layout: Layout, size: int, rows: Iterable[Row]) -> None:
        template = _template_name(layout, size)
        if template in self._filled:
            return
        self._server.create_database(template)
        url = self._server.url(template)
        if layout == "ours":
            asyncio.run(deploy(SCHEMA, url, log=lambda _: None))
        else:
            self._server.psql(TABLE.format(datetime="TIMESTAMP(3)"), database=template)
        asyncio.run(_copy_in(self._libpq_url(template), layout, rows))
        if layout == "ours":
            self.key = asyncio.run(_finish(url))
        self._server.psql("VACUUM (ANALYZE)", database=template)
        self._server.psql("CHECKPOINT")
        self._filled.add(template)

    def copy(self, layout: Layout, size: int) -> str:
        name = f"bench_{layout}"
        self._server.drop_database(name)
        self._server.create_database(name, template=_template_name(layout, size))
        return self._server.url(name) if layout == "ours" else self._libpq_url(name)

    def _libpq_url(self, name: str) -> str:
        """By the Unix socket, as all but Prisma write it."""
        return f"postgresql://{USER}@/{name}?host={self._server.folder}&port={self._server.port}"

    def libpq_url_of(self, url: str) -> str:
        return self._libpq_url(url.partition("?")[0].rpartition("/")[2])

    def stored(self, url: str, video_id: str) -> str | None:
        async def read() -> str | None:
            connection = await asyncpg.connect(self.libpq_url_of(url))
            try:
                found: str | None = await connection.fetchval(
                    "SELECT description FROM video_analysis WHERE video_id = $1", video_id
                )
            finally:
                await connection.close()
            return found

        return asyncio.run(read())

    def flush_writes(self, wanted: bool) -> None:
        self._server.psql(f"ALTER SYSTEM SET synchronous_commit = {'on' if wanted else 'off'}")
        self._server.psql("SELECT pg_reload_conf()")


Databases = SQLiteDatabases | PostgresDatabases


def _template_name(layout: Layout, size: int) -> str:
    return f"template_{layout}_{size}"


async def _copy_in(url: str, layout: Layout, rows: Iterable[Row]) -> None:
    connection = await asyncpg.connect(url)
    try:
        values = (_values(row, row.created_at.replace(tzinfo=None), layout) for row in rows)
        while chunk := list(islice(values, 1_000)):
            await connection.copy_records_to_table(
                "video_analysis",
                columns=OUR_COLUMNS if layout == "ours" else COLUMNS,
                records=chunk,
            )
    finally:
        await connection.close()


async def _finish(url: str) -> str:
    """Apply the queue of rows to the search index, and make PostgreSQL's role and a key: which?"""
    services = make_services(url)
    await services.database.connect()
    try:
        await services.search.search("nothing", limit=1)
        await make_role(services.database)
        return await make_key(services.database)
    finally:
        await services.database.disconnect()


def _as_text(row: Row, layout: Layout) -> tuple[object, ...]:
    moment = row.created_at.isoformat(timespec="milliseconds")
    if layout == "sqlalchemy":
        moment = f"{row.created_at:%Y-%m-%d %H:%M:%S.%f}"
    return _values(row, moment, layout)


def _values(row: Row, moment: object, layout: Layout) -> tuple[object, ...]:
    values = (row.id, row.video_id, row.description, moment, moment)
    return (*values, index_entry([row.description])) if layout == "ours" else values

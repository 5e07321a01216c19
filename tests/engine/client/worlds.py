"""Small databases with known rows: the schemas of ../schemas, each with the SQL of its first rows.

The SQL is valid on SQLite and on PostgreSQL. Ids that the database gives begin at 101 on both.
A world keeps its client for many tests, as a client's first query costs some 0.2 s; each test
begins with the first rows again.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import asyncpg

from backend.engine import in_process
from tests.engine.generated import generated_package
from tests.postgres import PostgresServer

SCHEMAS = Path(__file__).parents[1] / "schemas"

ROWS = {
    "blog": """
INSERT INTO users (id, email, name, role, age, score, active, created_at, updated_at, manager_id)
VALUES
 (1, 'ada@x.org', 'Ada', 'ADMIN', 36, 9.5, true, '2024-01-01T00:00:00.000+00:00',
  '2024-01-01T00:00:00.000+00:00', NULL),
 (2, 'bob@x.org', 'Bob', 'editor', 41, 2.5, true, '2024-01-02T00:00:00.000+00:00',
  '2024-01-02T00:00:00.000+00:00', 1),
 (3, 'cleo@x.org', NULL, 'reader', NULL, 0, false, '2024-01-03T00:00:00.000+00:00',
  '2024-01-03T00:00:00.000+00:00', 1),
 (4, 'dan@x.org', 'dan', 'reader', 36, 2.5, true, '2024-01-04T00:00:00.000+00:00',
  '2024-01-04T00:00:00.000+00:00', 2);
INSERT INTO "Profile" (id, bio, website, user_id) VALUES
 (1, 'Countess', 'https://ada.example', 1), (2, NULL, NULL, 2);
INSERT INTO posts (id, slug, title, body, views, published, rating, extra, created_at,
  author_id, editor_id)
VALUES
 ('p1', 'intro', 'Introduction', 'Hello', 10, true, 4.5, '{"tags":["a","b"]}',
  '2024-02-01T00:00:00.000+00:00', 1, 2),
 ('p2', 'notes', 'Notes', NULL, 20, true, NULL, NULL, '2024-02-02T00:00:00.000+00:00', 1, NULL),
 ('p3', 'draft', 'Draft', '50% off_now', 0, false, 3, '[1,2]',
  '2024-02-03T00:00:00.000+00:00', 2, NULL),
 ('p4', 'orphan', 'Orphan', '', 5, true, NULL, NULL, '2024-02-04T00:00:00.000+00:00', NULL, NULL);
INSERT INTO "Category" (id, name, "parentId") VALUES
 (1, 'Science', NULL), (2, 'Logic', 1), (3, 'Arts', NULL);
INSERT INTO "_CategoryToPost" ("A", "B") VALUES (1, 'p1'), (2, 'p1'), (2, 'p2');
INSERT INTO "Comment" (id, text, likes, post_id, author_id, reply_to_id) VALUES
 (1, 'First', 3, 'p1', 2, NULL), (2, 'Thanks', 0, 'p1', 1, 1), (3, 'nice', 5, 'p2', 3, NULL);
INSERT INTO "Team" (id, name) VALUES (1, 'Core'), (2, 'Docs');
INSERT INTO "Membership" (user_id, team_id, level, title, joined_at) VALUES
 (1, 1, 3, 'Lead', '2024-03-01T00:00:00.000+00:00'),
 (2, 1, 1, NULL, '2024-03-02T00:00:00.000+00:00');
INSERT INTO _follows ("A", "B") VALUES (1, 2), (2, 3), (4, 1);
""",
    "shop": """
INSERT INTO "Customer" (id, name, country, tax_id, credit) VALUES
 ('c1', 'Acme', 'DE', '1', 100.5), ('c2', 'Bolt', 'DE', '2', 0);
INSERT INTO "Brand" (id, name) VALUES (1, 'No name'), (2, 'Bolt');
INSERT INTO "Supplier" (id, name, city) VALUES (1, 'North', 'Oslo'), (2, 'South', NULL);
INSERT INTO "Product" (sku, name, price, stock, weight, brand_id, supplier_id) VALUES
 ('saw', 'Saw', 49.99, 7, 2.5, 2, 1), ('glue', 'Glue', 3, 40, NULL, 1, NULL);
INSERT INTO orders (customer_id, number, state, total, placed_at, updated_at) VALUES
 ('c1', 1, 'paid', 52.99, '2024-01-01T00:00:00.000+00:00', '2024-01-01T00:00:00.000+00:00'),
 ('c1', 2, 'OPEN', 3, '2024-01-02T00:00:00.000+00:00', '2024-01-02T00:00:00.000+00:00');
INSERT INTO "Line" (customer_id, order_number, position, quantity, price, sku) VALUES
 ('c1', 1, 1, 1, 49.99, 'saw'), ('c1', 1, 2, 1, 3, 'glue'), ('c1', 2, 1, 1, 3, 'glue');
INSERT INTO "Invoice" (id, text, customer_id, order_number) VALUES
 (9007199254740993, 'for 1', 'c1', 1), (2, 'for nobody', NULL, NULL);
INSERT INTO "Shelf" (hall, rack, note, sku) VALUES (1, 'A', 'top', 'saw'), (2, 'A', NULL, 'glue');
""",
    "ledger": "\n".join(
        f'INSERT INTO "Account" (id, balance) VALUES ({account}, 1000);' for account in range(1, 41)
    ),
    "types": "",
    "postgres": "",
}


def package_of(name: str) -> ModuleType:
    """The client that is generated for the world's schema."""
    return generated_package((SCHEMAS / f"{name}.prisma").read_text())


class World(ABC):
    """A database and a connected client on it."""

    url: str

    def __init__(self, name: str, provider: str) -> None:
        self._rows = ROWS[name]
        self._ddl = (SCHEMAS / f"{name}.{provider}.sql").read_text()
        self._package: Any = package_of(name)

    async def open(self) -> None:
        await self._make()
        self.client: Any = in_process(self._package.Prisma)(datasource={"url": self.url})
        await self.client.connect()

    async def close(self) -> None:
        await self.client.disconnect()

    @abstractmethod
    async def _make(self) -> None: ...

    @abstractmethod
    async def reset(self) -> None:
        """Put the first rows back."""

    @abstractmethod
    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows as another program sees them."""


class SqliteWorld(World):
    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name, "sqlite")
        self._path = folder / f"{name}.db"
        self.url = f"file:{self._path}"

    async def _make(self) -> None:
        with closing(sqlite3.connect(self._path)) as db:
            db.executescript(self._ddl)

    async def reset(self) -> None:
        with closing(sqlite3.connect(self._path)) as db:
            tables = (
                "SELECT name, sql LIKE '%AUTOINCREMENT%' FROM sqlite_master WHERE type = 'table'"
            )
            work = ["PRAGMA foreign_keys = OFF", "BEGIN IMMEDIATE"]
            for table, counts in db.execute(tables).fetchall():
                work.append(f'DELETE FROM "{table}"')
                if counts:
                    work.append(f"INSERT INTO sqlite_sequence (name, seq) VALUES ('{table}', 100)")
            work.sort(key=lambda statement: statement.startswith("INSERT"))
            db.executescript(";\n".join([*work, self._rows, "COMMIT"]))

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._path)) as connection:
            return list(connection.execute(sql))


class PostgresqlWorld(World):
    def __init__(self, name: str, server: PostgresServer) -> None:
        super().__init__(name, "postgresql")
        database = server.create_database()
        self.url = server.url(database)
        self._own_url = server.url(database, tcp=True)

    async def _make(self) -> None:
        self._connection: Any = await asyncpg.connect(self._own_url)
        await self._connection.execute(self._ddl)
        tables = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'"
        names = [name for (name,) in await self._connection.fetch(tables)]
        sequences = "SELECT quote_ident(sequencename) FROM pg_sequences"
        counters = [name for (name,) in await self._connection.fetch(sequences)]
        self._reset = [
            "SET session_replication_role = replica",  # no foreign keys are checked
            *(f"DELETE FROM {name}" for name in names),
            *(f"SELECT setval('{name}', 100)" for name in counters),
            self._rows,
            "RESET session_replication_role",
        ]

    async def close(self) -> None:
        await super().close()
        await self._connection.close()

    async def reset(self) -> None:
        await self._connection.execute(";\n".join(self._reset))

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self._connection.fetch(sql)]

"""A schema with a field of every scalar type, and its table as Prisma makes it on SQLite."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

SCHEMA = """\
datasource db {
  provider = "sqlite"
  url      = env("DATABASE_URL")
}

generator client {
  provider  = "prisma-client-py"
  interface = "asyncio"
  enable_experimental_decimal = true
}

enum Mood {
  CALM
  WILD @map("very wild")
}

model Everything {
  id      Int       @id @default(autoincrement())
  text    String?
  whole   Int?
  big     BigInt?
  real    Float?
  exact   Decimal?
  yes     Boolean?
  moment  DateTime?
  data    Json?
  bytes   Bytes?
  mood    Mood?
  name    String?   @unique
  parent  Everything?  @relation("Tree", fields: [above], references: [id])
  above   Int?
  below   Everything[] @relation("Tree")

  @@map("everything")
}
"""

TABLE = """\
CREATE TABLE "everything" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "text" TEXT,
    "whole" INTEGER,
    "big" BIGINT,
    "real" REAL,
    "exact" DECIMAL,
    "yes" BOOLEAN,
    "moment" DATETIME,
    "data" JSONB,
    "bytes" BLOB,
    "mood" TEXT,
    "name" TEXT,
    "above" INTEGER,
    CONSTRAINT "everything_above_fkey" FOREIGN KEY ("above") REFERENCES "everything" ("id")
        ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "everything_name_key" ON "everything"("name");
"""


def make_database(path: Path, script: str = TABLE) -> str:
    """Create the file with these tables; its URL."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return f"file:{path}"


def stored(path: Path, sql: str, *args: object) -> list[tuple[object, ...]]:
    """What another connection reads."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, args).fetchall()

"""Prisma for Python in one process: see README.md in this folder.

in_process(Prisma)    a generated client that runs on this engine
JsonRecords           records as JSON has them, without a model made of each
Scope                 what a client's calls are confined to, such as one tenant's rows
fetch()               rows of raw SQL as the driver has them; fetch_written(): of SQL that writes
fetch_records()       the same, as JSON has them
insert()              many rows, by few statements; unnested(): the SQL of rows in arrays
cuid(), now()         an id and a time as the engine makes them
"""

from __future__ import annotations

from .client.fetched import fetch, fetch_records, fetch_written
from .client.in_process import in_process
from .client.inserted import insert
from .client.json_records import JsonRecords
from .inserts import ColumnType, Row, Table, unnested
from .plan import JsonForm
from .plan.generators import cuid, now
from .provider import Provider
from .scope import Scope

__all__ = [
    "ColumnType",
    "JsonForm",
    "JsonRecords",
    "Provider",
    "Row",
    "Scope",
    "Table",
    "cuid",
    "fetch",
    "fetch_records",
    "fetch_written",
    "in_process",
    "insert",
    "now",
    "unnested",
]

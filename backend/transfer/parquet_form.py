"""Records as Apache Parquet: a row for each, lists as lists, `extra` and `sources` as JSON."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from backend.models.metadata import SCALARS
from backend.records import RecordJson

_TIME = pa.timestamp("ms", tz="UTC")
_SEGMENT = pa.struct([("start", pa.float64()), ("end", pa.float64()), ("text", pa.string())])
_SCALAR_TYPES = {"age": pa.int64(), "duration": pa.float64()}
SCHEMA = pa.schema(
    [
        ("video_id", pa.string()),
        ("description", pa.string()),
        *((name, _SCALAR_TYPES.get(name, pa.string())) for name in SCALARS),
        ("tags", pa.list_(pa.string())),
        ("people", pa.list_(pa.string())),
        ("segments", pa.list_(_SEGMENT)),
        ("extra", pa.string()),
        ("sources", pa.string()),
        ("created_at", _TIME),
        ("updated_at", _TIME),
        ("version", pa.int64()),
        ("id", pa.string()),
    ]
)
_ROWS = 2_000
_BYTES = 2 * 2**20
"""Of a row group, about: it is in memory until it is written."""


class ParquetForm:
    def __init__(self) -> None:
        self._written = _Written()
        self._writer = pq.ParquetWriter(self._written, SCHEMA, compression="zstd")
        self._rows: list[dict[str, Any]] = []
        self._size = 0

    def begin(self) -> bytes:
        return self._written.take()

    def part(self, records: Sequence[RecordJson]) -> bytes:
        self._rows += map(_row, records)
        self._size += sum(len(record["description"]) for record in records)
        self._size += sum(200 * len(record["segments"]) for record in records)
        if len(self._rows) >= _ROWS or self._size >= _BYTES:
            self._write()
        return self._written.take()

    def end(self) -> bytes:
        self._write()
        self._writer.close()
        return self._written.take()

    def _write(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, SCHEMA))
            self._rows, self._size = [], 0


class _Written(io.RawIOBase):
    """What was written since it was last taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._position += len(part)
        return len(part)

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken


def _row(record: RecordJson) -> dict[str, Any]:
    return {
        **record,
        "extra": orjson.dumps(record["extra"]).decode(),
        "sources": orjson.dumps(record["sources"]).decode(),
        "created_at": datetime.fromisoformat(record["created_at"]),
        "updated_at": datetime.fromisoformat(record["updated_at"]),
    }

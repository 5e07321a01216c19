"""The file of a portable backup, `.mmz`: a ZIP of `manifest.json` and, for each table, its rows as
lines of JSON, compressed by Zstandard.

A ZIP has its directory at its end: a file that was cut short cannot be opened. Whoever reads a
table to its end has also compared its rows with the manifest.
"""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import zstandard

from backend.engine import Provider
from backend.transfer.errors import BackupError

Row = dict[str, Any]

_FORMAT = 1
_MANIFEST = "manifest.json"
_NOTED_AT_ONCE = 1_000
_MOST_MANIFEST = 2**20


@dataclass(frozen=True, slots=True)
class TableSum:
    rows: int
    sha256: str
    """Of its lines."""


@dataclass(frozen=True, slots=True)
class Manifest:
    made_at: str
    provider: Provider
    """Of the database that it was made of."""
    migration: str
    """The last that was applied to it."""
    tables: dict[str, TableSum]
    format: int = _FORMAT


class SentFile(io.RawIOBase):
    """A file that is sent while it is written: nobody can go back in it."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """What was written since it was last asked for."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


class ArchiveWriter:
    """Closed when it is left; whole if it was finished."""

    def __init__(self, file: Path | SentFile) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED)
        self.tables: dict[str, TableSum] = {}
        self.manifest: Manifest

    def __enter__(self) -> ArchiveWriter:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # such as a full disk, of which `finish` would have said
            self._zip.close()

    @contextmanager
    def table(self, name: str) -> Iterator[TableWriter]:
        with (
            self._zip.open(_entry(name), "w", force_zip64=True) as entry,
            zstandard.ZstdCompressor().stream_writer(entry, closefd=False) as output,
        ):
            writer = TableWriter(output)
            yield writer
        self.tables[name] = TableSum(writer.rows, writer.digest())

    def finish(self, manifest: Manifest) -> None:
        self.manifest = manifest
        text = orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2)
        self._zip.writestr(_MANIFEST, text)
        self._zip.close()


class TableWriter:
    def __init__(self, output: zstandard.ZstdCompressionWriter) -> None:
        self._output = output
        self._hash = sha256()
        self.rows = 0

    def write(self, rows: Iterable[Row]) -> int:
        """How many bytes they are."""
        lines = [orjson.dumps(row) + b"\n" for row in rows]
        self.rows += len(lines)
        data = b"".join(lines)
        self._hash.update(data)
        self._output.write(data)
        return len(data)

    def digest(self) -> str:
        return self._hash.hexdigest()


class ArchiveReader:
    """Raises BackupError for what is no whole backup. `note` is told of rows that were read."""

    def __init__(self, path: Path, note: Callable[[int], None] = lambda _: None) -> None:
        self._note = note
        try:
            self._zip = zipfile.ZipFile(path)
            self.manifest = self._read_manifest()
        except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
            raise BackupError(f"{path} is no whole backup: {error}") from error
        if self.manifest.format != _FORMAT:
            raise BackupError(f"{path} has a form that this release does not know")

    def close(self) -> None:
        self._zip.close()

    def verify(self) -> None:
        for name in self.manifest.tables:
            for _ in self.rows(name):
                pass

    def rows(self, table: str) -> Iterator[Row]:
        """Compared with the manifest when the last was taken."""
        expected = self.manifest.tables[table]
        hash_, count = sha256(), 0
        try:
            with (
                self._zip.open(_entry(table)) as entry,
                zstandard.ZstdDecompressor().stream_reader(entry) as stream,
            ):
                for line in io.BufferedReader(stream):
                    hash_.update(line)
                    count += 1
                    if count % _NOTED_AT_ONCE == 0:
                        self._note(_NOTED_AT_ONCE)
                    yield orjson.loads(line)
        except (zipfile.BadZipFile, zstandard.ZstdError, KeyError, ValueError) as error:
            raise BackupError(f"The rows of {table} cannot be read: {error}") from error
        if TableSum(count, hash_.hexdigest()) != expected:
            raise BackupError(f"The rows of {table} are not those that were written")
        self._note(count % _NOTED_AT_ONCE)

    def _read_manifest(self) -> Manifest:
        if self._zip.getinfo(_MANIFEST).file_size > _MOST_MANIFEST:
            raise ValueError("its manifest is too large")
        found = orjson.loads(self._zip.read(_MANIFEST))
        tables = {name: TableSum(**each) for name, each in found.pop("tables").items()}
        return Manifest(**found, tables=tables)


def _entry(table: str) -> str:
    return f"{table}.ndjson.zst"

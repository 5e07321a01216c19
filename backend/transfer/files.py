"""A file that is whole, or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path, *, is_private: bool = False) -> Iterator[Path]:
    """Where to write what becomes `path` at the end: a name beside it, of this process alone. What
    was at `path` stays as it was until then, and if anything fails. `is_private`: only its owner
    may read it."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if is_private:
            part.touch(0o600)
        yield part
        _flush(part)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _flush(path.parent)


def _flush(path: Path) -> None:
    """To the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

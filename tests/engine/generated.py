"""Clients of Prisma Client Python for the tests' own schemas, generated once for a session."""

from __future__ import annotations

import hashlib
import importlib
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from backend.engine.generate.generate import generate


@lru_cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="memory-mirror-clients-"))
    sys.path.insert(0, str(folder))
    return folder


@lru_cache
def generated_package(schema: str) -> ModuleType:
    """The package generated for a schema's text, imported under a name of its own."""
    name = f"client_{hashlib.sha256(schema.encode()).hexdigest()[:12]}"
    source = _folder() / f"{name}.prisma"
    source.write_text(schema)
    generate(source, output=_folder() / name)
    importlib.invalidate_caches()
    return importlib.import_module(name)

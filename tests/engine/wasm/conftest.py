from __future__ import annotations

from pathlib import Path

import pytest

from backend.engine.wasm.packages import locate

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def packages() -> Path:
    return locate(PROJECT / "prisma" / "schema.prisma")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of this test's own; where the compiled modules will be."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "memory-mirror" / "wasm"

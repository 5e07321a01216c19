"""What a burst of large responses took is given back to the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

BURSTS = """
import psutil
{before}
def resident():
    return psutil.Process().memory_info().rss >> 20
start, kept = resident(), []
for _ in range(3):
    pages = []
    for _ in range(200):
        pages.append(bytearray(b"x") * 1_000_000)
        kept.append(bytes(2000))  # what outlives the page and lies behind it
    del pages
print(resident() - start)
"""


def kept_after_bursts(before: str) -> int:
    """MiB."""
    command = [sys.executable, "-c", BURSTS.format(before=before)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the allocator of glibc")
def test_freed_memory_is_given_back() -> None:
    own = "from backend.core.memory import give_back_freed_memory; give_back_freed_memory()"
    assert kept_after_bursts(own) < 40
    assert kept_after_bursts("") > 100  # or glibc does so by itself, and ours can go

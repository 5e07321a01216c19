"""How Python and glibc keep what this process no longer uses.

By itself glibc takes an arena for each thread, and keeps ever larger blocks for itself once one of
that size was freed: a few pages of 1,000 records, and the process is some 30 MiB larger for good.
"""

from __future__ import annotations

import ctypes
import gc
import sys

# From <malloc.h>
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8


def give_back_freed_memory() -> None:
    """To the system, as soon as it is free. Does nothing where the allocator is another."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_M_ARENA_MAX, 2)
    mallopt(_M_MMAP_THRESHOLD, 256 * 1024)  # larger blocks are the system's own
    mallopt(_M_TRIM_THRESHOLD, 1024 * 1024)


def look_for_cycles_rarely() -> None:
    """By default Python looks for cycles at every 700 new objects, which 16 requests at once have,
    and each time finds them still in use; now and then it walks all that is loaded."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)

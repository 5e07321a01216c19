"""Compiled WebAssembly modules, kept on disk between runs.

Compiling takes seconds, loading what was compiled takes milliseconds. A file of the cache is
native code that this process will run, so:

- the folder must be ours alone (0700, our user); any other is refused, and the module compiled;
- a file's name carries the SHA-256 of what it was compiled from and of its own bytes. The second
  is no defence against whoever can write in the folder; it finds a file that a crash, a full
  disk or bad memory has spoilt, which wasmtime does not and which would crash the process;
- files appear whole (written beside, then renamed), and one that does not load is compiled anew.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import os
import platform
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import wasmtime

from ..cache_folder import cache_folder as engine_cache
from ..cache_folder import open_private
from .glue import find_glue

Log = Callable[[str], None]

#: A compiled module that no process has loaded for so long is removed: 30 days.
_UNUSED_AFTER = 30 * 24 * 3600.0


@dataclass(frozen=True, eq=False)
class LoadedModule:
    """A module ready to be instantiated, and the JavaScript glue that describes its imports."""

    engine: wasmtime.Engine
    module: wasmtime.Module
    glue: Path


_loaded: weakref.WeakValueDictionary[tuple[str, int, int], LoadedModule]
_loaded = weakref.WeakValueDictionary()
_loading = threading.Lock()


def load(wasm: Path, *, log: Log | None = None) -> LoadedModule:
    """The compiled module of `wasm`: the one that this process has, or the disk cache's, or
    compiled now, which takes seconds and is said to `log` (by default on stderr)."""
    status = wasm.stat()
    key = (str(wasm), status.st_mtime_ns, status.st_size)
    with _loading:
        found = _loaded.get(key)
        if found is None:
            module = _load_module(wasm, _say_on_stderr if log is None else log)
            found = _loaded[key] = LoadedModule(_engine(), module, find_glue(wasm))
        return found


def cache_folder() -> Path:
    return engine_cache() / "wasm"


@functools.cache
def _engine() -> wasmtime.Engine:
    config = wasmtime.Config()
    # A module starts with about 1 MiB of memory and seldom passes 20: reserve address space for
    # that, not the default 4 GiB for each instance, which a limit on address space would refuse.
    config.memory_reservation = 64 << 20
    config.memory_reservation_for_growth = 16 << 20
    config.memory_guard_size = 64 << 10
    return wasmtime.Engine(config)


def _load_module(wasm: Path, log: Log) -> wasmtime.Module:
    source = wasm.read_bytes()
    name = f"{wasm.stem}-{_identity(source)}"
    folder = cache_folder()
    refusal = open_private(folder)
    if refusal is None:
        module = _read(folder, name)
        if module is not None:
            return module
    else:
        log(f"The cache of compiled modules is not used: {refusal}")
    title = "/".join(wasm.parts[-3:])
    log(f"Compiling {title} for this machine; this is done once and takes some seconds ...")
    started = time.monotonic()
    module = wasmtime.Module(_engine(), source)
    log(f"Compiled {title} in {time.monotonic() - started:.1f} s.")
    if refusal is None:
        try:
            _write(folder, name, module.serialize())
        except OSError as error:
            log(f"The compiled module could not be kept in {folder}: {error.strerror}")
    return module


def _identity(source: bytes) -> str:
    """What a compiled module depends on. wasmtime itself refuses one made for another processor
    or with other settings; they are not listed here."""
    made_by = f"{importlib.metadata.version('wasmtime')} {platform.system()} {platform.machine()}"
    return hashlib.sha256(source + made_by.encode()).hexdigest()[:32]


def _read(folder: Path, name: str) -> wasmtime.Module | None:
    for file in folder.glob(f"{name}-*.cwasm"):
        try:
            if file.stem != f"{name}-{_digest(file.read_bytes())}":
                continue
            module = wasmtime.Module.deserialize_file(_engine(), str(file))
            os.utime(file)
        except (OSError, wasmtime.WasmtimeError):
            continue
        return module
    return None


def _write(folder: Path, name: str, compiled: bytes | bytearray) -> None:
    descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".new", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(compiled)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, folder / f"{name}-{_digest(compiled)}.cwasm")
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _prune(folder)


def _prune(folder: Path) -> None:
    """Remove what no process has used for long: other versions', and spoilt or half files."""
    oldest = time.time() - _UNUSED_AFTER
    for file in folder.iterdir():
        with contextlib.suppress(OSError):
            if file.suffix in (".cwasm", ".new") and file.stat().st_mtime < oldest:
                file.unlink()


def _digest(data: bytes | bytearray) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def _say_on_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

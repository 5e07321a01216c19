"""An instance that outlives its panics."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from .imports import VALUES
from .instance import Instance
from .modules import LoadedModule

Started = TypeVar("Started")


class RenewingInstance(Generic[Started]):
    """An instance of `loaded`, and what `start` made in it; both are made anew when the instance
    has panicked. One thread at a time is inside. Given back at `close()`, or when collected."""

    def __init__(self, loaded: LoadedModule, start: Callable[[Instance], Started]) -> None:
        self._loaded = loaded
        self._start = start
        self._lock = threading.RLock()
        self._is_closed = False
        self._open()

    @contextlib.contextmanager
    def entered(self) -> Iterator[tuple[Instance, Started]]:
        with self._lock:
            if self._is_closed:
                raise RuntimeError("this WebAssembly instance is closed")
            if self._instance.is_poisoned:
                self._give_back()
                self._open()
            yield self._instance, self._started

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            self._give_back()

    def _open(self) -> None:
        self._instance = Instance(self._loaded, (VALUES,))
        self._give_back = weakref.finalize(self, self._instance.close)
        self._give_back.atexit = False
        try:
            self._started = self._start(self._instance)
        except BaseException:
            self._give_back()
            raise

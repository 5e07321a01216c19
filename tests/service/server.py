"""`memory-mirror serve` as a process of its own, on a free port of 127.0.0.1."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import httpx

START_SECONDS = 60


class Server:
    def __init__(
        self, database_url: str, folder: Path, *, arguments: Sequence[str] = (), **settings: str
    ) -> None:
        self._arguments = arguments
        self._environment = {**os.environ, "DATABASE_URL": database_url, **settings}
        self._log = folder / "server.log"
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "backend.cli", "serve", "--port", "0", *self._arguments],
                env=self._environment,
                cwd=self._log.parent,  # where there is no .env
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline().rpartition(":")[2])
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                httpx.get(f"{self.url}/api/test/health", timeout=START_SECONDS).raise_for_status()
                return
            except httpx.TransportError as error:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise RuntimeError(f"The server did not start:\n{self.log()}") from error
                time.sleep(0.05)

    def log(self) -> str:
        return self._log.read_text()

    def kill(self) -> None:
        """As kill -9: nothing is finished, nothing is closed."""
        assert self._process is not None
        self._process.kill()
        self._ended()

    def stop(self) -> int:
        """As Ctrl-C or an orchestrator does; returns the exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._ended()

    def _ended(self) -> int:
        assert self._process is not None
        code = self._process.wait(START_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
        return code

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._ended()

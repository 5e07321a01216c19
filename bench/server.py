"""One contestant's server: started on its core, asked, weighed, stopped."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

START_SECONDS = 60.0
STOP_SECONDS = 15.0


class ServerFailedError(Exception):
    """It did not start; what it wrote is in the message."""


@dataclass
class Server:
    """`seconds_to_first_answer` is from the start of its process to the first 200."""

    process: subprocess.Popen[bytes]
    port: int
    seconds_to_first_answer: float

    def cpu_seconds(self) -> float:
        """Used so far, with its children."""
        times = [process.cpu_times() for process in self._processes()]
        return sum(time.user + time.system for time in times)

    def resident_bytes(self) -> int:
        return sum(process.memory_info().rss for process in self._processes())

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def _processes(self) -> list[psutil.Process]:
        first = psutil.Process(self.process.pid)
        return [first, *first.children(recursive=True)]


def start(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    port: int,
    path: str,
    core: int,
    log: Path,
    headers: Mapping[str, str],
) -> Server:
    """Started and asked for `path`, with `headers`, until it answers with 200. Raises
    ServerFailedError."""
    if _answers(port, path, headers):
        raise ServerFailedError(f"something else answers on port {port}")
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            cwd=folder,
            env={**_inherited(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    server = Server(process, port, 0.0)
    try:
        while not _answers(port, path, headers):
            waited = time.perf_counter() - started
            if process.poll() is not None or waited > START_SECONDS:
                raise ServerFailedError(f"{' '.join(command)}:\n{log.read_text()[-3000:]}")
            time.sleep(0.002)
    except BaseException:
        server.stop()
        raise
    server.seconds_to_first_answer = time.perf_counter() - started
    return server


def _inherited() -> dict[str, str]:
    """Nothing of ours that could change how a contestant runs."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


def _answers(port: int, path: str, headers: Mapping[str, str]) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
    try:
        connection.request("GET", path, headers=dict(headers))
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()

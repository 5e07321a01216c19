"""`make demo-twelvelabs`: the service beside a loopback server with twenty videos, and what one can
do with them, shown once and left running.

    python -m tests.twelvelabs.demo --port 8000 --once
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.service.server import Server
from tests.twelvelabs.server import LoopbackServer
from tests.twelvelabs.videos import id_of, of_file

PROGRAM = str(Path(sys.executable).with_name("memory-mirror"))
_PATIENCE_SECONDS = 120
_LONGEST_SHOWN = 1_500


class Tour:
    """Each thing that it does is shown as a line for a terminal, and its answer."""

    def __init__(self, index: LoopbackServer, url: str, environment: Mapping[str, str]) -> None:
        self._index = index
        self._url = url
        self._environment = environment
        self._client = httpx.Client(base_url=url, timeout=60, trust_env=False)

    def close(self) -> None:
        self._client.close()

    def all(self) -> None:
        self._say("The worker describes what the index has. Waiting for all twenty")
        videos = len(self._index.videos)
        self._wait(lambda: self._status()["videos"]["described"] == videos)
        self._command("twelvelabs", "status")
        beach = id_of(0)
        self._get(f"/api/video-analysis/{beach}")
        self._say("Moments: by Twelve Labs' search and by our own")
        question = {"query": "a goalkeeper in the rain", "limit": 2}
        self._post("/api/recall", question)
        self._say("The same while Twelve Labs is down")
        self._index.is_down = True
        self._post("/api/recall", question)
        self._index.is_down = False
        self._say("Where a video is streamed from")
        self._get(f"/api/video-analysis/{beach}/stream")
        self._say("A video, uploaded by its address: queued, indexing, describing, ready")
        self._follow(self._post("/api/videos", {"url": "https://videos.example/lighthouse.mp4"}))
        self._say("A video, uploaded as a file")
        print(f"$ curl -F file=@kitchen.mp4 {self._url}/api/videos", flush=True)
        film = self._client.post("/api/videos", files={"file": ("kitchen.mp4", b"film" * 1000)})
        self._show(film)
        self._follow(film.json())
        self._say("A video is indexed anew, and described again")
        self._index.change(beach, summary="The tide takes all four towers, and nobody minds.")
        self._command("twelvelabs", "sync")
        self._wait(lambda: self._description(beach).startswith("The tide"))
        self._get(f"/api/video-analysis/{beach}")

    def _follow(self, job: dict[str, Any]) -> None:
        path = f"/api/jobs/{job['id']}"
        print(f"\n$ curl -N {self._url}{path}/events", flush=True)
        with self._client.stream("GET", f"{path}/events") as answer:
            for line in answer.iter_lines():
                print(line, flush=True)
        self._wait(lambda: self._client.get(path).json()["state"] == "ready")
        self._get(f"/api/video-analysis/{self._client.get(path).json()['video_id']}")

    def _status(self) -> dict[str, Any]:
        found: dict[str, Any] = self._client.get("/api/twelvelabs/status").json()
        return found

    def _description(self, video_id: str) -> str:
        return str(self._client.get(f"/api/video-analysis/{video_id}").json()["description"])

    def _get(self, path: str) -> None:
        print(f"\n$ curl {self._url}{path}", flush=True)
        self._show(self._client.get(path))

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(body)
        print(f"\n$ curl {self._url}{path} -H 'Content-Type: application/json' -d '{text}'")
        answer = self._client.post(path, json=body)
        self._show(answer)
        found: dict[str, Any] = answer.json()
        return found

    def _command(self, *words: str) -> None:
        print(f"\n$ memory-mirror {' '.join(words)}", flush=True)
        subprocess.run([PROGRAM, *words], env=self._environment, check=True)

    def _show(self, answer: httpx.Response) -> None:
        answer.raise_for_status()
        text = json.dumps(answer.json(), indent=2, ensure_ascii=False)
        cut = "\n  ..." if len(text) > _LONGEST_SHOWN else ""
        print(text[:_LONGEST_SHOWN] + cut, flush=True)

    def _say(self, text: str) -> None:
        print(f"\n--- {text}", flush=True)

    def _wait(self, happens: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not happens():
            if time.monotonic() > deadline:
                raise SystemExit("It has not happened.")
            time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", default=os.environ.get("PORT", "8000"), help="of the service")
    parser.add_argument("--once", action="store_true", help="end when all is shown")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, LoopbackServer(of_file()) as index:
        index.indexing_seconds = 2.0
        url = f"file:{folder}/demo.db"
        settings = {**index.settings(), "TWELVELABS_POLL": "2", "LOG_LEVEL": "warning"}
        environment = {**os.environ, "DATABASE_URL": url, **settings}
        subprocess.run(
            [PROGRAM, "migrate", "deploy"], env=environment, check=True, stdout=subprocess.DEVNULL
        )
        service = Server(url, Path(folder), arguments=("--port", given.port), **settings)
        service.start()
        index.webhook_url = f"{service.url}/api/twelvelabs/webhook"
        tour = Tour(index, service.url, environment)
        try:
            tour.all()
            if not given.once:
                _invite(service.url, {"DATABASE_URL": url, **index.settings()})
                threading.Event().wait()
        except KeyboardInterrupt:
            print()
        finally:
            tour.close()
            service.stop()


def _invite(url: str, settings: Mapping[str, str]) -> None:
    print(f"\n--- It goes on running. In a browser: {url}/docs")
    print("--- In another terminal, for .venv/bin/memory-mirror twelvelabs status and others:\n")
    for name, value in settings.items():
        print(f"export {name}={value}")
    print("\n--- Ctrl-C ends it, and all that it has stored.", flush=True)


if __name__ == "__main__":
    main()

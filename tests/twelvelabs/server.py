"""A loopback server that behaves as Twelve Labs' interface 1.3 is documented, faults included.

    with LoopbackServer(videos=made_up(50)) as server:
        TwelveLabs(server.connection())

It runs in a thread of its own. All that it knows is in memory: what it was asked for, how often,
and whether more was asked than it had said that it takes. By hand:

    python -m tests.twelvelabs.server --port 8100 --videos 5000 --faults 0.05
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import io
import json
import math
import os
import random
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import multipart
import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from backend.twelvelabs import Connection
from tests.twelvelabs.faults import Fault, Faults
from tests.twelvelabs.videos import Video, made_up, of_file, rfc3339, words_of

API_KEY = "tlk_0123456789ABCDEFGHJKMNPQRS"
INDEX_ID = "639961c9e219c90227c371a2"
SECRET = "whsec_of_the_loopback_server"
VERSION = "/v1.3"

_BUCKETS = {
    "POST search": "search",
    "POST analyze": "analyze",
    "POST tasks": "analyze",
    "POST assets": "assets",
    "POST indexed-assets": "indexing",
}
_NOT_OVERRIDABLE = {
    "duration", "filename", "fps", "height", "model_names", "size", "width", "video_title",
}  # fmt: skip
_LARGEST_PAGE = 50
_BYTES_PER_TOKEN = 4


class Refusal(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class _Closed(Exception):
    """Ends the connection without an answer, or without its rest."""


@dataclass
class UploadedAsset:
    id: str
    filename: str
    url: str | None
    size: int
    sha256: str
    made: float
    """Of `time.monotonic`."""


@dataclass
class _Window:
    number: int = -1
    used: int = 0


@dataclass
class Told:
    """What the server was asked for."""

    requests: Counter[str] = field(default_factory=Counter)
    """By method and the last word of the path."""
    refused: Counter[str] = field(default_factory=Counter)
    """429 for more than the limit, by what is limited: requests that were one too many."""
    analyses: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    """Made, by video and its version: each costs."""
    answered: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    """Those that were sent whole."""
    keys: set[str] = field(default_factory=set)


class LoopbackServer:
    """`limits`: by `reads`, `search`, `analyze`, `assets`, `indexing`: how many requests in a
    window of how many seconds. `delay`: seconds before each answer."""

    def __init__(
        self,
        videos: Iterable[Video] = (),
        *,
        faults: Faults | None = None,
        limits: Mapping[str, tuple[int, int]] | None = None,
        port: int = 0,
        indexing_seconds: float = 0.0,
        stream_seconds: float = 3600.0,
        delay: float = 0.0,
    ) -> None:
        self.videos = {video.id: video for video in videos}
        self.faults = faults or Faults()
        self.limits = dict(limits or {})
        self.port = port
        self.indexing_seconds = indexing_seconds
        self.stream_seconds = stream_seconds
        self.delay = delay
        self.told = Told()
        self.assets: dict[str, UploadedAsset] = {}
        self.tasks: dict[str, dict[str, Any]] = {}
        self.is_down = False
        """Connections are closed without an answer."""
        self.streams_are_ready = True
        self.answers_lost = 0
        """Of so many videos that are made, the answer does not come."""
        self.webhook_url: str | None = None
        """Told when a video that was uploaded is indexed."""
        self.webhooks: list[tuple[bytes, int]] = []
        """Sent: the body, and the status of the answer; 0: there was none."""
        self._tasks_by_key: dict[str, str] = {}
        self._windows: dict[str, _Window] = {}
        self._indexing: dict[str, float] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._made = 0
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    # Running

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{VERSION}"

    def connection(self, **others: Any) -> Connection:
        return Connection(API_KEY, INDEX_ID, self.url, **others)

    def settings(self) -> dict[str, str]:
        """Of the service, as variables of the environment."""
        return {
            "TWELVELABS_API_KEY": API_KEY,
            "TWELVELABS_INDEX_ID": INDEX_ID,
            "TWELVELABS_BASE_URL": self.url,
            "TWELVELABS_WEBHOOK_SECRET": SECRET,
        }

    def start(self) -> None:
        """On the same port as before, if there was one."""
        listening = socket.create_server(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            interface="asgi3",
            log_config=None,
            access_log=False,
            lifespan="off",
            loop="asyncio",
            proxy_headers=False,
        )
        self._server = uvicorn.Server(config)
        ready = threading.Event()

        async def serve(server: uvicorn.Server) -> None:
            self._loop = asyncio.get_running_loop()
            ready.set()
            await server.serve([listening])
            for task in self._sending:
                task.cancel()

        self._thread = threading.Thread(
            target=lambda server: asyncio.run(serve(server)), args=(self._server,), daemon=True
        )
        self._thread.start()
        ready.wait()
        while not self._server.started:
            time.sleep(0.005)

    def stop(self) -> None:
        """Refuses connections. May be called more than once."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = self._server.force_exit = True
            self._thread.join()
            self._server = self._thread = None

    def __enter__(self) -> LoopbackServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def begin_anew(self, videos: Iterable[Video] = ()) -> None:
        """As it was made, on the same port; with these videos."""
        if self._server is None:
            self.start()
        self.videos = {video.id: video for video in videos}
        self.faults, self.told, self.limits = Faults(), Told(), {}
        self.assets, self.tasks, self._tasks_by_key, self._indexing = {}, {}, {}, {}
        self._windows, self.webhooks, self.webhook_url = {}, [], None
        self.is_down, self.delay, self.indexing_seconds = False, 0.0, 0.0
        self.streams_are_ready, self.stream_seconds, self.answers_lost = True, 3600.0, 0

    # Changing what there is, from the test's thread

    def add(self, video: Video) -> None:
        self.videos[video.id] = video

    def change(self, id_: str, **description: Any) -> None:
        """Indexed anew: the next analysis says this."""
        video = self.videos[id_]
        video.description |= description
        video.updated_at = video.indexed_at = max(
            datetime.now(UTC), video.updated_at + timedelta(milliseconds=1)
        )

    def delete(self, id_: str) -> None:
        del self.videos[id_]

    # Webhooks

    def send_webhook(
        self, url: str, event: Mapping[str, Any], *, secret: str = SECRET, age: float = 0.0
    ) -> int:
        """The status of the answer. `age`: for how many seconds it was on its way."""
        assert self._loop is not None
        sent = asyncio.run_coroutine_threadsafe(
            self._post_webhook(url, event, secret, age), self._loop
        )
        return sent.result(30)

    async def _post_webhook(
        self, url: str, event: Mapping[str, Any], secret: str, age: float
    ) -> int:
        body = json.dumps(event, indent=1).encode()
        async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
            try:
                answer = await client.post(
                    url,
                    content=body,
                    headers={
                        "Content-Type": "application/json",
                        "TL-Signature": signature(body, secret, int(time.time() - age)),
                    },
                )
                status = answer.status_code
            except httpx.HTTPError:
                status = 0
        self.webhooks.append((body, status))
        return status

    async def _tell_of(self, video: Video) -> None:
        """As the documentation has it, and at times twice and in any order."""
        await asyncio.sleep(self.indexing_seconds + 0.01)
        kind = "ready" if self._status(video) == "ready" else "failed"
        events = [
            event_of("index.task.indexing", video.id, "indexing"),
            event_of(f"index.task.{kind}", video.id, kind),
        ]
        if self.faults.random.random() < self.faults.rate:
            events += events
        if self.faults.random.random() < self.faults.rate:
            self.faults.random.shuffle(events)
        for event in events:
            assert self.webhook_url is not None
            await self._post_webhook(self.webhook_url, event, SECRET, 0)

    # Answering

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        request = Request(scope, receive)
        endpoint, answer = self._endpoint(request)
        bucket = _BUCKETS.get(endpoint, "reads")
        self.told.requests[endpoint] += 1
        headers = self._counted(bucket)
        try:
            if self.is_down:
                raise _Closed
            begun = self.told
            await asyncio.sleep(self.delay)
            if self.told is not begun:  # it was for the server as it was before it began anew
                raise _Closed
            response = await self._respond(request, endpoint, answer, headers is None)
            response.headers.update(headers or self._headers(bucket))
            response.headers["X-Api-Version"] = "1.3"
            await response(scope, receive, send)
        except (
            _Closed,
            ClientDisconnect,
            asyncio.CancelledError,
        ):  # the last: of a server that stops
            _close(send)

    async def _respond(
        self,
        request: Request,
        endpoint: str,
        answer: Callable[[Request, Fault | None], Any] | None,
        is_one_too_many: bool,
    ) -> Response:
        self.told.keys.add(request.headers.get("x-api-key", ""))
        if request.headers.get("x-api-key") != API_KEY:
            return _error(401, "api_key_invalid", f"The key {API_KEY[:9]} is not valid.")
        if is_one_too_many:
            return _too_many(self.faults.random.random() < 0.5, None)
        fault = self.faults.draw(endpoint)
        if fault == "429":
            return _too_many(True, 1)
        if fault == "429_empty":
            return _too_many(False, None)
        if fault == "500":
            return Response("upstream connect error", 500)
        if fault == "timeout":
            await asyncio.sleep(self.faults.hang)
        if fault in ("timeout", "closed"):
            raise _Closed
        if answer is None:
            return _error(404, "not_found", "There is no such endpoint.")
        try:
            response: Response = await answer(request, fault)
        except Refusal as refusal:
            return _error(refusal.status, refusal.code, refusal.message)
        except multipart.ParserError as error:
            return _error(400, "parameter_invalid", f"The form: {error}")
        if fault == "wrong_json" and not isinstance(response, StreamingResponse):
            return Response(response.body[: len(response.body) // 2], 200, media_type="text/plain")
        if fault == "slow_body" and not isinstance(response, StreamingResponse):
            return _slowly(response, self.faults.slow)
        return response

    def _endpoint(
        self, request: Request
    ) -> tuple[str, Callable[[Request, Fault | None], Any] | None]:
        path = request.url.path.removeprefix(VERSION)
        for method, pattern, name, answer in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match is not None and request.method == method:
                request.scope["path_params"] = match.groupdict()
                return f"{method} {name}", getattr(self, answer)
        return f"{request.method} unknown", None

    def _counted(self, bucket: str) -> dict[str, str] | None:
        """The headers; None: it is one too many."""
        if bucket not in self.limits:
            return {}
        most, seconds = self.limits[bucket]
        window = self._windows.setdefault(bucket, _Window())
        number = int(time.time() // seconds)
        if number != window.number:
            window.number, window.used = number, 0
        window.used += 1
        if window.used > most:
            self.told.refused[bucket] += 1
            return None
        return self._headers(bucket)

    def _headers(self, bucket: str) -> dict[str, str]:
        if bucket not in self.limits:
            return {}
        most, seconds = self.limits[bucket]
        window = self._windows[bucket]
        return {
            "X-Ratelimit-Limit": str(most),
            "X-Ratelimit-Remaining": str(max(0, most - window.used)),
            "X-Ratelimit-Used": str(min(most, window.used)),
            "X-Ratelimit-Reset": str((window.number + 1) * seconds),
        }

    # The index and its videos

    async def _index(self, request: Request, fault: Fault | None) -> Response:
        self._check_index(request)
        return JSONResponse(
            {
                "_id": INDEX_ID,
                "index_name": "Memories",
                "created_at": "2026-01-01T00:00:00.000Z",
                "updated_at": "2026-01-01T00:00:00.000Z",
                "expires_at": None,
                "models": [
                    {"model_name": "marengo3.0", "model_options": ["visual", "audio"]},
                    {"model_name": "pegasus1.5", "model_options": ["visual", "audio"]},
                ],
                "video_count": len(self.videos),
                "total_duration": sum(video.duration for video in self.videos.values()),
            }
        )

    async def _list(self, request: Request, fault: Fault | None) -> Response:
        self._check_index(request)
        query = request.query_params
        page, most = int(query.get("page", "1")), int(query.get("page_limit", "10"))
        if not 1 <= most <= _LARGEST_PAGE:
            raise Refusal(400, "parameter_invalid", "page_limit must be between 1 and 50.")
        if fault == "duplicate_page":
            page = max(1, page - 1)
        wanted = query.getlist("status")
        found = [
            video
            for video in list(self.videos.values())
            if (not wanted or self._status(video) in wanted)
            and rfc3339(video.created_at) >= query.get("created_at", "")
            and rfc3339(video.updated_at) >= query.get("updated_at", "")
        ]
        key = query.get("sort_by", "created_at")
        found.sort(
            key=lambda video: (getattr(video, key), video.id),
            reverse=query.get("sort_option", "desc") == "desc",
        )
        shown = found[(page - 1) * most : page * most]
        return JSONResponse(
            {
                "data": [video.listed() | {"status": self._status(video)} for video in shown],
                "page_info": {
                    "limit_per_page": most,
                    "page": page,
                    "total_page": max(1, math.ceil(len(found) / most)),
                    "total_results": len(found),
                },
            }
        )

    async def _retrieve(self, request: Request, fault: Fault | None) -> Response:
        self._check_index(request)
        video = self._video(request.path_params["id"])
        shown = video.listed() | {"status": self._status(video)}
        shown["user_metadata"] = video.user_metadata
        if video.has_stream and shown["status"] == "ready":
            host = f"http://127.0.0.1:{self.port}"
            expires = int(time.time() + self.stream_seconds)
            shown["hls"] = {
                "video_url": f"{host}/stream/{video.id}.m3u8?Expires={expires}",
                "thumbnail_urls": [f"{host}/stream/{video.id}.jpg?Expires={expires}"],
                "status": "COMPLETE" if self.streams_are_ready else "PROCESSING",
                "updated_at": rfc3339(video.updated_at),
            }
        if request.query_params.get("transcription") == "true":
            shown["transcription"] = [
                {"start": each["start"], "end": each["end"], "value": each["text"]}
                for each in video.description.get("segments", [])
            ]
        return JSONResponse(shown)

    async def _update(self, request: Request, fault: Fault | None) -> Response:
        self._check_index(request)
        video = self._video(request.path_params["id"])
        given = (await request.json())["user_metadata"]
        for name, value in given.items():
            if name in _NOT_OVERRIDABLE:
                raise Refusal(400, "parameter_invalid", f"{name} cannot be overridden.")
            is_list = isinstance(value, list) and all(isinstance(each, str) for each in value)
            if not (value is None or is_list or isinstance(value, str | int | float | bool)):
                raise Refusal(400, "parameter_invalid", f"{name} has a value of no known type.")
        merged = video.user_metadata | given
        video.user_metadata = {name: each for name, each in merged.items() if each is not None}
        video.updated_at = max(datetime.now(UTC), video.updated_at + timedelta(milliseconds=1))
        return Response(status_code=204)

    def _check_index(self, request: Request) -> None:
        if request.path_params["index"] != INDEX_ID:
            raise Refusal(404, "resource_not_exist", "The index does not exist.")

    def _video(self, id_: str) -> Video:
        if id_ not in self.videos:
            raise Refusal(404, "not_found", f"The indexed asset {id_} does not exist.")
        return self.videos[id_]

    def _status(self, video: Video) -> str:
        began = self._indexing.get(video.id)
        if began is None:
            return video.status
        if time.monotonic() - began < self.indexing_seconds:
            return "indexing"
        if "unindexable" in video.filename:
            return "failed"
        if video.indexed_at is None:
            video.updated_at = video.indexed_at = datetime.now(UTC)
        return "ready"

    # Analyses

    async def _analyze(self, request: Request, fault: Fault | None) -> Response:
        body = await request.json()
        video = self._analyzed(body)
        text, usage = self._analysis_of(video, body, fault)
        id_ = f"{self._next_id('analysis')}"
        reason = "length" if usage.pop("was_cut") else "stop"
        if body.get("stream", True):
            cut = fault == "cut_stream"
            return StreamingResponse(
                self._events(video, id_, text, reason, usage, cut, fault == "slow_body"),
                media_type="application/x-ndjson",
            )
        if fault == "cut_stream":
            return StreamingResponse(_cut(text.encode()), media_type="application/json")
        if reason == "stop":
            self.told.answered[video.id, video.version] += 1
        answer = {"id": id_, "data": text, "finish_reason": reason, "usage": usage}
        if reason == "length":
            answer["error"] = {"message": "The answer was cut: max_tokens was reached."}
        return JSONResponse(answer)

    async def _events(
        self,
        video: Video,
        id_: str,
        text: str,
        reason: str,
        usage: dict[str, int],
        cut: bool,
        slow: bool,
    ) -> AsyncIterator[bytes]:
        def line(event_type: str, **others: Any) -> bytes:
            return json.dumps({"event_type": event_type, **others}).encode() + b"\n"

        yield line("stream_start", metadata={"generation_id": id_})
        pieces = random.Random(id_)
        begin = 0
        while begin < len(text):
            end = begin + pieces.randint(1, 40)
            if cut and end > len(text) / 2:
                if pieces.random() < 0.5:
                    raise _Closed
                return
            yield line("text_generation", text=text[begin:end])
            begin = end
            if slow:
                await asyncio.sleep(self.faults.slow / 20)
        if reason == "stop":
            self.told.answered[video.id, video.version] += 1
        metadata = {"generation_id": id_, "usage": usage}
        yield line("stream_end", finish_reason=reason, metadata=metadata)

    async def _start_task(self, request: Request, fault: Fault | None) -> Response:
        body = await request.json()
        video = self._analyzed(body)
        key = request.headers.get("idempotency-key", "")
        id_ = self._tasks_by_key.get(key)
        if id_ is None:
            id_ = self._next_id("task")
            text, usage = self._analysis_of(video, body, fault)
            reason = "length" if usage.pop("was_cut") else "stop"
            self.tasks[id_] = {
                "task_id": id_,
                "custom_id": body.get("custom_id"),
                "video_id": video.id,
                "made": time.monotonic(),
                "created_at": rfc3339(datetime.now(UTC)),
                "result": {
                    "generation_id": id_,
                    "data": text,
                    "finish_reason": reason,
                    "usage": usage,
                },
            }
            if key:
                self._tasks_by_key[key] = id_
        return JSONResponse({"task_id": id_, "status": "queued"}, 202)

    async def _task(self, request: Request, fault: Fault | None) -> Response:
        task = self.tasks.get(request.path_params["id"])
        if task is None:
            raise Refusal(404, "not_found", "The task does not exist.")
        shown = {name: task[name] for name in ("task_id", "custom_id", "created_at")}
        if time.monotonic() - task["made"] < self.indexing_seconds:
            return JSONResponse(shown | {"status": "processing"})
        video = self.videos.get(task["video_id"])
        if video is not None and task["result"]["finish_reason"] == "stop":
            self.told.answered[video.id, video.version] += 1
        return JSONResponse(shown | {"status": "ready", "result": task["result"]})

    def _analyzed(self, body: dict[str, Any]) -> Video:
        """Named by its asset, or in the older form by its own id."""
        if "video_id" in body:
            video = self._video(body["video_id"])
        elif isinstance(body.get("video"), dict) and body["video"].get("type") == "asset_id":
            asset_id = body["video"].get("asset_id")
            found = [each for each in list(self.videos.values()) if each.asset_id == asset_id]
            if not found:
                raise Refusal(404, "resource_not_exist", "The asset does not exist.")
            video = found[0]
        else:
            raise Refusal(400, "parameter_not_provided", "The video parameter is required.")
        if not body.get("prompt"):
            raise Refusal(400, "parameter_not_provided", "The prompt parameter is required.")
        if self._status(video) != "ready":
            raise Refusal(400, "video_not_ready", "The video is not indexed yet.")
        return video

    def _analysis_of(
        self, video: Video, body: dict[str, Any], fault: Fault | None
    ) -> tuple[str, dict[str, Any]]:
        self.told.analyses[video.id, video.version] += 1
        schema = (body.get("response_format") or {}).get("json_schema")
        text: str = video.description["summary"]
        if schema is not None:
            known = video.description | {
                "description": text,
                "tags": video.description.get("keywords", []),
            }
            shown = {name: known[name] for name in schema.get("properties", {}) if name in known}
            text = json.dumps(shown, ensure_ascii=False)
        most = int(body.get("max_tokens") or 4_096) * _BYTES_PER_TOKEN
        if fault == "length":
            most = len(text) // 2
        if fault == "wrong_text":
            text = text.replace(":", "", 1)
        usage = {
            "input_tokens": 100 + int(video.duration),
            "output_tokens": -(-min(len(text), most) // _BYTES_PER_TOKEN),
            "was_cut": len(text) > most,
        }
        return text[:most], usage

    # Search

    async def _search(self, request: Request, fault: Fault | None) -> Response:
        form = await _form(request)
        given = {name: values[-1] for name, values in form.items()}
        if given.get("index_id") != INDEX_ID:
            raise Refusal(400, "parameter_invalid", "The index_id parameter is invalid.")
        if not form.get("search_options") or not given.get("query_text"):
            raise Refusal(400, "parameter_not_provided", "A parameter is missing.")
        most = int(given.get("page_limit", "10"))
        wanted = words_of(given["query_text"])
        scored = []
        for video in list(self.videos.values()):
            of_video = len(wanted & video.words())
            for segment in video.description.get("segments", []):
                score = 2 * len(wanted & words_of(segment["text"])) + of_video
                if of_video:
                    scored.append((-score, video.id, segment))
        scored.sort(key=lambda each: (each[0], each[1], each[2]["start"]))
        clips = [
            {
                "start": segment["start"],
                "end": segment["end"],
                "video_id": id_,
                "rank": rank,
                "thumbnail_url": f"http://127.0.0.1:{self.port}/stream/{id_}.jpg",
                "transcription": segment["text"],
            }
            for rank, (_, id_, segment) in enumerate(scored, 1)
        ]
        return JSONResponse(
            {
                "search_pool": {
                    "total_count": len(self.videos),
                    "total_duration": 1,
                    "index_id": INDEX_ID,
                },
                "data": clips[:most],
                "page_info": {
                    "limit_per_page": most,
                    "page_expires_at": rfc3339(datetime.now(UTC) + timedelta(minutes=5)),
                    "total_results": len(clips),
                },
            }
        )

    # Uploads

    async def _create_asset(self, request: Request, fault: Fault | None) -> Response:
        fields, filename, size, digest = await _upload(request)
        url = fields.get("url")
        if fields.get("method") == "url":
            if not url or not url.startswith(("http://", "https://")):
                raise Refusal(400, "parameter_invalid", "The url parameter is invalid.")
            filename = url.rpartition("/")[2] or "video"
        elif fields.get("method") != "direct" or not filename:
            raise Refusal(400, "parameter_not_provided", "The file parameter is required.")
        id_ = self._next_id("upload")
        asset = UploadedAsset(id_, filename, url, size, digest, time.monotonic())
        self.assets[id_] = asset
        return JSONResponse(self._shown(asset), 201)

    async def _asset(self, request: Request, fault: Fault | None) -> Response:
        return JSONResponse(self._shown(self._uploaded(request.path_params["id"])))

    async def _index_asset(self, request: Request, fault: Fault | None) -> Response:
        self._check_index(request)
        asset = self._uploaded((await request.json())["asset_id"])
        if self._shown(asset)["status"] != "ready":
            raise Refusal(400, "asset_not_ready", "The asset is not ready.")
        now = datetime.now(UTC)
        id_ = self._next_id("video")
        name = asset.filename.rpartition(".")[0] or asset.filename
        description = {
            "title": name,
            "summary": f"What was uploaded as {asset.filename}.",
            "keywords": ["uploaded"],
            "people": [],
            "mood": "calm",
            "event_type": "everyday",
            "segments": [{"start": 0.0, "end": 30.0, "text": f"The beginning of {name}."}],
        }
        video = Video(
            id_, asset.id, asset.filename, 60.0, description, now, now, None, status="indexing"
        )
        self.videos[id_] = video
        self._indexing[id_] = time.monotonic()
        if self.webhook_url is not None:
            task = asyncio.get_running_loop().create_task(self._tell_of(video))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        if self.answers_lost:
            self.answers_lost -= 1
            raise _Closed
        return JSONResponse({"_id": id_, "asset_id": asset.id}, 202)

    async def _indexed_as(self, request: Request, fault: Fault | None) -> Response:
        asset = self._uploaded(request.path_params["id"])
        found = [
            {"_id": video.id, "index": {"_id": INDEX_ID, "index_name": "Memories"}}
            for video in list(self.videos.values())
            if video.asset_id == asset.id
        ]
        return JSONResponse({"data": found, "page_info": {"page": 1, "total_page": 1}})

    def _uploaded(self, id_: str) -> UploadedAsset:
        if id_ not in self.assets:
            raise Refusal(404, "not_found", "The asset does not exist.")
        return self.assets[id_]

    def _shown(self, asset: UploadedAsset) -> dict[str, Any]:
        status = "ready"
        if time.monotonic() - asset.made < self.indexing_seconds:
            status = "processing"
        elif "broken" in asset.filename:
            status = "failed"
        shown: dict[str, Any] = {"_id": asset.id, "status": status, "filename": asset.filename}
        shown["method"] = "direct" if asset.url is None else "url"
        if status == "failed":
            shown["error"] = {"message": "The file is no video."}
        return shown

    def _next_id(self, kind: str) -> str:
        self._made += 1
        return hashlib.sha256(f"{kind} made {self._made} {self.port}".encode()).hexdigest()[:24]


_INDEX = r"/indexes/(?P<index>[^/]+)"
_ASSETS = _INDEX + "/indexed-assets"
_VIDEO = _ASSETS + "/(?P<id>[^/]+)"
_ROUTES = (
    ("GET", _INDEX, "index", "_index"),
    ("GET", _ASSETS, "indexed-assets", "_list"),
    ("POST", _ASSETS, "indexed-assets", "_index_asset"),
    ("GET", _VIDEO, "indexed-asset", "_retrieve"),
    ("PATCH", _VIDEO, "indexed-asset", "_update"),
    ("POST", r"/analyze", "analyze", "_analyze"),
    ("POST", r"/analyze/tasks", "tasks", "_start_task"),
    ("GET", r"/analyze/tasks/(?P<id>[^/]+)", "task", "_task"),
    ("POST", r"/search", "search", "_search"),
    ("POST", r"/assets", "assets", "_create_asset"),
    ("GET", r"/assets/(?P<id>[^/]+)", "asset", "_asset"),
    ("GET", r"/assets/(?P<id>[^/]+)/indexed-assets", "memberships", "_indexed_as"),
)  # fmt: skip


def signature(body: bytes, secret: str, at: int) -> str:
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={signed.hexdigest()}"


def event_of(kind: str, id_: str, status: str, *, event_id: str | None = None) -> dict[str, Any]:
    """`data.id` is a task's id, of which nothing else is known."""
    return {
        "id": event_id or f"whe_{hashlib.sha256(f'{kind} {id_}'.encode()).hexdigest()[:20]}",
        "created_at": rfc3339(datetime.now(UTC)),
        "type": kind,
        "data": {
            "id": hashlib.sha256(f"task of {id_}".encode()).hexdigest()[:24],
            "metadata": {"duration": 60},
            "status": status,
            "models": [{"name": "marengo3.0", "options": ["visual", "audio"]}],
            "tags": [],
        },
    }


def _error(status: int, code: str, message: str) -> JSONResponse:
    """In one of the three forms, of which each code has its own."""
    forms: tuple[dict[str, Any], ...] = (
        {"code": code, "message": message, "docs_url": "https://docs.twelvelabs.io/"},
        {"error": {"code": code, "message": message, "details": {}}},
        {"error_code": code, "message": message},
    )
    return JSONResponse(forms[sum(code.encode()) % len(forms)], status)


def _too_many(has_body: bool, retry_after: int | None) -> Response:
    response = Response(status_code=429)
    if has_body:
        response = _error(429, "too_many_requests", "You have reached the rate limit.")
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _slowly(response: Response, seconds: float) -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        body = bytes(response.body)
        step = max(1, len(body) // 10)
        for begin in range(0, len(body), step):
            await asyncio.sleep(seconds / 10)
            yield body[begin : begin + step]

    return StreamingResponse(parts(), response.status_code, media_type="application/json")


async def _cut(body: bytes) -> AsyncIterator[bytes]:
    yield body[: len(body) // 2]
    raise _Closed


def _close(send: Send) -> None:
    """What uvicorn knows of the connection is in `send`: ASGI has no word for closing it."""
    cycle: Any = getattr(send, "__self__", None)
    cycle.disconnected = True
    cycle.transport.abort()


async def _form(request: Request) -> dict[str, list[str]]:
    boundary = multipart.parse_options_header(request.headers["content-type"])[1]["boundary"]
    form: dict[str, list[str]] = {}
    for part in multipart.MultipartParser(io.BytesIO(await request.body()), boundary):
        form.setdefault(part.name, []).append(part.value)
    return form


async def _upload(request: Request) -> tuple[dict[str, str], str, int, str]:
    """The fields, and the file's name, size and SHA-256. The file is not kept."""
    boundary = multipart.parse_options_header(request.headers["content-type"])[1]["boundary"]
    fields: dict[str, bytes] = {}
    filename, size, digest, name = "", 0, hashlib.sha256(), ""
    parser = multipart.PushMultipartParser(boundary)
    async for chunk in request.stream():
        for event in parser.parse(chunk):
            if isinstance(event, multipart.MultipartSegment):
                name = event.name
                filename = event.filename or filename
            elif event is None:
                name = ""
            elif name == "file":
                size += len(event)
                digest.update(event)
            else:
                fields[name] = fields.get(name, b"") + event
    return (
        {name: value.decode() for name, value in fields.items()},
        filename,
        size,
        digest.hexdigest(),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="A server like Twelve Labs, on this machine.")
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument("--videos", type=int, default=0, help="so many made up; 0: those of a file")
    parser.add_argument("--faults", type=float, default=0.0, help="of how many requests, of 1")
    parser.add_argument("--indexing-seconds", type=float, default=3.0)
    parser.add_argument("--webhook-url")
    given = parser.parse_args()
    server = LoopbackServer(
        made_up(given.videos) if given.videos else of_file(),
        faults=Faults(given.faults),
        port=given.port,
        indexing_seconds=given.indexing_seconds,
    )
    server.webhook_url = given.webhook_url
    with server:
        print(f"{server.url} with {len(server.videos)} videos, process {os.getpid()}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()

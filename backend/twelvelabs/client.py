"""The client of Twelve Labs' interface, version 1.3: what is needed of it.

Every method raises errors.TwelveLabsError. Nothing of it was held against the live service.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import aclosing
from typing import Any, TypedDict, Unpack

import orjson
from pydantic import BaseModel

from backend.twelvelabs.connection import Connection, Request, Requests
from backend.twelvelabs.errors import Incomplete, NotFound, Rejected, Unavailable
from backend.twelvelabs.wire import (
    Analysis,
    AnalysisTask,
    Asset,
    AssetPage,
    Clip,
    Created,
    IndexedAsset,
    IndexInfo,
    Memberships,
    SearchPage,
    Usage,
)

LARGEST_PAGE = 50
"""As the interface has it, of lists and of searches."""
SAME_PAGE_ATTEMPTS = 4
"""How often a page is asked for that has nothing new, though another was to come."""
SEARCHED = ("visual", "audio")
"""What every index has. Spoken words are a choice of newer models alone."""
MODEL = "pegasus1.5"

_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")


class Asked(TypedDict, total=False):
    """How an analysis is to be made. Without: 0.2, MODEL, and what Twelve Labs thinks best."""

    schema: dict[str, Any] | None
    temperature: float
    max_tokens: int | None
    model: str


class TwelveLabs:
    def __init__(self, rules: Connection) -> None:
        self.rules = rules
        self._requests = Requests(rules)
        self._index = f"/indexes/{rules.index_id}"
        self._assets = f"{self._index}/indexed-assets"

    async def close(self) -> None:
        """May be called more than once."""
        await self._requests.close()

    async def index(self) -> IndexInfo:
        return await self._requests.ask(Request("GET", self._index, "reads"), IndexInfo)

    # Indexed assets

    async def indexed_assets(self, after: str | None = None) -> AsyncIterator[IndexedAsset]:
        """Each once, the oldest first, also those that are added meanwhile. `after`: those made at
        that time or later. Raises Incomplete at the end, where some may be missing.

        Where one is deleted meanwhile, others move to a page that was read: those are read again.
        Still, that one is missing here does not say that it is gone: `indexed_asset` does."""
        seen: set[str] = set()
        page, pages, total, attempt = 1, 1, 0, 1
        while page <= pages:
            answer = await self._page(page, after)
            new = [each for each in answer.data if each.id not in seen]
            seen.update(each.id for each in new)
            for each in new:
                yield each
            info = answer.page_info
            now = info.total_results if info.total_results is not None else len(seen)
            deleted, total, pages = max(0, total - now), now, info.total_page
            if deleted:
                page = max(1, page - -(-deleted // LARGEST_PAGE))
            elif new or len(seen) >= total or attempt == SAME_PAGE_ATTEMPTS:
                page, attempt = page + 1, 1
            else:
                attempt += 1
        if len(seen) < total:
            raise Incomplete("pages")

    async def _page(self, page: int, after: str | None) -> AssetPage:
        params: dict[str, Any] = {
            "page": page,
            "page_limit": LARGEST_PAGE,
            "sort_by": "created_at",
            "sort_option": "asc",
        }
        if after is not None:
            params["created_at"] = after
        return await self._requests.ask(
            Request("GET", self._assets, "reads", params=params), AssetPage
        )

    async def indexed_asset(
        self, id_: str, *, transcription: bool = False, patience: float | None = None
    ) -> IndexedAsset:
        """With its user_metadata and hls. Raises NotFound."""
        params = {"transcription": "true"} if transcription else None
        request = Request("GET", self._path_of(id_), "reads", params=params)
        return await self._requests.ask(request, IndexedAsset, patience=patience)

    async def update_user_metadata(self, id_: str, values: dict[str, Any]) -> None:
        """Merged by name: None deletes one. Raises NotFound, Rejected."""
        body = {"user_metadata": values}
        await self._requests.tell(Request("PATCH", self._path_of(id_), "reads", json=body))

    # Analyses

    async def analyze(self, asset: IndexedAsset, prompt: str, **asked: Unpack[Asked]) -> Analysis:
        """Raises Incomplete where it was cut, and where it may have been made and was not read,
        Unavailable: each attempt costs."""
        body = self._analysis(asset, prompt, asked)
        request = self._analyzing(body | {"stream": False})
        return (await self._requests.ask(request, Analysis)).whole()

    async def analyze_streamed(
        self, asset: IndexedAsset, prompt: str, **asked: Unpack[Asked]
    ) -> Analysis:
        """The same, sent as it is written, so that no proxy on the way takes a long one for dead.
        Raises Incomplete also where its end did not come."""
        body = self._analysis(asset, prompt, asked)
        request = self._analyzing(body | {"stream": True})
        return await self._requests.attempts(request, lambda left: self._streamed(request, left))

    async def _streamed(self, request: Request, left: float) -> Analysis:
        read = _Stream()
        try:
            async with aclosing(self._requests.lines(request, left)) as lines:
                async for line in lines:
                    read.take(line)
        except Unavailable:
            if not read.has_begun:
                raise
        return read.analysis()

    async def start_analysis(
        self,
        asset: IndexedAsset,
        prompt: str,
        *,
        custom_id: str | None = None,
        idempotency_key: str | None = None,
        **asked: Unpack[Asked],
    ) -> AnalysisTask:
        """For a video of more than an hour. `custom_id`: 1 to 64 of `A-Za-z0-9_-`. With one
        `idempotency_key` there is one task, however often it is asked for."""
        body = self._analysis(asset, prompt, asked)
        if custom_id is not None:
            body["custom_id"] = custom_id
        request = Request(
            "POST",
            "/analyze/tasks",
            "analyze",
            json=body,
            headers={"Idempotency-Key": idempotency_key or secrets.token_hex(16)},
        )
        return await self._requests.ask(request, AnalysisTask)

    async def analysis_task(self, id_: str) -> AnalysisTask:
        """Its `result` may be cut: `whole` says so. Raises NotFound."""
        request = Request("GET", f"/analyze/tasks/{_part(id_)}", "reads")
        return await self._requests.ask(request, AnalysisTask)

    def _analyzing(self, body: dict[str, Any]) -> Request:
        return Request(
            "POST",
            "/analyze",
            "analyze",
            json=body,
            repeatable=False,
            silence=self.rules.analysis_timeout,
            seconds=self.rules.analysis_timeout,
        )

    def _analysis(self, asset: IndexedAsset, prompt: str, asked: Asked) -> dict[str, Any]:
        body: dict[str, Any] = {"prompt": prompt, "temperature": asked.get("temperature", 0.2)}
        if self.rules.generation == "2026-03":
            body["video_id"] = asset.id
        elif asset.asset_id is None:
            raise Rejected("asset_id_missing", "the video names no asset", answered=400)
        else:
            body["model_name"] = asked.get("model", MODEL)
            body["video"] = {"type": "asset_id", "asset_id": asset.asset_id}
        if (max_tokens := asked.get("max_tokens")) is not None:
            body["max_tokens"] = max_tokens
        if (schema := asked.get("schema")) is not None:
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body

    # Search

    async def search(self, query: str, limit: int, *, patience: float | None = None) -> list[Clip]:
        """The best first; a video may have several. At most LARGEST_PAGE."""
        form = [
            ("index_id", self.rules.index_id),
            *(("search_options", option) for option in SEARCHED),
            ("query_text", query),
            ("group_by", "clip"),
            ("page_limit", str(min(limit, LARGEST_PAGE))),
        ]
        page = await self._requests.ask(
            Request("POST", "/search", "search", form=form), SearchPage, patience=patience
        )
        return page.clips()[:limit]

    # Uploads

    async def create_asset(self, url: str) -> Asset:
        """From what Twelve Labs fetches itself. Not repeated where it may have been made."""
        form = [("method", "url"), ("url", url)]
        request = Request("POST", "/assets", "assets", form=form, repeatable=False)
        return await self._requests.ask(request, Asset)

    async def create_asset_of_file(
        self,
        parts: AsyncIterable[bytes],
        *,
        filename: str,
        seconds: float,
        size: int | None = None,
    ) -> Asset:
        """The file is sent on as it comes, in one attempt of at most so many seconds. `size`: its
        bytes; None: they are not known before its end. Raises what `parts` raises."""
        boundary = secrets.token_hex(16)
        before, after = _around(filename, boundary)
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        if size is not None:
            headers["Content-Length"] = str(len(before) + size + len(after))
        request = Request(
            "POST",
            "/assets",
            "assets",
            content=_between(before, parts, after),
            headers=headers,
            repeatable=False,
            seconds=seconds,
        )
        return await self._requests.ask(request, Asset)

    async def asset(self, id_: str) -> Asset:
        """Raises NotFound."""
        return await self._requests.ask(Request("GET", f"/assets/{_part(id_)}", "reads"), Asset)

    async def create_indexed_asset(self, asset_id: str) -> str:
        """The id of the video that the index gets. The asset must be ready."""
        body = {"asset_id": asset_id, "enable_video_stream": True}
        request = Request("POST", self._assets, "indexing", json=body, repeatable=False)
        return (await self._requests.ask(request, Created)).id

    async def indexed_as(self, asset_id: str) -> str | None:
        """The id of the video that the index has of this asset; None: there is none. Raises
        NotFound."""
        request = Request("GET", f"/assets/{_part(asset_id)}/indexed-assets", "reads")
        page = await self._requests.ask(request, Memberships)
        ids = (each.id for each in page.data if each.index.id == self.rules.index_id)
        return next(ids, None)

    def _path_of(self, id_: str) -> str:
        return f"{self._assets}/{_part(id_)}"


class _Event(BaseModel):
    event_type: str
    text: str = ""
    finish_reason: str | None = None
    metadata: dict[str, Any] = {}


class _Stream:
    """An analysis, put together of the events of its stream."""

    def __init__(self) -> None:
        self.has_begun = False
        self._id: str | None = None
        self._texts: list[str] = []
        self._end: _Event | None = None

    def take(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            event = _Event.model_validate(orjson.loads(line))
        except ValueError:  # of JSON and of pydantic
            raise Unavailable("a line of a stream that is no event") from None
        self.has_begun = True
        self._id = event.metadata.get("generation_id", self._id)
        if event.event_type == "text_generation":
            self._texts.append(event.text)
        elif event.event_type == "stream_end":
            self._end = event

    def analysis(self) -> Analysis:
        """Raises Incomplete."""
        usage = self._end.metadata.get("usage") if self._end else None
        analysis = Analysis(
            id=self._id,
            data="".join(self._texts),
            finish_reason=self._end.finish_reason if self._end else None,
            usage=Usage.model_validate(usage or {}),
        )
        if self._end is None:
            raise Incomplete("cut", analysis)
        return analysis.whole()


def _part(id_: str) -> str:
    """Of a path. Ids are Twelve Labs' own, but may have come from a caller."""
    if _ID.fullmatch(id_) is None:
        raise NotFound("not_found", "no such id", answered=404)
    return id_


def _around(filename: str, boundary: str) -> tuple[bytes, bytes]:
    """What stands before a file in its form, and after it. httpx makes forms of files that can be
    read without waiting alone."""
    name = "".join("_" if sign in '"\\' or not sign.isprintable() else sign for sign in filename)
    before = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="method"\r\n\r\ndirect\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return before.encode(), f"\r\n--{boundary}--\r\n".encode()


async def _between(
    before: bytes, parts: AsyncIterable[bytes], after: bytes
) -> AsyncIterator[bytes]:
    yield before
    async for part in parts:
        yield part
    yield after

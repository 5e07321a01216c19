"""Where a video is streamed from. Twelve Labs signs such addresses for a time: they are asked for
anew before they expire."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

from backend.core.errors import ServiceError
from backend.twelvelabs.errors import Unavailable
from backend.twelvelabs.index import Index
from backend.twelvelabs.wire import Hls

FRESH_SECONDS = 300.0
"""How long an address is given again without asking, where it does not say when it expires."""
MARGIN_SECONDS = 60.0
"""It is good for at least so long when it is given."""
MOST_REMEMBERED = 1_000
"""Videos: 2 MB."""
WAIT_SECONDS = 10.0
"""For Twelve Labs' answer."""


class StreamNotFound(ServiceError):
    status = 404
    kind = "stream-not-found"
    title = "Stream not found"

    def __init__(self, video_id: str) -> None:
        super().__init__(f"Twelve Labs has no stream of {video_id}: it was indexed without one.")


class StreamNotReady(ServiceError):
    status = 503
    kind = "stream-not-ready"
    title = "Stream not ready"
    headers: Mapping[str, str] = {"Retry-After": "10"}

    def __init__(self, video_id: str) -> None:
        super().__init__(f"Twelve Labs is still making the stream of {video_id}.")


@dataclass(frozen=True, slots=True)
class Stream:
    """`expires`: of the addresses, in seconds since 1970; None: they do not say."""

    url: str
    thumbnails: tuple[str, ...]
    expires: float | None
    asked: float

    def is_good(self, now: float) -> bool:
        if self.expires is not None:
            return now < self.expires - MARGIN_SECONDS
        return now < self.asked + FRESH_SECONDS


class StreamService:
    def __init__(self, index: Index) -> None:
        self._index = index
        self._known: OrderedDict[str, Stream] = OrderedDict()

    async def stream(self, video_id: str) -> Stream:
        """Raises NotSetUp, NotFound, StreamNotFound, StreamNotReady, TwelveLabsError."""
        client = self._index.required()
        known = self._known.get(video_id)
        if known is not None and known.is_good(time.time()):
            self._known.move_to_end(video_id)
            return known
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                asset = await client.indexed_asset(video_id, patience=WAIT_SECONDS)
        except TimeoutError:
            raise Unavailable(f"no answer in {WAIT_SECONDS:g} seconds") from None
        stream = _stream_of(video_id, asset.hls)
        self._known[video_id] = stream
        self._known.move_to_end(video_id)
        if len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)
        return stream


def _stream_of(video_id: str, hls: Hls | None) -> Stream:
    if hls is not None and hls.status == "PROCESSING":
        raise StreamNotReady(video_id)
    if hls is None or not hls.video_url or hls.status in ("CANCELED", "ERROR"):
        raise StreamNotFound(video_id)
    thumbnails = tuple(hls.thumbnail_urls or ())
    ends = [expiry_of(url) for url in (hls.video_url, *thumbnails)]
    expires = min((end for end in ends if end is not None), default=None)
    return Stream(hls.video_url, thumbnails, expires, time.time())


def expiry_of(url: str) -> float | None:
    """Seconds since 1970, as the addresses of Amazon's and Google's stores say it."""
    try:
        query = {name.lower(): value for name, value in parse_qsl(urlsplit(url).query)}
        if "expires" in query:
            return float(int(query["expires"]))
        for maker in ("amz", "goog"):
            if f"x-{maker}-expires" in query:
                signed = datetime.strptime(query[f"x-{maker}-date"], "%Y%m%dT%H%M%SZ")
                lasts = timedelta(seconds=int(query[f"x-{maker}-expires"]))
                return (signed.replace(tzinfo=UTC) + lasts).timestamp()
    except (ValueError, KeyError, OverflowError):
        pass
    return None

"""Bare ASGI that always gives the same answers: what the server and HTTP cost by themselves."""

from __future__ import annotations

import orjson

from peers.bare import BareApp
from peers.constants import LATEST, RECORD

ONE = orjson.dumps(RECORD)
MANY = orjson.dumps({"analyses": LATEST, "count": len(LATEST)})


async def get(video_id: str) -> tuple[int, bytes]:
    return 200, ONE


async def latest(limit: int) -> tuple[int, bytes]:
    return 200, MANY


async def create(video_id: str, description: str) -> tuple[int, bytes]:
    return 201, ONE


async def update(video_id: str, description: str) -> tuple[int, bytes]:
    return 200, ONE


app = BareApp(get=get, latest=latest, create=create, update=update)

"""FastAPI that always gives the same answers: what FastAPI costs by itself."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query

from peers.constants import LATEST, RECORD
from peers.fastapi_schemas import Create, Latest, Record, Update

app = FastAPI()


@app.get("/api/video-analysis/{video_id}", response_model=Record)
async def get(video_id: str) -> Any:
    return RECORD


@app.get("/api/video-analysis/", response_model=Latest)
async def latest(limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Any:
    return {"analyses": LATEST, "count": len(LATEST)}


@app.post("/api/video-analysis/", response_model=Record, status_code=201)
async def create(body: Create) -> Any:
    return RECORD


@app.put("/api/video-analysis/{video_id}", response_model=Record)
async def update(video_id: str, body: Update) -> Any:
    return RECORD

"""The constant answers: records of usual length, 262 characters in their description."""

from __future__ import annotations

from typing import Any

RECORD: dict[str, Any] = {
    "id": "cmwsqgrr90000c37dgqoi0ysv",
    "video_id": "v_QOlSCBRmfWY",
    "description": "A young woman is seen standing in a room and leads into her dancing. " * 3
    + "She continues dancing around the room and ends on the floor.",
    "created_at": "2026-03-01T09:30:00.125+00:00",
    "updated_at": "2026-03-01T09:30:00.125+00:00",
}

LATEST = [RECORD] * 100

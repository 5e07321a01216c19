"""Moments that the seeds and the cases share."""

from __future__ import annotations

from datetime import UTC, datetime


def day(number: int, *, hour: int = 12, ms: int = 0) -> datetime:
    return datetime(2024, 1 + number // 28, 1 + number % 28, hour, 30, 15, ms * 1000, tzinfo=UTC)

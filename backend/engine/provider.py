"""The databases that the engine knows."""

from __future__ import annotations

from typing import Literal

Provider = Literal["sqlite", "postgresql"]

"""What every request passes, and how responses are made. Knows nothing of videos: it may import
backend.core and libraries."""

from __future__ import annotations

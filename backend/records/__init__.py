"""What is stored of videos: read, written, listed, filtered, named, counted."""

from __future__ import annotations
